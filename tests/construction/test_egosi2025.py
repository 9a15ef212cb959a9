"""Egosi et al. 2025: exact on every ball, plan = built, ranges of rho, redraws, adaptive k."""

from __future__ import annotations

from fractions import Fraction
from math import inf, log2

import numpy as np
import pytest
from hypothesis import assume, given, settings

from pipeline.construction import Built
from pipeline.construction.egosi2025 import build_egosi2025, plan_egosi2025, plan_of_dataset
from pipeline.construction.projection import projection
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from tests.construction.ball_points import (
    SHARE,
    dataset_of,
    datasets,
    inside,
    line,
    ratios,
    spread,
    wrong_points,
)

SOURCE = r"Egosi et al. 2025 \(Appendix D.3\)"


def rows_of(dataset: SeparatedDataset, built: Built, weight_bits: int = 16) -> list[list[int]]:
    """Return integer directions along the rows of the projection that was built with seed 0."""
    kind, k = str(built.plan.resolved["projection"]), int(built.plan.resolved["k"])
    rows = projection(dataset, kind, k, weight_bits, 0).rows.numerators
    return [[int(v) for v in row] for row in rows]


def extreme_points(
    dataset: SeparatedDataset, rho: Fraction, rows: list[list[int]]
) -> tuple[DyadicArray, np.ndarray]:
    """Return points near the boundary of every ball where its image meets its box.

    Both extremes of every coordinate of the image, and two pairs of opposite corners.
    """
    power = dataset.radius_power(rho)
    matrix = np.array(rows, dtype=object)
    signs = np.where(np.arange(len(rows)) % 2, -1, 1)
    directions = [*rows, matrix.sum(axis=0).tolist(), (signs @ matrix).tolist()]
    moves = [
        [factor * v for v in inside([int(n) for n in way], power, 2, SHARE)]
        for way in directions
        if any(way)
        for factor in (1, -1)
    ]
    points = [
        [a + b for a, b in zip(x, move, strict=True)]
        for x in dataset.X.fractions().tolist()
        for move in moves
    ]
    bits = max(v.denominator.bit_length() - 1 for row in points for v in row)
    array = np.empty((len(points), dataset.d), dtype=object)
    array[:] = [[int(v * (1 << bits)) for v in row] for row in points]
    return DyadicArray(array, -bits), np.repeat(dataset.y, len(moves))


def require_exact(dataset: SeparatedDataset, rho: Fraction, built: Built, bits: int = 16) -> None:
    """Assert f = y at centres, near the nearest other ball, at random and at extreme points."""
    assert wrong_points(built.network, dataset, rho) == []
    points, labels = extreme_points(dataset, rho, rows_of(dataset, built, bits))
    values = built.network.evaluate_exact(points).fractions()[:, 0]
    assert values.tolist() == labels.tolist()


@settings(max_examples=40)
@given(datasets(most=8, dimensions=4), ratios())
def test_network_is_its_label_on_every_ball_of_the_range(
    dataset: SeparatedDataset, rho: Fraction
) -> None:
    assume(dataset.d * rho**2 < 1)
    built = build_egosi2025(dataset, rho)
    require_exact(dataset, rho, built)
    expected = plan_egosi2025(dataset.N, dataset.d, dataset.C, rho)
    assert expected == built.plan == plan_of_dataset(dataset, rho)
    assert tuple(expected.hidden_widths()) == built.network.hidden_widths


@settings(max_examples=40)
@given(datasets(most=8, dimensions=5), ratios())
def test_adaptive_network_is_its_label_or_no_projection_keeps_the_boxes_apart(
    dataset: SeparatedDataset, rho: Fraction
) -> None:
    try:
        built = build_egosi2025(dataset, rho, mode="adaptive")
    except ValueError as error:
        assert "neither" in str(error)
        assert dataset.d * rho**2 >= 1
        return
    require_exact(dataset, rho, built)
    assert built.plan == plan_of_dataset(dataset, rho, mode="adaptive")
    (deviation,) = built.certificate.deviations
    assert f"k = {built.plan.resolved['k']} passes the exact check" in deviation


