"""Upper bounds on the parameter count P that this project adds to the paper's (docs/theory.md).

Leading terms; constants and factors polylogarithmic in N, d, C, 1/rho are omitted, those of the
projected dimension m = O(log N) among them. All hold on every open ball, error 0, ReLU only, zeros
counted. The d of the input layer stays: without it sqrt N would fall below the first term of
Theorem 3.1, whose rho^2 d min{N, d} reaches d at rho = 1/sqrt d. Arguments broadcast; what is out
of range is refused with a ValueError that names the bound. `parallel_balls`, the one that covers
every rho, is in `upper_bounds`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.theory.arguments import Reals, checked_ratio, checked_sizes, euclidean_ratio
from pipeline.theory.upper_bounds import parallel_balls

HALVING = "halving, rho <= 1/sqrt d"
VOTING = "voting, rho <= 1/log^1.5 N"
OURS = "best of parallel balls, halving and voting"


def halving(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    p: int | float = 2,
) -> Reals:
    """Return sqrt N + d, the rate of lattices in rounds up to rho = 1/sqrt d (docs/theory.md 6).

    A ball of radius r reaches a wall of a random lattice with probability O(m r), a quarter or less
    for r = O(1/m), and a round knows only the cells of balls that the rounds before left: log N
    rounds of sqrt(N/4^k), and d m for the projection. The range is rho <= c/(m sqrt d); constant
    and m are omitted like every other logarithm.

    Beyond it a ball meets (1 + O(r))^m cells, which gives N^(1/2 + O(rho sqrt d)): that is sqrt N
    only while rho sqrt d is small, and exceeds N, the parallel balls', soon after.
    """
    N, d, ratio = _arguments(N, d, rho, p, HALVING)
    # One rounding error wide: 1/sqrt d itself is in the range, however it was computed.
    _require(ratio * np.sqrt(d) <= 1 + 1e-12, ratio, HALVING)
    return np.sqrt(N) + d + 0 * ratio


def voting(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    p: int | float = 2,
) -> Reals:
    """Return (d + sqrt N (1 + rho^2 d)) (1 + rho^2 d), the rate of a vote of hash tables.

    T = O~(1 + rho^2 d) tables of O(log N) coordinates each, together at most d rows, which is
    where rho <= c/log^1.5 N comes from; the constant is omitted. The rows cost d T, and each of
    the T readings sqrt N entries with T votes carried along.
    """
    N, d, ratio = _arguments(N, d, rho, p, VOTING)
    _require(_few_rows(N, ratio), ratio, VOTING)
    return _voting_rate(N, d, ratio)


def ours(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    p: int | float = 2,
) -> Reals:
    """Return the least of this project's rates that hold at rho, for every rho in (0, 1).

    Parallel balls everywhere, halving up to 1/sqrt d, voting up to 1/log^1.5 N. Where a range ends
    its rate drops out, and the curve steps up: the logarithms and constants that would bridge the
    step are omitted.
    """
    return np.min(_rates(N, d, rho, p), axis=0)[()]


def cheapest_of_ours(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float = 2
) -> NDArray[np.str_]:
    """Return which rate `ours` is: "parallel_balls", "halving" or "voting"; ties in this order."""
    names = np.array(["parallel_balls", "halving", "voting"])
    return np.asarray(names[np.argmin(_rates(N, d, rho, p), axis=0)])[()]


def _rates(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float) -> Reals:
    """Return the three rates stacked, infinite where they are not proved."""
    n, dim, ratio = _arguments(N, d, rho, p, OURS)
    balls = parallel_balls(n, dim, ratio)
    lattice = np.where(ratio * np.sqrt(dim) <= 1 + 1e-12, np.sqrt(n) + dim, np.inf)
    votes = np.where(_few_rows(n, ratio), _voting_rate(n, dim, ratio), np.inf)
    return np.stack(np.broadcast_arrays(balls, lattice, votes))


def _voting_rate(N: Reals, d: Reals, ratio: Reals) -> Reals:
    tables = 1 + ratio**2 * d
    return (d + np.sqrt(N) * tables) * tables


def _few_rows(N: Reals, ratio: Reals) -> NDArray[np.bool_]:
    """Return where rho <= 1/log^1.5 N."""
    return np.asarray(ratio * np.log(N) ** 1.5 <= 1)


def _require(within: NDArray[np.bool_], ratio: Reals, item: str) -> None:
    """Check the range of rho.

    Raises:
        ValueError: naming the bound, where rho is outside.
    """
    inside = np.asarray(within)
    if not inside.all():
        outside = np.broadcast_to(ratio, inside.shape)[~inside].flat[0]
        raise ValueError(f"rho is outside the range, got {float(outside)!r} ({item})")


def _arguments(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float, item: str
) -> tuple[Reals, Reals, Reals]:
    sizes = checked_sizes(N, d, item)
    return *sizes, euclidean_ratio(*sizes, checked_ratio(rho, item), p, item)
