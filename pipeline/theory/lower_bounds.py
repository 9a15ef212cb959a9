"""Lower bounds on the parameter count P and on the first hidden width (Theorems 3.1, C.5, E.1).

Leading terms, constants omitted. They hold for the worst dataset of N points in R^d, not for each.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, inf

import numpy as np
from numpy.typing import ArrayLike

from pipeline.theory.arguments import Reals, checked_norm, checked_ratio, checked_sizes
from pipeline.theory.bound import Bound, Norm, Regime, numbers
from pipeline.theory.conditions import ALWAYS, Condition, Where, at_most
from pipeline.theory.rates import (
    FEWER,
    GAMMA,
    GAP,
    INPUT,
    ONE,
    RHO,
    D,
    Least,
    N,
    Numbers,
    Rate,
    root,
)


def _last_growing_ratio(at: Numbers) -> Reals:
    """Return (1 - 1/d)^(1/p), where 1 - rho^p has come down to 1/d."""
    share, p = 1 - 1 / at["d"], float(at["p"])
    return np.sqrt(share) if p == 2 else np.asarray(share ** (1 / p))


# Beyond it the VC dimension shown to be needed grows no more (Propositions 3.3, C.8).
GROWING = Condition(
    "ρ ≤ (1 − 1/d)^(1/p)",
    lambda at: np.asarray(at["rho"] <= _last_growing_ratio(at)),
    lambda at: np.asarray(-at["gap"] <= at["d"]),
)
# As an exponent: every constant ratio but those that tend to 1.
AT_MOST_HALF = Condition(
    "ρ ≤ 1/2",
    lambda at: np.asarray(at["rho"] <= 0.5),
    lambda at: np.asarray(at["slack"] >= 0),
)


def _width(p: Norm) -> Rate:
    """Return the first hidden width that is needed (Propositions 3.2, C.6, C.7)."""
    if p == inf:
        return Where(AT_MOST_HALF, RHO**2, ONE) * FEWER
    return ((RHO / GAMMA) ** 2 if p < 2 else RHO**2) * FEWER


def _first(p: Norm) -> Rate:
    return _width(p) * D + INPUT


def _second(p: Norm) -> Rate:
    return root(N) if p == inf else Least((ONE / root(GAP), root(D))) * root(N)


def _both(p: Norm) -> Rate:
    return _first(p) + _second(p)


def _width_regimes(p: Norm) -> tuple[Regime, ...]:
    one_neuron = Regime("input layer", "every network", D, at_most(_width(p), ONE, "width ≤ 1"))
    if p == inf:
        return (
            one_neuron,
            Regime("width", "Proposition C.6", RHO**2 * FEWER * D, AT_MOST_HALF),
            Regime("full width", "Proposition C.7", FEWER * D),
        )
    item = "Proposition 3.2" if p == 2 else "Proposition C.6"
    return (one_neuron, Regime("width", item, _width(p) * D))


def _vc_regimes(p: Norm) -> tuple[Regime, ...]:
    if p == inf:
        return (Regime("memorization", "Goldberg and Jerrum 1995", root(N)),)
    return (
        Regime("growing", "Propositions 3.3, C.8", root(N / GAP), GROWING),
        Regime("saturated", "Propositions 3.3, C.8", root(N * D)),
    )


def _dominant(p: Norm) -> tuple[Regime, ...]:
    """Return the two terms by which is the larger: the width's is where it is at least the VC's."""
    vc_larger = at_most(_first(p), _second(p), "first term ≤ second term")
    return (
        Regime("VC dimension", "Propositions 3.3, C.8", _second(p), vc_larger),
        Regime("width", "Propositions 3.2, C.6, C.7", _first(p), ALWAYS),
    )


# (rho^2 min{N, d} + 1) d: the width of the first layer; rho / gamma_p(d) stands for rho where
# p < 2, and for p = inf all of min{N, d} is needed as soon as rho > 1/2.
first_term = Bound("theorem_3_1_first", "Theorem 3.1, first term", "lower", _first, _width_regimes)
# min{1/sqrt(1 - rho^p), sqrt d} sqrt N: the VC dimension; sqrt N alone is left for p = inf.
second_term = Bound("theorem_3_1_second", "Theorem 3.1, second term", "lower", _second, _vc_regimes)
# The sum of both; Theorem C.5 for p != 2.
theorem_3_1 = Bound("theorem_3_1", "Theorem 3.1", "lower", _both, _dominant)
# Zeros not counted, no width argument is left (Appendix E). It is stated for p = 2; Proposition
# C.8's VC dimension is a lower bound on the nonzero count in l_p for the same reason.
theorem_e_1 = Bound("theorem_e_1", "Theorem E.1", "lower", _second, _vc_regimes, "nonzero")


def proposition_3_2_width(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2
) -> Reals:
    """Return rho^2 min{N - 1, d}: one dataset forces this first hidden width (Proposition 3.2).

    No constant is omitted. For p < 2 rho / gamma_p(d) stands for rho, and for p = inf the width is
    min{N - 1, d} as soon as rho > 1/2 (Propositions C.6, C.7).
    """
    item = _width_item(p)
    sizes, dim = checked_sizes(N, d, item)
    ratio = checked_ratio(rho, item)
    # The formula has N, of the same order as N - 1.
    at = numbers(sizes - 1, dim, ratio, checked_norm(p, item))
    return np.asarray(_width(p).value(at))[()]


def proposition_3_2_least_width(N: int, d: int, rho: Fraction, p: Norm = 2) -> int:
    """Return the least integer first hidden width that Proposition 3.2 allows, exactly.

    Every network of a smaller first hidden width fails on the dataset of Proposition 3.2, in l_p by
    Propositions C.6 and C.7.

    >>> proposition_3_2_least_width(33, 32, Fraction(1, 2))
    8
    >>> proposition_3_2_least_width(33, 32, Fraction(3, 4), p=inf)
    32
    """
    item = _width_item(checked_norm(p, "Proposition C.6"))
    checked_sizes(N, d, item)
    checked_ratio(Fraction(rho), item)
    least, ratio = min(int(N) - 1, int(d)), Fraction(rho)
    if p == inf and ratio > Fraction(1, 2):
        return least
    # gamma_1(d)^2 = d: the only integer norm below 2 is 1.
    return ceil(ratio**2 * least / (d if p == 1 else 1))


def _width_item(p: Norm) -> str:
    return "Proposition 3.2" if p == 2 else "Propositions C.6, C.7"
