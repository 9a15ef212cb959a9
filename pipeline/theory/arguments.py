"""Sizes, ratio and norm of a bound, checked once and turned into float64 arrays."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reals = NDArray[np.float64]


def gamma_p(d: ArrayLike, p: int | float) -> Reals:
    """Return d^|1/p - 1/2|, the cost of comparing l_p with l_2 (gamma_p in Appendix C).

    ||v||_2 and ||v||_p differ by at most this factor in R^d: 1 for p = 2, sqrt(d) for p = 1, inf.

    >>> float(gamma_p(16, 1)), float(gamma_p(16, 2)), float(gamma_p(16, float("inf")))
    (4.0, 1.0, 4.0)
    """
    norm = checked_norm(p, "Appendix C")
    return np.power(_counts(d, "d", 1, "Appendix C"), abs((0.0 if norm == inf else 1 / norm) - 0.5))


def checked_sizes(N: ArrayLike, d: ArrayLike, item: str) -> tuple[Reals, Reals]:
    """Return N and d as float64 arrays."""
    return _counts(N, "N", 2, item), _counts(d, "d", 1, item)


def checked_ratio(rho: ArrayLike | Fraction, item: str) -> Reals:
    """Return rho as a float64 array with entries strictly inside (0, 1).

    A `Fraction` is compared with 0 and 1 exactly and moved to the nearest float64 inside, so that
    a ratio such as 1 - 10^-20 is not refused for being rounded to 1.

    Raises:
        ValueError: naming `item`, unless 0 < rho < 1.
    """
    if isinstance(rho, Fraction):
        if not 0 < rho < 1:
            raise ValueError(f"rho must lie in (0, 1), got {rho} ({item})")
        inside = min(max(float(rho), np.finfo(np.float64).tiny), np.nextafter(1.0, 0.0))
        return np.asarray(inside, dtype=np.float64)
    values = _numbers(rho, "rho", item)
    outside = ~((values > 0) & (values < 1))
    if outside.any():
        first = float(values[outside].flat[0])
        raise ValueError(f"rho must lie in (0, 1), got {first!r} ({item})")
    return values


def checked_norm(p: int | float, item: str) -> int | float:
    """Return p, an integer >= 1 or inf.

    Raises:
        ValueError: naming `item`, for any other p.
    """
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not p >= 1:
        raise ValueError(f"p must be a positive integer or inf, got {p!r} ({item})")
    if p != inf and p != int(p):
        raise ValueError(f"p must be a positive integer or inf, got {p!r} ({item})")
    return p


@dataclass(frozen=True)
class Growth:
    """How sizes grow with n: N = n, d = n^delta, rho = n^-s, and 1 - rho = n^-t.

    Args:
        delta: log_N d, >= 0.
        s: log_N (1/rho), >= 0; 0 stands for a constant rho.
        t: >= 0, positive only where s = 0.
    """

    delta: ArrayLike
    s: ArrayLike
    t: ArrayLike = 0.0


def checked_growth(growth: Growth, p: int | float, additive_d: bool, item: str) -> dict[str, Reals]:
    """Return the exponent of every symbol of a formula.

    Raises:
        ValueError: naming `item`, unless delta, s and t are finite and >= 0, and s = 0 where t > 0.
    """
    given = {"delta": growth.delta, "s": growth.s, "t": growth.t}
    delta, s, t = (_exponents(value, name, item) for name, value in given.items())
    if np.any((s > 0) & (t > 0)):
        raise ValueError(f"1 - rho = n^-t with t > 0 needs s = 0, rho = n^-s ({item})")
    share = abs((0.0 if p == inf else 1 / p) - 0.5)
    return {
        "N": np.asarray(1.0),
        "d": delta,
        "input": delta if additive_d else np.full_like(delta, -inf),
        "rho": -s,
        "gamma": delta * share,
        "p": np.asarray(0.0),
        "gap": -t if p != inf else np.zeros_like(t),
        "slack": -t,
        "log": np.asarray(0.0),
    }


def _exponents(value: ArrayLike, name: str, item: str) -> Reals:
    array = _numbers(value, name, item)
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"{name} must be finite and >= 0, got {value!r} ({item})")
    return array


def _counts(value: ArrayLike, name: str, least: int, item: str) -> Reals:
    values = _numbers(value, name, item)
    wrong = ~((values >= least) & (values == np.floor(values)) & np.isfinite(values))
    if wrong.any():
        first = float(values[wrong].flat[0])
        raise ValueError(f"{name} must be an integer >= {least}, got {first:g} ({item})")
    return values


def _numbers(value: ArrayLike, name: str, item: str) -> Reals:
    array = np.asarray(value)
    if array.dtype.kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{name} must be a real number, got {value!r} ({item})") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be a real number, got {value!r} ({item})")
    return array.astype(np.float64)