@pytest.mark.parametrize(
    ("N", "d", "rho", "k", "kind"),
    [
        (2, 1, "99/100", 1, "identity"),
        (5, 1, "1/2", 1, "identity"),
        (7, 2, "7/10", 2, "identity"),
        (9, 4, "49/100", 4, "identity"),
        (6, 14, "1/4", 14, "identity"),
        (6, 15, "1/20", 14, "random"),
        (6, 40, "41/1000", 14, "random"),
        (12, 64, "3/100", 16, "random"),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_network_is_built_as_planned(
    N: int, d: int, rho: str, k: int, kind: str, seed: int
) -> None:
    ratio = Fraction(rho)
    dataset = spread(N, d, min(N, 3), seed)
    built = build_egosi2025(dataset, ratio, seed=0)
    expected = plan_egosi2025(N, d, 3, ratio)
    assert built.plan == expected == plan_of_dataset(dataset, ratio)
    assert expected.resolved == {"k": k, "projection": kind, "blocks": N}
    assert tuple(expected.hidden_widths()) == built.network.hidden_widths
    assert expected.parameter_count() == built.network.parameter_count()
    assert built.network.depth == N * (k + 1) + 1
    assert built.network.width == (k + 4 if k > 1 else 4)
    assert built.certificate.structure["k"] == k
    assert built.certificate.deviations == ()
    require_exact(dataset, ratio, built)


def test_widths_depend_on_the_sizes_alone_in_mode_paper() -> None:
    rho = Fraction(1, 30)
    first, second = (
        build_egosi2025(dataset, rho).network.hidden_widths
        for dataset in (spread(6, 40, 2, seed=3), spread(6, 40, 5, seed=4))
    )
    assert first == second


def test_plan_has_a_closed_form_up_to_large_N() -> None:
    N, k = 10**12, 117
    found = plan_egosi2025(N, 784, 10, Fraction(1, 50))
    assert found.resolved["k"] == k
    assert found.depth == N * (k + 1) + 1
    assert found.width == k + 4
    assert found.first_hidden_width == k + 3


def test_plan_is_affine_in_N_and_cubic_in_k() -> None:
    rho = Fraction(1, 20)
    low, middle, high = (
        plan_egosi2025(N, 64, 2, rho).parameter_count() for N in (10**8, 2 * 10**8, 3 * 10**8)
    )
    # k = d = 64 on all three: ceil(4 ln 10^8) + 6 is 80.
    assert high - middle == middle - low
    small, large = (
        plan_egosi2025(10**12, k, 2, Fraction(1, 20)).parameter_count() for k in (50, 100)
    )
    assert 2.7 < log2(large / small) < 3
    # Projected: one more row for each factor e^(1/4) of N.
    small, large = (
        plan_egosi2025(N, 10**6, 2, Fraction(1, 10**4)).parameter_count() for N in (10**6, 10**12)
    )
    assert 6 < log2(large / small) / log2(10) < 7


@pytest.mark.parametrize(("d", "rho"), [(4, "1/2"), (1, "1"), (9, "1/3"), (2, "71/100")])
def test_ratio_outside_the_range_without_projection_is_refused(d: int, rho: str) -> None:
    message = rf"rho in \(0, 1/sqrt d\) where k = d.*{SOURCE}" if d > 1 else "Definition 2.2"
    with pytest.raises(ValueError, match=message):
        build_egosi2025(line(4, d), Fraction(rho))
    with pytest.raises(ValueError, match=message):
        plan_egosi2025(4, d, 2, Fraction(rho))
    with pytest.raises(ValueError, match=message):
        plan_of_dataset(line(4, d), Fraction(rho))


def test_ratio_just_below_one_over_sqrt_d_is_built() -> None:
    # On the diagonal the max norm is exactly 1/sqrt d of the l2 norm.
    dataset = dataset_of([[i] * 4 for i in range(4)], [1, 2, 1, 2])
    rho = Fraction(1, 2) - Fraction(1, 10**15)
    require_exact(dataset, rho, build_egosi2025(dataset, rho))
    with pytest.raises(ValueError, match=rf"too close to the end of the range.*{SOURCE}"):
        build_egosi2025(dataset, Fraction(1, 2) - Fraction(1, 10**30))


# N = 6: k = 14, (1/(4 e)) sqrt(8/40) = 0.04113.
def test_ratio_outside_the_range_with_projection_is_refused() -> None:
    message = rf"rho in \(0, \(1/\(4e\)\) sqrt\(\(k - 6\)/d\)\].*14 rows.*{SOURCE}"
    with pytest.raises(ValueError, match=message):
        build_egosi2025(spread(6, 40, 2), Fraction(412, 10**4))
    with pytest.raises(ValueError, match=message):
        plan_egosi2025(6, 40, 2, Fraction(412, 10**4))
    assert plan_egosi2025(6, 40, 2, Fraction(411, 10**4)).resolved["k"] == 14


def test_failing_draws_are_counted() -> None:
    # One fractional bit rounds all entries of a row of R^400 to 0.
    message = rf"no random projection to k = 14 .* in 5 draws at rho = 1/100.*{SOURCE}"
    with pytest.raises(ValueError, match=message):
        build_egosi2025(spread(6, 400, 2), Fraction(1, 100), weight_bits=1, draws=5)


def test_another_draw_is_tried_where_the_first_fails() -> None:
    # One fractional bit keeps few entries of a row of R^200: draws fail and pass by chance.
    dataset, rho, passed = spread(6, 200, 2), Fraction(1, 60), []
    for seed in range(20):
        try:
            build_egosi2025(dataset, rho, weight_bits=1, draws=1, seed=seed)
        except ValueError:
            passed.append(False)
        else:
            passed.append(True)
    assert {*passed} == {True, False}
    built = build_egosi2025(dataset, rho, weight_bits=1, seed=passed.index(False))
    assert wrong_points(built.network, dataset, rho) == []


@pytest.mark.parametrize("p", [1, 3, inf])
def test_other_norms_are_refused(p: float) -> None:
    for function in (build_egosi2025, plan_of_dataset):
        with pytest.raises(ValueError, match=rf"proved for p = 2, got p = .*{SOURCE}"):
            function(line(4), Fraction(1, 2), p)


@pytest.mark.parametrize("mode", ["paper", "adaptive"])
@pytest.mark.parametrize("rho", [Fraction(0), Fraction(1), Fraction(-1, 2), Fraction(5, 4)])
def test_ratio_outside_the_unit_interval_is_refused(rho: Fraction, mode: str) -> None:
    for function in (build_egosi2025, plan_of_dataset):
        with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\).*Definition 2.2"):
            function(line(4), rho, mode=mode)


def test_unknown_modes_and_sizes_without_two_points_are_refused() -> None:
    for function in (build_egosi2025, plan_of_dataset):
        with pytest.raises(ValueError, match="mode must be paper or adaptive, got 'x'"):
            function(line(4), Fraction(1, 2), mode="x")
    for N, d in ((1, 3), (5, 0)):
        with pytest.raises(ValueError, match="N >= 2 points and d >= 1"):
            plan_egosi2025(N, d, 2, Fraction(1, 9))


def test_adaptive_needs_fewer_rows_and_no_fewer_pass() -> None:
    dataset, rho = spread(12, 64, 3), Fraction(3, 100)
    paper = build_egosi2025(dataset, rho)
    adaptive = build_egosi2025(dataset, rho, mode="adaptive")
    k = int(adaptive.plan.resolved["k"])
    assert k < paper.plan.resolved["k"]
    assert adaptive.network.parameter_count() < paper.network.parameter_count()
    phi = projection(dataset, "random", 16, 16, 0)
    for m in range(1, 17):
        images = phi.first(m).image(dataset.X).fractions()
        least = min(
            max(abs(a - b) for a, b in zip(images[i], images[j], strict=True))
            for i in range(dataset.N)
            for j in range(i)
            if dataset.y[i] != dataset.y[j]
        )
        passes = least**2 > 4 * phi.lipschitz**2 * dataset.radius_power(rho)
        assert passes == (m >= k)


def test_adaptive_goes_beyond_the_range_and_says_so() -> None:
    dataset, rho = spread(6, 40, 2), Fraction(1, 6)
    built = build_egosi2025(dataset, rho, mode="adaptive")
    require_exact(dataset, rho, built)
    assert "not D.3's" in dict(built.notes)["deviations"]


def test_adaptive_keeps_the_axes_where_no_rotation_passes() -> None:
    # Unit cube corners with labels by one axis: only the axes keep rho = 0.99 apart.
    points = [[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    dataset = dataset_of(points, [1 + p[0] for p in points])
    rho = Fraction(99, 100)
    built = build_egosi2025(dataset, rho, mode="adaptive")
    assert built.plan.resolved["projection"] == "identity"
    require_exact(dataset, rho, built)


def test_adaptive_fails_where_all_coordinates_overlap() -> None:
    dataset = dataset_of([[i] * 4 for i in range(4)], [1, 2, 1, 2])
    with pytest.raises(ValueError, match=rf"neither 4 random rows nor R\^4 itself.*{SOURCE}"):
        build_egosi2025(dataset, Fraction(999, 1000), mode="adaptive")


@pytest.mark.parametrize("exponent", [-40, 0, 30])
def test_scale_of_the_data_does_not_matter(exponent: int) -> None:
    points = [[0, 1], [5, 0], [2, 7], [9, 4], [13, 11], [10**9, -(10**9)]]
    dataset = dataset_of(points, [1, 2, 3, 2, 2, 1], exponent)
    rho = Fraction(7, 10)
    require_exact(dataset, rho, build_egosi2025(dataset, rho))


def test_same_seed_gives_the_same_network_and_another_another() -> None:
    dataset, rho = spread(6, 40, 2), Fraction(1, 30)
    one, same, other = (build_egosi2025(dataset, rho, seed=seed).network for seed in (1, 1, 2))
    weights = [n.layers[0].weight.values.tolist() for n in (one, same, other)]
    assert weights[0] == weights[1] != weights[2]
