"""Theorem 4.2(iii): five cases, plan = built, exact on every ball, range of rho enforced."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import pytest
from hypothesis import assume, given, settings

from pipeline.construction import build, plan
from pipeline.construction.thm_4_2_iii_large import (
    Constants,
    build_thm_4_2_iii,
    case_of,
    plan_thm_4_2_iii,
)
from pipeline.construction.yu2024 import folds_for, plan_yu2024
from pipeline.data import SeparatedDataset
from tests.construction.ball_points import datasets, line, ratios, spread, wrong_points

PAPER = Constants()
REDUCED = Constants(log_n=Fraction(1), rho=Fraction(1), log_d=Fraction(1, 2))
THIRD = Fraction(1, 3)


@settings(max_examples=25)
@given(datasets(most=5, dimensions=3, classes=3), ratios())
def test_network_is_its_label_on_every_ball(dataset: SeparatedDataset, rho: Fraction) -> None:
    assume(25 * dataset.d * rho**2 > 1)
    built = build_thm_4_2_iii(dataset, rho)
    assert wrong_points(built.network, dataset, rho) == []
    expected = plan_thm_4_2_iii(dataset.N, dataset.d, dataset.C, rho)
    assert tuple(expected.hidden_widths()) == built.network.hidden_widths
    assert expected.parameter_count() == built.network.parameter_count()


# ln(10^6) = 13.8, 600 ln N = 8,289; ln 1000 = 6.9, 600 ln N = 4,145
@pytest.mark.parametrize(
    ("N", "d", "rho", "case"),
    [
        (10**6, 10**4, "1/3", "I"),
        (10**6, 10**4, "9/10", "I"),
        (10**6, 8_289, "333/1000", "II"),
        (10**6, 10, "1/4", "II"),
        (1_000, 4_145, "1/4", "III"),
        (1_000, 4_144, "1/4", "II"),
        (2, 500, "1/10", "III"),
        (10**6, 8_290, "1/4", "IV"),
        (10**6, 10**6, "1/4", "IV"),
        (10**6, 10**6 + 1, "1/4", "V"),
        (10**4, 10**5, "1/100", "V"),
    ],
)
def test_case_of_theorem_b14(N: int, d: int, rho: str, case: str) -> None:
    assert case_of(N, d, Fraction(rho), PAPER) == case
    assert plan_thm_4_2_iii(N, d, 2, Fraction(rho)).resolved["case"] == case


@pytest.mark.parametrize(
    ("N", "d", "rho", "constants", "case", "m"),
    [
        (5, 4, "1/2", PAPER, "I", 4),
        (5, 4, "1/4", PAPER, "II", 4),
        (4, 12, "1/4", Constants(log_n=Fraction(5)), "III", 4),
        (12, 10, "1/10", REDUCED, "IV", 3),
        (8, 12, "1/10", REDUCED, "V", 3),
    ],
)
def test_every_case_is_built_as_planned_and_exact(
    N: int, d: int, rho: str, constants: Constants, case: str, m: int
) -> None:
    dataset, ratio = spread(N, d, 3), Fraction(rho)
    built = build_thm_4_2_iii(dataset, ratio, constants=constants)
    assert built.plan.resolved["case"] == case
    assert built.plan.resolved["m"] == m == built.certificate.structure["m"]
    assert tuple(built.plan.hidden_widths()) == built.network.hidden_widths
    assert wrong_points(built.network, dataset, ratio) == []
    reduced = [text for text in built.certificate.deviations if "instead of 600, 9, 10" in text]
    assert len(reduced) == (constants != PAPER)
    assert dict(built.notes)["case of Theorem B.14"] == case


def test_projection_that_never_keeps_the_ratio_is_an_error() -> None:
    tiny = Constants(log_n=Fraction(1, 100), rho=Fraction(1, 100), log_d=Fraction(1, 100))
    with pytest.raises(ValueError, match=r"no random projection to m = 1 .*Case IV of Theorem"):
        build_thm_4_2_iii(spread(12, 10, 2), Fraction(3, 10), constants=tiny, draws=3)


@pytest.mark.parametrize("rho", ["1/20", "1/10"])
def test_ratio_at_or_below_the_range_names_the_theorem(rho: str) -> None:
    with pytest.raises(ValueError, match=r"rho in \(1/\(5 sqrt d\), 1\).*Theorem 4.2\(iii\)"):
        build_thm_4_2_iii(line(4, 4), Fraction(rho))
    with pytest.raises(ValueError, match=r"Theorem 4.2\(iii\)"):
        plan("thm_4_2_iii", 100, 4, 2, Fraction(rho))


def test_ratio_just_above_the_range_is_built() -> None:
    dataset, rho = line(4, 4), Fraction(1001, 10_000)
    assert wrong_points(build_thm_4_2_iii(dataset, rho).network, dataset, rho) == []


@pytest.mark.parametrize("rho", [Fraction(0), Fraction(1), Fraction(-1, 2), Fraction(5, 4)])
def test_ratio_outside_the_unit_interval_is_refused(rho: Fraction) -> None:
    with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\).*Definition 2.2"):
        build_thm_4_2_iii(line(4), rho)


@pytest.mark.parametrize("p", [1, 3, inf])
def test_other_norms_are_refused(p: float) -> None:
    with pytest.raises(ValueError, match=r"proved for p = 2, got p = .*Theorem 4.2\(iii\)"):
        build("thm_4_2_iii", line(4), Fraction(1, 2), p)


@pytest.mark.parametrize("field", ["log_n", "rho", "log_d"])
def test_constants_must_be_positive(field: str) -> None:
    with pytest.raises(ValueError, match="constants of Theorem B.14 must be positive"):
        Constants(**{field: Fraction(0)})


def test_constants_of_the_registry_are_read_as_exact_numbers() -> None:
    options = {"constants": {"log_n": "0.5", "rho": 1, "log_d": "1/3"}}
    found = plan("thm_4_2_iii", 100, 50, 2, Fraction(1, 4), options)
    wanted = Constants(Fraction(1, 2), Fraction(1), THIRD)
    assert found == plan_thm_4_2_iii(100, 50, 2, Fraction(1, 4), wanted)


def test_plan_is_linear_in_N_up_to_large_N() -> None:
    first, second, large = (
        plan_thm_4_2_iii(N, 64, 10, Fraction(1, 2)).parameter_count()
        for N in (10**6, 10**6 + 1, 10**12)
    )
    assert large == first + (10**12 - 10**6) * (second - first)


def test_plan_grows_with_the_square_of_the_projected_dimension() -> None:
    # Case I: m = d, so P = O~(N d^2): one more fold for each factor 4 of d.
    small, large = (plan_yu2024(10, d, d, 5).parameter_count() for d in (1_000, 2_000))
    assert 3.9 < large / small < 4.01
    # Case IV, m = 9 d rho^2 above its floors: P = O~(N d^2 rho^4).
    small, large = (
        plan_thm_4_2_iii(10**7, 10**7, 2, Fraction(r)).parameter_count() for r in ("1/20", "1/10")
    )
    assert 15 < large / small < 18


def test_plan_has_the_blocks_depth() -> None:
    found = plan_thm_4_2_iii(10**12, 64, 10, Fraction(1, 2))
    folds = int(found.resolved["folds"])
    assert found.depth == 10**12 * (folds + 3) + 1
    assert found.width == 3 * 64 + 2
    assert found.first_hidden_width == 2 * 64 + 1


@pytest.mark.parametrize("rho", ["1/10", "1/2", "9/10", "99/100", "999999/1000000"])
@pytest.mark.parametrize("m", [1, 7, 1000])
def test_folds_leave_half_of_the_gap_and_no_fewer_do(m: int, rho: str) -> None:
    ratio = Fraction(rho)
    side = (2 - ratio) * Fraction(33, 32)
    gap = (2 - ratio) ** 2 - ratio**2
    folds = folds_for(m, ratio)
    assert m * side**2 / 4 ** (folds + 1) <= gap / 2
    assert folds == 1 or m * side**2 / Fraction(4) ** folds > gap / 2
