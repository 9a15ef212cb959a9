"""The planner of parallel balls: folds a coordinate, folds a layer, which affine maps to merge.

P depends only on the widths, so every layout is priced without building it. The number of folds
k_j of coordinate j follows from its side M_j: sum_j M_j^2 / 4^(k_j + 1) must stay within the gap,
and narrow coordinates (late principal axes) need fewer folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from pipeline.gadgets import square_error
from pipeline.network import Plan

_MOST_FOLDS = 200


@dataclass(frozen=True)
class Sizes:
    """Sizes that fix a parameter count: input and projected dimension, ball neurons, code bits."""

    d: int
    m: int
    balls: int
    bits: int


@dataclass(frozen=True)
class Layout:
    """How the folding layers are arranged.

    Args:
        folds: k_j, folds of coordinate j, at least one of them positive.
        cuts: increasing; layer l does the folds cuts[l-1] + 1 .. cuts[l], the last cut is max k_j.
        projected_first: whether a hidden layer holds z alone (cheaper where d is much above m).
        contracted: whether a hidden layer holds (z, S) alone before the balls.
    """

    folds: tuple[int, ...]
    cuts: tuple[int, ...]
    projected_first: bool
    contracted: bool

    def folds_in(self, level: int) -> list[int]:
        """Return the number of folds of each coordinate in folding layer `level`."""
        start = self.cuts[level - 1] if level else 0
        return [min(k, self.cuts[level]) - min(k, start) for k in self.folds]


def plan_of_layout(at: Sizes, layout: Layout) -> Plan:
    """Return the widths of a layout; the built network has exactly these."""
    widths = [at.m] if layout.projected_first else []
    for level in range(len(layout.cuts)):
        folds = layout.folds_in(level)
        if level == 0:
            widths.append(at.m + sum((1 << q) - 1 for q in folds))
        else:
            widths.append(at.m + 1 + sum(1 << q for q in folds if q))
    if layout.contracted:
        widths.append(at.m + 1)
    widths += [at.balls, at.bits]
    resolved: dict[str, int | str] = {
        "m": at.m,
        "balls": at.balls,
        "code_bits": at.bits,
        "folds": max(layout.folds),
    }
    return Plan(at.d, tuple(widths), resolved)


def plan_parallel_balls(
    N: int, d: int, C: int, *, m: int, folds: int, majority_count: int | None = None
) -> Plan:
    """Return the cheapest plan with k = `folds` folds of every coordinate, without any data.

    Args:
        N: number of points.
        d: input dimension.
        C: number of classes.
        m: projected dimension.
        folds: k, folds of every coordinate.
        majority_count: points of the most frequent class, ceil(N / C) by default.
    """
    most = -(-N // C) if majority_count is None else majority_count
    at = Sizes(d=d, m=m, balls=N - most, bits=max(1, (C - 1).bit_length()))
    return plan_of_layout(at, _cheapest(at, (folds,) * m))


def cheapest_layout(at: Sizes, sides: Sequence[Fraction], budget: Fraction) -> Layout:
    """Return the cheapest layout found whose squares err by at most `budget`.

    For every cap on the folds of a coordinate (the number of layers follows the largest), folds are
    given out greedily, and every arrangement of `_cuts` is priced. The folds themselves are not
    searched exhaustively, so a layout a few percent cheaper may exist.

    Args:
        at: the sizes.
        sides: M_j of every coordinate, length m.
        budget: bound on the summed error of the squares, positive.

    Raises:
        ValueError: if the budget is not positive, or too small to resolve.
    """
    if budget <= 0:
        raise ValueError(f"the squares need a positive error budget, got {float(budget)}")
    folds = _folds_within(sides, budget, _MOST_FOLDS)
    if folds is None:
        raise ValueError("the gap between the thresholds is too small to resolve")
    layouts = []
    while folds is not None:
        layouts.append(_cheapest(at, folds))
        folds = _folds_within(sides, budget, max(folds) - 1)
    return min(layouts, key=lambda layout: plan_of_layout(at, layout).parameter_count())


def _cheapest(at: Sizes, folds: tuple[int, ...]) -> Layout:
    candidates = [
        Layout(folds, cuts, projected_first, contracted)
        for cuts in _cuts(max(folds))
        for projected_first, contracted in product((False, True), repeat=2)
    ]
    return min(candidates, key=lambda layout: plan_of_layout(at, layout).parameter_count())


def _cuts(most: int) -> Iterator[tuple[int, ...]]:
    """Yield the cuts with one to three folds in the first and last layer, one in between.

    A layer of q folds has 2^q neurons a coordinate; in the middle, where width meets width, q = 1
    is the cheapest, at the ends a narrow neighbour can make q = 2 or 3 pay.
    """
    for first in range(1, min(3, most) + 1):
        if first == most:
            yield (most,)
        for last in range(1, min(3, most - first) + 1):
            middle = range(first + 1, most - last + 1)
            yield (first, *middle, most)


def _folds_within(sides: Sequence[Fraction], budget: Fraction, cap: int) -> tuple[int, ...] | None:
    """Return k_j <= cap with sum_j M_j^2 / 4^(k_j + 1) <= budget, or None if greedy finds none.

    Halving the largest error first keeps every error within a factor 4 of the others; afterwards
    each coordinate, widest last, gives back a fold if the sum allows it.
    """
    if cap < 1:
        return None
    folds = [0] * len(sides)
    errors = [square_error(s, 0) for s in sides]
    while sum(errors) > budget or max(folds) == 0:
        free = [j for j in range(len(sides)) if folds[j] < cap]
        if not free:
            return None
        worst = max(free, key=lambda j: (errors[j], -j))
        folds[worst] += 1
        errors[worst] /= 4
    for j in sorted(range(len(sides)), key=lambda j: errors[j]):
        alone = max(folds[:j] + folds[j + 1 :], default=0) == 0 and folds[j] == 1
        if folds[j] and not alone and sum(errors) + 3 * errors[j] <= budget:
            folds[j] -= 1
            errors[j] *= 4
    return tuple(folds)
