"""The paper's upper bounds on the parameter count P: Theorems 4.2, C.11 and E.2.

For p != 2 they hold with rho * gamma_p(d) for rho while that stays below 1.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.theory.arguments import Reals
from pipeline.theory.bound import Bound, Counting, Norm, Regime, every_norm
from pipeline.theory.conditions import at_most
from pipeline.theory.rates import INPUT, ONE, RATIO, D, Largest, N, Number, Rate, root

SMALL, MODERATE, LARGE = "small", "moderate", "large"
_FIVE = Number(Fraction(5))
_ENDS = (
    at_most(RATIO, ONE / (_FIVE * N * root(D)), "ρ γₚ(d) ≤ 1/(5N√d)"),
    at_most(RATIO, ONE / (_FIVE * root(D)), "ρ γₚ(d) ≤ 1/(5√d)"),
)


def _rates(counting: Counting) -> tuple[Rate, Rate, Rate]:
    """Return the rates of the three regimes."""
    large = D**2 * RATIO**4 if counting == "all" else D * RATIO**2
    return root(N), N * D ** Fraction(1, 4) * root(RATIO), N * large


def _rate(counting: Counting, p: Norm) -> Rate:
    # The rates cross at 1/(N sqrt d) and 1/sqrt d, the ends of the theorem's regimes with the
    # constant 5 omitted like every other, so that the maximum is continuous and within a constant
    # of each part.
    return Largest(_rates(counting)) + INPUT


def _regimes(counting: Counting, p: Norm) -> tuple[Regime, ...]:
    small, moderate, large = _rates(counting)
    item = "Theorem 4.2" if counting == "all" else "Theorem E.2"
    return (
        Regime(SMALL, f"{item}(i)", small, _ENDS[0]),
        Regime(MODERATE, f"{item}(ii)", moderate, _ENDS[1]),
        Regime(LARGE, f"{item}(iii)", large),
    )


# sqrt N, N d^(1/4) rho^(1/2), N d^2 rho^4; between the first two ends only up to an error eta.
theorem_4_2 = Bound(
    "theorem_4_2",
    "Theorem 4.2",
    "upper",
    partial(_rate, "all"),
    partial(_regimes, "all"),
    scaled=every_norm,
)
# Of the last, N d rho^2 entries are not zero. It is stated for p = 2; the inclusion of balls that
# proves Theorem C.11 carries it over to l_p.
theorem_e_2 = Bound(
    "theorem_e_2",
    "Theorem E.2",
    "upper",
    partial(_rate, "nonzero"),
    partial(_regimes, "nonzero"),
    "nonzero",
    scaled=every_norm,
)


def regime(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2) -> NDArray[np.str_]:
    """Return which part of Theorem 4.2 covers rho: "small" (i), "moderate" (ii) or "large" (iii).

    The parts end at 1/(5 N sqrt d), at 1/(5 sqrt d), and at 1; constants as in the theorem.

    >>> str(regime(100, 4, 0.05)), str(regime(100, 4, 0.5))
    ('moderate', 'large')
    """
    return theorem_4_2.regime(N, d, rho, p)


def theorem_4_2_i(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2) -> Reals:
    """Return sqrt N, the rate for rho in (0, 1/(5 N sqrt d)] (Theorem 4.2(i))."""
    return theorem_4_2.within(SMALL, N, d, rho, p)


def theorem_4_2_ii(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2) -> Reals:
    """Return N d^(1/4) rho^(1/2), the rate up to rho = 1/(5 sqrt d) (Theorem 4.2(ii))."""
    return theorem_4_2.within(MODERATE, N, d, rho, p)


def theorem_4_2_iii(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2) -> Reals:
    """Return N d^2 rho^4, the rate for rho in (1/(5 sqrt d), 1) (Theorem 4.2(iii))."""
    return theorem_4_2.within(LARGE, N, d, rho, p)
