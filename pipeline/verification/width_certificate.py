"""Certificates that a first hidden layer is too narrow for the data, checked in integers.

docs/theory.md 10. Let u_k = x_i - x_j over differently labelled pairs, M = sum lambda_k u_k u_k^T
with lambda >= 0 of sum 1, and t >= 0, B with t I + B B^T - M positive semidefinite. For the
projection Pi on the row space of a first layer of m neurons, sum lambda_k ||Pi u_k||^2 = tr(Pi M)
<= t m + tr(B B^T). Below 4 mu^2 some ||Pi u_k|| < 2 mu: points of the two balls collide.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, integer_matmul
from pipeline.exact.dyadic import compact
from pipeline.exact.spectral import is_positive_semidefinite

# The weights lambda are integers over 2**WEIGHT_BITS.
WEIGHT_BITS = 40
# Entries of B are rounded to this many bits below the square root of 4 mu^2.
_FACTOR_BITS = 40


@dataclass(frozen=True, eq=False)
class WidthCertificate:
    """Weights lambda on differently labelled pairs, and a dual bound on top eigenvalues.

    Args:
        width: the first hidden width shown impossible, at least 1.
        pairs: indices (i, j), shape (K, 2).
        weights: lambda * 2**WEIGHT_BITS, integers >= 0, shape (K,), of sum 2**WEIGHT_BITS.
        level: t >= 0.
        factor: B, shape (d, r).

    Raises:
        ValueError: if a shape is wrong, a weight or the level is negative, or the weights do not
            sum to 2**WEIGHT_BITS.
    """

    width: int
    pairs: np.ndarray
    weights: np.ndarray
    level: Fraction
    factor: DyadicArray

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be at least 1, got {self.width}")
        pairs, weights = np.asarray(self.pairs), np.asarray(self.weights)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or weights.shape != (len(pairs),):
            raise ValueError(f"pairs and weights must match, got {pairs.shape}, {weights.shape}")
        if pairs.dtype.kind != "i" or weights.dtype.kind != "i":
            raise ValueError("pairs and weights must be signed integers")
        total = sum(weights.tolist())
        if total != 1 << WEIGHT_BITS or any(w < 0 for w in weights.tolist()):
            raise ValueError("weights must be nonnegative of sum 2**WEIGHT_BITS (lambda of sum 1)")
        if self.level < 0:
            raise ValueError(f"the level t must be nonnegative, got {self.level}")
        if len(self.factor.shape) != 2:
            raise ValueError(f"the factor B must be a matrix, got shape {self.factor.shape}")

    @property
    def value(self) -> Fraction:
        """The number t * width + tr(B B^T): it bounds sum lambda ||Pi u||^2 if t I + B B^T >= M."""
        squares = self.factor.numerators.astype(object) ** 2
        trace = int(squares.sum()) * Fraction(4) ** self.factor.exponent
        return self.level * self.width + trace


def four_radii_squared(dataset: SeparatedDataset, rho: Fraction) -> Fraction:
    """Return 4 mu^2, mu = rho eps_D in l2 (Definition 2.2)."""
    return 4 * dataset.radius_power(rho, 2)


def width_is_impossible(
    dataset: SeparatedDataset, rho: Fraction, certificate: WidthCertificate
) -> bool:
    """Return whether the certificate proves its width too small (docs/theory.md 10).

    True means: no network whose first layer is affine with `certificate.width` neurons, whatever
    follows, robustly memorizes the dataset with ratio rho in l2. False decides nothing.

    Args:
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        certificate: what was found in floats.

    Raises:
        ValueError: if a pair is out of range or of one label, or B has not d rows.
    """
    i, j = certificate.pairs.T
    if certificate.pairs.min() < 0 or certificate.pairs.max() >= dataset.N:
        raise ValueError(f"pairs must hold indices in 0..{dataset.N - 1}")
    if np.any(dataset.y[i] == dataset.y[j]):
        raise ValueError("pairs must have different labels")
    if certificate.factor.shape[0] != dataset.d:
        raise ValueError(f"B must have {dataset.d} rows, got {certificate.factor.shape[0]}")
    if certificate.value >= four_radii_squared(dataset, rho):
        return False
    return is_positive_semidefinite(_dual_slack(dataset.X, certificate))


def moment_matrix(X: DyadicArray, pairs: np.ndarray, weights: np.ndarray) -> DyadicArray:
    """Return M = sum lambda_k (x_i - x_j)(x_i - x_j)^T exactly, shape (d, d).

    Args:
        X: points, shape (N, d).
        pairs: shape (K, 2).
        weights: lambda * 2**WEIGHT_BITS, shape (K,).
    """
    i, j = pairs[weights > 0].T
    u = X.numerators[i].astype(object) - X.numerators[j]
    weighted = u * weights[weights > 0].astype(object)[:, None]
    product = integer_matmul(compact(weighted.T), compact(u))
    return DyadicArray(product, 2 * X.exponent - WEIGHT_BITS)


def _dual_slack(X: DyadicArray, certificate: WidthCertificate) -> np.ndarray:
    """Return t I + B B^T - M times a positive number, as integers."""
    M = moment_matrix(X, certificate.pairs, certificate.weights)
    B = certificate.factor
    Z = DyadicArray(integer_matmul(B.numerators, B.numerators.T.copy()), 2 * B.exponent)
    exponent = min(M.exponent, Z.exponent)
    difference = Z.at_exponent(exponent).astype(object) - M.at_exponent(exponent)
    level = certificate.level * Fraction(2) ** -exponent
    slack = difference * level.denominator
    slack[np.diag_indices(len(slack))] += level.numerator
    return slack


def certificate_of_weights(
    dataset: SeparatedDataset, rho: Fraction, width: int, pairs: np.ndarray, weights: np.ndarray
) -> WidthCertificate | None:
    """Return a proved certificate for the width from float weights, or None if there is none.

    Args:
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        width: the width to be shown impossible.
        pairs: differently labelled pairs, shape (K, 2).
        weights: nonnegative floats, shape (K,), not all zero.
    """
    limit = four_radii_squared(dataset, rho)
    rounded = _dyadic_weights(weights)
    M = moment_matrix(dataset.X, pairs, rounded)
    # Even powers of two scale M to about 1 and B with it.
    scale = 2 * ((limit.numerator.bit_length() - limit.denominator.bit_length()) // 2)
    floats = DyadicArray(M.numerators, M.exponent - scale).nearest_float64()
    try:
        values, vectors = np.linalg.eigh(floats)
    except np.linalg.LinAlgError:
        return None
    room = float(limit / Fraction(2) ** scale) - float(values[-width:].sum())
    if room <= 0:
        return None
    # The slack of the semidefinite constraint takes half the room: every term of the sum rises.
    slack = room / (4 * width + 4)
    below = float(values[-width - 1]) if width < len(values) else 0.0
    level = max(below, 0.0) + slack
    above = np.flatnonzero(values + slack > level)
    B = vectors[:, above] * np.sqrt(values[above] + slack - level)
    certificate = WidthCertificate(
        width,
        pairs[rounded > 0],
        rounded[rounded > 0],
        Fraction(level) * Fraction(2) ** scale,
        DyadicArray(np.rint(np.ldexp(B, _FACTOR_BITS)).astype(np.int64), scale // 2 - _FACTOR_BITS),
    )
    return certificate if width_is_impossible(dataset, rho, certificate) else None


def _dyadic_weights(weights: np.ndarray) -> np.ndarray:
    """Return integers >= 0 of sum 2**WEIGHT_BITS; the largest takes the rest."""
    shares = np.floor(np.ldexp(weights / weights.sum(), WEIGHT_BITS)).astype(np.int64)
    shares[int(shares.argmax())] += (1 << WEIGHT_BITS) - int(shares.sum())
    return shares
