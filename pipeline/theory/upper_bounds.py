"""Upper bounds on the parameter count P: Theorem 4.2 and the parallel balls of this project.

Leading terms; constants and factors polylogarithmic in N, d, C, 1/rho, 1/(1-rho) are omitted. For
p != 2 they hold with rho * gamma_p(d) for rho while that stays below 1 (Theorems C.11-C.14).
Arguments broadcast; scalars in, NumPy scalars out. What is out of range is refused with a
ValueError that names the theorem.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.theory.arguments import Reals, checked_ratio, checked_sizes, euclidean_ratio

SMALL, MODERATE, LARGE = "small", "moderate", "large"


def regime(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float = 2
) -> NDArray[np.str_]:
    """Return which part of Theorem 4.2 covers rho: "small" (i), "moderate" (ii) or "large" (iii).

    The parts end at 1/(5 N sqrt d), at 1/(5 sqrt d), and at 1; constants as in the theorem.

    >>> str(regime(100, 4, 0.05)), str(regime(100, 4, 0.5))
    ('moderate', 'large')
    """
    N, d, ratio = _arguments(N, d, rho, p, "Theorem 4.2")
    parts = [ratio <= 1 / (5 * N * np.sqrt(d)), ratio <= 1 / (5 * np.sqrt(d))]
    return np.select(parts, [SMALL, MODERATE], LARGE)[()]


def theorem_4_2(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    additive_d: bool = True,
    p: int | float = 2,
) -> Reals:
    """Return the leading term of the upper bound on P for every rho in (0, 1) (Theorem 4.2).

    The maximum of the three rates sqrt N, N d^(1/4) rho^(1/2) and N d^2 rho^4. They cross at
    1/(N sqrt d) and 1/sqrt d, which are the ends of the theorem's parts with the constant 5 omitted
    like every other constant, so the curve is continuous and within a constant of each part.

    Args:
        N: number of points, >= 2.
        d: input dimension, >= 1.
        rho: robustness ratio in (0, 1).
        additive_d: add the d of the input layer, which the paper omits here.
        p: norm.
    """
    N, d, ratio = _arguments(N, d, rho, p, "Theorem 4.2")
    rates = [rate(N, d, ratio) for rate in (_rate_i, _rate_ii, _rate_iii)]
    return np.maximum.reduce(rates) + (d if additive_d else 0)


def theorem_4_2_i(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float = 2
) -> Reals:
    """Return sqrt N, the rate for rho in (0, 1/(5 N sqrt d)] (Theorem 4.2(i))."""
    return _rate_i(*_within(SMALL, N, d, rho, p, "Theorem 4.2(i)"))


def theorem_4_2_ii(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float = 2
) -> Reals:
    """Return N d^(1/4) rho^(1/2), the rate up to rho = 1/(5 sqrt d) (Theorem 4.2(ii))."""
    return _rate_ii(*_within(MODERATE, N, d, rho, p, "Theorem 4.2(ii)"))


def theorem_4_2_iii(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float = 2
) -> Reals:
    """Return N d^2 rho^4, the rate for rho in (1/(5 sqrt d), 1) (Theorem 4.2(iii))."""
    return _rate_iii(*_within(LARGE, N, d, rho, p, "Theorem 4.2(iii)"))


def parallel_balls(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    additive_d: bool = True,
    p: int | float = 2,
) -> Reals:
    """Return N max{1, d rho^2} + d, the rate of this project's parallel balls.

    Squares are computed once and every ball is one neuron of one wide layer, over a projection to
    Theta(rho^2 d + log N) dimensions: N d rho^2 above rho = 1/sqrt d, and N below.
    """
    N, d, ratio = _arguments(N, d, rho, p, "parallel balls")
    return N * np.maximum(1.0, d * ratio**2) + (d if additive_d else 0)


def _rate_i(N: Reals, d: Reals, ratio: Reals) -> Reals:
    return np.sqrt(N) + 0 * (d + ratio)


def _rate_ii(N: Reals, d: Reals, ratio: Reals) -> Reals:
    return N * d**0.25 * np.sqrt(ratio)


def _rate_iii(N: Reals, d: Reals, ratio: Reals) -> Reals:
    return N * d**2 * ratio**4


def _arguments(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float, item: str
) -> tuple[Reals, Reals, Reals]:
    sizes = checked_sizes(N, d, item)
    return *sizes, euclidean_ratio(*sizes, checked_ratio(rho, item), p, item)


def _within(
    part: str, N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float, item: str
) -> tuple[Reals, Reals, Reals]:
    arguments = _arguments(N, d, rho, p, item)
    found = regime(N, d, rho, p)
    if np.any(found != part):
        other = np.asarray(found)[np.asarray(found != part)].flat[0]
        raise ValueError(f"rho must lie in the {part} regime, got the {other} one ({item})")
    return arguments
