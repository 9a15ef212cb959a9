"""The separation constant, exactly (Definition 2.1): blocked, threaded, confirmed in integers.

Points are cut into leaves of a kd-tree, class by class. Leaf pairs are taken in the order of the
distance between their boxes and dropped once that exceeds the best distance known; float32 BLAS
bounds the others with a proven rounding error; only entries that could beat or tie the best are
computed in integers. No array has more than `LEAF`**2 entries. Many points in few dimensions are
searched by kd-trees (`separation_tree`) with the same comparison in integers.
"""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from pipeline.data.separation_tree import pairs_near_the_least, trees_pay
from pipeline.exact import DyadicArray, max_bit_length, usable_cores

LEAF = 1024


@dataclass(frozen=True)
class Separation:
    """eps_D with a pair that attains it.

    Args:
        pair: indices (i, j), i < j, the lexicographically first pair at the least distance.
        power: eps_D**p for an integer p, eps_D itself for p = inf (Definition 2.1, with 1/2).
        p: the norm.
    """

    pair: tuple[int, int]
    power: Fraction
    p: int | float

    @property
    def nearest_float64(self) -> float:
        """eps_D rounded to about float64 precision, for display and training."""
        return float(self.power) if self.p == inf else float(self.power) ** (1.0 / self.p)


@dataclass(frozen=True)
class _Leaf:
    """Points of one class (label > 0) or of several small classes (label 0), with their box."""

    indices: np.ndarray
    label: int
    low: np.ndarray
    high: np.ndarray


