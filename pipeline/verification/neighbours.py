"""Nearest points of another label, in floats and in blocks: ranks candidates, decides nothing."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

_BLOCK_ENTRIES = 1 << 22


def nearest_other_label(
    points: np.ndarray, y: np.ndarray, count: int, of: np.ndarray | None = None
) -> np.ndarray:
    """Return for every point the indices of its nearest points of another label, nearest first.

    Args:
        points: float64, shape (N, m).
        y: labels, shape (N,), at least two values.
        count: neighbours asked for.
        of: the points whose neighbours are asked for, all by default.

    Returns:
        Shape (N, k) or (len(of), k), k = count or the size of the smallest set of other labels if
        that is less.
    """
    size = len(points)
    others = size - int(np.unique(y, return_counts=True)[1].max())
    count = min(count, others)
    centred = points - points.mean(axis=0)
    squares = np.einsum("ij,ij->i", centred, centred)
    rows = max(1, _BLOCK_ENTRIES // size)
    asked = np.arange(size) if of is None else of
    found = np.empty((len(asked), count), dtype=np.int64)
    # One BLAS thread: sums, hence ties, must not depend on the number of cores.
    with threadpool_limits(limits=1):
        for start in range(0, len(asked), rows):
            part = asked[start : start + rows]
            values = squares - 2 * (centred[part] @ centred.T)
            values[y[part, None] == y] = np.inf
            nearest = np.argpartition(values, count - 1, axis=1)[:, :count]
            nearest.sort(axis=1)
            order = np.argsort(np.take_along_axis(values, nearest, axis=1), axis=1, kind="stable")
            found[start : start + rows] = np.take_along_axis(nearest, order, axis=1)
    return found
