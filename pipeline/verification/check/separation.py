"""The separation constant from the dataset alone, exactly (Definition 2.1)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import inf

import numpy as np

from pipeline.verification.check.geometry import BLOCK, Cloud, Pairs, integer_root
from pipeline.verification.check.rejection import Rejected

# Blocks of all pairs take too long for more points; trees are slow in more dimensions.
_MANY, _DIMENSIONS = 50_000, 12
_QUERIES = 20_000


def separation_power(points: Cloud, labels: np.ndarray, p: float) -> tuple[Fraction, int, int]:
    """Return the power of eps_D and a pair that attains it.

    The power is eps_D^p, or eps_D for p = inf; eps_D is half the least distance between points of
    different labels.
    """
    groups = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    if p == 2 and len(labels) >= _MANY and points.integers.shape[1] <= _DIMENSIONS:
        return _by_trees(points, groups)
    pairs = Pairs(points, points) if p == 2 else None
    coarse = pairs.coarse if pairs else _coarse_powers(points.integers, p)
    best: int | None = None
    where = (0, 0)
    limit = inf
    for a, rows in enumerate(groups):
        for columns in groups[a + 1 :]:
            for r in _blocks(rows):
                for c in _blocks(columns):
                    values = coarse(r, c)
                    limit = min(limit, _widened(float(values.min()), p, points))
                    i, j = np.nonzero(~(values > limit))
                    if len(i) == 0:
                        continue
                    exact = _powers(points.integers, r[i], c[j], p)
                    at = int(np.argmin(exact))
                    if best is None or exact[at] < best:
                        best, where = int(exact[at]), (int(r[i[at]]), int(c[j[at]]))
    assert best is not None
    scale = Fraction(2) ** points.exponent
    if p == inf:
        return best * scale / 2, *where
    return best * (scale / 2) ** int(p), *where


def _by_trees(points: Cloud, groups: list[np.ndarray]) -> tuple[Fraction, int, int]:
    """Return eps_D^2 of the nearest pair that kd-trees find, and that pair; the distance is exact.

    Soundness does not rest on the trees: the distance of any pair is at least the least one, so a
    pair that is not the nearest can only make the balls larger and the claim harder to prove.
    """
    # Only here: everything else needs no SciPy.
    from scipy.spatial import cKDTree

    largest = max(int(np.abs(points.integers).max()), 1).bit_length()
    shift = max(largest - 52, 0)
    floats = np.ldexp((points.integers >> shift).astype(np.float64), shift - largest)
    best: int | None = None
    where, limit = (0, 0), inf
    for a, rows in enumerate(groups):
        tree = cKDTree(floats[rows])
        for columns in groups[a + 1 :]:
            # A short block first: its bound makes the others fast.
            cuts = [0, 1000, *range(1000 + _QUERIES, len(columns), _QUERIES), len(columns)]
            for part in (columns[s:t] for s, t in zip(cuts[:-1], cuts[1:], strict=True)):
                far, at = tree.query(floats[part], distance_upper_bound=limit)
                near = np.flatnonzero(np.isfinite(far))
                if len(near) == 0:
                    continue
                limit = min(limit, float(far[near].min()) * (1 + 2.0**-30) + 2.0**-45)
                near = near[far[near] <= limit]
                i, j = rows[at[near]], part[near]
                exact = _powers(points.integers, i, j, 2)
                k = int(np.argmin(exact))
                if best is None or exact[k] < best:
                    best, where = int(exact[k]), (int(i[k]), int(j[k]))
    assert best is not None
    scale = Fraction(2) ** points.exponent / 2
    return best * scale**2, *where


def _widened(least: float, p: float, points: Cloud) -> float:
    """Return a grid power no true minimiser can exceed, given one grid power.

    Flooring moves a distance by at most m^(1/p) <= s grid units, so the pair behind `least` is at
    most root + s away, and the true nearest pair at most root + 2 s on the grid.
    """
    m = points.integers.shape[1]
    if p == inf:
        return least + 2
    degree = int(p)
    reach = integer_root(int(least), degree) + 1 + 2 * (integer_root(m - 1, degree) + 1)
    return float(reach**degree)


def _coarse_powers(
    integers: np.ndarray, p: float
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the distance powers on a grid, exact integers in float64, for p != 2.

    Raises:
        Rejected: if p is too large for exact float64 integers.
    """
    m = integers.shape[1]
    degree = 1 if p == inf else int(p)
    largest = max(int(np.abs(integers).max()), 1)
    bits = (50 - m.bit_length()) // degree - 1
    if bits < 1:
        raise Rejected(f"p = {degree} is too large for exact distances in d = {m}")
    shift = max(largest.bit_length() - bits, 0)
    grid = (integers >> shift).astype(np.int64)

    def coarse(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        total = np.zeros((len(rows), len(columns)), dtype=np.int64)
        for k in range(m):
            step = np.abs(grid[rows, k][:, None] - grid[columns, k])
            total = np.maximum(total, step) if p == inf else total + step**degree
        return total.astype(np.float64)

    return coarse


def _powers(integers: np.ndarray, i: np.ndarray, j: np.ndarray, p: float) -> np.ndarray:
    difference = np.abs(integers[i] - integers[j])
    if p == inf:
        return difference.max(axis=1)
    return (difference ** int(p)).sum(axis=1)


def _blocks(indices: np.ndarray) -> list[np.ndarray]:
    return [indices[s : s + BLOCK] for s in range(0, len(indices), BLOCK)]
