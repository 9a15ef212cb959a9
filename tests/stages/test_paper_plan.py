"""The paper's plan for a dataset and a ratio is that of the part of Theorem 4.2 rho falls in."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.construction import CONSTRUCTIONS, Construction, plan
from pipeline.construction.lattice import scale_of_dataset
from pipeline.data import generate_dataset
from pipeline.stages.paper_plan import construction_of_regime, paper_bounds
from pipeline.theory import regime

PARTS = {"small": "thm_4_2_i", "moderate": "thm_4_2_ii", "large": "thm_4_2_iii"}
TENTH = Fraction(1, 10)


@pytest.fixture
def data():
    return generate_dataset("line", N=6, d=4)[0]


def _registered(monkeypatch, name: str, planned) -> None:
    known = Construction("an item", "", lambda *a, **o: None, None, planned)
    monkeypatch.setitem(CONSTRUCTIONS, name, known)


@pytest.mark.parametrize(
    "rho", [Fraction(1, 1000), Fraction(1, 61), Fraction(1, 11), Fraction(1, 9)]
)
def test_parts_are_those_of_the_theory_off_the_ends(rho):
    assert construction_of_regime(6, 4, rho) == PARTS[str(regime(6, 4, float(rho)))]


def test_the_ends_belong_to_the_smaller_part_exactly():
    # 1/(5 N sqrt d) = 1/60 and 1/(5 sqrt d) = 1/10; 1e-30 more is beyond.
    more = Fraction(1, 10**30)
    ends = [Fraction(1, 60), Fraction(1, 60) + more, TENTH, TENTH + more]
    parts = ["thm_4_2_i", "thm_4_2_ii", "thm_4_2_ii", "thm_4_2_iii"]
    assert [construction_of_regime(6, 4, rho) for rho in ends] == parts


def test_large_ratios_have_the_plan_of_part_iii(data):
    upper, count = paper_bounds(data, Fraction(1, 2), 2)
    assert count == plan("thm_4_2_iii", 6, 4, 2, Fraction(1, 2)).parameter_count()
    assert upper > 0
    assert paper_bounds(data, Fraction(1, 2), 1) == (None, None)


def test_plans_below_get_the_scale_of_the_data(data):
    scale = {"scale": scale_of_dataset(data)}
    for rho in (Fraction(1, 60), Fraction(1, 59), TENTH):
        name = construction_of_regime(6, 4, rho)
        expected = plan(name, 6, 4, 2, rho, scale).parameter_count()
        assert paper_bounds(data, rho, 2)[1] == expected
        assert plan(name, 6, 4, 2, rho, {"scale": scale["scale"] + 9}).parameter_count() > expected


def test_a_plan_that_refuses_the_sizes_is_absent(data, monkeypatch):
    def refused(N, d, C, rho):
        raise ValueError("too small")

    _registered(monkeypatch, "thm_4_2_i", refused)
    assert paper_bounds(data, Fraction(1, 60), 2)[1] is None
