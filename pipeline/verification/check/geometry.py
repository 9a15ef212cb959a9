"""Exact distances: a coarse pass on a grid of integers proves most pairs, integers the rest.

Coarse pass: coordinates are floored to a grid so small that every sum in ||P||^2 + ||C||^2 - 2<P,C>
is an integer below 2^53, which float64 represents and adds exactly in any order. Flooring moves the
difference of two points by less than 1 in each coordinate, so distances by less than sqrt(m) grid
units. Pairs the coarse pass cannot settle are compared in Python integers. Nothing is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf, isqrt

import numpy as np

BLOCK = 1024


@dataclass(frozen=True)
class Cloud:
    """Points n * 2**exponent, shape (n, m) of Python integers."""

    integers: np.ndarray
    exponent: int

    def at(self, exponent: int) -> np.ndarray:
        """Return the integers with respect to a finer exponent."""
        return self.integers * (1 << (self.exponent - exponent))

    def __len__(self) -> int:
        return len(self.integers)


def root_up(value: Fraction, degree: int = 2) -> Fraction:
    """Return a rational at least value**(1/degree), relative excess about 2**-64."""
    if value == 0:
        return Fraction(0)
    size = (value.numerator.bit_length() - value.denominator.bit_length()) // degree
    shift = max(64 - size, 0)
    scaled = -(-(value.numerator << (degree * shift)) // value.denominator)
    root = integer_root(scaled, degree)
    return Fraction(root if root**degree == scaled else root + 1, 1 << shift)


def root_down(value: Fraction) -> Fraction:
    """Return a rational at most the square root of value >= 0, relative defect about 2**-64."""
    if value == 0:
        return Fraction(0)
    size = (value.numerator.bit_length() - value.denominator.bit_length()) // 2
    shift = max(64 - size, 0)
    return Fraction(isqrt((value.numerator << (2 * shift)) // value.denominator), 1 << shift)


def integer_root(value: int, degree: int) -> int:
    """Return the floor of value**(1/degree) by bisection."""
    if degree == 2:
        return isqrt(value)
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle - 1
    return low


def enclosing_radius(mu_power: Fraction, p: float, d: int) -> Fraction:
    """Return a radius of an l2 ball that holds the l_p ball whose radius has the given power.

    p <= 2: the same radius. p > 2: mu d^(1/2 - 1/p), by Hoelder's inequality.
    """
    if p == inf:
        return root_up(mu_power**2 * d)
    if p == 1:
        return mu_power
    if p == 2:
        return root_up(mu_power)
    degree = int(p)
    return root_up(mu_power**2 * Fraction(d) ** (degree - 2), 2 * degree)


class Pairs:
    """Distances between two clouds of the same dimension.

    Args:
        left: shape (n, m).
        right: shape (k, m).
    """

    def __init__(self, left: Cloud, right: Cloud) -> None:
        exponent = min(left.exponent, right.exponent)
        self.unit = Fraction(2) ** exponent
        self.left, self.right = left.at(exponent), right.at(exponent)
        self.m = self.left.shape[1]
        largest = max(_largest(self.left), _largest(self.right), 1)
        # |coordinate| < 2^b on the grid and m * (2^(b+1))^2 < 2^53.
        bits = (50 - self.m.bit_length()) // 2
        self.shift = max(largest.bit_length() - bits, 0)
        self.coarse_left = (self.left >> self.shift).astype(np.float64)
        self.coarse_right = (self.right >> self.shift).astype(np.float64)
        self.left_norms = (self.coarse_left**2).sum(axis=1)
        self.right_norms = (self.coarse_right**2).sum(axis=1)
        self.slack = isqrt(self.m - 1) + 1

    def coarse(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return squared distances on the grid, exact integers in float64."""
        product = self.coarse_left[rows] @ self.coarse_right[columns].T
        return self.left_norms[rows][:, None] + self.right_norms[columns] - 2 * product

    def exact(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return squared distances of the listed pairs as integers, in units of `unit`^2."""
        difference = self.left[rows] - self.right[columns]
        return (difference * difference).sum(axis=1)

    def nearest(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for each row a column that looks nearest on the grid, with its exact distance^2.

        A better column may exist; the distance returned is that of the column returned.
        """
        best = np.full(len(rows), inf)
        at = np.zeros(len(rows), dtype=np.int64)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            for first in range(0, len(columns), BLOCK):
                values = self.coarse(rows[part], columns[first : first + BLOCK])
                least = values.argmin(axis=1)
                found = values[np.arange(len(values)), least]
                better = found < best[part]
                best[part][better] = found[better]
                at[part][better] = least[better] + first
        chosen = columns[at]
        return chosen, self.exact(rows, chosen)

    def deepest(
        self, rows: np.ndarray, columns: np.ndarray, reach: list[Fraction], count: int
    ) -> np.ndarray:
        """Return for each row the columns k that look least beyond distance reach[k], best first.

        Args:
            rows: indices into `left`.
            columns: indices into `right`, at least one.
            reach: a distance for each of the columns.
            count: number of columns wanted, or all there are.

        Returns:
            Shape (count, rows) of indices into `right`. They are found on the grid, in floats:
            nothing is proved.
        """
        count = min(count, len(columns))
        grid = self.unit * (1 << self.shift)
        # No distance on the grid is that large, and no float overflows.
        limits = np.array([float(min(r / grid, Fraction(1 << 60))) for r in reach])
        found = np.empty((count, len(rows)), dtype=np.int64)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            beyond = np.sqrt(self.coarse(rows[part], columns)) - limits
            order = np.argpartition(beyond, count - 1, axis=1)[:, :count]
            values = np.take_along_axis(beyond, order, axis=1)
            order = np.take_along_axis(order, values.argsort(axis=1, kind="stable"), axis=1)
            found[:, part] = columns[order].T
        return found

    def farther(
        self, rows: np.ndarray, columns: np.ndarray, radii: list[Fraction]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return whether each row is at distance >= radii[k] from every column k, and by how much.

        Args:
            rows: indices into `left`.
            columns: indices into `right`.
            radii: a distance for each of the columns.

        Returns:
            The verdict of each row, proved, and a float lower bound on its least slack.
        """
        grid = self.unit * (1 << self.shift)
        squares = [(r / self.unit) ** 2 for r in radii]
        limits = np.array([int(r / grid) + 1 + self.slack for r in radii], dtype=np.float64)
        thresholds = np.array([-(-s.numerator // s.denominator) for s in squares], dtype=object)
        proved = np.ones(len(rows), dtype=bool)
        slack = np.full(len(rows), inf)
        for start in range(0, len(rows), BLOCK):
            for first in range(0, len(columns), BLOCK):
                r, c = rows[start : start + BLOCK], columns[first : first + BLOCK]
                limit = limits[first : first + BLOCK]
                values = self.coarse(r, c)
                # Roots are below 2^27: 2^-20 covers their rounding many times.
                excess = (np.sqrt(values) - limit).min(axis=1) - 2.0**-20
                part = slice(start, start + len(r))
                slack[part] = np.minimum(slack[part], excess.clip(min=0))
                # limit is an integer: its square is exact up to 2^53.
                # Written so that a NaN, which finite numbers never give, would not pass as far.
                i, j = np.nonzero(~(values >= limit * limit))
                if len(i):
                    ok = self.exact(r[i], c[j]) >= thresholds[first + j]
                    proved[start + i[~ok.astype(bool)]] = False
        return proved, slack * float(grid)


def _largest(integers: np.ndarray) -> int:
    return int(np.abs(integers).max()) if integers.size else 0
