"""Names: the vocabulary of docs/tracking.md, flat parameters within MLflow's limits."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tracking import (
    canonical_json,
    config_digest,
    names,
    row_metrics,
    run_name,
    told_apart,
)
from pipeline.tracking.flatten import MAX_KEY_LENGTH, MAX_PARAM_LENGTH, cut, flat_params
from pipeline.tracking.metric_entries import metric_entries

TABLE = Path(__file__).resolve().parents[2] / "docs" / "tracking.md"

FULL_ROW = {
    "parameter_count": 60_000,
    "nonzero_count": 50_000,
    "lower_bound": 600.0,
    "upper_bound": 9e5,
    "paper_plan": 10**9,
    "depth": 7,
    "width": 13,
    "first_hidden_width": 13,
    "bit_complexity": 40,
    "N": 4,
    "d": 64,
    "C": 10,
    "separation": 0.5,
    "rho": 0.5,
    "verified": 3,
    "falsified": 1,
    "unknown": 0,
    "error_upper": 0.1,
    "error_bound": 0.2,
    "error_estimate": 0.05,
    "seconds": {"verify": 2.5},
}


def test_run_names_read_dataset_ratio_sizes_method():
    name = run_name("digits", 64, 1797, "1/2", "parallel_balls")
    assert name == "digits rho1/2 N1797 d64 parallel_balls"


def test_what_tells_a_run_from_its_siblings_comes_first_and_no_word_is_lost():
    name = run_name("hard_width", 4, 9, "1/2", "voting")
    assert told_apart(name, "") == name
    assert told_apart(name, "voting") == "voting hard_width rho1/2 N9 d4"
    labels = [f"N{N} d{d} rho{rho}" for N in (9, 17) for d in (4, 8) for rho in ("1/2", "4/5")]
    # As much of a name as the dashboard's narrowest column shows.
    assert len({told_apart(name, label)[:14] for label in labels}) == len(labels)
    for label in [*labels, "seed3 iris"]:
        words = told_apart(name, label).split()
        assert words[: len(label.split())] == label.split()
        assert set(name.split()) <= set(words) and len(words) == len(set(words))


@pytest.mark.parametrize(("rho", "logarithm"), [(0.25, -2.0), (1.0, 0.0), (0.0, None)])
def test_the_logarithm_of_rho_is_logged_beside_it_where_it_exists(rho, logarithm):
    assert row_metrics(rho=rho).get("robust/log2_rho") == logarithm


def test_a_full_row_uses_every_metric_of_the_vocabulary():
    metrics = row_metrics(**FULL_ROW)
    vocabulary = {v for k, v in vars(names).items() if k.isupper() and "/" in str(v)}
    assert set(metrics) == vocabulary | {"time/verify_s"}
    assert metrics["params/total"] == 60_000
    assert metrics["params/ratio_to_lower"] == 100
    assert metrics["robust/verified"] == 3 / 4
    assert metrics["robust/falsified"] == 1 / 4
    assert metrics["robust/unknown"] == 0


def test_an_exponent_is_named_by_construction_and_variable():
    assert names.exponent_metric("thm_4_2_i", "N") == "exponents/thm_4_2_i/N"


def test_what_does_not_apply_is_no_metric():
    assert row_metrics(parameter_count=7, N=3) == {"params/total": 7, "data/N": 3}


@pytest.mark.parametrize("verdicts", [{"verified": 3}, {"verified": 5}, {"unknown": 0}])
def test_verdicts_that_do_not_add_up_are_rejected(verdicts):
    with pytest.raises(ValueError, match="every ball needs one verdict: . verdicts for N = 4"):
        row_metrics(N=4, **verdicts)


def test_the_documented_table_is_the_vocabulary():
    text = TABLE.read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_A-Z0-9/]+)` \|", text, re.MULTILINE))
    constants = {v for k, v in vars(names).items() if k.isupper() and k != "EXPERIMENT"}
    assert documented == constants


def test_equal_configurations_have_equal_digests():
    assert config_digest({"a": 1, "b": [1, None]}) == config_digest({"b": [1, None], "a": 1})
    assert config_digest({"a": 1}) != config_digest({"a": True})
    assert config_digest({"a": 1}) != config_digest({"a": "1"})


def test_canonical_json_refuses_what_has_no_json():
    with pytest.raises(TypeError):
        canonical_json({"path": Path("x")})
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"x": math.nan})


KEYS = st.text(min_size=1, max_size=300)
CONFIGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.integers()),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, CONFIGS, max_size=4))
def test_every_flat_parameter_is_within_the_limits(config):
    for key, value in flat_params(config).items():
        assert 0 < len(key) <= MAX_KEY_LENGTH
        assert re.fullmatch(r"[/\w.\- :]+", key)
        assert len(value) <= MAX_PARAM_LENGTH


def test_flat_parameters_keep_every_leaf():
    config = {"rho": "1/2", "dataset": {"N": 5, "path": None, "extra": {}}, "list": ["A", "B"]}
    assert flat_params(config) == {
        "rho": "1/2",
        "dataset.N": "5",
        "dataset.path": "null",
        "dataset.extra": "{}",
        "list": '["A", "B"]',
    }


def test_keys_that_differ_in_forbidden_characters_stay_apart():
    assert len(flat_params({"a[1": 1, "a(1": 2, "a_1": 3})) == 3


def test_a_cut_text_says_how_long_it_was():
    assert cut("x" * 6000, 6000) == "x" * 6000
    long = cut("x" * 6001, 6000)
    assert len(long) == 6000
    assert long.endswith("... (cut: 6001 characters in all)")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.inf, "inf at step 3"),
        (-math.inf, "-inf at step 3"),
        (2**20_000, "an integer of 20001 bits at step 3"),
    ],
    ids=["inf", "-inf", "large"],
)
def test_what_no_float_holds_becomes_a_tag(value, said):
    entries, tags = metric_entries({"net/bits": value, "net/depth": 2}, 3)
    assert [(e.key, e.value, e.step) for e in entries] == [("net/depth", 2.0, 3)]
    assert tags == {"infinite/net/bits": said}
