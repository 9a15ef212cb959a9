"""The blocks of Egosi et al. 2025: one coordinate of the box per layer, then the label.

What they compute and why it is right is said in `egosi2025`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.construction.images import (
    Images,
    centre_bits,
    fraction_bits_for,
    rounded_centres,
    rounding_radius,
    shifted,
)
from pipeline.construction.yu2024 import first_map
from pipeline.exact import dyadic_of_fraction
from pipeline.network import Affine, ReLUNetwork


@dataclass(frozen=True)
class _Boxes:
    """Integer corners of the boxes in units of 2**-grid, shape (N, k), and the steepness w."""

    low: np.ndarray
    high: np.ndarray
    grid: int
    steepness: Fraction


def _boxes(data: Images, shifts: list[Fraction]) -> _Boxes:
    """Return corners and steepness; centres and half-widths cost at most half of the room."""
    room = data.distance - 2 * data.radius
    grid = max(centre_bits(1, room / 8), 0)
    delta = rounding_radius(1, grid)
    half = dyadic_of_fraction(data.radius + delta, grid, up=True)
    steepness = 1 / (data.distance - data.radius - delta - half)
    steepness = dyadic_of_fraction(steepness, fraction_bits_for(steepness, 4), up=True)
    centres = rounded_centres(shifted(data.Z, shifts), grid).at_exponent(-grid).astype(object)
    side = int(half * (1 << grid))
    return _Boxes(centres - side, centres + side, grid, steepness)


def egosi2025_network(data: Images, labels: np.ndarray) -> ReLUNetwork:
    """Return the network of one block a point.

    Args:
        data: images with their least max-norm distance, more than two radii.
        labels: y_i, shape (N,).
    """
    shifts, _ = data.shifts_and_sides()
    boxes = _boxes(data, shifts)
    first, *rest = _layers(boxes, labels)
    entry = first_map(data.projection, shifts)
    return ReLUNetwork.relu(first.after(entry.layers[0]), *rest)


def _layers(boxes: _Boxes, labels: np.ndarray) -> Iterator[Affine]:
    """Yield the layers on (z, y); weights depend on coordinate or label alone and are shared."""
    count, k = boxes.low.shape
    entry = _test(k, 0, 0, boxes.grid)
    tests = [_test(k, j, min(j + 1, 3), boxes.grid) for j in range(k)]
    writers: dict[tuple[int, bool], Affine] = {}
    for i in range(count):
        for j in range(k):
            weight = tests[j] if i or j else entry
            bias = np.zeros(weight.outputs, dtype=object)
            bias[-2:] = -boxes.high[i, j], boxes.low[i, j]
            yield Affine(weight.weight, bias, weight.exponent)
        key = (int(labels[i]), i == count - 1)
        if key not in writers:
            writers[key] = _maximum(k, *key, boxes.steepness)
        yield writers[key]
    yield Affine.from_fractions((1, 2), {(0, 0): 1, (0, 1): 1}, {})


def _test(k: int, j: int, tail: int, grid: int) -> Affine:
    """Return (z, y, tail) -> (z, y, s, z_j, -z_j), without biases, written in units of 2**-grid.

    The tail adds up to s; before the first coordinate s is 0 and left out, and the tail, if any,
    is what the last block adds to y.
    """
    sums = k + (j > 0)
    entries: dict[tuple[int, int], Fraction | int] = {(row, row): 1 for row in range(k + 1)}
    entries |= {(sums, k + 1 + t): 1 for t in range(tail)}
    entries |= {(sums + 1, j): 1, (sums + 2, j): -1}
    return Affine.from_fractions((sums + 3, k + 1 + tail), entries, {}).at_exponent(-grid)


def _maximum(k: int, label: int, last: bool, steepness: Fraction) -> Affine:
    """Return (z, y, tail) -> (z, y, label (1 - w s) - y), s the sum of the tail; z ends here."""
    kept, tail = 0 if last else k, min(k + 1, 3)
    entries: dict[tuple[int, int], Fraction | int] = {(row, row): 1 for row in range(kept)}
    entries |= {(kept, k): 1, (kept + 1, k): -1}
    entries |= {(kept + 1, k + 1 + t): -label * steepness for t in range(tail)}
    return Affine.from_fractions((kept + 2, k + 1 + tail), entries, {kept + 1: label})
