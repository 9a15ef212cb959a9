"""Parallel balls: exact on every ball, counted as planned, refusing what they must."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from pipeline.construction import build
from pipeline.construction.parallel_balls import build_parallel_balls
from pipeline.construction.parallel_price import code_bits, sizes
from pipeline.construction.thm_4_2_iii_large import plan_thm_4_2_iii
from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from tests.construction.ball_points import (
    dataset_of,
    datasets,
    line,
    points_in_balls,
    ratios,
    spread,
    wrong_points,
)

HALF = Fraction(1, 2)


FOUND = ("optimised", "span", "span_random")


@settings(max_examples=20)
@given(datasets(most=8), ratios(), st.sampled_from(FOUND), st.booleans())
def test_network_is_its_label_whatever_the_rows(
    dataset: SeparatedDataset, rho: Fraction, kind: str, merged: bool
) -> None:
    options = {"projection": kind, "steps": 20, "restarts": 1, "merged": merged}
    built = build("parallel_balls", dataset, rho, options=options)
    assert wrong_points(built.network, dataset, rho) == []
    assert built.plan.parameter_count() == built.network.parameter_count()


@settings(max_examples=60)
@given(
    datasets(),
    ratios(),
    st.sampled_from(["identity", "random", "pca"]),
    st.booleans(),
    st.integers(0, 9),
)
def test_network_is_its_label_on_every_ball(
    dataset: SeparatedDataset, rho: Fraction, kind: str, merged: bool, seed: int
) -> None:
    built = build_parallel_balls(dataset, rho, projection=kind, merged=merged, seed=seed)
    assert wrong_points(built.network, dataset, rho, seed=seed) == []
    assert built.plan.parameter_count() == built.network.parameter_count()
    assert tuple(built.plan.hidden_widths()) == built.network.hidden_widths
    assert built.plan.depth == built.network.depth
    assert built.plan.first_hidden_width == built.network.first_hidden_width


@pytest.mark.parametrize("kind", ["identity", "random", "pca"])
@pytest.mark.parametrize("rho", [Fraction(1, 10), HALF, Fraction(9, 10)])
@pytest.mark.parametrize(("N", "d", "C"), [(6, 1, 2), (9, 3, 3), (7, 12, 5), (30, 4, 4)])
def test_plan_is_what_is_built(N: int, d: int, C: int, rho: Fraction, kind: str) -> None:
    dataset = spread(N, d, C)
    built = build("parallel_balls", dataset, rho, options={"projection": kind})
    assert built.plan.width == built.network.width
    assert tuple(built.plan.hidden_widths()) == built.network.hidden_widths
    assert built.plan.parameter_count() == built.network.parameter_count()
    assert wrong_points(built.network, dataset, rho) == []


@pytest.mark.parametrize("m", [4, 5, 6])
def test_a_given_dimension_is_used(m: int) -> None:
    dataset = spread(10, 6, 2)
    built = build_parallel_balls(dataset, Fraction(1, 4), m=m)
    assert built.plan.resolved["m"] == m
    assert wrong_points(built.network, dataset, Fraction(1, 4)) == []


def test_default_dimension_has_the_fewest_parameters_of_all() -> None:
    dataset, rho = spread(40, 8, 3), Fraction(1, 3)
    best = build_parallel_balls(dataset, rho).network.parameter_count()
    counts = []
    for m in range(1, 9):
        try:
            counts.append(build_parallel_balls(dataset, rho, m=m).network.parameter_count())
        except ValueError:
            continue
    assert len(counts) > 2
    assert best == min(counts)


@pytest.mark.parametrize("p", [1, 3, inf])
@pytest.mark.parametrize("kind", ["identity", "pca"])
def test_balls_of_other_norms_are_covered_where_the_data_allow(p: float, kind: str) -> None:
    dataset = dataset_of([[0, 0], [64, 3], [5, 70], [70, 66]], [1, 2, 2, 1])
    rho = Fraction(2, 5)
    built = build("parallel_balls", dataset, rho, p, {"projection": kind})
    assert built.certificate.p == p
    assert wrong_points(built.network, dataset, rho, p) == []


def test_corner_of_the_largest_norm_ball_is_inside_its_ball() -> None:
    dataset = line(3, 2)
    points, _ = points_in_balls(dataset, HALF, inf)
    centre = dataset.X.fractions()[0]
    reach = max(abs(v) for v in points.fractions()[1] - centre)
    assert Fraction(999, 4000) < reach < Fraction(1, 4)


def test_a_norm_that_needs_too_much_room_is_refused() -> None:
    with pytest.raises(ValueError, match=r"more than two radii apart .*p = inf"):
        build("parallel_balls", line(4, 9), HALF, inf, {"projection": "identity"})


@pytest.mark.parametrize("rho", [Fraction(0), Fraction(1), Fraction(5, 4), Fraction(-1, 2)])
def test_ratio_outside_the_unit_interval_is_refused(rho: Fraction) -> None:
    with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\), got .* \(Definition 2.2\)"):
        build_parallel_balls(spread(5, 3, 2), rho)


def test_too_few_dimensions_are_refused_with_what_they_keep() -> None:
    dataset = dataset_of([[0, 0], [9, 1], [1, 9], [8, 8]], [1, 2, 2, 1])
    with pytest.raises(ValueError, match=r"two radii apart .*m = 1 keeps"):
        build_parallel_balls(dataset, Fraction(9, 10), m=1)


@pytest.mark.parametrize("m", [0, -1, 4])
def test_a_dimension_out_of_range_is_refused(m: int) -> None:
    with pytest.raises(ValueError, match=r"m must lie in 1\.\.d = 3"):
        build_parallel_balls(spread(5, 3, 2), HALF, m=m)


def test_identity_refuses_a_dimension() -> None:
    with pytest.raises(ValueError, match="identity keeps all d = 3"):
        build_parallel_balls(spread(5, 3, 2), HALF, projection="identity", m=2)


def test_unknown_projection_is_refused() -> None:
    with pytest.raises(ValueError, match="projection must be one of identity, .*got 'magic'"):
        build_parallel_balls(spread(5, 3, 2), HALF, projection="magic")


def test_the_most_frequent_class_has_no_ball_neurons() -> None:
    dataset = dataset_of([[0], [5], [10], [20], [30]], [3, 1, 3, 2, 3])
    assert sizes(dataset, 1).balls == 2
    built = build_parallel_balls(dataset, HALF)
    assert built.plan.resolved["balls"] == 2
    assert wrong_points(built.network, dataset, HALF) == []


@pytest.mark.parametrize(("classes", "bits"), [(2, 1), (3, 2), (4, 2), (5, 3), (16, 4), (17, 5)])
def test_code_bits(classes: int, bits: int) -> None:
    assert code_bits(classes) == bits


def test_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    dataset = spread(12, 6, 2)
    one, two, three = (
        build_parallel_balls(dataset, Fraction(1, 4), projection="random", seed=seed).network
        for seed in (3, 3, 4)
    )
    assert all(
        np.array_equal(a.weight.values, b.weight.values) and np.array_equal(a.bias, b.bias)
        for a, b in zip(one.layers, two.layers, strict=True)
    )
    assert not np.array_equal(one.layers[0].weight.values, three.layers[0].weight.values)


@pytest.mark.parametrize("kind", ["optimised", "span", "span_random", "pca"])
def test_few_points_in_many_dimensions_are_told_apart_within_their_span(kind: str) -> None:
    dataset, rho = spread(6, 50, 2), Fraction(9, 10)
    built = build_parallel_balls(dataset, rho, projection=kind)
    assert built.plan.resolved["m"] <= 6
    assert built.network.first_hidden_width < dataset.d
    assert wrong_points(built.network, dataset, rho) == []


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("rho", [Fraction(1, 10), HALF, Fraction(9, 10)])
@pytest.mark.parametrize(("N", "d", "C"), [(12, 3, 2), (30, 8, 3), (9, 40, 3)])
def test_optimised_rows_need_no_more_parameters_or_dimensions_than_principal_axes(
    N: int, d: int, C: int, rho: Fraction, merged: bool
) -> None:
    dataset = spread(N, d, C)
    axes, rows = (
        build_parallel_balls(dataset, rho, projection=kind, steps=60, merged=merged).plan
        for kind in ("pca", "optimised")
    )
    assert rows.resolved["m"] <= axes.resolved["m"]
    assert rows.parameter_count() <= axes.parameter_count()


@pytest.mark.parametrize("rho", [Fraction(1, 10), HALF, Fraction(9, 10)])
@pytest.mark.parametrize("kind", ["identity", "pca", "random"])
def test_merging_balls_never_costs_parameters(kind: str, rho: Fraction) -> None:
    dataset = spread(40, 4, 3)
    single, merged = (
        build_parallel_balls(dataset, rho, projection=kind, merged=merged).plan
        for merged in (False, True)
    )
    assert merged.parameter_count() <= single.parameter_count()
    assert merged.resolved["balls"] <= single.resolved["balls"]


@pytest.mark.parametrize(("option", "value"), [("steps", 0), ("restarts", 0), ("steps", -3)])
def test_an_effort_below_one_is_refused(option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{option} of the optimised rows must be at least 1"):
        build_parallel_balls(spread(5, 3, 2), HALF, projection="optimised", **{option: value})


def test_a_dimension_too_small_for_optimised_rows_is_refused() -> None:
    dataset = dataset_of([[0, 0], [9, 1], [1, 9], [8, 8]], [1, 2, 2, 1])
    with pytest.raises(ValueError, match=r"two radii apart .*m = 1 keeps"):
        build_parallel_balls(dataset, Fraction(9, 10), projection="optimised", m=1)


@pytest.fixture(scope="module")
def digits() -> SeparatedDataset:
    data = load_digits()
    return SeparatedDataset("digits", as_dyadic(data.data), data.target + 1)


@pytest.mark.parametrize(("rho", "limit"), [("1/2", 60_000), ("99/100", 220_000)])
def test_digits_stay_below_the_promised_parameter_counts(
    digits: SeparatedDataset, rho: str, limit: int
) -> None:
    network = build_parallel_balls(digits, Fraction(rho)).network
    assert network.parameter_count() <= limit
    plan = plan_thm_4_2_iii(digits.N, digits.d, digits.C, Fraction(rho))
    assert plan.parameter_count() >= 500 * network.parameter_count()
    values = network.evaluate_exact(digits.X[:100]).fractions()[:, 0]
    assert values.tolist() == digits.y[:100].tolist()


def test_merged_balls_under_optimised_rows_need_few_parameters_on_digits(
    digits: SeparatedDataset,
) -> None:
    some = SeparatedDataset("some", digits.X[:600], digits.y[:600])
    options = {"projection": "optimised", "m": 6, "steps": 100, "restarts": 1, "merged": True}
    built = build("parallel_balls", some, HALF, options=options)
    assert built.plan.resolved["balls"] <= 180
    assert built.network.parameter_count() <= 4_000
    values = built.network.evaluate_exact(some.X[:100]).fractions()[:, 0]
    assert values.tolist() == some.y[:100].tolist()
