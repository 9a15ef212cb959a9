"""Lemma B.15, the scale of data, keys of cells, and images sqrt(m) apart."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.construction.images import Images
from pipeline.construction.lattice import (
    LatticeOptions,
    cells,
    cells_across,
    flattened,
    gamma_bits,
    labels_of_keys,
    lattice_images,
    placed,
    require_reach,
    required_scale,
    scale_of_dataset,
    translation_off_walls,
)
from pipeline.construction.projection import Projection
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.theory import lemma_b_15_bits
from tests.construction.ball_points import datasets, spread


def placed_at(values: list[Fraction], count: int, radius: Fraction = Fraction(0)):
    """Return one coordinate of points, placed with the bits that `count` points need."""
    bits = max(v.denominator.bit_length() - 1 for v in values)
    numerators = np.array([[int(v * (1 << bits))] for v in values], dtype=object)
    rows = DyadicArray(np.array([[1]]), 0)
    data = Images(
        Projection("identity", rows, Fraction(1)),
        DyadicArray(numerators, -bits),
        radius,
        Fraction(0),
    )
    return placed(data, lemma_b_15_bits(count))


@settings(max_examples=100)
@given(st.lists(st.integers(-5000, 5000), min_size=1, max_size=12), st.integers(0, 9))
def test_translation_clears_the_walls_as_lemma_b15_says(ints: list[int], bits: int) -> None:
    values = [Fraction(n, 1 << bits) for n in ints]
    N = len(values)
    at = placed_at(values, N)
    (b,) = translation_off_walls(at, np.arange(N), N)
    unit = Fraction(2) ** at.exponent
    assert 0 <= b < 1 and (b * (1 << lemma_b_15_bits(N))).denominator == 1
    assert 1 << lemma_b_15_bits(N) >= 6 * N > 1 << (lemma_b_15_bits(N) - 1)
    for (z,) in at.integers:
        part = (int(z) * unit - b) % 1
        assert part >= Fraction(1, 2 * N)
        assert 1 - part >= Fraction(1, 3 * N)


def test_translation_of_evenly_spread_points_meets_the_lemma_s_bound() -> None:
    # N fractional parts k / N leave gaps of exactly 1 / N: nothing better than 1 / (2N) exists.
    N = 8
    at = placed_at([Fraction(k, N) for k in range(N)], N)
    (b,) = translation_off_walls(at, np.arange(N), N)
    parts = [(int(z) * Fraction(2) ** at.exponent - b) % 1 for (z,) in at.integers]
    assert min(min(p, 1 - p) for p in parts) <= Fraction(1, 2 * N)


@settings(max_examples=40)
@given(st.lists(st.integers(-999, 999), min_size=1, max_size=6), st.integers(0, 40))
def test_placed_balls_have_coordinates_of_at_least_1(ints: list[int], r: int) -> None:
    at = placed_at([Fraction(n, 8) for n in ints], 4, Fraction(r, 16))
    unit = Fraction(2) ** at.exponent
    lowest = min(int(z) for (z,) in at.integers) * unit - Fraction(r, 16)
    assert 1 <= lowest < 2
    assert at.top == max(int(z) for (z,) in at.integers) * unit + Fraction(r, 16)


@settings(max_examples=40)
@given(datasets())
def test_scale_is_the_least_power_of_two_that_holds_the_data(dataset: SeparatedDataset) -> None:
    X = dataset.X.fractions()
    middle = [(min(column) + max(column)) / 2 for column in X.T]
    away = max(sum((v - m) ** 2 for v, m in zip(x, middle, strict=True)) for x in X)
    eps_squared = dataset.separation(2).power
    s = scale_of_dataset(dataset)
    assert away <= 4**s * eps_squared
    assert s == 0 or away > 4 ** (s - 1) * eps_squared
    assert required_scale(dataset, None) == s == required_scale(dataset, s)
    assert required_scale(dataset, s + 3) == s + 3
    with pytest.raises(ValueError, match=f"scale must be at least {s}"):
        required_scale(dataset, s - 1)


@pytest.mark.parametrize("offset", [0, 10**18, 3**400])
@pytest.mark.parametrize("power", [0, 300])
def test_scale_is_exact_far_from_the_origin_and_for_long_numbers(offset: int, power: int) -> None:
    points = np.array([[0, 0], [0, 2], [1023, 1], [1024, 1]], dtype=object) * 2**power + offset
    data = SeparatedDataset("far", DyadicArray(points, 0), np.array([1, 2, 1, 2]))
    # eps = 1/2; the points of the ends lie 512 and 512.0009... from the middle (512, 1).
    assert scale_of_dataset(data) == 11


@pytest.mark.parametrize("n", [1, 2, 3, 4, 100, 1024])
def test_gamma_is_the_largest_power_of_two_within_a_quarter(n: int) -> None:
    gamma = Fraction(1, 1 << gamma_bits(n))
    assert gamma <= Fraction(1, 4 * n) < 2 * gamma


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=1, max_size=8))
def test_every_cell_has_a_key_of_its_own(rows: list[list[int]]) -> None:
    keys = flattened(np.array(rows, dtype=object), 7)
    assert keys == [a + 7 * b + 49 * c for a, b, c in rows]
    assert len(set(keys)) == len({tuple(row) for row in rows})


def test_two_labels_in_a_cell_are_an_error() -> None:
    assert labels_of_keys([3, 5, 3], np.array([1, 2, 1])) == {3: 1, 5: 2}
    with pytest.raises(ArithmeticError, match="cell 3 holds the labels 1 and 2"):
        labels_of_keys([3, 5, 3], np.array([1, 2, 2]))


@settings(max_examples=20)
@given(datasets(most=8), st.integers(1, 9), st.sampled_from(["paper", "adaptive"]))
def test_images_are_sqrt_m_apart_with_balls_of_a_quarter(
    dataset: SeparatedDataset, points: int, mode: str
) -> None:
    rho = Fraction(1, ceil(6 * points * dataset.d**0.5))
    data = lattice_images(dataset, rho, points, LatticeOptions(mode, draws=4))
    m = data.projection.m
    assert data.radius <= Fraction(1, 4 * points)
    Z = data.Z.fractions()
    for i in range(dataset.N):
        for j in range(i):
            if dataset.y[i] != dataset.y[j]:
                assert sum((a - b) ** 2 for a, b in zip(Z[i], Z[j], strict=True)) >= m
    if mode == "paper":
        assert m == dataset.d
        assert floor(2 * 11 / 9 * dataset.d**0.5 * 2 ** scale_of_dataset(dataset)) <= cells_across(
            dataset.d, scale_of_dataset(dataset), 0
        )


def test_cells_are_floors_after_the_translation() -> None:
    at = placed_at([Fraction(1, 4), Fraction(9, 4), Fraction(-3, 2)], 3)
    found = cells(at, np.array([0, 1, 2]), [Fraction(1, 2)])
    unit = Fraction(2) ** at.exponent
    expected = [floor(int(z) * unit - Fraction(1, 2)) for (z,) in at.integers]
    assert [int(c) for (c,) in found] == expected


def test_data_beyond_the_planned_cells_are_an_error() -> None:
    require_reach(7, 7)
    require_reach(Fraction(13, 2), 7)
    with pytest.raises(ArithmeticError, match="the data reach 7.5 cells .*, 7 were planned for"):
        require_reach(Fraction(15, 2), 7)


def test_images_that_no_draw_keeps_apart_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"no projection to m <= 3 .* in 5 draws \(Lemma B.20\)"):
        lattice_images(spread(6, 3, 2), Fraction(9, 10), 6, LatticeOptions("adaptive", draws=5))
    with pytest.raises(ValueError, match="mode must be paper or adaptive, got 'x'"):
        LatticeOptions("x")
    with pytest.raises(ValueError, match="at least one draw is needed, got draws = 0"):
        LatticeOptions(draws=0)
