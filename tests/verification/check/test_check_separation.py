"""The checker's own separation constant and distances agree with brute force in Fractions."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.verification.check import separation
from pipeline.verification.check.geometry import (
    Cloud,
    Pairs,
    enclosing_radius,
    integer_root,
    root_up,
)
from pipeline.verification.check.separation import separation_power
from pipeline.verification.check.spectral import norm_at_most
from tests.construction.ball_points import datasets, length_power
from tests.exact.test_spectral import KNOWN, TINY

NORMS = (1, 2, 3, inf)


def brute_force(points: list[list[Fraction]], labels: list[int], p: float) -> Fraction:
    """Return the power of half the least distance between points of different labels."""
    least = min(
        length_power([a - b for a, b in zip(x, z, strict=True)], p)
        for i, x in enumerate(points)
        for j, z in enumerate(points)
        if labels[i] != labels[j]
    )
    return least / (2 if p == inf else 2 ** int(p))


@pytest.mark.parametrize("p", NORMS)
@settings(max_examples=40)
@given(dataset=datasets(), exponent=st.integers(-80, 80), shift=st.integers(0, 90))
def test_separation_is_the_least_distance(
    p: float, dataset: SeparatedDataset, exponent: int, shift: int
) -> None:
    integers = dataset.X.numerators.astype(object) * (1 << shift) + 12345
    found, i, j = separation_power(Cloud(integers, exponent), dataset.y, p)
    scale = Fraction(2) ** exponent
    points = [[int(v) * scale for v in row] for row in integers]
    assert found == brute_force(points, dataset.y.tolist(), p)
    assert dataset.y[i] != dataset.y[j]
    difference = [a - b for a, b in zip(points[i], points[j], strict=True)]
    assert found == length_power(difference, p) / (2 if p == inf else 2 ** int(p))


@pytest.mark.parametrize("p", NORMS)
def test_pairs_the_grid_cannot_tell_apart_are_compared_exactly(p: float) -> None:
    # Coordinates of 100 bits, the distances differ in the last place only.
    top = 1 << 100
    integers = np.array(
        [[0, 0], [top, top], [top - 1, top + 1], [-top, top + 1], [top - 1, -top]], dtype=object
    )
    labels = np.array([1, 2, 2, 2, 2])
    found, *_ = separation_power(Cloud(integers, 0), labels, p)
    points = [[Fraction(int(v)) for v in row] for row in integers]
    assert found == brute_force(points, labels.tolist(), p)


@pytest.mark.parametrize("p", NORMS)
def test_separation_of_many_points_spans_blocks(p: float) -> None:
    generator = np.random.default_rng(3)
    integers = generator.integers(-(1 << 40), 1 << 40, (2500, 3)).astype(object)
    labels = np.arange(2500) % 2 + 1
    found, *_ = separation_power(Cloud(integers, -7), labels, p)
    assert found == SeparatedDataset("many", DyadicArray(integers, -7), labels).separation(p).power


@settings(max_examples=60)
@given(datasets(most=8), st.integers(0, 70), st.integers(1, 400))
def test_farther_is_exact_at_the_radius(
    dataset: SeparatedDataset, shift: int, sixteenths: int
) -> None:
    integers = dataset.X.numerators.astype(object) * (1 << shift) + 1
    pairs = Pairs(Cloud(integers, -shift), Cloud(integers, -shift))
    rows = np.arange(len(integers))
    radius = Fraction(sixteenths, 16)
    proved, slack = pairs.farther(rows, rows[:1], [radius])
    for i in rows:
        square = sum(
            (Fraction(int(a - b)) / (1 << shift)) ** 2
            for a, b in zip(integers[i], integers[0], strict=True)
        )
        assert proved[i] == (square >= radius**2)
        if slack[i] > 0:
            assert (Fraction(slack[i]) + radius) ** 2 <= square


@settings(max_examples=40)
@given(datasets(most=8), st.integers(0, 70))
def test_nearest_returns_the_exact_distance_of_what_it_returns(
    dataset: SeparatedDataset, shift: int
) -> None:
    integers = dataset.X.numerators.astype(object) * (1 << shift) + 3
    pairs = Pairs(Cloud(integers, 5), Cloud(integers, 5))
    rows = np.arange(len(integers))
    chosen, squared = pairs.nearest(rows, rows)
    for i, n, square in zip(rows, chosen, squared, strict=True):
        assert square == sum((a - b) ** 2 for a, b in zip(integers[i], integers[n], strict=True))


@given(st.integers(0, 1 << 200), st.integers(1, 9))
def test_integer_root_is_the_floor(value: int, degree: int) -> None:
    root = integer_root(value, degree)
    assert root**degree <= value < (root + 1) ** degree


@given(
    st.fractions(0, 1 << 80).map(lambda v: v / (1 << 40)),
    st.integers(1, 8),
)
def test_roots_are_rounded_up_and_tight(value: Fraction, degree: int) -> None:
    root = root_up(value, degree)
    assert root**degree >= value
    assert (root * (1 - Fraction(1, 1 << 60))) ** degree <= value


@pytest.mark.parametrize("p", [1, 2, 3, 4, 7, inf])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_enclosing_radius_holds_the_farthest_points_of_the_ball(p: float, d: int) -> None:
    mu = Fraction(3, 7)
    radius = enclosing_radius(mu if p == inf else mu ** int(p), p, d)
    # An l_p ball reaches farthest along an axis (p <= 2) or along a diagonal (p > 2).
    assert radius >= mu
    if p == inf:
        assert radius**2 >= d * mu**2
    elif p > 2:
        # |mu d^(-1/p) (1, ..., 1)|_2^2 = mu^2 d^(1 - 2/p), compared through p-th powers.
        assert radius ** (2 * int(p)) >= mu ** (2 * int(p)) * Fraction(d) ** (int(p) - 2)


@pytest.mark.parametrize(("rows", "square"), KNOWN)
def test_no_bound_below_the_norm_is_accepted(rows: list[list[int]], square: int) -> None:
    norm = Fraction(int(square**0.5))
    matrix = [[Fraction(v, 8) for v in row] for row in rows]
    assert not norm_at_most(matrix, (norm - TINY) / 8)
    assert not norm_at_most(matrix, Fraction(0))
    assert norm_at_most(matrix, norm / 8 * (1 + Fraction(1, 1 << 24)))


@settings(max_examples=40)
@given(datasets(most=12, dimensions=3))
def test_trees_find_the_pair_that_all_pairs_find(dataset: SeparatedDataset) -> None:
    cloud = Cloud(dataset.X.numerators.astype(object), dataset.X.exponent)
    expected = separation_power(cloud, dataset.y, 2)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "_MANY", 0)
        power, i, j = separation_power(cloud, dataset.y, 2)
    assert power == expected
    points = dataset.X.fractions().tolist()
    apart = [a - b for a, b in zip(points[i], points[j], strict=True)]
    assert dataset.y[i] != dataset.y[j]
    assert length_power(apart, 2) / 4 == power
