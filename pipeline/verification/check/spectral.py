"""||W||_2 <= L for a rational matrix, proved in integers."""

from __future__ import annotations

from fractions import Fraction

import flint
import numpy as np


def norm_at_most(rows: list[list[Fraction]], bound: Fraction) -> bool:
    """Return whether L^2 I - W W^T is proved positive semidefinite.

    Proof: G - R R^T is diagonally dominant for the rounded Cholesky factor R of G, so G is a sum of
    two positive semidefinite matrices (Gershgorin). False decides nothing.
    """
    G = _gram_defect(rows, bound)
    if _dominant(G):
        return True
    size = max(max(abs(v) for v in row) for row in G).bit_length()
    floats = np.array([[v / (1 << size) for v in row] for row in G])
    try:
        lowest = float(np.linalg.eigvalsh(floats)[0])
        factor = np.linalg.cholesky(floats - 0.5 * lowest * np.eye(len(G)))
    except np.linalg.LinAlgError:
        return False
    bits = 40
    R = flint.fmpz_mat([[int(v) for v in row] for row in np.rint(np.ldexp(factor, bits)).tolist()])
    scaled = flint.fmpz_mat(G) * (1 << (2 * bits))
    residual = scaled - R * R.transpose() * (1 << size)
    return _dominant([[int(v) for v in row] for row in residual.tolist()])


def _gram_defect(rows: list[list[Fraction]], bound: Fraction) -> list[list[int]]:
    """Return L^2 I - W W^T times a common denominator, as integers."""
    denominator = max(v.denominator for row in rows for v in row)
    W = flint.fmpz_mat([[int(v * denominator) for v in row] for row in rows])
    gram = W * W.transpose()
    squared = bound * bound * denominator * denominator
    G = (gram * -squared.denominator).tolist()
    out = [[int(v) for v in row] for row in G]
    for i in range(len(out)):
        out[i][i] += squared.numerator
    return out


def _dominant(matrix: list[list[int]]) -> bool:
    return all(
        row[i] >= sum(abs(v) for k, v in enumerate(row) if k != i) for i, row in enumerate(matrix)
    )
