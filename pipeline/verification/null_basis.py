"""An integer basis of Null(W), short and well conditioned, for the collision attack.

Two ways, measured at 60-bit entries on one core:

* kernel LLL: reduce the rows of (2**s W^T | I). Rows whose left part vanishes are a reduced basis
  of ALL integer null vectors, of about k * 60 / (d - k) bits: 17 bits for a 7 x 32 matrix, 46 for
  14 x 32, 414 for 28 x 32. Time about 2e-8 s * d**3 * (s + 60): 0.01, 0.08 and 0.6 s.
* echelon form (FLINT's nullspace), then LLL for conditioning: about 60 k bits (395, 803, 1642),
  0.003 s each. The rows span a sublattice, which is all that exactness needs.

The first pays where many witnesses are evaluated; the second is the fallback. LLL of either kind
leaves a basis whose float QR factorization is accurate however badly W is conditioned.
"""

from __future__ import annotations

import logging
import math

import numpy as np
from flint import fmpz_mat, nmod_mat

from pipeline.exact import integer_matmul, max_bit_length
from pipeline.exact.dyadic import compact

# A Mersenne prime: ranks modulo it bound true ranks from below.
_PRIME = (1 << 61) - 1
# Echelon bases above this many bits (0.5 GB) are not computed.
_MAX_BASIS_BITS = 1 << 32

_log = logging.getLogger(__name__)


def null_space_basis(weight: np.ndarray, reduction_work: float = 1e7) -> np.ndarray | None:
    """Return independent integer rows u with W u = 0 exactly, as many as the nullity of W.

    Args:
        weight: integers, shape (k, d), int64 or object.
        reduction_work: largest d**3 * bits for which kernel LLL is tried (2e-8 s a unit).

    Returns:
        Integers of shape (d - rank, d), or None if Null(W) = {0} or the basis would not fit.
    """
    rows = _reduced_rows(weight)
    columns = weight.shape[1]
    if not rows:
        return np.eye(columns, dtype=np.int64)
    chosen = _independent_rows(rows)
    if len(chosen) == columns:
        return None
    if _basis_bits(chosen, columns) > _MAX_BASIS_BITS:
        _log.warning("null-space attack skipped: a %d x %d kernel is too large", *weight.shape)
        return None
    basis = _kernel(chosen, columns, reduction_work)
    if not np.any(integer_matmul(_matrix(rows), basis.T)):
        return basis
    # The prime divided a minor: rows independent over Q were dropped. Take them all.
    basis = _kernel(rows, columns, 0)
    return basis if len(basis) else None


def _matrix(rows: list[list[int]]) -> np.ndarray:
    out = np.empty((len(rows), len(rows[0])), dtype=object)
    out[:] = rows
    return compact(out)


def _reduced_rows(weight: np.ndarray) -> list[list[int]]:
    """Return the nonzero rows divided by their content, each direction once."""
    seen: dict[tuple[int, ...], None] = {}
    for row in weight.tolist():
        content = math.gcd(*row)
        if content:
            seen[tuple(v // content for v in row)] = None
    return [list(row) for row in seen]


def _independent_rows(rows: list[list[int]]) -> list[list[int]]:
    """Return a largest set of rows that are independent modulo a prime, hence over Q."""
    columns = [[v % _PRIME for v in column] for column in zip(*rows, strict=True)]
    echelon, rank = nmod_mat(columns, _PRIME).rref()
    chosen, pivot = [], 0
    for place in range(rank):
        while int(echelon[place, pivot]) == 0:
            pivot += 1
        chosen.append(rows[pivot])
    return chosen


def _bits(rows: list[list[int]]) -> int:
    return max(abs(v).bit_length() for row in rows for v in row)


def _basis_bits(rows: list[list[int]], columns: int) -> int:
    rank = len(rows)
    return (columns - rank) * rank * rank * _bits(rows)


def _kernel(rows: list[list[int]], columns: int, work: float) -> np.ndarray:
    rank, bits = len(rows), _bits(rows)
    nullity = columns - rank
    if nullity > 0:
        shift = rank * bits // nullity + 20 + columns // 2
        if columns**3 * (shift + bits) <= work:
            found = _by_kernel_reduction(rows, columns, shift)
            if len(found) == nullity:
                return _matrix(found)
    return _by_echelon_form(rows)


def _by_kernel_reduction(rows: list[list[int]], columns: int, shift: int) -> list[list[int]]:
    """Return the null rows of the LLL-reduced (2**shift W^T | I); too few if shift is small."""
    stacked = [
        [row[place] << shift for row in rows] + [int(place == j) for j in range(columns)]
        for place in range(columns)
    ]
    reduced = fmpz_mat(stacked).lll().table()
    rank = len(rows)
    return [[int(v) for v in row[rank:]] for row in reduced if not any(row[:rank])]


def _by_echelon_form(rows: list[list[int]]) -> np.ndarray:
    kernel, nullity = fmpz_mat(rows).nullspace()
    if nullity == 0:
        return np.zeros((0, len(rows[0])), dtype=np.int64)
    vectors = [[int(v) for v in column] for column in kernel.transpose().table()[:nullity]]
    primitive = [[v // math.gcd(*row) for v in row] for row in vectors]
    reduced = fmpz_mat(primitive).lll().table()
    return _matrix([[int(v) for v in row] for row in reduced])


def unit_rows(basis: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Return float64 rows scaled into norm [1/2, 2] and the exponents e with row = unit * 2**e."""
    exponents = [max_bit_length(row) for row in basis]
    floats = np.array(
        [[_quotient(int(v), e) for v in row] for row, e in zip(basis, exponents, strict=True)]
    )
    lengths = np.frexp(np.linalg.norm(floats, axis=1))[1]
    return np.ldexp(floats, -lengths[:, None]), [
        e + int(s) for e, s in zip(exponents, lengths, strict=True)
    ]


def _quotient(value: int, exponent: int) -> float:
    """Return value / 2**exponent for |value| <= 2**exponent, cut to 64 bits first."""
    cut = max(exponent - 64, 0)
    return math.ldexp(float(value >> cut), cut - exponent)
