"""What the paper's lemmas promise with all constants: B.11, B.15, B.20. Exact rationals throughout.

(Proposition 3.2's width, exact too, is in `lower_bounds`.)
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

# 24 / alpha^2 at alpha = 1/6, and the factor that makes beta >= 1/2 sqrt(m/d) (Lemma B.20).
_LOG_N, _LOG_D = 864, 10
# Digits in which logarithms are taken: far more than separate one from an integer.
_DIGITS = 60
# A rational below pi, for V_(d-1) / V_d rounded up.
_PI_BELOW = Fraction(314159265358979, 10**14)


def volume_ratio_above(d: int) -> Fraction:
    """Return V_(d-1) / V_d, rounded up in the even dimensions, where pi enters (Lemma B.11).

    c_1 = 1/2, c_2 = 2/pi, and V_(d+1) = V_(d-1) 2 pi / (d + 1) gives c_(d+2) = c_d (d+2)/(d+1).

    Args:
        d: dimension, >= 1.

    Raises:
        ValueError: for any other d.

    >>> volume_ratio_above(1), volume_ratio_above(3)
    (Fraction(1, 2), Fraction(3, 4))
    """
    _require(d, "d", 1, "Lemma B.11")
    ratio = 2 / _PI_BELOW if d % 2 == 0 else Fraction(1, 2)
    for k in range(2 - d % 2, d, 2):
        ratio = ratio * (k + 2) / (k + 1)
    return ratio


def lemma_b_11_share(d: int, h: Fraction) -> Fraction:
    """Return the share of a d-ball that a band of relative width h may take (Lemma B.11).

    For an affine functional that maps the ball to an interval of length 1, and an interval of
    length h, it is at most 2 h V_(d-1) / V_d; rounded up in the even dimensions.

    Args:
        d: dimension of the ball, >= 1.
        h: length of the interval, in [0, 1].

    Raises:
        ValueError: if d or h is out of range.

    >>> lemma_b_11_share(3, Fraction(1, 10))
    Fraction(3, 20)
    """
    if not 0 <= h <= 1:
        raise ValueError(f"h must lie in [0, 1], got {h} (Lemma B.11)")
    return min(Fraction(1), 2 * h * volume_ratio_above(d))


def lemma_b_15_clearance(N: int) -> tuple[Fraction, Fraction]:
    """Return how far a translation keeps N points from the walls right and left (Lemma B.15).

    The fractional parts leave a gap of 1/N. Its midpoint, truncated down, is at least 1/(2N) below
    the next point, and above the last one by at least 1/(2N) - 1/(6N).

    Returns:
        The distance to the wall below, 1/(2N), and to the wall above, 1/(3N), in cells.

    >>> lemma_b_15_clearance(4)
    (Fraction(1, 8), Fraction(1, 12))
    """
    _require(N, "N", 1, "Lemma B.15")
    return Fraction(1, 2 * N), Fraction(1, 3 * N)


def lemma_b_15_bits(N: int) -> int:
    """Return ceil(log2(6 N)), the fractional bits of the translation (Lemma B.15).

    >>> lemma_b_15_bits(1), lemma_b_15_bits(100)
    (3, 10)
    """
    _require(N, "N", 1, "Lemma B.15")
    return (6 * N - 1).bit_length()


def lemma_b_20_dimension(N: int, d: int) -> int:
    """Return m = min{d, max{ceil(864 ln N), ceil(10 ln d)}} (Lemma B.20).

    Args:
        N: number of points, >= 2.
        d: input dimension, >= 1.

    Raises:
        ValueError: for any other size.

    >>> lemma_b_20_dimension(10, 5000), lemma_b_20_dimension(10**6, 64)
    (1990, 64)
    """
    _require(N, "N", 2, "Lemma B.20")
    _require(d, "d", 1, "Lemma B.20")
    return min(d, max(_ceiling_of_log(_LOG_N, N), _ceiling_of_log(_LOG_D, d)))


def lemma_b_20_separation_squared(m: int, d: int) -> Fraction:
    """Return (5/12)^2 m/d, at least (eps_D' / eps_D)^2 after the projection (Lemma B.20).

    The identity, m = d, keeps eps_D, which the lemma's factor understates.

    >>> lemma_b_20_separation_squared(36, 100)
    Fraction(1, 16)
    """
    _require(m, "m", 1, "Lemma B.20")
    _require(d, "d", m, "Lemma B.20")
    return Fraction(25, 144) * Fraction(m, d)


def _ceiling_of_log(factor: int, size: int) -> int:
    """Return ceil(factor * ln(size)); a logarithm above 0 is irrational, so 60 digits decide."""
    with localcontext() as context:
        context.prec = _DIGITS
        return math.ceil(factor * Decimal(size).ln())


def _require(size: int, name: str, least: int, item: str) -> None:
    if size < least or size != int(size):
        raise ValueError(f"{name} must be an integer >= {least}, got {size} ({item})")