class _Best:
    """Least exact distance power so far, shared by the threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.power: int | None = None
        self.pair = (-1, -1)
        self.bound = inf

    def offer(self, power: int, pair: tuple[int, int], bound: float) -> None:
        with self.lock:
            if self.power is None or (power, pair) < (self.power, self.pair):
                self.power, self.pair, self.bound = power, pair, bound


def nearest_other_label_pair(
    X: DyadicArray, y: np.ndarray, p: int | float = 2, workers: int | None = None
) -> Separation:
    """Return half the least l_p distance between differently labelled points, exactly.

    Args:
        X: points, shape (N, d).
        y: integer labels, shape (N,), at least two values.
        p: norm, an integer >= 1 or inf.
        workers: threads, all cores by default; the result does not depend on it.

    Raises:
        ValueError: if all labels are equal.
    """
    y = np.asarray(y)
    if len(np.unique(y)) < 2:
        raise ValueError("the separation constant needs two classes (Definition 2.1)")
    search = _Search(X, y, p)
    threads = workers or usable_cores()
    if trees_pay(len(y), X.shape[1], len(np.unique(y)), p):
        for left, right in pairs_near_the_least(search.floats, y, p, threads):
            search.compare(left, right)
        return search.separation(X.exponent)
    tasks = search.leaf_pairs()
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:
        list(pool.map(search.scan, tasks, chunksize=1))
    return search.separation(X.exponent)


class _Search:
    """One search: points as scaled floats for the bounds, as integers for the verdict."""

    def __init__(self, X: DyadicArray, y: np.ndarray, p: int | float) -> None:
        self.integers = X.numerators
        self.y = y
        self.p = p
        # Scaled by a power of two into [-1/2, 1/2], so that no power of a difference overflows:
        # each float is off by at most 2**-53 of itself.
        bits = max_bit_length(X.numerators) + 1
        self.scale_bits = bits
        self.floats = DyadicArray(X.numerators, -bits).nearest_float64()
        self.best = _Best()

    def leaf_pairs(self) -> list[tuple[_Leaf, _Leaf, float]]:
        """Return the pairs of leaves that can hold two labels, nearest boxes first."""
        leaves = _leaves(self.floats, self.y)
        low = np.array([leaf.low for leaf in leaves])
        high = np.array([leaf.high for leaf in leaves])
        labels = np.array([leaf.label for leaf in leaves])
        pairs = []
        for i, leaf in enumerate(leaves):
            gap = np.maximum(low[i:] - leaf.high, leaf.low - high[i:]).clip(min=0)
            if self.p == inf:
                bound = gap.max(axis=1)
            elif self.p == 2:
                bound = (gap * gap).sum(axis=1)
            else:
                bound = (gap**self.p).sum(axis=1) ** (1.0 / self.p)
            keep = np.flatnonzero((labels[i:] != leaf.label) | (leaf.label == 0))
            pairs += [(leaf, leaves[i + int(k)], float(bound[k])) for k in keep]
        pairs.sort(key=lambda pair: pair[2])
        return pairs

    def scan(self, task: tuple[_Leaf, _Leaf, float]) -> None:
        """Compare two leaves and offer their best pair in integers."""
        first, second, box = task
        # Slack for the rounding of the box bound and of the scaled points.
        slack = 2.0**-48 * len(first.low) + _underflow_error(len(first.low), self.p)
        if box * (1 - 2.0**-20) - slack > self.best.bound:
            return
        centre = (first.low + first.high) / 2
        A = self.floats[first.indices] - centre
        B = self.floats[second.indices] - centre
        masked = first.label == 0 and second.label == 0
        same = self.y[first.indices][:, None] == self.y[second.indices] if masked else None
        if self.p == 2:
            values, error = _squared_distances(A, B, np.float32)
            if self._lowest(values, same) - error > self.best.bound:
                return
            values, error = _squared_distances(A, B, np.float64)
        else:
            values, error = _distances(A, B, self.p)
        lowest = self._lowest(values, same)
        self._confirm(first, second, values, min(lowest + error, self.best.bound) + error, same)

    @staticmethod
    def _lowest(values: np.ndarray, same: np.ndarray | None) -> float:
        if same is not None:
            np.copyto(values, inf, where=same)
        return float(values.min())

    def _confirm(
        self,
        first: _Leaf,
        second: _Leaf,
        values: np.ndarray,
        limit: float,
        same: np.ndarray | None,
    ) -> None:
        rows, columns = np.nonzero(values <= limit)
        if same is not None and len(rows):
            keep = ~same[rows, columns]
            rows, columns = rows[keep], columns[keep]
        if len(rows) == 0:
            return
        self.compare(first.indices[rows], second.indices[columns])

    def compare(self, i: np.ndarray, j: np.ndarray) -> None:
        """Compare the listed pairs in integers and offer the best one."""
        i, j = np.minimum(i, j), np.maximum(i, j)
        powers = _exact_powers(self.integers, i, j, self.p)
        least = min(powers)
        ties = [k for k, power in enumerate(powers) if power == least]
        pair = min((int(i[k]), int(j[k])) for k in ties)
        self.best.offer(least, pair, self._bound_of(least))

    def separation(self, exponent: int) -> Separation:
        """Return the best pair's half distance, points being integers times 2**exponent."""
        assert self.best.power is not None
        degree = 1 if self.p == inf else int(self.p)
        scale = Fraction(2) ** (exponent * degree)
        return Separation(self.best.pair, self.best.power * scale / 2**degree, self.p)

    def _bound_of(self, power: int) -> float:
        """Return a float at least the scaled value that corresponds to an exact power."""
        degree = 1 if self.p == inf else int(self.p)
        scaled = float(Fraction(power, 1 << (self.scale_bits * degree)))
        value = scaled if self.p in (2, inf, 1) else scaled ** (1.0 / degree)
        value += _underflow_error(1, self.p)
        return value * (1 + 2.0**-40)


