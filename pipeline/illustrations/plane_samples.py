"""Exact keys and values of a network at sampled points of a lattice plane, as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np

from pipeline.exact import DyadicArray
from pipeline.illustrations.lattice_plane import LatticePlane

Point = tuple[Fraction, Fraction]

# Off the bands a coordinate is sampled at both ends and at sixteenths; in a band at 32 places.
_SIXTEENTHS, _TINY, _PLACES = 16, Fraction(1, 1 << 30), 32
# Parts of a cell close up, off the bands.
_PARTS = 32
# Along a cut, in each band.
_CUT_PLACES = 512
# In a ball. Floors of the second coordinate weigh R in a key, so its bands are sampled finely.
_BALL_STEP = (Fraction(1, 64), Fraction(1, 1024))


@dataclass(frozen=True)
class Window:
    """The rectangle [left, right] x [bottom, top]."""

    left: Fraction
    bottom: Fraction
    right: Fraction
    top: Fraction

    def row(self) -> dict[str, float]:
        """Return the rectangle as columns of a table."""
        return {
            "x": float(self.left),
            "y": float(self.bottom),
            "width": float(self.right - self.left),
            "height": float(self.top - self.bottom),
        }


def _integers(values: Sequence[Fraction], bits: int) -> np.ndarray:
    return np.array([int(v * (1 << bits)) for v in values], dtype=np.int64)


def _bits(values: Sequence[Fraction]) -> int:
    return max(v.denominator.bit_length() - 1 for v in values)


def grid(xs: Sequence[Fraction], ys: Sequence[Fraction]) -> DyadicArray:
    """Return all points (x, y) of dyadic coordinates, exactly, y running first."""
    bits = _bits([*xs, *ys])
    columns = np.meshgrid(_integers(xs, bits), _integers(ys, bits), indexing="ij")
    return DyadicArray(np.stack([column.ravel() for column in columns], axis=1), -bits)


def cell_rows(plane: LatticePlane, view: Window) -> list[dict[str, Any]]:
    """Return a row for every cell of the view, sampled off its bands, ends included.

    Raises:
        ArithmeticError: if f takes two values there.
    """
    within = [Fraction(t, _SIXTEENTHS) for t in range(1, _SIXTEENTHS)]
    places = [plane.gamma, *(v for v in within if v > plane.gamma), 1 - _TINY]
    columns, lines = _cells(view)
    points = grid([i + v for i in columns for v in places], [j + v for j in lines for v in places])
    shape = (len(columns), len(places), len(lines), len(places))
    keys, values = (
        found.reshape(shape).swapaxes(1, 2).reshape(len(columns), len(lines), -1)
        for found in (plane.keys_at(points), plane.values_at(points))
    )
    rows = []
    for (a, i), (b, j) in product(enumerate(columns), enumerate(lines)):
        found = set(values[a, b])
        if len(found) != 1:
            raise ArithmeticError(f"f takes {len(found)} values on cell ({i}, {j})")
        rows.append(
            {
                "kind": "cell",
                **Window(Fraction(i), Fraction(j), Fraction(i + 1), Fraction(j + 1)).row(),
                "key": i + plane.R * j,
                "value": str(found.pop()),
                "samples": len(places) ** 2,
                "wrong": int((keys[a, b] != i + plane.R * j).sum()),
            }
        )
    return rows


def band_rows(plane: LatticePlane, view: Window) -> list[dict[str, Any]]:
    """Return a row for every band of the view, sampled across in the middle of every cell."""
    gamma, half = plane.gamma, Fraction(1, 2)
    across = [gamma * (2 * t + 1) / (2 * _PLACES) for t in range(_PLACES)]
    columns, lines = _cells(view)
    rows = []
    for i in columns:
        points = grid([i + v for v in across], [j + half for j in lines])
        named = np.tile([i + plane.R * j for j in lines], _PLACES)
        band = Window(Fraction(i), view.bottom, i + gamma, view.top)
        rows.append(_band(band, plane.keys_at(points) != named))
    for j in lines:
        points = grid([i + half for i in columns], [j + v for v in across])
        named = np.repeat([i + plane.R * j for i in columns], _PLACES)
        band = Window(view.left, Fraction(j), view.right, j + gamma)
        rows.append(_band(band, plane.keys_at(points) != named))
    return rows


def _band(band: Window, wrong: np.ndarray) -> dict[str, Any]:
    return {"kind": "band", **band.row(), "samples": len(wrong), "wrong": int(wrong.sum())}


def wrong_in_ball(
    plane: LatticePlane, centre: Point, radius_squared: Fraction, allowed: set[int]
) -> dict[str, int]:
    """Return at how many points inside an open ball f is none of the allowed values."""
    wide, high = (int(float(radius_squared) ** 0.5 / float(step)) + 1 for step in _BALL_STEP)
    xs = [a * _BALL_STEP[0] for a in range(-wide, wide + 1)]
    ys = [b * _BALL_STEP[1] for b in range(-high, high + 1)]
    around = grid(xs, ys)
    # Steps are coarse: their squares are far below 2^62, and so is the limit in their unit.
    limit = radius_squared * Fraction(4) ** -around.exponent
    near = (around.numerators**2).sum(axis=1) < math.ceil(limit)
    points = grid([centre[0] + v for v in xs], [centre[1] + v for v in ys])
    inside = DyadicArray(points.numerators[near], points.exponent)
    values = plane.values_at(inside)
    return {"samples": len(values), "wrong": sum(v not in allowed for v in values)}


def cut_rows(plane: LatticePlane, view: Window, x: Fraction) -> list[dict[str, Any]]:
    """Return f at points of the vertical line at x through the view, from below.

    Bands are sampled at 512 places each; a point between two of its own value is dropped.
    """
    fine = plane.gamma / _CUT_PLACES
    heights = []
    for j in range(int(view.bottom), int(view.top)):
        heights += [j + fine * t for t in range(_CUT_PLACES + 1)] + [j + 1 - _TINY]
    values = plane.values_at(grid([x], heights))
    last = len(heights) - 1
    return [
        {"kind": "cut", "x": float(x), "y": float(y), "value": str(value)}
        for k, (y, value) in enumerate(zip(heights, values, strict=True))
        if k in (0, last) or not values[k - 1] == value == values[k + 1]
    ]


def patch_rows(
    plane: LatticePlane, window: Window, places: tuple[int, int], labels: Sequence[int]
) -> list[dict[str, Any]]:
    """Return rectangles that tile the window, f the same at all sampled points of each.

    Args:
        plane: the network.
        window: what to tile.
        places: parts of a band across each coordinate; elsewhere a cell is cut in 32. The middle of
            every small rectangle is sampled.
        labels: values to tell apart besides 0; any other is `none`.
    """
    ends = ((window.left, window.right), (window.bottom, window.top))
    xs, ys = (
        _edges(low, high, plane.gamma, count)
        for (low, high), count in zip(ends, places, strict=True)
    )
    points = grid(*([(a + b) / 2 for a, b in pairwise(edges)] for edges in (xs, ys)))
    names = {Fraction(v): str(v) for v in (0, *labels)}
    values = [names.get(v, "none") for v in plane.values_at(points)]
    up = len(ys) - 1
    columns = [values[a * up : (a + 1) * up] for a in range(len(xs) - 1)]
    return [
        {"kind": "patch", **Window(xs[a], ys[low], xs[b], ys[high]).row(), "value": value}
        for a, b, low, high, value in _rectangles(columns)
    ]


def _edges(low: Fraction, high: Fraction, gamma: Fraction, places: int) -> list[Fraction]:
    """Return the ends of an interval, 32nds, and `places` equal parts of every band inside."""
    cells = range(math.floor(low), math.ceil(high))
    found = {low, high, *(j + Fraction(t, _PARTS) for j in cells for t in range(_PARTS))}
    found |= {j + gamma * Fraction(t, places) for j in cells for t in range(places + 1)}
    return sorted(v for v in found if low <= v <= high)


def _rectangles(columns: list[list[str]]) -> list[tuple[int, int, int, int, str]]:
    """Return (first column, end, first row, end, value): runs of columns that are alike, joined."""
    done: list[tuple[int, int, int, int, str]] = []
    growing: dict[tuple[int, int, str], int] = {}
    for a, column in enumerate([*columns, []]):
        runs = set(_runs(column))
        for run in [run for run in growing if run not in runs]:
            done.append((growing.pop(run), a, *run))
        for run in runs:
            growing.setdefault(run, a)
    return sorted(done)


def _runs(column: list[str]) -> list[tuple[int, int, str]]:
    ends = [b for b in range(1, len(column)) if column[b] != column[b - 1]]
    starts = [0, *ends] if column else []
    return [
        (low, high, column[low]) for low, high in zip(starts, [*ends, len(column)], strict=False)
    ]


def _cells(view: Window) -> tuple[range, range]:
    """Return the cells of a view with integer sides, by column and by line."""
    return range(int(view.left), int(view.right)), range(int(view.bottom), int(view.top))
