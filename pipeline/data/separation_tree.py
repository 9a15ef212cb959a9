"""Nearest differently labelled pairs of many points in few dimensions: kd-trees, then integers.

Trees of scipy work on points rounded to floats; what they call nearest is off by a bounded error.
All pairs within the least distance found plus that error are compared in integers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

# Below so many points, and above so many dimensions or classes, blocked products are faster.
_FEWEST, _DIMENSIONS, _CLASSES = 50_000, 12, 16
_FIRST, _CHUNK = 2_000, 50_000


def trees_pay(N: int, d: int, classes: int, p: int | float) -> bool:
    """Return whether this search is the faster one; it knows p = 1, 2 and inf."""
    return N >= _FEWEST and d <= _DIMENSIONS and classes <= _CLASSES and p in (1, 2, np.inf)


def pairs_near_the_least(
    points: np.ndarray, y: np.ndarray, p: int | float, workers: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs (i, j) of different labels that include all at the least distance.

    Args:
        points: coordinates in [-1/2, 1/2], each off by at most 2^-53 of itself, shape (N, d).
        y: labels, shape (N,).
        p: 1, 2 or inf.
        workers: threads.
    """
    labels, counts = np.unique(y, return_counts=True)
    order = labels[np.argsort(counts, kind="stable")]
    # A distance and its true value differ by less: rounded points, differences, powers and root.
    d = points.shape[1]
    absolute, relative = d * 2.0**-50, 2.0**-40
    least = np.inf
    for k, label in enumerate(order[:-1]):
        own = np.flatnonzero(y == label)
        others = np.flatnonzero(np.isin(y, order[k + 1 :]))
        tree = cKDTree(points[own])
        for start, stop in _chunks(len(others)):
            part = others[start:stop]
            limit = least * (1 + relative) + absolute
            distance, _ = tree.query(
                points[part], p=p, distance_upper_bound=limit * (1 + relative), workers=workers
            )
            least = min(least, float(distance.min()))
            limit = least * (1 + relative) + absolute
            near = part[distance <= limit]
            if len(near):
                lists = tree.query_ball_point(points[near], limit * (1 + relative), p=p)
                left = np.repeat(near, [len(each) for each in lists])
                right = own[np.concatenate([np.asarray(each, dtype=np.int64) for each in lists])]
                yield left, right


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    """Yield a short first chunk, which finds a bound for the others, then longer ones."""
    stop = min(_FIRST, count)
    yield 0, stop
    while stop < count:
        start, stop = stop, min(stop + _CHUNK, count)
        yield start, stop
