"""Numbers for outside tools: decimals that equal a rational, floats on the safe side of it.

A dyadic number n / 2**k is n 5**k / 10**k, so its decimal expansion is finite and is written out in
full: no rounding happens in the text. Where a bound must be a float (a reader that parses into
floats then rounds nothing), it is rounded to a stated side, by exact comparison.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np

DTYPES = ("float64", "float32")


def parse_dtype(name: str) -> str:
    """Return the name of a float type.

    Raises:
        ValueError: if it is neither `float64` nor `float32`.
    """
    if name not in DTYPES:
        raise ValueError(f"dtype must be float64 or float32, got {name!r}")
    return name


def finite_decimal(value: Fraction) -> bool:
    """Return whether the rational has a finite decimal expansion (denominator 2**a 5**b)."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def exact_decimal(value: Fraction) -> str:
    """Return the decimal text equal to the rational, with a point and without an exponent.

    VNN-LIB 2.0 types a constant without a point as an integer and knows no exponents.

    Args:
        value: with a denominator of twos and fives only, as every dyadic number has.

    Raises:
        ValueError: if the expansion does not end.

    >>> exact_decimal(Fraction(-5, 8)), exact_decimal(Fraction(3))
    ('-0.625', '3.0')
    """
    if not finite_decimal(value):
        raise ValueError(f"{value} has no finite decimal expansion")
    places = max(_power_in(value.denominator, 2), _power_in(value.denominator, 5), 1)
    scaled = abs(value.numerator) * (10**places // value.denominator)
    whole, fraction = divmod(scaled, 10**places)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{str(fraction).zfill(places)}"


def _power_in(number: int, prime: int) -> int:
    power = 0
    while number % prime == 0:
        number //= prime
        power += 1
    return power


def nearest_float(value: Fraction, dtype: str) -> Fraction | None:
    """Return a float of the type next to the rational, itself if it is one; None beyond range.

    Float32 is rounded through float64, so it is a neighbour and in rare ties not the nearest.
    """
    try:
        wide = float(value)
    except OverflowError:
        return None
    with np.errstate(over="ignore", under="ignore"):
        rounded = float(np.dtype(parse_dtype(dtype)).type(wide))
    return Fraction(rounded) if np.isfinite(rounded) else None


def float_beside(value: Fraction, dtype: str, *, up: bool) -> Fraction:
    """Return a float of the type at least (`up`) or at most the rational, next to it.

    Raises:
        ValueError: if there is none.
    """
    start = nearest_float(value, dtype)
    if start is None:
        raise ValueError(f"a bound of magnitude {float_size(value)} does not fit {dtype}")
    kind = np.dtype(dtype).type
    number = kind(float(start))
    towards = kind(inf if up else -inf)
    while (Fraction(float(number)) < value) if up else (Fraction(float(number)) > value):
        number = np.nextafter(number, towards)
        if not np.isfinite(number):
            raise ValueError(f"a bound of magnitude {float_size(value)} does not fit {dtype}")
    return Fraction(float(number))


def float_size(value: Fraction) -> str:
    """Return "2**k", the size of a rational of any range, for messages."""
    if value == 0:
        return "0"
    bits = abs(value.numerator).bit_length() - value.denominator.bit_length()
    return f"2**{bits}"
