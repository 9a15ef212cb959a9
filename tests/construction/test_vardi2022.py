"""Vardi et al. 2022: every point memorized exactly, width 12, sizes from (N, d, C, scale)."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isqrt

import pytest
from hypothesis import given, settings

from pipeline.construction import Claim, build, plan
from pipeline.construction.vardi2022 import (
    build_vardi2022,
    plan_of_dataset,
    plan_vardi2022,
)
from pipeline.data import SeparatedDataset, generate_dataset
from tests.construction.ball_points import dataset_of, datasets, spread

HALF = Fraction(1, 2)


def forgotten(built, dataset: SeparatedDataset) -> list[int]:
    values = built.network.evaluate_exact(dataset.X).fractions()[:, 0]
    return [i for i, (v, label) in enumerate(zip(values, dataset.y, strict=True)) if v != label]


@settings(max_examples=30)
@given(datasets(most=12, dimensions=4))
def test_every_point_gets_its_label(dataset: SeparatedDataset) -> None:
    for mode in ("paper", "adaptive"):
        built = build_vardi2022(dataset, HALF, mode=mode)
        assert forgotten(built, dataset) == []
        assert built.certificate.claim is Claim.POINTS
        assert built.network.width == 12


@pytest.mark.filterwarnings("ignore:iris. 1 duplicate")
@pytest.mark.parametrize("name", ["iris", "wine"])
def test_real_data_are_memorized(name: str) -> None:
    data, _ = generate_dataset(name)
    assert forgotten(build_vardi2022(data, HALF), data) == []


@pytest.mark.parametrize(("N", "d", "C"), [(2, 1, 2), (7, 3, 3), (20, 5, 2)])
def test_two_datasets_of_the_same_size_and_scale_have_the_same_widths(
    N: int, d: int, C: int
) -> None:
    planned = plan_vardi2022(N, d, C, HALF, scale=12)
    for seed in (1, 2):
        built = build_vardi2022(spread(N, d, C, seed=seed), HALF, scale=12)
        assert built.network.hidden_widths == tuple(planned.hidden_widths())
        assert built.plan == planned
        assert plan_of_dataset(spread(N, d, C, seed=seed), HALF, scale=12) == planned


def test_depth_is_that_of_theorem_b4_up_to_large_sizes() -> None:
    small, large = (plan_vardi2022(N, 8, 2, HALF, scale=5) for N in (10**4, 10**12))
    assert large.width == small.width == 12
    per_bit = [p.depth / int(p.resolved["key_bits"]) for p in (small, large)]
    # sqrt N: 10^4 times as deep for 10^8 times as many points.
    assert 9_000 < per_bit[1] / per_bit[0] < 11_000
    assert int(large.resolved["keys_per_group"]) == isqrt(10**12) + 1


def test_it_is_not_robust() -> None:
    """Points of the first two balls that the first layer maps to the same value."""
    data = dataset_of([[0, 0], [4, 0], [0, 4]], [1, 2, 3])
    network = build_vardi2022(data, Fraction(9, 10)).network
    assert network.first_hidden_width == 5
    W = network.layers[0].dense()[0].fractions()
    assert {tuple(row) for row in W if any(row)} == {tuple(W[0])}


def test_any_norm_is_taken_since_nothing_is_claimed_about_balls() -> None:
    data = spread(5, 2, 2)
    assert forgotten(build("vardi2022", data, HALF, inf), data) == []


def test_what_is_missing_or_too_small_is_named() -> None:
    with pytest.raises(ValueError, match="the plan needs the data's scale"):
        plan("vardi2022", 6, 4, 2, HALF)
    with pytest.raises(ValueError, match=r"scale must be at least \d+ for these data, got 0"):
        build_vardi2022(spread(9, 2, 2), HALF, scale=0)
    with pytest.raises(ValueError, match="mode must be paper or adaptive, got 'x'"):
        build_vardi2022(spread(9, 2, 2), HALF, mode="x")
    # A direction of one bit maps points of a grid to one value.
    grid = dataset_of([[a, b] for a in range(3) for b in range(3)], [1, 2, 1, 2, 1, 2, 1, 2, 1])
    with pytest.raises(ValueError, match=r"no direction of 3 draws.*Theorem B.4"):
        build_vardi2022(grid, HALF, draws=3, weight_bits=1)
