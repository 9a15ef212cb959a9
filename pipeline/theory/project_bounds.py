"""Upper bounds on the parameter count P that this project adds to the paper's (docs/theory.md).

Leading terms; the projected dimension m = O(log N) counts as a logarithm. All hold on every open
ball, error 0, ReLU only, zeros counted, so for nonzero counts too. For p != 2 rho * gamma_p(d)
stands for rho.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.theory.arguments import Reals, checked_ratio, checked_sizes, gamma_p
from pipeline.theory.bound import Bound, Norm, Regime, every_norm
from pipeline.theory.conditions import Condition, at_most
from pipeline.theory.rates import INPUT, ONE, RATIO, D, Largest, N, Numbers, Rate, root

OURS = "best of parallel balls, halving and voting"
_TABLES = ONE + RATIO**2 * D


def _vanishing(at: Numbers) -> NDArray[np.bool_]:
    """Return where the ratio tends to 0: a range with a logarithm holds no constant ratio."""
    return np.asarray(at["rho"] + at["gamma"] < 0)


# One rounding error wide: 1/sqrt d itself is in the range, however it was computed.
_HALVED = Condition(
    "ρ γₚ(d) ≤ 1/√d",
    lambda at: np.asarray(at["rho"] * at["gamma"] * np.sqrt(at["d"]) <= 1 + 1e-12),
    lambda at: _vanishing(at) & np.asarray(at["rho"] + at["gamma"] + at["d"] / 2 <= 0),
)
_VOTED = Condition(
    "ρ γₚ(d) ≤ 1/log^1.5 N",
    lambda at: np.asarray(at["rho"] * at["gamma"] * at["log"] ** 1.5 <= 1),
    _vanishing,
)


def _balls(p: Norm) -> Rate:
    return N * Largest((ONE, D * RATIO**2)) + INPUT


def _balls_regimes(p: Norm) -> tuple[Regime, ...]:
    item, few = "docs/theory.md 1", at_most(RATIO * root(D), ONE, "ρ γₚ(d) ≤ 1/√d")
    return (
        Regime("logarithmic projection", item, N, few),
        Regime("wide projection", item, N * D * RATIO**2),
    )


def _halves(p: Norm) -> Rate:
    return root(N) + INPUT


def _halves_regimes(p: Norm) -> tuple[Regime, ...]:
    return (Regime("rounds", "docs/theory.md 6", root(N), _HALVED),)


def _votes(p: Norm) -> Rate:
    return (D + root(N) * _TABLES) * _TABLES


def _votes_regimes(p: Norm) -> tuple[Regime, ...]:
    return (Regime("tables", "docs/theory.md 8", _votes(p), _VOTED),)


# N max{1, d rho^2} + d. Squares are computed once and every ball is one neuron of one wide layer,
# over a projection to Theta(rho^2 d + log N) dimensions.
parallel_balls = Bound(
    "parallel_balls", "parallel balls", "upper", _balls, _balls_regimes, scaled=every_norm
)
# sqrt N + d up to 1/sqrt d. A ball of radius r reaches a wall of a random lattice with probability
# O(m r), a quarter or less for r = O(1/m), and a round knows only the cells of balls that the
# rounds before left: log N rounds of sqrt(N/4^k), and d m for the projection. The range is
# rho <= c/(m sqrt d); c and m are omitted like every other constant and logarithm. Beyond it a
# ball meets (1 + O(r))^m cells, which gives N^(1/2 + O(rho sqrt d)): soon more than N.
halving = Bound(
    "halving", "halving", "upper", _halves, _halves_regimes, scaled=every_norm, range=_HALVED
)
# (d + sqrt N T) T. T = O~(1 + rho^2 d) tables of O(log N) coordinates each, together at most d
# rows, which is where rho <= c/log^1.5 N comes from. The rows cost d T, and each of the T readings
# sqrt N entries with T votes carried along.
voting = Bound("voting", "voting", "upper", _votes, _votes_regimes, scaled=every_norm, range=_VOTED)
PROJECT_BOUNDS = (parallel_balls, halving, voting)


def ours(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2) -> Reals:
    """Return the least of this project's rates that hold at rho, for every rho in (0, 1).

    The d of the input layer stays: without it sqrt N would fall below the first term of Theorem
    3.1, whose rho^2 d min{N, d} reaches d at rho = 1/sqrt d. Where a range ends its rate drops out,
    and the curve steps up: the logarithms and constants that would bridge the step are omitted.
    """
    return np.min(_stacked(N, d, rho, p), axis=0)[()]


def cheapest_of_ours(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2
) -> NDArray[np.str_]:
    """Return which rate `ours` is: "parallel_balls", "halving" or "voting"; ties in this order."""
    names = np.array([bound.name for bound in PROJECT_BOUNDS])
    return np.asarray(names[np.argmin(_stacked(N, d, rho, p), axis=0)])[()]


def our_exponent(delta: ArrayLike, s: ArrayLike, p: Norm = 2, t: ArrayLike = 0.0) -> Reals:
    """Return the least exponent of this project's upper bounds."""
    found = [bound.exponent(delta, s, p, t=t) for bound in PROJECT_BOUNDS]
    return np.minimum.reduce(np.broadcast_arrays(*found))[()]


def _stacked(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm) -> Reals:
    """Return the rates stacked, infinite where they are not proved.

    Raises:
        ValueError: where an argument makes no sense.
    """
    sizes, dim = checked_sizes(N, d, OURS)
    ratio = checked_ratio(rho, OURS)
    if np.any(ratio * gamma_p(dim, p) >= 1):
        raise ValueError(f"rho * gamma_p(d) must lie in (0, 1) for p = {p} ({OURS})")
    shape = sizes + dim + ratio
    rates = []
    for bound in PROJECT_BOUNDS:
        proved = np.broadcast_to(bound.proved(sizes, dim, ratio, p), shape.shape)
        n, m, r = (np.broadcast_to(each, shape.shape)[proved] for each in (sizes, dim, ratio))
        rate = np.full(shape.shape, inf)
        rate[proved] = bound(n, m, r, True, p)
        rates.append(rate)
    return np.stack(rates)
