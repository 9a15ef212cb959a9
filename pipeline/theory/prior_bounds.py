"""Bounds known before the paper, as it states them (Eq. 1, 2, 85; Table 1; Appendix D)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from pipeline.theory.arguments import Reals, checked_sizes
from pipeline.theory.bound import (
    COUNTINGS,
    Bound,
    Counting,
    Norm,
    Regime,
    every_norm,
    no_norm,
)
from pipeline.theory.conditions import Condition, Where, at_most, both
from pipeline.theory.lower_bounds import GROWING
from pipeline.theory.rates import INPUT, ONE, RATIO, D, Largest, Least, N, P, Rate, root

EGOSI, YU, LI = "Egosi et al. 2025", "Yu et al. 2024", "Li et al. 2022"
MEMORIZATION = "Goldberg and Jerrum 1995"
# Where an l_p ball of ratio rho lies in an l_2 ball of ratio below 1.
SCALED = Condition(
    "ρ γₚ(d) < 1",
    lambda at: np.asarray(at["rho"] * at["gamma"] < 1),
    lambda at: np.asarray(at["rho"] + at["gamma"] <= 0),
)
SMALL = at_most(RATIO * root(D), ONE, "ρ γₚ(d) ≤ 1/√d")
# Where Yu et al.'s lower bound for p = inf says nothing. As an exponent: every constant ratio but
# those that tend to 1.
_NOT_YU = Condition(
    "ρ < 4/5 or N ≤ d",
    lambda at: np.asarray((at["rho"] < 0.8) | (at["N"] <= at["d"])),
    lambda at: np.asarray((at["slack"] >= 0) | (at["N"] < at["d"])),
)


def _lower_nonzero(p: Norm) -> Rate:
    # Li et al. state it for p = 2; in other norms sqrt N is what memorization needs.
    return Where(GROWING, root(N), root(N * D)) if p == 2 else root(N)


def _lower(p: Norm) -> Rate:
    return _lower_nonzero(p) + (Where(_NOT_YU, INPUT, D**2) if p == inf else INPUT)


def _lower_regimes(p: Norm) -> tuple[Regime, ...]:
    memorized = partial(Regime, "memorization", MEMORIZATION, root(N))
    if p == 2:
        return memorized(GROWING), Regime("VC dimension", LI, root(N * D))
    if p == inf:
        return memorized(_NOT_YU), Regime("width", YU, D**2)
    return (memorized(),)


def _lower_nonzero_regimes(p: Norm) -> tuple[Regime, ...]:
    return _lower_regimes(p) if p == 2 else (Regime("memorization", MEMORIZATION, root(N)),)


def _implicit(counting: Counting) -> Rate:
    """Return what Egosi et al.'s construction costs for rho above 1/sqrt d."""
    return N * (D**3 * RATIO**6 if counting == "all" else D**2 * RATIO**4)


def _everywhere(counting: Counting, p: Norm) -> Rate:
    """Return what Yu et al.'s construction costs, for every rho."""
    rate = N * (D**2 if counting == "all" else D)
    # Constants are omitted: p^2 = 4 is one.
    return rate if p == 2 else rate * P**2


def _egosi(counting: Counting, p: Norm) -> Rate:
    return Largest((N, _implicit(counting))) + INPUT


def _egosi_regimes(counting: Counting, p: Norm) -> tuple[Regime, ...]:
    return (
        Regime("logarithmic width", EGOSI, N, SMALL),
        Regime("implicit", f"{EGOSI}, Appendices D.3 and E", _implicit(counting)),
    )


def _yu(counting: Counting, p: Norm) -> Rate:
    return _everywhere(counting, p) + INPUT


def _yu_regimes(counting: Counting, p: Norm) -> tuple[Regime, ...]:
    return (Regime("all coordinates", YU, _everywhere(counting, p)),)


def _upper(counting: Counting, p: Norm) -> Rate:
    if p == inf:
        return _egosi(counting, p)
    least = Least((Largest((N, _implicit(counting))), _everywhere(counting, p)))
    return Where(SCALED, least, _everywhere(counting, p)) + INPUT


def _upper_regimes(counting: Counting, p: Norm) -> tuple[Regime, ...]:
    """Return N, the implicit rate until it reaches Yu et al.'s, at d^(-1/6) or d^(-1/4), theirs."""
    small, implicit = _egosi_regimes(counting, p)
    if p == inf:
        return small, implicit
    end = "ρ γₚ(d) ≤ d^(−1/6)" if counting == "all" else "ρ γₚ(d) ≤ d^(−1/4)"
    cheaper = both(SCALED, at_most(implicit.rate, _everywhere(counting, p), end))
    middle = Regime(implicit.name, implicit.item, implicit.rate, cheaper)
    return small, middle, *_yu_regimes(counting, p)


def _only_inf(p: Norm) -> bool:
    return p == inf


def _but_inf(p: Norm) -> bool:
    return p != inf


def _counted(
    name: str,
    item: str,
    formula: Callable[[Counting, Norm], Rate],
    regimes: Callable[[Counting, Norm], tuple[Regime, ...]],
    counting: Counting,
    scaled: Callable[[Norm], bool],
    norms: Callable[[Norm], bool] = every_norm,
) -> Bound:
    """Return the upper bound on one of the two counts."""
    suffix, words = ("", "") if counting == "all" else ("_nonzero", " (nonzero counts)")
    return Bound(
        name + suffix,
        item + words,
        "upper",
        partial(formula, counting),
        partial(regimes, counting),
        counting,
        scaled,
        norms=norms,
    )


# sqrt N + d up to rho = sqrt(1 - 1/d) and sqrt(N d) + d above: the bound jumps by sqrt d there
# (Eq. 1). In l_inf d^2 for rho >= 4/5 and N > d (Table 1).
prior_lower_bound = Bound("prior_lower", f"prior bound, {LI}", "lower", _lower, _lower_regimes)
prior_lower_nonzero = Bound(
    "prior_lower_nonzero",
    f"prior bound on nonzero counts, {LI}",
    "lower",
    _lower_nonzero,
    _lower_nonzero_regimes,
    "nonzero",
)
# N up to rho = 1/sqrt d, above it N d^3 rho^6 (Appendix D.3), of which N d^2 rho^4 are not zero.
egosi_2025, egosi_2025_nonzero = (
    _counted("egosi_2025", EGOSI, _egosi, _egosi_regimes, counting, every_norm)
    for counting in COUNTINGS
)
# N d^2 p^2 for every rho and every integer p, of which N d p^2 are not zero; p = 2 is a constant.
yu_2024, yu_2024_nonzero = (
    _counted("yu_2024", YU, _yu, _yu_regimes, counting, no_norm, _but_inf) for counting in COUNTINGS
)
# The better of both (Eq. 2, Eq. 85).
prior_upper_bound, prior_upper_nonzero = (
    _counted("prior_upper", f"{EGOSI} and {YU}", _upper, _upper_regimes, counting, _only_inf)
    for counting in COUNTINGS
)


def vardi_2022(N: ArrayLike) -> Reals:
    """Return sqrt N, classical memorization without robustness (Vardi et al. 2022)."""
    sizes, _ = checked_sizes(N, 1, "Vardi et al. 2022")
    return np.sqrt(sizes)
