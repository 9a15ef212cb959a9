"""Balls among the cells of a lattice: which cells each meets, which walls it can reach.

Coordinates are floored to multiples of 2^-bits and kept as int64; distances are those of the
floored point or smaller, the radius is rounded up. So no cell and no wall that a ball meets is
missed, and a few that it does not meet may be named. A lattice has cells of side 2^shift and a
translation.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np

from pipeline.exact import DyadicArray

# Bits of int64 that coordinates may fill, and of a radius, whose square is added up.
_WORD, _RADIUS_BITS = 62, 26
# Numbers of more bits are multiplied in two halves.
_HALF = 26
# A bit mask of coordinates is an int64 too.
MOST_COORDINATES = 62


@dataclass(frozen=True)
class Balls:
    """Open l2 balls of one radius.

    Args:
        points: centres in units of 2^-bits, floored, int64, shape (N, m).
        limit: the square of the radius in these units, rounded up.
        bits: fractional bits.
    """

    points: np.ndarray
    limit: int
    bits: int

    @property
    def reach(self) -> int:
        """An upper bound of the radius, in units."""
        return isqrt(self.limit - 1) + 1


def balls_of(
    Z: DyadicArray, factor: Fraction, offsets: list[Fraction], radius: Fraction, levels: int
) -> Balls:
    """Return the balls around the rows of factor Z + offset, flooring in fine units.

    Args:
        Z: centres, shape (N, m).
        factor: dyadic, above 0, a few bits.
        offsets: dyadic, one a coordinate; they bring the balls into [0, 2^levels].
        radius: of the balls, above 0.
        levels: bits of the coordinates' integer parts.

    Raises:
        ValueError: if there are more coordinates than a bit mask holds.
    """
    if Z.shape[1] > MOST_COORDINATES:
        raise ValueError(
            f"ways out of bands need m <= {MOST_COORDINATES} coordinates, got {Z.shape[1]}"
        )
    size = radius.numerator.bit_length() - radius.denominator.bit_length() + 1
    bits = min(_RADIUS_BITS - size, _WORD - 6 - levels)
    exponent = min(
        Z.exponent - (factor.denominator.bit_length() - 1),
        *(1 - b.denominator.bit_length() for b in offsets),
        -bits,
    )
    scale = int(factor * Fraction(2) ** (Z.exponent - exponent))
    added = [int(b / Fraction(2) ** exponent) for b in offsets]
    columns = [
        _floored(column, scale, b, -bits - exponent)
        for column, b in zip(Z.numerators.T, added, strict=True)
    ]
    # One unit more, so that a checker who rounds less finds no cell that is not found here.
    above = (radius * (1 << bits) + 1) ** 2
    return Balls(np.stack(columns, axis=1), -(-above.numerator // above.denominator), bits)


def _floored(column: np.ndarray, scale: int, added: int, drop: int) -> np.ndarray:
    """Return floor((scale column + added) / 2^drop) as int64, in two halves where they fit."""
    if column.dtype == np.int64 and drop >= _HALF and scale < 1 << (_WORD - _HALF - 12):
        high, low = column >> _HALF, column & ((1 << _HALF) - 1)
        if int(np.abs(high).max()) * scale < 1 << _WORD:
            rest, carry = added & ((1 << _HALF) - 1), added >> _HALF
            if abs(carry) < 1 << _WORD:
                return (high * scale + carry + ((low * scale + rest) >> _HALF)) >> (drop - _HALF)
    return ((column.astype(object) * scale + added) >> drop).astype(np.int64)


@dataclass(frozen=True)
class Lattice:
    """Cells prod_j [k_j, k_j + 1) 2^shift - translation_j.

    Args:
        shift: the side is 2^shift, shift >= 0.
        translation: multiples of the balls' unit, int64, shape (m,).
    """

    shift: int
    translation: np.ndarray


@dataclass(frozen=True)
class Gaps:
    """Cells of some balls' centres and distances to the walls around them, lower bounds.

    Args:
        cells: int64, shape (n, m).
        low: distances to the lower walls in units, shape (n, m).
        high: distances to the upper walls in units, shape (n, m).
        side: of the cells, in units.
    """

    cells: np.ndarray
    low: np.ndarray
    high: np.ndarray
    side: int

    @property
    def nearest(self) -> np.ndarray:
        """Distances to the nearest wall of each coordinate, shape (n, m)."""
        return np.minimum(self.low, self.high)


def gaps(balls: Balls, rows: np.ndarray, lattice: Lattice) -> Gaps:
    """Return the cells of the listed balls' centres with the distances to their walls."""
    power = balls.bits + lattice.shift
    moved = balls.points[rows] + lattice.translation
    cells = moved >> power
    low = moved - (cells << power)
    return Gaps(cells, low, (1 << power) - 1 - low, 1 << power)


