"""Projections with few-bit rows: drawn or computed in floats, rounded, then bounded exactly.

Lemmas B.17-B.20 and Proposition B.21 only claim that a good projection exists. Here rows are
rounded to dyadic numbers; what a construction needs of them (norm at most L, separation of the
images above the radius) is checked exactly on the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.data import SeparatedDataset
from pipeline.data.randomness import generator
from pipeline.exact import DyadicArray, integer_matmul, max_bit_length
from pipeline.exact.spectral import norm_bound


@dataclass(frozen=True)
class Projection:
    """A linear map phi with dyadic rows and a proven Lipschitz constant.

    Args:
        kind: name of how the rows were found, for notes.
        rows: W, shape (m, d).
        lipschitz: L with ||W||_2 <= L, proved.
    """

    kind: str
    rows: DyadicArray
    lipschitz: Fraction

    @property
    def m(self) -> int:
        """Number of rows, the projected dimension."""
        return self.rows.shape[0]

    def image(self, X: DyadicArray) -> DyadicArray:
        """Return W x for every row x of X, exactly, shape (N, m)."""
        product = integer_matmul(X.numerators, np.ascontiguousarray(self.rows.numerators.T))
        return DyadicArray(product, X.exponent + self.rows.exponent)

    def first(self, m: int) -> Projection:
        """Return the projection by the first m rows; dropping rows cannot raise the norm."""
        return Projection(self.kind, self.rows[:m], self.lipschitz)


def projection(
    dataset: SeparatedDataset,
    kind: str,
    limit: int,
    weight_bits: int,
    seed: int,
    draw: int = 0,
) -> Projection:
    """Return `limit` or fewer rows of the named kind; its first m rows are a projection too.

    Args:
        dataset: the data the rows may depend on.
        kind: "identity" (R^d itself), "random" (Lemma B.17), "pca" (principal axes), "span"
            (Proposition B.21: N orthonormal rows whose span holds the points) or "span_random"
            (random rows within that span).
        limit: largest number of rows.
        weight_bits: fractional bits of the rows.
        seed: seed of the random kinds.
        draw: number of the draw, for redrawing.

    Raises:
        ValueError: for an unknown kind, or weight_bits outside 1..52.
    """
    if not 1 <= weight_bits <= 52:
        raise ValueError(f"weight_bits must lie in 1..52, got {weight_bits}")
    if kind == "identity":
        return Projection(kind, DyadicArray(np.eye(dataset.d, dtype=np.int64), 0), Fraction(1))
    random = generator(seed, "construct", "projection", str(draw))
    makers: dict[str, Callable[[], np.ndarray]] = {
        "random": lambda: _random_rows(dataset.d, min(limit, dataset.d), random),
        "pca": lambda: principal_rows(dataset, limit),
        "span": lambda: _span_rows(dataset)[:limit],
        "span_random": lambda: (
            _random_rows(min(dataset.N, dataset.d), limit, random) @ _span_rows(dataset)
        ),
    }
    if kind not in makers:
        known = ", ".join(["identity", *makers])
        raise ValueError(f"projection must be one of {known}, got {kind!r}")
    # One BLAS thread: the rows must not depend on how many cores there are.
    with threadpool_limits(limits=1):
        return rounded_projection(kind, makers[kind](), weight_bits)


def rounded_projection(kind: str, rows: np.ndarray, weight_bits: int) -> Projection:
    """Return the projection by float rows of shape (m, d), rounded, its norm proved."""
    rounded = np.rint(np.ldexp(rows, weight_bits)).astype(np.int64)
    with threadpool_limits(limits=1):
        lipschitz = norm_bound(rounded, weight_bits)
    return Projection(kind, DyadicArray(rounded, -weight_bits), lipschitz)


def _random_rows(d: int, m: int, random: np.random.Generator) -> np.ndarray:
    gaussian = random.standard_normal((d, m))
    q, r = np.linalg.qr(gaussian)
    return np.ascontiguousarray((q * np.sign(np.diag(r))).T)


def principal_rows(dataset: SeparatedDataset, limit: int) -> np.ndarray:
    """Return min(limit, d, N - 1) principal axes as floats, longest first."""
    X = unit_floats(dataset.X)
    X = X - X.mean(axis=0)
    rank = min(limit, dataset.d, dataset.N - 1)
    if dataset.d <= 2 * dataset.N:
        values, vectors = np.linalg.eigh(X.T @ X)
        rows = vectors[:, np.argsort(-values, kind="stable")].T[:rank]
    else:
        rows = np.linalg.svd(X, full_matrices=False)[2][:rank]
    # Signs are free: make each row's largest entry positive.
    pivots = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return rows * np.sign(pivots)[:, None]


def _span_rows(dataset: SeparatedDataset) -> np.ndarray:
    """Return min(N, d) orthonormal rows whose span holds every point."""
    return np.linalg.svd(unit_floats(dataset.X), full_matrices=False)[2]


def unit_floats(X: DyadicArray) -> np.ndarray:
    """Return the points as floats, scaled by a power of two into [-1, 1]."""
    return DyadicArray(X.numerators, -max(max_bit_length(X.numerators), 1)).nearest_float64()
