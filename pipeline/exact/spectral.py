"""Spectral norms of integer matrices, bounded exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.exact.product import integer_matmul

# Float Cholesky factors are rounded to this many bits below the largest entry.
_FACTOR_BITS = 40


def norm_is_at_most(matrix: np.ndarray, bound: Fraction) -> bool:
    """Return whether the proof of ||matrix||_2 <= bound succeeds (False decides nothing).

    It is the proof that bound^2 I - W W^T is positive semidefinite.

    Args:
        matrix: integers, shape (m, d).
        bound: the claimed norm.
    """
    squared = bound * bound
    gram = integer_matmul(matrix, np.ascontiguousarray(matrix.T)).astype(object)
    G = -gram * squared.denominator
    G[np.diag_indices(len(G))] += squared.numerator
    return is_positive_semidefinite(G)


def is_positive_semidefinite(G: np.ndarray) -> bool:
    """Return whether the proof that G is positive semidefinite succeeds (False decides nothing).

    G is so when G - R R^T is diagonally dominant for some R (Gershgorin). R is a rounded float
    Cholesky factor; the residual is computed in integers.

    Args:
        G: symmetric integers, shape (m, m), dtype object.
    """
    diagonal = [int(v) for v in np.diag(G)]
    if min(diagonal) < 0:
        return False
    if _diagonally_dominant(G):
        return True
    size = max(max(diagonal).bit_length(), 1)
    scaled = np.array(G / (1 << size), dtype=np.float64)
    try:
        # Leave a share of the slack to the rounding of the factor.
        lowest = float(np.linalg.eigvalsh(scaled)[0])
        factor = np.linalg.cholesky(scaled - 0.5 * lowest * np.eye(len(G)))
    except np.linalg.LinAlgError:
        return False
    rounded = np.rint(np.ldexp(factor, _FACTOR_BITS)).astype(np.int64)
    product = integer_matmul(rounded, np.ascontiguousarray(rounded.T)).astype(object)
    residual = G * (1 << (2 * _FACTOR_BITS)) - product * (1 << size)
    return _diagonally_dominant(residual)


def _diagonally_dominant(matrix: np.ndarray) -> bool:
    diagonal = np.diag(matrix)
    others = np.abs(matrix).sum(axis=1) - np.abs(diagonal)
    return bool(np.all(diagonal >= others))


def norm_bound(matrix: np.ndarray, fraction_bits: int) -> Fraction:
    """Return a proven dyadic bound on ||matrix * 2**-fraction_bits||_2, tight to about 2**-20.

    Args:
        matrix: integers, shape (m, d).
        fraction_bits: scale of the entries.

    Raises:
        ArithmeticError: if no bound near the float estimate can be proved.
    """
    floats = np.ldexp(np.asarray(matrix, dtype=np.float64), -fraction_bits)
    estimate = float(np.linalg.norm(floats, 2)) if floats.size else 0.0
    for slack in range(24, 4, -2):
        units = int(estimate * (1 + 2.0**-slack) * (1 << 26)) + 1
        bound = Fraction(units, 1 << 26)
        if norm_is_at_most(matrix, bound * (1 << fraction_bits)):
            return bound
    raise ArithmeticError(f"no spectral norm bound near {estimate} could be proved")
