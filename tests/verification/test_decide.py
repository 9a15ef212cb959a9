"""The verdict of every ball from files: only the checker's process verifies, attacks refute."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import build
from pipeline.data import SeparatedDataset, generate_dataset, save_dataset
from pipeline.exact import as_dyadic, digest_of_file
from pipeline.network import Affine, ReLUNetwork, load_network, save_network
from pipeline.verification import certify
from pipeline.verification.certify import checked
from pipeline.verification.decide import ContradictionError, decide

HALF = Fraction(1, 2)
ATTACKS = ("null_space", "adversarial_points")

# A checker of its own that prints and writes what it is told, and ends with the code it is told.
FAKE = """
import os, sys
from pathlib import Path
Path(sys.argv[sys.argv.index("--output") + 1]).write_text(os.environ["FAKE_DOCUMENT"])
print("a fake checker")
sys.exit(int(os.environ["FAKE_CODE"]))
"""


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    """Dataset, network and certificate of nine points on a line; every ball is VERIFIED."""
    return _written(tmp_path_factory.mktemp("proved"), HALF)


def _written(folder: Path, rho: Fraction) -> dict[str, Path]:
    files = {
        "dataset": folder / "dataset.npz",
        "network": folder / "network.npz",
        "certificate": folder / "certificate.json",
    }
    data, _ = generate_dataset("line", N=9, d=2, C=3)
    built = build("parallel_balls", data, rho)
    save_dataset(files["dataset"], data)
    save_network(files["network"], built.network)
    _certify(files, built.certificate)
    return files


def _certify(files: dict[str, Path], certificate) -> None:
    digests = digest_of_file(files["dataset"]), digest_of_file(files["network"])
    files["certificate"].write_text(certificate.to_json(*digests), encoding="utf-8")


def _with_network(proved: dict[str, Path], folder: Path, network: ReLUNetwork) -> dict[str, Path]:
    """The same claim about another network, its digest in the certificate recomputed."""
    files = {**proved, "network": folder / "network.npz", "certificate": folder / "c.json"}
    save_network(files["network"], network)
    document = json.loads(proved["certificate"].read_text(encoding="utf-8"))
    document["network_sha256"] = digest_of_file(files["network"])
    files["certificate"].write_text(json.dumps(document), encoding="utf-8")
    return files


def _bias_moved(network: ReLUNetwork) -> ReLUNetwork:
    """Add 1 to the output: every ball gets the wrong label."""
    *hidden, last = network.layers
    one = Affine.from_fractions((1, 1), {(0, 0): 1}, {0: 1})
    return ReLUNetwork((*hidden, one.after(last)), network.activations)


def _verdicts(table: str) -> list[str]:
    return [row["verdict"] for row in csv.DictReader(io.StringIO(table))]


def _fake(monkeypatch, folder: Path, document: dict | str, code: int) -> None:
    (folder / "fake_checker.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    text = document if isinstance(document, str) else json.dumps(document)
    monkeypatch.setenv("FAKE_DOCUMENT", text)
    monkeypatch.setenv("FAKE_CODE", str(code))
    monkeypatch.setattr(certify, "MODULE", "fake_checker")


def _claim(**changes: object) -> dict[str, object]:
    """What the checker writes about nine proved balls, with changes."""
    return {
        "verdict": "VERIFIED", "reason": "", "rho": "1/2", "p": "2", "N": 9, "verified": 9,
        "decision": "exact", "unproved": [], "slack": [0.25] * 9, "facts": ["a fact"], **changes,
    }  # fmt: skip


def test_a_proved_network_is_verified_and_no_attack_finds_anything(proved):
    decided = decide(proved, HALF, 2, attacks=ATTACKS, workers=1)
    document = decided.document
    assert (document["verified"], document["falsified"], document["unknown"]) == (9, 0, 0)
    assert document["decision"] == "exact"
    assert document["error_upper"] == 0
    assert document["methods"] == {"certificate": 9}
    assert document["check"]["verdict"] == "VERIFIED"
    assert "rho = 1/2   p = 2   N = 9" in document["printed"]
    assert "VERIFIED: 9 of 9 balls" in document["printed"]
    assert _verdicts(decided.table) == ["VERIFIED"] * 9
    json.dumps(document, allow_nan=False)


def test_without_a_certificate_nothing_is_verified(proved):
    files = {role: path for role, path in proved.items() if role != "certificate"}
    decided = decide(files, HALF, 2, attacks=(*ATTACKS, "sampling"), samples=3, workers=1)
    assert decided.document["decision"] == "nearest"
    assert _verdicts(decided.table) == ["UNKNOWN"] * 9
    assert "check" not in decided.document
    assert 0 < decided.document["error_upper"] <= 1
    assert len(decided.document["sampling"]["ball_upper"]) == 9


def test_a_rejected_certificate_leaves_every_ball_unknown(proved, tmp_path):
    files = {**proved, "certificate": tmp_path / "certificate.json"}
    document = json.loads(proved["certificate"].read_text(encoding="utf-8"))
    document["network_sha256"] = "0" * 64
    files["certificate"].write_text(json.dumps(document), encoding="utf-8")
    decided = decide(files, HALF, 2, attacks=(), workers=1)
    assert _verdicts(decided.table) == ["UNKNOWN"] * 9
    assert decided.document["check"]["verdict"] == "REJECTED"
    assert "another network" in decided.document["check"]["reason"]
    assert decided.document["error_upper"] is None


def test_a_tampered_network_is_falsified_and_never_verified(proved, tmp_path):
    files = _with_network(proved, tmp_path, _bias_moved(load_network(proved["network"])))
    decided = decide(files, HALF, 2, attacks=ATTACKS, workers=1)
    assert _verdicts(decided.table) == ["FALSIFIED"] * 9
    assert decided.document["check"]["verdict"] == "REJECTED"
    assert decide(files, HALF, 2, attacks=()).document["unknown"] == 9


def test_a_verified_ball_that_an_attack_refutes_is_a_contradiction(proved, tmp_path, monkeypatch):
    files = _with_network(proved, tmp_path, _bias_moved(load_network(proved["network"])))
    _fake(monkeypatch, tmp_path, _claim(), 0)
    with pytest.raises(ContradictionError, match="ball 0 is VERIFIED by the checker and FALSIFIED"):
        decide(files, HALF, 2, attacks=ATTACKS, workers=1)
    # One refuted ball among many is enough.
    one_wrong = _claim(unproved=[0, 1, 2, 3, 4, 5, 6, 7], verdict="REJECTED", verified=1)
    _fake(monkeypatch, tmp_path, one_wrong, 1)
    with pytest.raises(ContradictionError, match="ball 8"):
        decide(files, HALF, 2, attacks=ATTACKS, workers=1)


def test_counts_are_those_of_the_checkers_own_process(proved, tmp_path, monkeypatch):
    partly = _claim(verdict="REJECTED", reason="balls 2 and 5 overlap", unproved=[2, 5], verified=7)
    _fake(monkeypatch, tmp_path, partly, 1)
    decided = decide(proved, HALF, 2, attacks=ATTACKS, workers=1)
    expected = ["UNKNOWN" if i in (2, 5) else "VERIFIED" for i in range(9)]
    assert _verdicts(decided.table) == expected
    assert (decided.document["verified"], decided.document["unknown"]) == (7, 2)
    assert decided.document["printed"] == "a fake checker\n"
    assert decided.document["check"] == partly
    assert decided.document["error_upper"] is None


def test_a_checker_that_names_no_balls_proves_none(proved, tmp_path, monkeypatch):
    _fake(monkeypatch, tmp_path, {"verdict": "REJECTED", "reason": "no reason"}, 1)
    decided = decide(proved, HALF, 2, attacks=(), workers=1)
    assert _verdicts(decided.table) == ["UNKNOWN"] * 9


@pytest.mark.parametrize(("rho", "p"), [(Fraction(3, 4), 2), (HALF, 1), (HALF, float("inf"))])
def test_a_proof_of_another_claim_verifies_nothing(proved, rho, p):
    """The certificate proves rho = 1/2 in l2; a larger radius or another norm is not proved."""
    claim = f"must be about .*'rho': '{rho}', 'p': '{p}'.* it is about .*'rho': '1/2', 'p': '2'"
    with pytest.raises(ValueError, match=claim):
        decide(proved, rho, p, attacks=(), workers=1)


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"N": 8}, 0, "must be about .*'N': 9"),
        ({"rho": "1/4"}, 0, "it is about .*'1/4'"),
        ({"p": "1"}, 0, "it is about .*'p': '1'"),
        ({"decision": "nearest"}, 0, "it is about .*'decision': 'nearest'"),
        ({"unproved": [3]}, 0, "counts do not add up"),
        ({"verified": 8}, 0, "counts do not add up"),
        ({"verdict": "REJECTED"}, 1, "counts do not add up"),
    ],
)
def test_a_document_that_contradicts_the_claim_or_itself_verifies_nothing(
    proved, tmp_path, monkeypatch, changes, code, reason
):
    _fake(monkeypatch, tmp_path, _claim(**changes), code)
    with pytest.raises(ValueError, match=reason):
        decide(proved, HALF, 2, attacks=(), workers=1)


@pytest.mark.parametrize(("verdict", "code"), [("VERIFIED", 1), ("VERIFIED", 3), ("REJECTED", 0)])
def test_an_exit_code_that_contradicts_the_verdict_is_no_proof(
    proved, tmp_path, monkeypatch, verdict, code
):
    _fake(monkeypatch, tmp_path, _claim(verdict=verdict), code)
    with pytest.raises(OSError, match=f"the checker ended with code {code} after {verdict}"):
        decide(proved, HALF, 2, attacks=(), workers=1)


def test_a_checker_that_dies_is_an_error_with_its_last_words(proved, tmp_path, monkeypatch):
    (tmp_path / "fake_checker.py").write_text("raise SystemExit('no memory left')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(certify, "MODULE", "fake_checker")
    with pytest.raises(OSError, match="ended without a verdict: no memory left"):
        decide(proved, HALF, 2, attacks=(), workers=1)


def test_the_checker_runs_from_any_directory(proved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise RuntimeError('not this one')")
    assert checked(proved).verified


def test_the_margin_of_the_table_is_the_checkers_slack(proved):
    decided = decide(proved, HALF, 2, attacks=(), workers=1)
    slack = decided.document["check"]["slack"]
    rows = list(csv.DictReader(io.StringIO(decided.table)))
    expected = ["" if value is None else repr(value) for value in slack]
    assert [row["margin"] for row in rows] == expected
    assert [int(row["label"]) for row in rows] == [1, 2, 3] * 3


def test_a_network_of_another_dimension_is_refused(proved, tmp_path):
    wide = SeparatedDataset("wide", as_dyadic(np.array([[0, 0, 0], [1, 0, 0]])), np.array([1, 2]))
    save_dataset(tmp_path / "dataset.npz", wide)
    with pytest.raises(ValueError, match=r"must map R\^3 to R, got R\^2"):
        decide(
            {"dataset": tmp_path / "dataset.npz", "network": proved["network"]},
            HALF, 2, attacks=(),
        )  # fmt: skip


# Claims other than that about every ball. The network is a step that is wrong on a part of ball 0.


def _claiming(
    proved: dict[str, Path], folder: Path, claim: str, eta: str | None
) -> dict[str, Path]:
    """A certificate with that claim about a network that is right at the nine points only."""
    files = _with_network(proved, folder, _points_only())
    document = json.loads(files["certificate"].read_text(encoding="utf-8"))
    files["certificate"].write_text(json.dumps(document | {"claim": claim, "eta": eta}))
    return files


def _points_only() -> ReLUNetwork:
    """f = 1 + sum of labels' tents of half width 1/8 on the line 0, 1, ..., 8: labels 1, 2, 3."""
    data, _ = generate_dataset("line", N=9, d=2, C=3)
    inner, bias, outer = {}, {}, {}
    for i, label in enumerate(data.y.tolist()):
        for j, sign in enumerate((1, -2, 1)):
            neuron = 3 * i + j
            inner[neuron, 0], bias[neuron] = 8, -8 * i + 1 - j
            outer[0, neuron] = sign * (label - 1)
    return ReLUNetwork.relu(
        Affine.from_fractions((27, 2), inner, bias),
        Affine.from_fractions((1, 27), outer, {0: 1}),
    )


