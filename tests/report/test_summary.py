"""Claims about rows, summary.json and the console table."""

import json
import os
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.construction.exponents import Exponent, Fit
from pipeline.report import (
    SummaryRow,
    console_table,
    exponents_csv,
    exponents_of_csv,
    read_summary,
    write_summary,
)
from pipeline.report.console import WIDTH, error_bound_text, verdict_text

KEYS = [
    "construction",
    "dataset",
    "N",
    "d",
    "C",
    "rho",
    "parameter_count",
    "nonzero_count",
    "depth",
    "width",
    "first_hidden_width",
    "bit_complexity",
    "lower_bound",
    "verified",
    "falsified",
    "unknown",
    "seconds",
    "files",
    "p",
    "claim",
    "holds",
    "points",
    "error_bound",
    "error_estimate",
    "error_lower",
    "error_upper",
    "trained",
]
BUILT = SummaryRow(
    construction="parallel_balls",
    dataset="digits",
    N=1797,
    d=64,
    C=10,
    rho="1/2",
    parameter_count=57_412,
    nonzero_count=31_234,
    depth=7,
    width=1617,
    first_hidden_width=13,
    bit_complexity=35,
    lower_bound=1136.9,
    verified=1797,
    falsified=0,
    unknown=0,
    seconds={"construct": 3.25, "verify": 12.5},
    files={"dataset": "dataset.npz", "network": "a/network.npz", "certificate": "a/cert.npz"},
)
PLAN = replace(
    BUILT,
    construction="thm_4_2_iii",
    parameter_count=312_456_789,
    nonzero_count=None,
    bit_complexity=None,
    verified=None,
    falsified=None,
    unknown=None,
    files={"dataset": "dataset.npz"},
)
TRAINED = replace(
    BUILT,
    construction="pgd",
    parameter_count=31_234,
    verified=0,
    falsified=12,
    unknown=1785,
    files={"dataset": "dataset.npz", "network": "pgd/network.npz"},
)

BOUNDED = replace(
    BUILT,
    construction="thm_4_2_ii",
    N=64,
    verified=3,
    falsified=0,
    unknown=61,
    claim="error",
    holds=True,
    error_bound="0.000118273645",
    error_estimate=0.0,
    error_lower=0.0,
    error_upper=0.13,
    trained=False,
)
MEMORIZED = replace(
    BUILT,
    construction="vardi2022",
    N=147,
    verified=0,
    falsified=147,
    unknown=0,
    claim="points",
    holds=True,
    points=147,
    trained=False,
)
UNCERTIFIED = replace(TRAINED, construction="custom", claim="none", trained=False)

counts = st.integers(1, 10**30)


@st.composite
def rows(draw):
    N = draw(st.integers(2, 10**9))
    verified = draw(st.integers(0, N))
    falsified = draw(st.integers(0, N - verified))
    parameters = draw(counts)
    plan = draw(st.booleans())
    first = draw(st.integers(1, 10**9))
    claim = draw(st.sampled_from(["balls", "error", "points", "none"]))
    proved = {"balls": verified == N, "error": True, "points": True, "none": False}[claim]
    certified = not plan and claim != "none"
    return SummaryRow(
        construction=draw(st.text(min_size=1, max_size=60)),
        dataset=draw(st.text(min_size=1, max_size=90)),
        N=N,
        d=draw(st.integers(1, 10**9)),
        C=draw(st.integers(2, 10**6)),
        rho=draw(st.sampled_from(["1/2", "0.5", "99/100", "123456789123/987654321987654321"])),
        parameter_count=parameters,
        nonzero_count=None if plan else draw(st.integers(0, parameters)),
        depth=draw(counts),
        width=first + draw(st.integers(0, 10**9)),
        first_hidden_width=first,
        bit_complexity=None if plan else draw(st.integers(0, 10**6)),
        lower_bound=draw(st.none() | st.floats(1, 1e30)),
        verified=None if plan else verified,
        falsified=None if plan else falsified,
        unknown=None if plan else N - verified - falsified,
        seconds=draw(st.dictionaries(st.sampled_from(["construct", "verify"]), st.floats(0, 1e6))),
        files={
            "dataset": "d.npz",
            "network": None if plan else "n.npz",
            "certificate": "c.json" if certified else None,
        },
        p=draw(st.sampled_from(["1", "2", "7", "inf"])),
        claim=claim,
        holds=draw(st.booleans()) and proved if certified else None,
        points=N if claim == "points" else None,
        error_bound=draw(st.sampled_from(["0", "1E-300", "0.000123456789", "0.5"])),
        error_upper=draw(st.none() | st.floats(0, 1)),
        trained=draw(st.none() | st.booleans()),
    )


@given(row=rows())
def test_json_and_back_is_the_identity(row):
    again = json.loads(json.dumps(row.to_json(), allow_nan=False))
    assert SummaryRow.from_json(again) == row
    assert list(again) == KEYS


