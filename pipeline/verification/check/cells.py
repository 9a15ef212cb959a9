"""Balls in the unit cells of the lattice: which cell, which bands, which claimed cells they meet.

Ball i's image lies in the open l2 ball of radius r around p_i. Moved by a translation t, coordinate
j of it lies in the open interval (p_ij - t_j - r, p_ij - t_j + r). The intervals are kept as
integers, rounded outwards, in units of 2^-bits; every statement "the interval lies in ..." is then
proved, and every "it meets ..." is refuted only if it is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.verification.check.balls import BallImages

# Integers of at most so many bits are computed with in int64.
_WORD = 61


@dataclass(frozen=True)
class Boxes:
    """Coordinate intervals of every ball, shape (N, m), in units of 2^-bits."""

    low: np.ndarray
    high: np.ndarray
    bits: int

    def moved(self, translation: list[Fraction]) -> Boxes:
        """Return the intervals minus a translation that is a multiple of the unit."""
        step = np.array([exactly(t, self.bits) for t in translation], dtype=self.low.dtype)
        return Boxes(self.low - step, self.high - step, self.bits)

    def within(self, side: int) -> np.ndarray:
        """Return whether each ball lies in [0, side)^m, shape (N,)."""
        top = side << self.bits
        return np.all((self.low >= 0) & (self.high <= top), axis=1).astype(bool)

    def cells(self) -> np.ndarray:
        """Return the floors of the lower ends, shape (N, m)."""
        return self.low >> self.bits

    def clearance(self, gamma: Fraction) -> np.ndarray:
        """Return how far each coordinate stays from the bands [k, k + gamma) and walls, in units.

        Negative where it is not proved to lie in [k + gamma, k + 1) for one integer k.
        """
        floors = self.cells() << self.bits
        right = self.low - floors - exactly(gamma, self.bits)
        return np.minimum(right, floors + (1 << self.bits) - self.high)

    def bands(self, gamma: Fraction) -> np.ndarray:
        """Return at least the number of integers k whose band [k, k + gamma) each interval meets.

        It meets (low, high) if k > low - gamma and k < high.
        """
        first = (self.low - exactly(gamma, self.bits)) >> self.bits
        last = -((-self.high) >> self.bits) - 1
        return np.maximum(last - first, 0)


def exactly(value: Fraction, bits: int) -> int:
    """Return value * 2^bits, an integer.

    Raises:
        ArithmeticError: if it is none; bits are chosen so that it is.
    """
    scaled = value * (1 << bits)
    if scaled.denominator != 1:
        raise ArithmeticError(f"{value} is no multiple of 2^-{bits}")
    return scaled.numerator


def fraction_bits(values: list[Fraction]) -> int:
    """Return how many fractional bits dyadic values have."""
    return max(v.denominator.bit_length() - 1 for v in values)


def boxes_of(balls: BallImages, bits: int, translations_below: int) -> Boxes:
    """Return the intervals of all balls, rounded outwards to multiples of 2^-bits.

    Args:
        balls: centres and radius.
        bits: fractional bits, at least 0.
        translations_below: a bound on the magnitude of all translations to come, and of all cells.

    Raises:
        ArithmeticError: if the radius is 0: a point would be taken for an empty open interval.
    """
    if balls.radius <= 0:
        raise ArithmeticError("intervals of balls need a radius above 0")
    finer = max(-balls.centres.exponent, bits)
    points = balls.centres.at(-finer)
    scaled = balls.radius * (1 << finer)
    radius = -(-scaled.numerator // scaled.denominator)
    drop = finer - bits
    low, high = (points - radius) >> drop, -((-(points + radius)) >> drop)
    largest = max(int(np.abs(low).max()), int(np.abs(high).max()), translations_below << bits)
    if largest.bit_length() < _WORD:
        return Boxes(low.astype(np.int64), high.astype(np.int64), bits)
    return Boxes(low, high, bits)


def flattened(cells: np.ndarray, weights: list[int]) -> list[int]:
    """Return sum_j weights[j] cells[i, j] of every row, in Python integers."""
    return [sum(c * w for c, w in zip(row, weights, strict=True)) for row in cells.tolist()]


def lengths_below(integers: np.ndarray, bits: int) -> np.ndarray:
    """Return floats at most n / 2^bits, 0 for negative n."""
    lengths = [float(Fraction(max(int(n), 0), 1 << bits)) for n in integers]
    return np.nextafter(np.array(lengths, dtype=np.float64), 0)


@dataclass(frozen=True)
class Moved:
    """All balls moved by one translation.

    Args:
        boxes: their intervals, moved.
        balls: exact centres and radius, not moved.
        translation: t.
    """

    boxes: Boxes
    balls: BallImages
    translation: list[Fraction]

    def meeting(self, rows: np.ndarray, cell: list[int]) -> np.ndarray:
        """Return the rows whose balls are not proved disjoint from prod [c_j, c_j + 1].

        A ball is disjoint if its intervals miss the cell in some coordinate, or if its centre is at
        least r from the cell: sum_j max(c_j - q_j, 0, q_j - c_j - 1)^2 >= r^2, in integers.
        """
        bits = self.boxes.bits
        for j, c in enumerate(cell):
            low, high = self.boxes.low[rows, j], self.boxes.high[rows, j]
            meets = (low < (c + 1) << bits) & (high > c << bits)
            rows = rows[meets.astype(bool)]
            if len(rows) == 0:
                return rows
        finer = max(-self.balls.centres.exponent, fraction_bits(self.translation))
        one = 1 << finer
        scaled = (self.balls.radius * one) ** 2
        limit = -(-scaled.numerator // scaled.denominator)
        corner = [exactly(c + t, finer) for c, t in zip(cell, self.translation, strict=True)]
        away = self.balls.centres.integers[rows] * (one >> -self.balls.centres.exponent)
        away = away - np.array(corner, dtype=object)
        outside = np.maximum(np.maximum(-away, away - one), 0)
        return rows[((outside * outside).sum(axis=1) < limit).astype(bool)]