def cells_met(
    balls: Balls, rows: np.ndarray, lattice: Lattice, most: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return every cell whose inside the listed balls may meet, or None for more than `most`.

    A cell is met if the centre's distance to it is below the radius: coordinate by coordinate the
    squares of the distances to the walls between are added up, and what reaches the radius is left.

    Returns:
        For each pair of a ball and a cell the ball's number, shape (k,), and the cell, (k, m).
    """
    at = gaps(balls, rows, lattice)
    owner, cells = np.arange(len(rows)), at.cells.copy()
    cost = np.zeros(len(rows), dtype=np.int64)
    # The others lie in one cell.
    crossing = np.flatnonzero((at.nearest < balls.reach).any(axis=1))
    alone = np.setdiff1d(owner, crossing, assume_unique=True)
    done = (alone, cells[alone])
    owner, cells, cost = crossing, cells[crossing], cost[crossing]
    for j in range(at.cells.shape[1]):
        parts = [(owner, cells, cost)]
        for sign, distance in ((-1, at.low[:, j]), (1, at.high[:, j])):
            step = 1
            while True:
                away = distance[owner] + (step - 1) * at.side
                near = np.flatnonzero(away < balls.reach)
                near = near[cost[near] + away[near] ** 2 < balls.limit]
                if len(near) == 0:
                    break
                moved = cells[near].copy()
                moved[:, j] += sign * step
                parts.append((owner[near], moved, cost[near] + away[near] ** 2))
                step += 1
        owner, cells, cost = (np.concatenate(each) for each in zip(*parts, strict=True))
        if len(owner) > most:
            return None
    return rows[np.concatenate([done[0], owner])], np.concatenate([done[1], cells])


@dataclass(frozen=True)
class Escapes:
    """Ways in which a ball can lie in a band of every lattice so far, a wall of its own in each.

    Walls of different lattices on the same coordinate are disjoint, so the coordinates of a way
    differ; its cost is the least square of a distance that reaches all its walls.

    Args:
        balls: number of the ball of each way, sorted, shape (k,).
        used: bit mask of its coordinates, int64, shape (k,).
        cost: in squared units, shape (k,).
    """

    balls: np.ndarray
    used: np.ndarray
    cost: np.ndarray

    @property
    def alive(self) -> np.ndarray:
        """Numbers of the balls that have a way left."""
        return np.unique(self.balls)


def all_balls(count: int) -> Escapes:
    """Return the empty way of every ball, before the first lattice."""
    zeros = np.zeros(count, dtype=np.int64)
    return Escapes(np.arange(count), zeros, zeros)


def escapes(balls: Balls, before: Escapes, lattice: Lattice, delta: int) -> Escapes:
    """Return the ways that one more lattice leaves, with bands of delta units around its walls."""
    alive, index = np.unique(before.balls, return_inverse=True)
    away = np.maximum(gaps(balls, alive, lattice).nearest - delta, 0)
    owner, used, cost = [], [], []
    for j in range(away.shape[1]):
        distance = away[index, j]
        near = np.flatnonzero((distance < balls.reach) & (before.used >> j & 1 == 0))
        total = before.cost[near] + distance[near] ** 2
        kept = total < balls.limit
        near = near[kept]
        owner.append(before.balls[near])
        used.append(before.used[near] | 1 << j)
        cost.append(total[kept])
    return _cheapest(np.concatenate(owner), np.concatenate(used), np.concatenate(cost))


def _cheapest(balls: np.ndarray, used: np.ndarray, cost: np.ndarray) -> Escapes:
    """Return one way for each ball and set of coordinates, the one of least cost."""
    order = np.lexsort((cost, used, balls))
    balls, used, cost = balls[order], used[order], cost[order]
    first = np.ones(len(balls), dtype=bool)
    first[1:] = (balls[1:] != balls[:-1]) | (used[1:] != used[:-1])
    return Escapes(balls[first], used[first], cost[first])
