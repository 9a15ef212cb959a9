"""Sizes N, d, C of a generated dataset: defaults and ranges, and draws that fit them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.data.dataset import merge_duplicates
from pipeline.exact import DyadicArray

# Grid 2**-20: numerators of 21 bits, squared distances of 64 coordinates stay inside int64.
GRID_BITS = 20
_REDRAWS = 64


def size_in_range(
    name: str, value: int | None, default: int, low: int, high: int | None, why: str
) -> int:
    """Return a size, its default where None, after checking that it lies in low..high.

    Args:
        name: what the size is called in the message, such as "N".
        value: the size asked for, or None.
        default: the size taken for None.
        low: least size allowed.
        high: largest size allowed, None for no limit.
        why: the statement that asks for the range.

    Raises:
        ValueError: if the size is no integer or out of range.
    """
    size = default if value is None else value
    asked = f"{low}..{high}" if high is not None else f"{low} or more"
    if isinstance(size, bool) or not isinstance(size, int | np.integer):
        raise ValueError(f"{name} must be an integer, {asked}, got {size!r} ({why})")
    if size < low or (high is not None and size > high):
        raise ValueError(f"{name} must be {asked}, got {size} ({why})")
    return int(size)


def random_labels(rng: np.random.Generator, N: int, C: int) -> np.ndarray:
    """Return N uniform labels in 1..C, N >= C, where C random positions hold each class once."""
    y = rng.integers(1, C + 1, size=N)
    y[rng.permutation(N)[:C]] = np.arange(1, C + 1)
    return y


def cyclic_labels(N: int, C: int) -> np.ndarray:
    """Return the labels 1, 2, ..., C, 1, 2, ... of N points."""
    return np.arange(N, dtype=np.int64) % C + 1


def on_grid(values: np.ndarray) -> np.ndarray:
    """Return the int64 numerators of values rounded to multiples of 2**-GRID_BITS."""
    return np.rint(values * float(1 << GRID_BITS)).astype(np.int64)


def distinct_grid_points(draw: Callable[[np.ndarray], np.ndarray], N: int) -> DyadicArray:
    """Return N pairwise distinct grid points; coinciding ones are drawn again.

    Args:
        draw: maps row numbers, shape (n,), to grid numerators, shape (n, d).
        N: number of points.

    Raises:
        ValueError: if the grid is too coarse for N distinct points.
    """
    rows = np.arange(N)
    points = draw(rows)
    for _ in range(_REDRAWS):
        if merge_duplicates(DyadicArray(points, 0), np.zeros(N, dtype=np.int64))[2] == 0:
            return DyadicArray(points, -GRID_BITS)
        _, first = np.unique(points, axis=0, return_index=True)
        repeated = np.setdiff1d(rows, first)
        # A quarter repeats when N is about 0.6 times the number of cells.
        if len(repeated) > N // 4 + 1:
            break
        points[repeated] = draw(repeated)
    raise ValueError(
        f"N = {N} pairwise distinct points do not fit on the grid 2**-{GRID_BITS} in dimension "
        f"{points.shape[1]} (Section 2.2); take fewer points or a larger d"
    )
