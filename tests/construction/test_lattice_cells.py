"""Cells met and ways out of bands: nothing is missed, against exact rationals on small cases."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pytest

from pipeline.construction.lattice_cells import (
    Balls,
    Lattice,
    all_balls,
    balls_of,
    cells_met,
    escapes,
)
from pipeline.exact import DyadicArray

CASES = [(2, Fraction(1, 5)), (2, Fraction(3, 2)), (3, Fraction(2, 5)), (4, Fraction(1, 3))]


def case(m: int, radius: Fraction, seed: int) -> tuple[np.ndarray, Balls, Lattice, list[Fraction]]:
    """Return exact centres, the balls, a lattice and its exact translation."""
    random = np.random.default_rng(seed)
    points = random.integers(3 << 12, 8 << 12, (12, m))
    exact = DyadicArray(points, -12)
    balls = balls_of(exact, Fraction(1), [Fraction(0)] * m, radius, 4)
    translation = random.integers(0, 1 << 12, m)
    lattice = Lattice(int(seed % 2), translation << (balls.bits - 12))
    return exact.fractions(), balls, lattice, [Fraction(int(t), 1 << 12) for t in translation]


def distance_squared(point: np.ndarray, cell: tuple[int, ...], side: int) -> Fraction:
    """Return the exact square of the distance from a point to a closed cell."""
    total = Fraction(0)
    for x, c in zip(point, cell, strict=True):
        total += max(c * side - x, 0, x - (c + 1) * side) ** 2
    return total


@pytest.mark.parametrize("size", [9, 40, 60, 200])
def test_centres_are_floored_exactly_whatever_their_size(size: int) -> None:
    random = np.random.default_rng(size)
    rows = [[int(random.integers(0, 1 << 62)) * (1 << size) >> 62 for _ in range(3)] for _ in "ab"]
    Z = DyadicArray(np.array(rows, dtype=object), -size)
    factor, offsets = Fraction(737, 64), [Fraction(k, 256) for k in (0, 100, 777)]
    balls = balls_of(Z, factor, offsets, Fraction(1, 7), 4)
    for point, row in zip(balls.points.tolist(), rows, strict=True):
        exact = [factor * Fraction(v, 1 << size) + b for v, b in zip(row, offsets, strict=True)]
        assert point == [int(x * (1 << balls.bits)) for x in exact]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("m", "radius"), CASES)
def test_every_cell_that_a_ball_meets_is_named_and_hardly_another(
    m: int, radius: Fraction, seed: int
) -> None:
    points, balls, lattice, translation = case(m, radius, seed)
    found = cells_met(balls, np.arange(len(points)), lattice, 10**6)
    assert found is not None
    named = {(int(i), tuple(map(int, cell))) for i, cell in zip(*found, strict=True)}
    assert len(named) == len(found[0])
    side, met, nearly = 1 << lattice.shift, set(), set()
    for i, point in enumerate(points):
        moved = point + np.array(translation, dtype=object)
        home = [int(x // side) for x in moved]
        for step in product(range(-3, 4), repeat=m):
            cell = tuple(h + s for h, s in zip(home, step, strict=True))
            away = distance_squared(moved, cell, side)
            met |= {(i, cell)} if away < radius**2 else set()
            nearly |= {(i, cell)} if away < (radius + Fraction(1, 1000)) ** 2 else set()
    assert met <= named <= nearly
    assert len(met) > len(points)


def test_more_cells_than_asked_for_are_refused() -> None:
    points, balls, lattice, _ = case(4, Fraction(3, 2), 0)
    assert cells_met(balls, np.arange(len(points)), lattice, 20) is None


@pytest.mark.parametrize("seed", range(6))
def test_ways_out_of_bands_are_the_cheapest_choices_of_different_walls(seed: int) -> None:
    m, radius = 3, Fraction(3, 5)
    points, balls, _, _ = case(m, radius, seed)
    random = np.random.default_rng(seed)
    delta = Fraction(1, 1 << 10)
    unit = 1 << (balls.bits - 10)
    ways, translations = all_balls(len(points)), []
    for _ in range(3):
        t = random.integers(0, 1 << 10, m)
        translations.append([Fraction(int(v), 1 << 10) for v in t])
        ways = escapes(balls, ways, Lattice(0, t * unit), int(delta * (1 << balls.bits)))
        alive = set()
        for i, point in enumerate(points):
            for chosen in permutations(range(m), len(translations)):
                cost = Fraction(0)
                for j, t_ in zip(chosen, translations, strict=True):
                    x = (point[j] + t_[j]) % 1
                    cost += max(min(x, 1 - x) - delta, 0) ** 2
                if cost < radius**2:
                    alive.add(i)
        assert alive <= set(ways.alive.tolist())
        # The margin of rounding decides on none of these balls.
        assert alive == set(ways.alive.tolist())
