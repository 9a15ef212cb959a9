"""Folding: cells named by digits, distances to walls exact, no digit outside [0, 1]."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.exact import DyadicArray
from pipeline.gadgets.folding import digits_of_cells, folding_network

# gamma = 2^-3 on a grid four times finer.
GAMMA_BITS, GRID = 3, 5


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_folding_names_every_cell_and_measures_every_distance(n: int) -> None:
    network = folding_network(n, GAMMA_BITS)
    points = np.arange((1 << (n + GRID)) + 1)
    values = network.evaluate_exact(DyadicArray(points[:, None], -GRID)).fractions()
    cells = digits_of_cells(np.arange(1 << n), n)
    names = [sum(int(d) << (n - 1 - k) for k, d in enumerate(row)) for row in cells]
    assert sorted(names) == list(range(1 << n))
    good = 0
    for point, (key, rest) in zip(points, values, strict=True):
        x = Fraction(int(point), 1 << GRID)
        distance = min(x % 1, -x % 1)
        assert min(rest, 1 - rest) == distance
        if distance >= Fraction(1, 1 << GAMMA_BITS):
            assert key == names[int(x)]
            good += 1
    assert good == (1 << n) * 25


def test_near_a_wall_one_digit_is_wrong_and_stays_between_zero_and_one() -> None:
    n, spoiled = 3, 0
    network = folding_network(n, GAMMA_BITS)
    points = DyadicArray(np.arange((1 << (n + GRID)) + 1)[:, None], -GRID)
    for x, key in enumerate(network.evaluate_exact(points).fractions()[:, 0]):
        wall = (x + (1 << (GRID - 1))) >> GRID
        around = digits_of_cells(np.array([max(wall - 1, 0), min(wall, 7)]), n)
        # The digits of the cells on both sides differ in one place, and the key lies between.
        different = np.flatnonzero(around[0] != around[1])
        assert len(different) == (1 if 0 < wall < 8 else 0)
        names = [sum(int(d) << (n - 1 - k) for k, d in enumerate(row)) for row in around]
        assert min(names) <= key <= max(names)
        spoiled += key.denominator > 1
    assert spoiled
