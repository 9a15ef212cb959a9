"""l_p norms compared through their p-th powers, so that no root is ever rounded.

The "power" of a length r is r**p for an integer p and r itself for p = inf. Distances between
dyadic points, the separation constant and the robustness radius all have rational powers when rho
is rational, and comparing powers is comparing lengths.
"""

from __future__ import annotations

import math
from fractions import Fraction
from math import inf

import numpy as np


def parse_ratio(text: str | int | float | Fraction) -> Fraction:
    """Return the robustness ratio as an exact rational.

    Args:
        text: "1/2", "0.5", a Fraction, or a number read by its shortest decimal form.

    Raises:
        ValueError: if the text is no number or does not lie in (0, 1) (Definition 2.2).

    >>> parse_ratio("0.99")
    Fraction(99, 100)
    """
    try:
        ratio = Fraction(str(text).strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f"rho must be a rational such as 1/2 or 0.5, got {text!r} (Definition 2.2)"
        ) from None
    if not 0 < ratio < 1:
        raise ValueError(f"rho must lie in (0, 1), got {text} (Definition 2.2)")
    return ratio


def parse_norm(text: str | int | float) -> int | float:
    """Return the norm's p as an integer >= 1 or as infinity.

    Raises:
        ValueError: for any other value (Appendix C needs p >= 1).
    """
    name = str(text).strip().lower()
    if name in {"inf", "infinity", ".inf"}:
        return inf
    try:
        number = Fraction(name)
    except (ValueError, ZeroDivisionError):
        number = Fraction(0)
    if number.denominator != 1 or number < 1:
        raise ValueError(f"p must be 1, 2, another positive integer or inf, got {text!r}")
    return int(number)


def distance_power(difference: np.ndarray, p: int | float) -> int:
    """Return sum_j |v_j|**p of one integer vector, or max_j |v_j| for p = inf."""
    entries = [abs(int(v)) for v in difference]
    if p == inf:
        return max(entries, default=0)
    return sum(v ** int(p) for v in entries)


def radius_power(separation_power: Fraction, ratio: Fraction, p: int | float) -> Fraction:
    """Return the power of mu = rho * eps_D from the power of eps_D (Definition 2.2)."""
    return separation_power * (ratio if p == inf else ratio ** int(p))


def root_lower(value: Fraction, degree: int, bits: int = 64) -> Fraction:
    """Return a rational at most value**(1/degree), within a relative error of about 2**-bits."""
    return _root(value, degree, bits)[0]


def root_upper(value: Fraction, degree: int, bits: int = 64) -> Fraction:
    """Return a rational at least value**(1/degree), within a relative error of about 2**-bits."""
    return _root(value, degree, bits)[1]


def _root(value: Fraction, degree: int, bits: int) -> tuple[Fraction, Fraction]:
    if value < 0:
        raise ValueError(f"a root needs a value >= 0, got {value}")
    if value == 0:
        return Fraction(0), Fraction(0)
    # Scale by 2**(degree * shift) so that the integer root carries `bits` significant bits.
    size = (value.numerator.bit_length() - value.denominator.bit_length()) // degree
    shift = max(bits - size, 0)
    scaled = (value.numerator << (degree * shift)) // value.denominator
    floor = integer_root(scaled, degree)
    scale = 1 << shift
    exact = floor**degree * value.denominator == value.numerator << (degree * shift)
    return Fraction(floor, scale), Fraction(floor if exact else floor + 1, scale)


def integer_root(value: int, degree: int) -> int:
    """Return the floor of value**(1/degree) of an integer value >= 0, by Newton's iteration."""
    if degree == 1:
        return value
    if degree == 2:
        return math.isqrt(value)
    if value < 2:
        return value
    guess = 1 << -(-value.bit_length() // degree)
    while True:
        lower = ((degree - 1) * guess + value // guess ** (degree - 1)) // degree
        if lower >= guess:
            return guess
        guess = lower


def enclosing_l2_radius_squared(power: Fraction, p: int | float, d: int) -> Fraction:
    """Return the square (rounded up) of the radius of an l2 ball that holds the l_p ball.

    For p <= 2 the l_p ball lies in the l2 ball of its own radius; for p > 2 the factor is
    d**(1/2 - 1/p) (Hoelder; gamma_p(d) of Appendix C).

    Args:
        power: the power of the l_p radius.
        p: the norm.
        d: dimension.

    Raises:
        ValueError: if p is below 1.
    """
    if p == inf:
        return power * power * d
    degree = int(p)
    if degree == 1:
        return power * power
    if degree == 2:
        return power
    if degree < 2:
        raise ValueError(f"p must be at least 1, got {p}")
    # (r d^(1/2-1/p))^2 = ((r^p)^2 d^(p-2))^(1/p)
    return root_upper(power * power * Fraction(d) ** (degree - 2), degree)