def test_summary_file_has_the_promised_keys_and_nulls(tmp_path):
    path = write_summary(tmp_path / "summary.json", [BUILT, PLAN, TRAINED])
    document = json.loads(path.read_text(encoding="utf-8"))
    assert list(document) == ["rows"] and [list(row) for row in document["rows"]] == [KEYS] * 3
    plan = document["rows"][1]
    assert plan["files"] == {"dataset": "dataset.npz", "network": None, "certificate": None}
    for key in ("verified", "falsified", "unknown", "nonzero_count", "bit_complexity"):
        assert plan[key] is None
    assert document["rows"][0]["rho"] == "1/2" and document["rows"][0]["verified"] == 1797
    assert read_summary(path) == (BUILT, PLAN, TRAINED)


def test_a_summary_written_before_there_were_claims_still_loads(tmp_path):
    path = write_summary(tmp_path / "summary.json", [BUILT, PLAN, TRAINED])
    document = json.loads(path.read_text(encoding="utf-8"))
    later = KEYS[KEYS.index("p") :]
    old = [{k: v for k, v in row.items() if k not in later} for row in document["rows"]]
    path.write_text(json.dumps({"rows": old}))
    assert read_summary(path) == (BUILT, PLAN, TRAINED)
    assert [row.status for row in read_summary(path)] == ["verified", "planned", "trained"]


def test_measured_exponents_stand_beside_the_rows(tmp_path):
    fits = {"thm_4_2_iii": {"d": {"slope": 2.0, "low": 1.9, "high": 2.1}}}
    path = write_summary(tmp_path / "summary.json", [BUILT], fits)
    assert json.loads(path.read_text(encoding="utf-8"))["exponents"] == fits
    assert read_summary(path) == (BUILT,)


def test_a_full_disk_leaves_the_old_summary(tmp_path, monkeypatch):
    path = write_summary(tmp_path / "summary.json", [BUILT])

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_summary(path, [PLAN])
    assert read_summary(path) == (BUILT,)
    assert os.listdir(tmp_path) == ["summary.json"]