def _about(claim: str, **changes: object) -> dict[str, object]:
    """What a checker may write about `_points_only`: label 1 is right on the whole ball."""
    right = {"verified": 3, "unproved": [1, 2, 4, 5, 7, 8], "points": 9, "error_upper": None}
    return _claim(**right, claim=claim, eta=None) | changes


def test_a_certificate_of_every_ball_says_so_in_the_document(proved):
    document = decide(proved, HALF, 2, attacks=()).document
    assert (document["claim"], document["holds"], document["points"]) == ("balls", True, 9)
    assert document["error_bound"] == "0"
    assert document["error_estimate"] is None and document["error_lower"] is None


def test_without_a_certificate_there_is_no_claim_and_a_constructed_network_must_be_exact(proved):
    files = {role: path for role, path in proved.items() if role != "certificate"}
    document = decide(files, HALF, 2, attacks=(), decision="exact").document
    assert (document["decision"], document["claim"], document["holds"]) == ("exact", "none", None)
    assert document["error_bound"] is None and document["points"] is None


@pytest.mark.parametrize(("asked", "attacked"), [(4, 4), (9, 9), (50, 9)])
def test_where_all_balls_are_proved_a_sample_is_attacked_and_the_document_says_so(
    proved, asked, attacked
):
    options = {"attacks": ["adversarial_points"], "attacked_balls": asked, "workers": 1}
    assert decide(proved, HALF, 2, **options).document["attacked_balls"] == attacked
    files = {role: path for role, path in proved.items() if role != "certificate"}
    assert decide(files, HALF, 2, **options).document["attacked_balls"] == 9


