"""Theorem 4.2(i): exact on every ball, architecture from sizes alone, plan = built, the range."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isqrt

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.construction import build, plan
from pipeline.construction.lattice import scale_of_dataset
from pipeline.construction.thm_4_2_i_small import (
    build_thm_4_2_i,
    plan_of_dataset,
    plan_thm_4_2_i,
)
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.exact import DyadicArray
from tests.construction.ball_points import datasets, line, points_in_balls, spread, wrong_points


def largest_rho(N: int, d: int) -> Fraction:
    """Return a ratio 1 / k at most 1/(5 N sqrt d), next to it."""
    return Fraction(1, isqrt(25 * N * N * d - 1) + 1)


@settings(max_examples=20)
@given(datasets(most=7, dimensions=4))
def test_network_is_its_label_on_every_ball(dataset: SeparatedDataset) -> None:
    rho = largest_rho(dataset.N, dataset.d)
    for mode in ("paper", "adaptive"):
        assert wrong_points(build_thm_4_2_i(dataset, rho, mode=mode).network, dataset, rho) == []


@pytest.mark.parametrize(("N", "d", "C"), [(2, 1, 2), (5, 2, 3), (9, 4, 2), (17, 3, 5)])
def test_two_datasets_of_the_same_size_and_scale_have_the_same_widths(
    N: int, d: int, C: int
) -> None:
    rho = largest_rho(N, d)
    one, two = spread(N, d, C, seed=1), spread(N, d, C, seed=2)
    scale = max(scale_of_dataset(one), scale_of_dataset(two))
    planned = plan_thm_4_2_i(N, d, C, rho, scale=scale)
    for data in (one, two):
        built = build_thm_4_2_i(data, rho, scale=scale)
        assert built.network.hidden_widths == tuple(planned.hidden_widths())
        assert built.network.parameter_count() == planned.parameter_count()
        assert (built.network.depth, built.network.width) == (planned.depth, planned.width)
        assert built.plan == planned


@pytest.mark.parametrize("mode", ["paper", "adaptive"])
def test_plan_of_a_dataset_is_the_built_one(mode: str) -> None:
    data = spread(12, 3, 3)
    rho = largest_rho(12, 3)
    assert plan_of_dataset(data, rho, mode=mode) == build_thm_4_2_i(data, rho, mode=mode).plan


def test_adaptive_mode_is_never_larger() -> None:
    data, rho = spread(20, 4, 2), largest_rho(20, 4)
    small, large = (build_thm_4_2_i(data, rho, mode=m).network for m in ("adaptive", "paper"))
    assert small.parameter_count() < large.parameter_count()


def test_a_random_projection_is_used_where_d_exceeds_the_paper_s_m() -> None:
    # 864 ln 2 = 598.9, so two points in R^700 are projected to R^599.
    random = np.random.default_rng(0)
    points = random.integers(-9, 10, (2, 700))
    data = SeparatedDataset("far", DyadicArray(points, 0), np.array([1, 2]))
    rho = largest_rho(2, 700)
    built = build_thm_4_2_i(data, rho)
    assert built.plan.resolved["m"] == 599
    assert dict(built.notes)["projection"] == "random, m = 599"
    assert wrong_points(built.network, data, rho) == []


def test_every_ball_lies_in_one_cell_so_that_the_key_is_one_integer() -> None:
    data, rho = spread(10, 3, 2), largest_rho(10, 3)
    built = build_thm_4_2_i(data, rho)
    # Cut behind the floors: the key is the first neuron of the memorizer.
    at = 2 + int(built.plan.resolved["floor_layers"])
    head = built.network.__class__.relu(*built.network.layers[: at + 1])
    points, _ = points_in_balls(data, rho)
    keys = head.evaluate_exact(points).fractions()[:, 0]
    per_ball = keys.reshape(data.N, -1)
    assert all(len(set(row)) == 1 and row[0].denominator == 1 for row in per_ball)


@pytest.mark.parametrize("N", [10**6, 10**12])
def test_plan_alone_reaches_large_sizes(N: int) -> None:
    found = plan_thm_4_2_i(N, 64, 10, Fraction(1, 40 * N), scale=8)
    assert found.width == max(5 * int(found.resolved["m"]), 12)
    words = int(found.resolved["keys_per_group"])
    assert words == isqrt(N) + 1
    # O~(sqrt N) parameters: fewer than N once N is large.
    assert (found.parameter_count() < N) == (N > 10**9)


def test_memorizer_has_the_paper_s_width_and_depth() -> None:
    found = plan_thm_4_2_i(1024, 4, 2, Fraction(1, 10240), scale=4).resolved
    g, n, bits = (int(found[k]) for k in ("groups", "keys_per_group", "key_bits"))
    assert (g, n) == (32, 33)
    assert int(found["memorizer_depth"]) == (3 * g + 2) + (3 * n * bits + 2 * n + 2) - 1


@pytest.mark.parametrize("N", [16, 64, 144])
def test_bits_are_those_of_the_packed_words(N: int) -> None:
    # Theorem B.1(i): O~(sqrt N) bits; n key_bits + 2 by Lemma B.9, and no other layer needs more.
    built = build_thm_4_2_i(spread(N, 3, 2), largest_rho(N, 3))
    n, bits = (int(built.plan.resolved[k]) for k in ("keys_per_group", "key_bits"))
    assert n == isqrt(N) + 1
    assert built.network.bit_complexity == n * bits + 2


@pytest.mark.parametrize("power", [-3, 1, 5])
def test_scaled_data_have_the_same_architecture(power: int) -> None:
    """Section 2.4: only rho matters."""
    data, rho = spread(10, 3, 2), largest_rho(10, 3)
    scaled = SeparatedDataset(
        "scaled", DyadicArray(data.X.numerators, data.X.exponent + power), data.y
    )
    one, two = build_thm_4_2_i(data, rho), build_thm_4_2_i(scaled, rho)
    assert one.plan == two.plan
    assert wrong_points(two.network, scaled, rho) == []


@pytest.mark.parametrize("factor", [Fraction(10001, 10000), Fraction(2)])
def test_a_ratio_above_the_range_names_the_theorem(factor: Fraction) -> None:
    # d = 4: 1/(5 N sqrt d) = 1/(10 N) is rational.
    rho = Fraction(1, 60)
    assert build_thm_4_2_i(line(6, 4), rho)
    message = r"needs rho in \(0, 1/\(5 N sqrt d\)\].*Theorem 4.2\(i\)"
    with pytest.raises(ValueError, match=message):
        build_thm_4_2_i(line(6, 4), rho * factor)
    with pytest.raises(ValueError, match=message):
        plan("thm_4_2_i", 6, 4, 2, rho * factor, {"scale": 3})


def test_what_is_missing_or_too_small_is_named() -> None:
    with pytest.raises(ValueError, match="the plan needs the data's scale.*got None"):
        plan("thm_4_2_i", 6, 4, 2, Fraction(1, 60))
    with pytest.raises(ValueError, match="scale must be at least 3 for these data, got 1"):
        build_thm_4_2_i(line(6, 4), Fraction(1, 60), scale=1)
    with pytest.raises(ValueError, match=r"proved for p = 2, got p = inf.*Theorem 4.2\(i\)"):
        build("thm_4_2_i", line(6, 4), Fraction(1, 60), inf)


@pytest.mark.filterwarnings("ignore:iris. 1 duplicate")
@pytest.mark.parametrize("name", ["iris", "wine"])
def test_real_data_at_the_largest_ratio_are_memorized_on_every_ball(name: str) -> None:
    data, _ = generate_dataset(name)
    rho = largest_rho(data.N, data.d)
    for mode in ("paper", "adaptive"):
        network = build_thm_4_2_i(data, rho, mode=mode).network
        assert wrong_points(network, data, rho) == []