def test_a_file_that_is_no_summary_is_refused(tmp_path):
    path = tmp_path / "summary.json"
    for text in ("", "{", "[]", '{"rows": 3}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="is no summary"):
            read_summary(path)
    row = BUILT.to_json()
    with pytest.raises(ValueError, match="no key depth"):
        SummaryRow.from_json({key: value for key, value in row.items() if key != "depth"})
    with pytest.raises(ValueError, match="unknown key verdict"):
        SummaryRow.from_json(row | {"verdict": "good"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verified": 1796}, "must add up to N = 1797"),
        ({"unknown": None}, "must add up to N = 1797 or all be null"),
        ({"files": {"dataset": "d.npz"}}, "verdicts need a network file"),
        ({"nonzero_count": 57_413}, "exceeds parameter_count"),
        ({"first_hidden_width": 2000}, "exceeds width"),
        ({"rho": "5/4"}, r"rho must lie in \(0, 1\)"),
        ({"p": "1.5"}, "p must be"),
        ({"N": 1}, "N must be an integer >= 2"),
        ({"depth": True}, "depth must be an integer"),
        ({"depth": None}, "depth must be an integer"),
        ({"parameter_count": 1.5}, "parameter_count must be an integer"),
        ({"lower_bound": float("nan")}, "lower_bound must be a finite number"),
        ({"lower_bound": 0.0}, "lower_bound must be a finite number >= 1"),
        ({"seconds": {"verify": -1.0}}, "seconds of verify must be a finite number"),
        ({"files": {"network": "/abs/n.npz"}}, "relative to the run directory"),
        ({"files": {"network": "C:\\n.npz"}}, "relative to the run directory"),
        ({"files": {"model": "n.npz"}}, "files must be dataset, network, certificate"),
        ({"construction": ""}, "construction must be a text"),
        ({"claim": "robust"}, "claim must be one of balls, error, points, none"),
        ({"holds": "yes"}, "holds and trained must be true, false or null"),
        ({"holds": True, "verified": 1796, "unknown": 1}, "the claim 'balls' cannot hold"),
        ({"claim": "points", "holds": True}, "the claim 'points' cannot hold"),
        ({"claim": "points", "holds": True, "points": 1796}, "the claim 'points' cannot hold"),
        ({"claim": "error", "holds": True}, "the claim 'error' cannot hold"),
        ({"claim": "none", "holds": True}, "the claim 'none' cannot hold"),
        ({"holds": False, "files": {"network": "n.npz"}}, "there is no such file"),
        ({"points": 1798}, "points 1798 exceed N = 1797"),
        ({"error_bound": "small"}, "error_bound must be a decimal number"),
        ({"error_bound": "-1"}, "error_bound must be a decimal number"),
        ({"error_bound": 0.5}, "error_bound must be a decimal number"),
        ({"error_estimate": 0.5}, "come from the same samples"),
        ({"error_upper": 1.5}, "error_upper must be a finite number >= 0 and <= 1"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(BUILT, **changes)


def test_numpy_numbers_become_plain_ones():
    row = replace(BUILT, N=np.int64(1797), depth=np.int32(7), lower_bound=np.float64(2))
    assert type(row.N) is int and type(row.lower_bound) is float
    assert row.to_json() == BUILT.to_json() | {"lower_bound": 2.0}


def test_status_never_says_verified_for_less_than_every_ball():
    assert [row.status for row in (BUILT, PLAN, TRAINED)] == ["verified", "planned", "trained"]
    short = replace(BUILT, verified=1796, unknown=1)
    assert short.status == "not verified" and short.measured().status == "not verified"
    assert verdict_text(short) == "1796 verified, 1 unknown"
    unchecked = replace(BUILT, verified=None, falsified=None, unknown=None)
    assert unchecked.status == "not verified" and verdict_text(unchecked) == "not checked"
    assert BUILT.measured().rho == 0.5 and BUILT.measured().parameter_count == 57_412


def test_a_proved_claim_reads_as_itself_and_as_no_more():
    assert (BOUNDED.status, MEMORIZED.status) == ("error bound", "points only")
    assert verdict_text(BOUNDED) == "error <= 1.2e-4 proved; f = y on 3/64 balls"
    assert verdict_text(MEMORIZED) == "147/147 points memorized; 147 balls falsified"
    unattacked = replace(MEMORIZED, falsified=0, unknown=147)
    assert verdict_text(unattacked) == "147/147 points memorized"
    # Not even with every ball right: what was claimed was less.
    everywhere = replace(BOUNDED, verified=64, unknown=0, error_bound="0")
    assert everywhere.status == "error bound"
    assert verdict_text(everywhere) == "error <= 0 proved; f = y on 64/64 balls"
    for row in (BOUNDED, MEMORIZED, everywhere):
        assert row.measured().status == row.status != "verified"
        assert "verified" not in verdict_text(row)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (replace(BOUNDED, holds=False), "error not proved: 3 verified, 61 unknown"),
        (replace(MEMORIZED, holds=False, points=140), "points not proved: 147 falsified"),
        (replace(BUILT, holds=False, verified=1796, unknown=1), "1796 verified, 1 unknown"),
        (UNCERTIFIED, "12 falsified, 1785 unknown"),
    ],
)
def test_a_claim_that_was_not_proved_is_not_verified(row, text):
    assert row.status == "not verified" and verdict_text(row) == text


@given(bound=st.decimals(0, 1, allow_nan=False, places=12))
def test_a_printed_bound_is_rounded_up(bound):
    printed = Decimal(error_bound_text(str(bound)))
    assert bound <= printed <= bound * Decimal("1.1")


def test_the_table_reads_as_promised():
    text = console_table([BUILT, PLAN, TRAINED])
    for words in (
        "digits: N = 1,797, d = 64, C = 10, open l_2 balls",
        "57,412",
        "312,456,789",
        "1797/1797 verified",
        "planned",
        "12 falsified, 1785 unknown",
        "50.5",
        "lower bound: leading term of Theorem 3.1, constants omitted; "
        "it bounds the worst dataset, not this one.",
    ):
        assert words in text
    assert text.count("constants omitted") == 1
    assert "Theorem C.5" in console_table([replace(BUILT, p="inf")])


@given(table=st.lists(rows(), max_size=4))
def test_the_table_fits_120_columns_whatever_the_names(table):
    text = console_table(table)
    assert all(len(line) <= WIDTH for line in text.split("\n"))
    assert all(character.isprintable() for character in text.replace("\n", ""))
    for row in table:
        assert verdict_text(row) in text


@given(table=st.lists(rows(), min_size=1, max_size=4))
def test_columns_are_aligned(table):
    lines = console_table(
        [
            replace(
                row,
                dataset="same",
                N=10**9,
                d=4,
                C=2,
                p="2",
                verified=None,
                falsified=None,
                unknown=None,
                claim="none",
                holds=None,
                points=None,
            )
            for row in table
        ]
    ).split("\n")
    rule = lines[3]
    starts = [0] + [i + 2 for i in range(len(rule) - 2) if rule[i : i + 3] == "  -"]
    for line in lines[2 : 4 + len(table)]:
        assert all(line[start - 2 : start] in ("  ", "") for start in starts[1:])


def test_exponents_are_read_back_from_their_points():
    fits = [
        Exponent("a", "N", "P", 0.5, ((10.0, 3.0), (20.0, 5.0)), Fit(0.5, 0.25, 0.75)),
        Exponent("a", "rho", "P, planned", 4.0, ((0.5, 7.0),), Fit(4.0, 3.0, 5.0)),
    ]
    assert exponents_of_csv(exponents_csv(fits)) == fits


@pytest.mark.parametrize(
    ("verified", "falsified", "verdict"),
    [(1797, 0, "VERIFIED"), (1796, 0, "UNKNOWN"), (1796, 1, "FALSIFIED"), (0, 12, "FALSIFIED")],
)
def test_a_trained_network_is_verified_where_every_ball_is_proved_and_stays_trained(
    verified, falsified, verdict
):
    unknown = 1797 - verified - falsified
    counts = {"verified": verified, "falsified": falsified, "unknown": unknown}
    row = replace(TRAINED, **counts, claim="none", trained=True)
    assert (row.verdict, row.status) == (verdict, "trained")