def _leaves(points: np.ndarray, y: np.ndarray) -> list[_Leaf]:
    labels, counts = np.unique(y, return_counts=True)
    # A class smaller than half a leaf is pooled with others, and the pool compares under a mask.
    groups = [
        (int(label), np.flatnonzero(y == label))
        for label, count in zip(labels, counts, strict=True)
        if count >= LEAF // 2
    ]
    small = np.flatnonzero(np.isin(y, labels[counts < LEAF // 2]))
    if len(small):
        groups.append((0, small))
    leaves = []
    for label, indices in groups:
        for part in _split(points, indices):
            box = points[part]
            leaves.append(_Leaf(part, label, box.min(axis=0), box.max(axis=0)))
    return leaves


def _split(points: np.ndarray, indices: np.ndarray) -> list[np.ndarray]:
    """Return kd-tree leaves of at most `LEAF` indices, split at medians of the widest side."""
    if len(indices) <= LEAF:
        return [indices]
    box = points[indices]
    widest = int((box.max(axis=0) - box.min(axis=0)).argmax())
    # Cut at a multiple of the leaf size, so that leaves stay full.
    half = LEAF * ((len(indices) + LEAF - 1) // LEAF // 2)
    order = np.argpartition(box[:, widest], half)
    left, right = np.sort(indices[order[:half]]), np.sort(indices[order[half:]])
    return _split(points, left) + _split(points, right)


def _squared_distances(A: np.ndarray, B: np.ndarray, dtype: type) -> tuple[np.ndarray, float]:
    """Return ||a - b||^2 in floating point and a bound on the error of every entry.

    One product of K = d + 2 terms computes n_a + n_b - 2<a, b>. With unit roundoff u its rounding
    error is at most K u (n_a + n_b + 2|a||b|)(1 + small) <= 4 K u R^2, R^2 the largest squared
    norm; rounding points and norms to `dtype` adds at most 16 u R^2. Both are doubled here, the
    float64 rounding of the centred points included.
    """
    d = A.shape[1]
    left = np.empty((len(A), d + 2), dtype=dtype)
    right = np.empty((len(B), d + 2), dtype=dtype)
    norms_a, norms_b = np.einsum("ij,ij->i", A, A), np.einsum("ij,ij->i", B, B)
    left[:, :d], left[:, d], left[:, d + 1] = A, norms_a, 1
    right[:, :d], right[:, d], right[:, d + 1] = B, 1, norms_b
    right[:, :d] *= -2
    unit = float(np.finfo(dtype).eps)
    largest = max(float(norms_a.max()), float(norms_b.max()))
    # Points are scaled into [-1/2, 1/2]: subtracting the centre loses at most 2**-52 a coordinate.
    centring = 2.0**-50 * d * (largest**0.5 + 2.0**-50)
    # All entries are finite. BLAS kernels have been seen to raise the flag on lanes they only pad.
    with np.errstate(invalid="ignore"):
        product = left @ right.T
    return product, 8 * (d + 8) * unit * largest + centring


def _distances(A: np.ndarray, B: np.ndarray, p: int | float) -> tuple[np.ndarray, float]:
    """Return l_p distances in float64 and a bound on the error of every entry."""
    if p == inf:
        values = cdist(A, B, "chebyshev")
    elif p == 1:
        values = cdist(A, B, "cityblock")
    else:
        values = cdist(A, B, "minkowski", p=float(p))
    d = A.shape[1]
    exponent = 1 if p == inf else int(p)
    # Relative error of powers, sum and root, plus the rounding of the centred points.
    relative = 2.0**-50 * (d + 8 * exponent + 8)
    absolute = 2.0**-49 * d + _underflow_error(d, p)
    return values, relative * float(values.max()) + absolute


def _underflow_error(d: int, p: int | float) -> float:
    """Return a bound on what subnormal p-th powers of d coordinates do to an l_p distance.

    Each power is off by at most 2**-1074, their sum by e = d 2**-1074, and
    |(s + e)**(1/p) - s**(1/p)| <= e**(1/p); doubled here. Below p = 3 no such power is taken.
    """
    if p in (1, 2, inf):
        return 0.0
    return 2.0 ** (1 + (math.log2(d) - 1074) / p)


def _exact_powers(integers: np.ndarray, i: np.ndarray, j: np.ndarray, p: int | float) -> list[int]:
    """Return the integer distance powers of the listed pairs."""
    out: list[int] = []
    step = 1 << 16
    for start in range(0, len(i), step):
        difference = np.abs(integers[i[start : start + step]] - integers[j[start : start + step]])
        if p == inf:
            out += [int(v) for v in difference.max(axis=1)]
            continue
        bits = int(p) * max_bit_length(difference) + difference.shape[1].bit_length()
        if bits > 62:
            difference = difference.astype(object)
        out += [int(v) for v in (difference ** int(p)).sum(axis=1)]
    return out