def test_memorized_points_are_not_verified_balls(proved, tmp_path, monkeypatch):
    files = _claiming(proved, tmp_path, "points", None)
    _fake(monkeypatch, tmp_path, _about("points", verified=0, unproved=list(range(9))), 0)
    decided = decide(files, HALF, 2, attacks=ATTACKS, workers=1)
    document = decided.document
    assert (document["claim"], document["holds"], document["points"]) == ("points", True, 9)
    assert document["verified"] == 0 and document["falsified"] == 6
    assert document["error_bound"] is None and document["error_upper"] is None
    assert _verdicts(decided.table) == ["UNKNOWN", "FALSIFIED", "FALSIFIED"] * 3


def test_a_point_that_evaluates_wrongly_contradicts_its_memorization(proved, tmp_path, monkeypatch):
    files = _claiming(proved, tmp_path, "points", None)
    save_network(files["network"], _bias_moved(_points_only()))
    _fake(monkeypatch, tmp_path, _about("points", verified=0, unproved=list(range(9))), 0)
    with pytest.raises(ContradictionError, match="another value at point 0"):
        decide(files, HALF, 2, attacks=(), workers=1)


def test_a_bounded_error_is_sampled_and_falsified_balls_are_legitimate(
    proved, tmp_path, monkeypatch
):
    files = _claiming(proved, tmp_path, "error", "99/100")
    _fake(monkeypatch, tmp_path, _about("error", eta="99/100", error_upper="0.99"), 0)
    document = decide(files, HALF, 2, attacks=ATTACKS, samples=50, workers=1).document
    assert document["attacks"] == [*ATTACKS, "sampling"]
    assert document["attacked_balls"] == 9
    assert (document["claim"], document["holds"]) == ("error", True)
    assert (document["verified"], document["falsified"]) == (3, 6)
    assert document["error_bound"] == "0.99"
    # The tent is right at its tip alone: every sample of a ball with label 2 or 3 is wrong.
    assert document["error_estimate"] == 1.0 == document["error_upper"]
    assert 0 < document["error_lower"] < 0.99
    assert document["sampling"]["ball_lower"][0] == 0
    json.dumps(document, allow_nan=False)


