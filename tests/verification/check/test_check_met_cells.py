"""Cells that balls meet and ways out of bands, against direct tests of centres and of points."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.verification.check.balls import BallImages
from pipeline.verification.check.geometry import Cloud
from pipeline.verification.check.met_cells import (
    Grid,
    cells_of_balls,
    grid_of,
    ways_at_start,
    ways_on,
)
from pipeline.verification.check.rejection import Rejected

# True centres are finer than the grid by so much: flooring is part of what is tested.
FINER = 4


def squares_to_cells(centre: np.ndarray, cells: np.ndarray, side: int) -> np.ndarray:
    """Return the squared distances of a point to cells, integers."""
    gaps = np.maximum(np.maximum(cells * side - centre, centre - (cells + 1) * side), 0)
    return (gaps * gaps).sum(axis=1)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_no_cell_that_a_ball_meets_is_missed(m: int) -> None:
    random, named, needed = np.random.default_rng(m), 0, 0
    for _ in range(150):
        power = int(random.integers(0, 7))
        side = 1 << power
        radius = int(random.integers(1, 2 * side + 2))
        true = random.integers(-400 * FINER, 400 * FINER, (4, m))
        offset = random.integers(0, 200, m)
        grid = Grid(true // FINER, radius**2, 0)
        owners, cells = cells_of_balls(grid, np.arange(4), power, offset)
        pairs = {(i, *cell) for i, cell in zip(owners.tolist(), cells.tolist(), strict=True)}
        assert len(pairs) == len(owners)
        for i, centre in enumerate(true + FINER * offset):
            home, reach = centre // (side * FINER), radius // side + 2
            steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * m), -1).reshape(-1, m)
            near = squares_to_cells(centre, home + steps, side * FINER) < (radius * FINER) ** 2
            for cell in (home + steps)[near].tolist():
                assert (i, *cell) in pairs, (centre, cell, radius, side)
            needed += int(near.sum())
        named += len(owners)
    # Rounding names a few cells more.
    assert needed <= named < 2 * needed


def test_a_ball_with_a_point_in_bands_of_all_lattices_has_a_way_left() -> None:
    """Random lattices and points of the ball; walls of two lattices never share a band."""
    random, found, left = np.random.default_rng(0), 0, 0
    for _ in range(300):
        m, count = int(random.integers(1, 4)), int(random.integers(1, 4))
        radius, delta, power = int(random.integers(4, 40)), int(random.integers(1, 4)), 6
        side = 1 << power
        # Distinct residues, more than 2 delta apart from each other on the circle.
        offsets = np.stack([random.permutation(np.arange(0, side, 16))[:count] for _ in range(m)])
        centre = random.integers(0, 4 * side * FINER, (1, m))
        grid = Grid(centre // FINER, radius**2, 0)
        ways = ways_at_start(1)
        for k in range(count):
            ways = ways_on(grid, ways, power, offsets[:, k], delta)
        moves = random.normal(size=(400, m))
        moves *= radius * FINER * random.random((400, 1)) / np.linalg.norm(moves, axis=1)[:, None]
        points = centre + moves.astype(np.int64)
        bands = np.ones(len(points), dtype=bool)
        for k in range(count):
            rest = (points + FINER * offsets[:, k]) % (side * FINER)
            bands &= (np.minimum(rest, side * FINER - rest) < delta * FINER).any(axis=1)
        assert not bands.any() or ways.left(1)[0]
        found, left = found + bool(bands.any()), left + bool(ways.left(1)[0])
    assert 60 < found <= left < 300


def test_a_set_of_coordinates_keeps_its_least_sum() -> None:
    grid, ways = Grid(np.array([[13, 14]]), 6**2, 0), ways_at_start(1)
    # Walls at 16, at least 2 and 1 above; then at 16 - 7 and 16 - 6, 4 below both. Less delta.
    for offset in ([0, 0], [7, 6]):
        ways = ways_on(grid, ways, 4, np.array(offset), 1)
    assert ways.coordinates.tolist() == [3]
    assert ways.spent.tolist() == [min(1**2 + 3**2, 0**2 + 3**2)]


@pytest.mark.parametrize("radius", [Fraction(1, 1 << 300), Fraction(1, 3), Fraction(1 << 20)])
@pytest.mark.parametrize("levels", [1, 12, 40])
def test_grids_floor_centres_and_round_radii_up(radius: Fraction, levels: int) -> None:
    integers = np.array([[0, 5 << 40], [-1, (1 << 61) - 1]], dtype=object)
    balls = BallImages(Cloud(integers, -60), radius, np.ones(2, dtype=bool))
    grid = grid_of(balls, levels)
    assert 0 <= grid.bits <= 58 and grid.bits + levels <= 59
    unit = Fraction(1, 1 << grid.bits)
    assert 0 < (radius / unit) ** 2 <= grid.limit <= 1 << 58
    for row, floored in zip(integers.tolist(), grid.points.tolist(), strict=True):
        for v, whole in zip(row, floored, strict=True):
            assert whole * unit <= Fraction(v, 1 << 60) < (whole + 1) * unit


def test_what_does_not_fit_a_word_is_refused() -> None:
    def refused(integers: list[list[int]], radius: Fraction) -> None:
        points = np.array(integers, dtype=object)
        with pytest.raises(Rejected):
            grid_of(BallImages(Cloud(points, 0), radius, np.ones(1, dtype=bool)), 12)

    refused([[0] * 63], Fraction(1))
    refused([[1 << 34]], Fraction(1))
    refused([[1 << 90]], Fraction(1))
    refused([[-(1 << 34)]], Fraction(1))
    refused([[0]], Fraction(1 << 40))
