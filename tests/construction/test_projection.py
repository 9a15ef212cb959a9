"""Projections: orthonormal up to rounding, norm proved, images exact, the span loses nothing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.construction.images import (
    centre_bits,
    images,
    rounded_centres,
    rounding_radius,
)
from pipeline.construction.projection import projection
from pipeline.data import SeparatedDataset
from tests.construction.ball_points import datasets, spread

KINDS = ("identity", "random", "pca", "span", "span_random")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("N", "d"), [(10, 4), (5, 20), (3, 3)])
def test_rows_are_nearly_orthonormal(kind: str, N: int, d: int) -> None:
    phi = projection(spread(N, d, 2), kind, min(N, d), 16, seed=1)
    W = phi.rows.nearest_float64()
    assert np.abs(W @ W.T - np.eye(phi.m)).max() < 1e-3
    assert abs(phi.lipschitz - 1) < Fraction(1, 1000)


@settings(max_examples=40)
@given(datasets(), st.sampled_from(KINDS), st.integers(0, 5))
def test_no_pair_of_points_is_stretched_beyond_the_lipschitz_constant(
    dataset: SeparatedDataset, kind: str, seed: int
) -> None:
    phi = projection(dataset, kind, min(dataset.N, dataset.d), 10, seed)
    X, Z = dataset.X.fractions(), phi.image(dataset.X).fractions()
    assert (Z == (phi.rows.fractions() @ X.T).T).all()
    for i in range(dataset.N):
        moved, image = X - X[i], Z - Z[i]
        for v, w in zip(moved, image, strict=True):
            assert (w * w).sum() <= phi.lipschitz**2 * (v * v).sum()


@settings(max_examples=40)
@given(datasets(), st.sampled_from(KINDS))
def test_images_hold_radius_distance_and_box(dataset: SeparatedDataset, kind: str) -> None:
    rho = Fraction(1, 2)
    phi = projection(dataset, kind, min(dataset.N, dataset.d), 16, 0)
    data = images(dataset, rho, 2, phi)
    assert data.radius**2 >= phi.lipschitz**2 * dataset.radius_power(rho, 2)
    Z = data.Z.fractions()
    least = min(
        ((Z[i] - Z[j]) ** 2).sum()
        for i in range(dataset.N)
        for j in range(dataset.N)
        if dataset.y[i] != dataset.y[j]
    )
    assert data.distance**2 <= least <= (data.distance * (1 + Fraction(1, 1 << 60))) ** 2
    assert data.gap == (data.distance - data.radius) ** 2 - data.radius**2
    shifts, sides = data.shifts_and_sides()
    for z in Z:
        for value, shift, side in zip(z, shifts, sides, strict=True):
            assert 0 <= value + shift - data.radius
            assert value + shift + data.radius <= side


def test_span_keeps_distances_up_to_rounding() -> None:
    dataset = spread(4, 30, 2)
    phi = projection(dataset, "span", 4, 30, 0)
    assert phi.m == 4
    before = dataset.separation(2).power
    after = images(dataset, Fraction(1, 2), 2, phi).distance ** 2 / 4
    assert abs(after / before - 1) < Fraction(1, 1 << 20)


def test_first_rows_are_a_projection_of_the_same_norm_bound() -> None:
    phi = projection(spread(9, 6, 2), "pca", 6, 16, 0)
    part = phi.first(2)
    assert part.m == 2
    assert (part.rows.numerators == phi.rows.numerators[:2]).all()
    assert part.lipschitz == phi.lipschitz


def test_draws_and_seeds_differ_and_repeat() -> None:
    dataset = spread(9, 6, 2)

    def rows(seed: int, draw: int) -> list[list[int]]:
        return projection(dataset, "random", 3, 16, seed, draw).rows.numerators.tolist()

    assert rows(0, 0) == rows(0, 0)
    assert rows(0, 0) != rows(0, 1) != rows(1, 1)


@given(st.integers(1, 200), st.fractions(Fraction(1, 1 << 40), Fraction(1 << 40)))
def test_centre_grid_is_within_its_budget(m: int, budget: Fraction) -> None:
    bits = centre_bits(m, budget)
    assert Fraction(m, 4) / Fraction(4) ** bits <= budget**2
    assert rounding_radius(m, bits) ** 2 >= Fraction(m, 4) / Fraction(4) ** bits


@settings(max_examples=30)
@given(datasets(), st.integers(-2, 4))
def test_centres_are_rounded_by_at_most_half_a_step(dataset: SeparatedDataset, bits: int) -> None:
    off = rounded_centres(dataset.X, bits).fractions() - dataset.X.fractions()
    assert max(abs(v) for v in off.reshape(-1)) <= Fraction(1, 2) / Fraction(2) ** bits
