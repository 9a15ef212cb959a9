r"""Which cells open balls meet, and whether a ball can lie near walls of several lattices at once.

Units are 2^-f; a centre is floored, so its distance to a wall below is at least the floored one's,
and to a wall above at least that less 1. A ball meets the inside of a cell only if the squares of
its centre's distances to the cell, coordinate by coordinate, add up to less than r^2. Bounds of
distances from below therefore lose no cell.

Lemma. Let a point of the ball lie within delta of a wall of each of k lattices. If walls of
different lattices on one coordinate are more than 2 delta apart, these are walls on k different
coordinates j_1, ..., j_k, and the point differs from the centre by at least h_l = dist - delta in
coordinate j_l, dist the centre's distance to the nearest wall of lattice l there. So sum max(h_l,
0)^2 < r^2 for some choice of different coordinates. `Ways` keeps, for each ball and each set of
coordinates, the least such sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.verification.check.balls import BallImages
from pipeline.verification.check.rejection import Rejected

_MOST_COORDINATES = 62
# Cells or ways beyond this number would not fit into memory.
_MOST_ROWS = 1 << 27
# A ball that reaches so many cells on in a coordinate is no ball that any round was made for.
_MOST_STEPS = 1 << 16


@dataclass(frozen=True)
class Grid:
    """Balls in units of 2^-bits.

    Args:
        points: floored centres, int64, shape (N, m).
        limit: r^2 in squared units, rounded up.
        bits: f.
    """

    points: np.ndarray
    limit: int
    bits: int

    def gaps(self, rows: np.ndarray, shift: int, offset: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return cells and lower bounds of the distances to the walls below and above."""
        power = self.bits + shift
        moved = self.points[rows] + offset
        cells = moved >> power
        below = moved - (cells << power)
        return cells, below, (1 << power) - 1 - below


def grid_of(balls: BallImages, levels: int) -> Grid:
    """Return the balls on a grid so fine that squares of radii just fit into int64.

    Raises:
        Rejected: if coordinates do not fit into a mask or a word.
    """
    if balls.centres.integers.shape[1] > _MOST_COORDINATES:
        raise Rejected(f"more than {_MOST_COORDINATES} coordinates")
    radius = balls.radius
    size = radius.numerator.bit_length() - radius.denominator.bit_length() + 1
    bits = min(29 - size, 59 - levels)
    drop = -bits - balls.centres.exponent
    points = balls.centres.integers
    points = points >> drop if drop >= 0 else points * (1 << -drop)
    largest = max(abs(int(points.min())), abs(int(points.max())))
    if bits < 0 or largest.bit_length() > 60:
        raise Rejected("the balls' images do not fit the lattice")
    squared = (radius * (1 << bits)) ** 2
    return Grid(points.astype(np.int64), -(-squared.numerator // squared.denominator), bits)


def cells_of_balls(
    grid: Grid, rows: np.ndarray, shift: int, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs (ball, cell) that hold every cell whose inside one of the balls may meet.

    Raises:
        Rejected: if there are too many.
    """
    cells, below, above = grid.gaps(rows, shift, offset)
    inner = ((_squared(below) >= grid.limit) & (_squared(above) >= grid.limit)).all(axis=1)
    owner = np.flatnonzero(~inner)
    found, spent = cells[owner], np.zeros(len(owner), dtype=np.int64)
    for j in range(cells.shape[1]):
        steps = []
        for direction, gap in ((-1, below[:, j]), (1, above[:, j])):
            steps.append(_steps(grid, gap[owner], spent, shift, direction))
        at, moves, total = (np.concatenate(each) for each in zip(*steps, strict=True))
        moved = found[at]
        moved[:, j] += moves
        owner = np.concatenate([owner, owner[at]])
        found, spent = np.concatenate([found, moved]), np.concatenate([spent, total])
        if len(owner) > _MOST_ROWS // cells.shape[1]:
            raise Rejected("the balls meet too many cells")
    return (
        rows[np.concatenate([np.flatnonzero(inner), owner])],
        np.concatenate([cells[inner], found]),
    )


def _steps(
    grid: Grid, gap: np.ndarray, spent: np.ndarray, shift: int, direction: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which states may go 1, 2, ... cells on in a direction: states, moves, new sums.

    Raises:
        Rejected: if there are too many.
    """
    side, number, count = 1 << (grid.bits + shift), 1, 0
    at = np.arange(len(gap))
    found = [(at[:0], at[:0], at[:0])]
    while len(at):
        # The first wall is `gap` away, each further one a side.
        total = spent[at] + _squared(gap[at] + (number - 1) * side)
        at, total = at[total < grid.limit], total[total < grid.limit]
        found.append((at, np.full(len(at), direction * number), total))
        number, count = number + 1, count + len(at)
        if number > _MOST_STEPS or count > _MOST_ROWS:
            raise Rejected("the balls meet too many cells")
    states, moves, totals = (np.concatenate(each) for each in zip(*found, strict=True))
    return states, moves, totals


def _squared(distance: np.ndarray) -> np.ndarray:
    """Return squares of distances >= 0, cut off where they are above every limit."""
    clipped = np.minimum(distance, 1 << 30)
    return clipped * clipped


@dataclass(frozen=True)
class Ways:
    """For each ball and set of coordinates near walls, the least sum of squares; see the lemma."""

    balls: np.ndarray
    coordinates: np.ndarray
    spent: np.ndarray

    def left(self, count: int) -> np.ndarray:
        """Return whether each of `count` balls has a way left."""
        out = np.zeros(count, dtype=bool)
        out[self.balls] = True
        return out


def ways_at_start(count: int) -> Ways:
    """Return the empty set of coordinates of every ball."""
    zeros = np.zeros(count, dtype=np.int64)
    return Ways(np.arange(count), zeros, zeros)


def ways_on(grid: Grid, ways: Ways, shift: int, offset: np.ndarray, delta: int) -> Ways:
    """Return the ways after one more lattice, with bands of delta units, rounded up.

    Raises:
        Rejected: if there are too many.
    """
    rows = np.unique(ways.balls)
    _, below, above = grid.gaps(rows, shift, offset)
    moves = _squared(np.maximum(np.minimum(below, above) - delta, 0))
    at = np.searchsorted(rows, ways.balls)
    parts = []
    for j in range(moves.shape[1]):
        total = ways.spent + moves[at, j]
        on = np.flatnonzero((ways.coordinates >> j & 1 == 0) & (total < grid.limit))
        parts.append((ways.balls[on], ways.coordinates[on] | np.int64(1 << j), total[on]))
    balls, coordinates, spent = (np.concatenate(each) for each in zip(*parts, strict=True))
    if len(balls) > _MOST_ROWS:
        raise Rejected("there are too many ways near walls of all lattices")
    order = np.lexsort((spent, coordinates, balls))
    balls, coordinates, spent = balls[order], coordinates[order], spent[order]
    new = np.append(True, (np.diff(balls) != 0) | (np.diff(coordinates) != 0))[: len(balls)]
    return Ways(balls[new], coordinates[new], spent[new])
