"""Ball tests with every threshold exact: which neuron covers which balls, and with what room.

Images are rounded to a grid, p_i with ||p_i - (W x_i + b)|| <= delta, and R = r + delta is used for
r: the image of ball i lies within R of p_i. A test with centre c has

    low  = (max ||p_i - c|| + R)^2 over the points it covers,
    high = (min ||p_j - c|| - R)^2 over the points of other labels,

so ||z - c||^2 is below low on the balls it covers and at least high on balls of other labels
(docs/theory.md 1). Distances are compared through integers; only two roots a test are rounded, to
the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.construction.covering import Candidates, covering_centres
from pipeline.construction.images import (
    Images,
    centre_bits,
    rounded_centres,
    rounding_radius,
    shifted,
)
from pipeline.exact import DyadicArray, integer_matmul, max_bit_length, root_lower, root_upper
from pipeline.exact.dyadic import compact

_BLOCK = 1 << 22


@dataclass(frozen=True)
class GridImages:
    """Shifted images on a grid.

    Args:
        points: p_i, shape (N, m).
        y: labels, shape (N,).
        radius: R, rational.
        gap: the images' gap D (D - 2r).
    """

    points: DyadicArray
    y: np.ndarray
    radius: Fraction
    gap: Fraction

    @property
    def unit(self) -> Fraction:
        """The power of two that scales the points into [-1, 1]."""
        return Fraction(2) ** (
            self.points.exponent + max(max_bit_length(self.points.numerators), 1)
        )

    def floats(self) -> np.ndarray:
        """Return the points in units of `unit`."""
        bits = max(max_bit_length(self.points.numerators), 1)
        return DyadicArray(self.points.numerators, -bits).nearest_float64()


@dataclass(frozen=True)
class BallTests:
    """Proved ball tests.

    Args:
        centres: c_n, shape (n, m).
        labels: label of each test, shape (n,).
        low: sup of ||z - c_n||^2 over the balls that test n covers, n rationals, rounded up.
        high: inf of ||z - c_n||^2 over the balls of other labels, rounded down.
    """

    centres: DyadicArray
    labels: np.ndarray
    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]

    def without(self, label: int) -> BallTests:
        """Return the tests of the other labels."""
        kept = np.flatnonzero(self.labels != label)
        return BallTests(
            self.centres[kept],
            self.labels[kept],
            tuple(self.low[n] for n in kept),
            tuple(self.high[n] for n in kept),
        )


def grid_images(data: Images, y: np.ndarray) -> GridImages:
    """Return the shifted images rounded so finely that points as centres keep 63/64 of the gap.

    Rounding both points moves their distance by at most 2 delta, and R = r + delta: the room
    (D - 2 delta - R)^2 - R^2 is at least D (D - 2r) - 8 D delta.
    """
    m = data.projection.m
    bits = centre_bits(m, data.gap / (512 * data.distance))
    shifts, _ = data.shifts_and_sides()
    points = rounded_centres(shifted(data.Z, shifts), bits)
    return GridImages(points, y, data.radius + rounding_radius(m, bits), data.gap)


def single_tests(at: GridImages) -> BallTests:
    """Return one test a point, centred at it."""
    index = np.arange(len(at.y))
    return _proved(at, at.points.numerators, at.y, index)


def covering_tests(at: GridImages, groups: list[Candidates], room: Fraction) -> BallTests:
    """Return tests that cover every point with high - low >= room.

    Args:
        at: the images.
        groups: candidate centres in units of `at.unit`.
        room: at most 63/64 of the gap.
    """
    centres, labels, by, covered = [], [], np.zeros(len(at.y), dtype=np.int64), 0
    floats, radius = at.floats(), float(at.radius / at.unit)
    bits = max(max_bit_length(at.points.numerators), 1)
    for group in groups:
        chosen, of_point = covering_centres(floats, group, radius, float(room / at.unit**2))
        exact = _on_grid(group.centres[chosen], bits)
        # Candidates that are points stay those points, to the last bit.
        points = chosen < len(group.own)
        exact[points] = at.points.numerators[group.own[chosen[points]]]
        centres.append(exact)
        labels.append(np.full(len(chosen), group.label))
        by[group.own] = of_point + covered
        covered += len(chosen)
    tests = _proved(at, np.concatenate(centres), np.concatenate(labels), by)
    short = [n for n, (a, b) in enumerate(zip(tests.low, tests.high, strict=True)) if b - a < room]
    if not short:
        return tests
    # Floats promised more room than there is: these points are tested one by one.
    alone = np.flatnonzero(np.isin(by, short))
    kept = np.setdiff1d(np.arange(covered), short)
    place = np.zeros(covered, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    by = place[by]
    by[alone] = len(kept) + np.arange(len(alone))
    integers = np.concatenate([tests.centres.numerators[kept], at.points.numerators[alone]])
    return _proved(at, integers, np.concatenate([tests.labels[kept], at.y[alone]]), by)


def _on_grid(floats: np.ndarray, bits: int) -> np.ndarray:
    """Return floats near [-1, 1] as Python integers in units of 2**-bits."""
    fine = min(bits, 52)
    rounded = np.rint(np.ldexp(floats, fine)).astype(np.int64).astype(object)
    return rounded * (1 << (bits - fine))


def _proved(at: GridImages, centres: np.ndarray, labels: np.ndarray, by: np.ndarray) -> BallTests:
    """Return the tests with their thresholds, given which test covers each point.

    Raises:
        ArithmeticError: if a test reaches a ball of another label, or covers one.
    """
    if (labels[by] != at.y).any():
        raise ArithmeticError("a ball test covers a point of another label")
    inside = [0] * len(centres)
    centres = compact(centres)
    off = at.points.numerators.astype(object) - centres[by].astype(object)
    for n, square in zip(by, (off * off).sum(axis=1), strict=True):
        inside[n] = max(inside[n], int(square))
    low, high = [], []
    scale = Fraction(4) ** at.points.exponent
    for near, far in zip(inside, _nearest_squares(at, centres, labels), strict=True):
        distance = root_lower(far * scale, 2)
        if distance <= at.radius:
            raise ArithmeticError("a ball test's centre lies in a ball of another label")
        away = root_upper(near * scale, 2) if near else Fraction(0)
        low.append((away + at.radius) ** 2)
        high.append((distance - at.radius) ** 2)
    return BallTests(DyadicArray(centres, at.points.exponent), labels, tuple(low), tuple(high))


def _nearest_squares(at: GridImages, centres: np.ndarray, labels: np.ndarray) -> list[int]:
    """Return each centre's squared distance, in grid units, to the nearest other label."""
    points = at.points.numerators
    bits = max(max_bit_length(points), max_bit_length(centres))
    wide = 2 * bits + points.shape[1].bit_length() + 2 > 62
    norms = _squared_norms(points, wide)
    found = []
    rows = max(1, _BLOCK // len(points))
    transposed = np.ascontiguousarray(points.T)
    for start in range(0, len(centres), rows):
        block = centres[start : start + rows]
        # ||p||^2 - 2 <c, p> differs from the squared distance by ||c||^2 alone.
        product = integer_matmul(block, transposed)
        values = norms - 2 * (product.astype(object) if wide else product)
        own = labels[start : start + rows, None] == at.y
        large = int(values.max()) + 1
        least = np.where(own, large, values).min(axis=1)
        found += [int(v) + int(c) for v, c in zip(least, _squared_norms(block, wide), strict=True)]
    return found


def _squared_norms(integers: np.ndarray, wide: bool) -> np.ndarray:
    numbers = integers.astype(object) if wide else integers
    return np.asarray((numbers * numbers).sum(axis=1))