def test_samples_far_above_the_proved_bound_are_a_contradiction(proved, tmp_path, monkeypatch):
    files = _claiming(proved, tmp_path, "error", "1/100")
    _fake(monkeypatch, tmp_path, _about("error", eta="1/100", error_upper="0.01"), 0)
    with pytest.raises(ContradictionError, match="at most 0.01 .* ball 1 is wrong at 50 of 50"):
        decide(files, HALF, 2, attacks=(), samples=50, workers=1)
    # Also where the bound missed the claimed eta: what the checker proved must be true.
    document = _about("error", eta="1/100", error_upper="0.02", verdict="REJECTED")
    _fake(monkeypatch, tmp_path, document, 1)
    with pytest.raises(ContradictionError, match="at most 0.02"):
        decide(files, HALF, 2, attacks=(), samples=50, workers=1)


def test_a_few_samples_above_the_bound_are_chance(proved, tmp_path, monkeypatch):
    files = _claiming(proved, tmp_path, "error", "1/2")
    _fake(monkeypatch, tmp_path, _about("error", eta="1/2", error_upper="0.5"), 0)
    # Nine of nine at 1/2 each: 1 in 512, far from the 1e-9 that would contradict.
    document = decide(files, HALF, 2, attacks=(), samples=9, workers=1).document
    assert document["holds"] and document["error_estimate"] == 1.0


