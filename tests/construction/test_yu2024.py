"""Yu et al. 2024 on R^d: exact on every ball for every ratio, plan = built, refusals."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings

from pipeline.construction.thm_4_2_iii_large import build_thm_4_2_iii
from pipeline.construction.yu2024 import build_yu2024, plan_of_dataset, plan_yu2024_of_sizes
from pipeline.data import SeparatedDataset
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import Dataset
from tests.construction.ball_points import dataset_of, datasets, line, ratios, spread, wrong_points
from tests.verification.check.check_files import reason_in_memory

SOURCE = r"Yu et al. 2024, Theorem B.6"


def reason(network: Any, dataset: SeparatedDataset, structure: Any, rho: Fraction) -> str:
    """Return the independent checker's reason against the network, or ""."""
    points = dataset.X.numerators.astype(object)
    read = Dataset(dataset.name, points, dataset.X.exponent, dataset.y, "")
    return reason_in_memory(network, "yu2024", structure, Claim(read, dataset.radius_power(rho), 2))


@settings(max_examples=25)
@given(datasets(most=6, dimensions=3), ratios())
def test_network_is_its_label_on_every_ball_and_the_checker_agrees(
    dataset: SeparatedDataset, rho: Fraction
) -> None:
    built = build_yu2024(dataset, rho)
    assert wrong_points(built.network, dataset, rho) == []
    expected = plan_yu2024_of_sizes(dataset.N, dataset.d, dataset.C, rho)
    assert expected == built.plan == plan_of_dataset(dataset, rho)
    assert tuple(expected.hidden_widths()) == built.network.hidden_widths
    certificate = built.certificate
    assert (certificate.construction, certificate.check) == ("yu2024", "yu2024")
    assert reason(built.network, dataset, certificate.structure, rho) == ""


@pytest.mark.parametrize(("N", "d"), [(2, 1), (3, 7), (6, 4), (4, 20)])
@pytest.mark.parametrize("rho", ["1/1000", "1/10", "1/2", "99/100"])
def test_network_is_built_as_planned(N: int, d: int, rho: str) -> None:
    ratio = Fraction(rho)
    built = build_yu2024(spread(N, d, 2), ratio)
    folds = int(built.plan.resolved["folds"])
    assert built.plan.resolved == {"m": d, "blocks": N, "folds": folds}
    assert tuple(built.plan.hidden_widths()) == built.network.hidden_widths
    assert built.network.depth == N * (folds + 3) + 1
    assert built.network.width == 3 * d + 2


def test_case_one_of_theorem_4_2_iii_is_the_same_network() -> None:
    dataset, rho = spread(4, 3, 2), Fraction(1, 2)
    ours, theorem = build_yu2024(dataset, rho), build_thm_4_2_iii(dataset, rho)
    assert theorem.plan.resolved["case"] == "I"
    for a, b in zip(ours.network.layers, theorem.network.layers, strict=True):
        assert a.exponent == b.exponent
        assert a.weight.values.tolist() == b.weight.values.tolist()
        assert a.bias.tolist() == b.bias.tolist()
    assert ours.certificate.structure == theorem.certificate.structure


def test_ratios_below_the_range_of_theorem_4_2_iii_are_built() -> None:
    dataset, rho = line(4, 4), Fraction(1, 20)
    with pytest.raises(ValueError, match="Theorem 4.2"):
        build_thm_4_2_iii(dataset, rho)
    assert wrong_points(build_yu2024(dataset, rho).network, dataset, rho) == []


def test_ratio_within_rounding_of_one_is_built_and_verified() -> None:
    dataset = dataset_of([[0, 0], [3, 4], [10, 1]], [1, 2, 1])
    rho = 1 - Fraction(1, 10**15)
    built = build_yu2024(dataset, rho)
    assert wrong_points(built.network, dataset, rho) == []
    assert reason(built.network, dataset, built.certificate.structure, rho) == ""


def test_plan_is_affine_in_N_quadratic_in_d_and_at_once_for_large_N() -> None:
    rho = Fraction(1, 2)
    first, second, large = (
        plan_yu2024_of_sizes(N, 64, 10, rho).parameter_count() for N in (10**6, 10**6 + 1, 10**12)
    )
    assert large == first + (10**12 - 10**6) * (second - first)
    # One more fold for each factor 4 of d.
    low, high = (plan_yu2024_of_sizes(10, d, 2, rho) for d in (1024, 2048))
    folds = Fraction(int(high.resolved["folds"]), int(low.resolved["folds"]))
    ratio = Fraction(high.parameter_count(), low.parameter_count()) / folds
    assert Fraction(39, 10) < ratio < Fraction(41, 10)


@pytest.mark.parametrize("p", [1, 3, inf])
def test_other_norms_are_refused(p: float) -> None:
    for function in (build_yu2024, plan_of_dataset):
        with pytest.raises(ValueError, match=rf"built for p = 2, got p = .*{SOURCE}"):
            function(line(4), Fraction(1, 2), p)


@pytest.mark.parametrize("rho", [Fraction(0), Fraction(1), Fraction(-1, 2), Fraction(5, 4)])
def test_ratio_outside_the_unit_interval_is_refused(rho: Fraction) -> None:
    for function in (build_yu2024, plan_of_dataset):
        with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\).*Definition 2.2"):
            function(line(4), rho)


@pytest.mark.parametrize(("N", "d"), [(1, 3), (5, 0)])
def test_sizes_without_two_points_are_refused(N: int, d: int) -> None:
    with pytest.raises(ValueError, match="N >= 2 points and d >= 1"):
        plan_yu2024_of_sizes(N, d, 2, Fraction(1, 2))
