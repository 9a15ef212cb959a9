"""Boxes of floats inside and around a ball, proved to be so by exact comparison.

A tool that knows boxes only can still say something about a ball: a counterexample in the INSCRIBED
box lies in the open ball and refutes it, a proof on the CIRCUMSCRIBED box covers the ball. The
other two answers say nothing. mu is irrational in general; every bound is a float on the safe side,
so that a reader who parses into floats of that type rounds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf

from pipeline.exact import root_lower, root_upper
from pipeline.exchange.ball_case import BallCase
from pipeline.exchange.decimals import float_beside

# Below the ends of an exact root; the strict inequality needs some room.
_SHRUNK = 1 - Fraction(1, 1 << 60)


@dataclass(frozen=True)
class Box:
    """The closed box of the points with lower <= x <= upper.

    Args:
        lower: lower bounds, d of them.
        upper: upper bounds, d of them.

    Raises:
        ValueError: if a lower bound exceeds the upper one.
    """

    lower: tuple[Fraction, ...]
    upper: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if any(a > b for a, b in zip(self.lower, self.upper, strict=True)):
            raise ValueError("a lower bound of the box exceeds the upper one: floats too coarse")


def lies_in_ball(box: Box, case: BallCase) -> bool:
    """Return whether the whole box lies in the OPEN ball, decided exactly at its far corner."""
    reach = [
        max(abs(a - c), abs(b - c))
        for a, b, c in zip(box.lower, box.upper, case.centre, strict=True)
    ]
    if case.p == inf:
        return max(reach) < case.power
    return sum((r ** int(case.p) for r in reach), Fraction(0)) < case.power


def holds_ball(box: Box, case: BallCase) -> bool:
    """Return whether the box contains the ball, decided exactly at its nearest face."""
    degree = 1 if case.p == inf else int(case.p)
    return all(
        min(c - a, b - c) >= 0 and min(c - a, b - c) ** degree >= case.power
        for a, b, c in zip(box.lower, box.upper, case.centre, strict=True)
    )


def inscribed_box(case: BallCase, dtype: str = "float64") -> Box:
    """Return a box of floats that lies in the open ball: half side just below mu d**(-1/p).

    Args:
        case: the ball.
        dtype: type of the bounds.

    Raises:
        ValueError: if the type has no box in the ball: the ball lies between two floats.
        ArithmeticError: if the exact comparison fails: the software is at fault.
    """
    if case.p == inf:
        reach = case.power * _SHRUNK
    else:
        reach = root_lower(case.power / len(case.centre), int(case.p)) * _SHRUNK
    box = Box(
        tuple(float_beside(c - reach, dtype, up=True) for c in case.centre),
        tuple(float_beside(c + reach, dtype, up=False) for c in case.centre),
    )
    if not lies_in_ball(box, case):
        raise ArithmeticError(f"the inscribed box of ball {case.index} leaves the ball")
    return box


def circumscribed_box(case: BallCase, dtype: str = "float64") -> Box:
    """Return a box of floats that contains the ball: half side mu rounded up.

    Args:
        case: the ball.
        dtype: type of the bounds.

    Raises:
        ArithmeticError: if the exact comparison fails: the software is at fault.
    """
    reach = case.power if case.p == inf else root_upper(case.power, int(case.p))
    box = Box(
        tuple(float_beside(c - reach, dtype, up=False) for c in case.centre),
        tuple(float_beside(c + reach, dtype, up=True) for c in case.centre),
    )
    if not holds_ball(box, case):
        raise ArithmeticError(f"the circumscribed box of ball {case.index} misses a point of it")
    return box