@pytest.mark.parametrize(
    ("claim", "changes", "code"),
    [
        ("error", {"eta": "1/2", "error_upper": "0.51"}, 0),
        ("error", {"eta": "1/2", "error_upper": None}, 0),
        ("points", {"points": 8}, 0),
        ("points", {"points": None}, 0),
        ("points", {"points": 9, "verdict": "REJECTED"}, 1),
    ],
)
def test_a_claim_that_the_checkers_own_findings_do_not_give_is_no_proof(
    proved, tmp_path, monkeypatch, claim, changes, code
):
    files = _claiming(proved, tmp_path, claim, changes.get("eta"))
    _fake(monkeypatch, tmp_path, _about(claim, **changes), code)
    with pytest.raises(ValueError, match="counts do not add up"):
        decide(files, HALF, 2, attacks=(), samples=2, workers=1)


@pytest.mark.parametrize("said", ["balls", "points"])
def test_a_proof_of_another_kind_of_claim_is_refused(proved, tmp_path, monkeypatch, said):
    files = _claiming(proved, tmp_path, "error", "1/2")
    _fake(monkeypatch, tmp_path, _about(said, verified=9, unproved=[]), 0)
    with pytest.raises(ValueError, match=f"must be about .*'error'.* it is about .*'{said}'"):
        decide(files, HALF, 2, attacks=(), samples=2, workers=1)


def test_the_rounding_up_of_a_printed_bound_is_no_contradiction(proved, tmp_path, monkeypatch):
    files = _claiming(proved, tmp_path, "error", "2/3")
    _fake(monkeypatch, tmp_path, _about("error", eta="2/3", error_upper="0.666666667"), 0)
    document = decide(files, HALF, 2, attacks=(), samples=2, workers=1).document
    assert (document["holds"], document["error_bound"]) == (True, "0.666666667")
