"""Small balls with networks, and exact evaluation of what outside readers make of our files."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import vnnlib

from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.exchange import BallCase
from pipeline.network import ReLUNetwork
from pipeline.verification.verdicts import Decision
from tests.cases import layer

THIRD, HALF = Fraction(1, 3), Fraction(1, 2)
POINTS = np.array([[0.0, 0.0], [1.0, 0.5], [0.25, -2.0]])
LABELS = np.array([1, 2, 1])
# |x_0| + 1: on the ball of (1, 1/2) it takes the values 2 + t, |t| < mu.
ABSOLUTE = ReLUNetwork.relu(layer([[1, 0], [-1, 0]], [0, 0]), layer([[1, 1]], [1]))
COMPARISONS = {
    vnnlib.LessThan: lambda a, b: a < b,
    vnnlib.LessEqual: lambda a, b: a <= b,
    vnnlib.GreaterThan: lambda a, b: a > b,
    vnnlib.GreaterEqual: lambda a, b: a >= b,
}


def dataset(points: np.ndarray = POINTS, labels: np.ndarray = LABELS) -> SeparatedDataset:
    return SeparatedDataset("small", as_dyadic(points), labels)


def ball(
    network: ReLUNetwork = ABSOLUTE,
    rho: Fraction = HALF,
    p: int | float = 2,
    decision: str = "nearest",
    index: int = 1,
) -> BallCase:
    return BallCase(network, dataset(), rho, p, Decision(decision), index)


def number(text: str) -> Fraction:
    return Fraction(text)


def value(node: Any, point: list[Fraction], output: Fraction) -> Fraction:
    """The exact value of an arithmetic expression as the standard's parser reads it."""
    kind = type(node)
    if kind is vnnlib.Var:
        return output if node.name == "Y" else point[node.indices[1]]
    if kind in (vnnlib.Float, vnnlib.Int, vnnlib.Literal):
        return number(node.lexeme)
    if kind is vnnlib.Negate:
        return -value(node.expr, point, output)
    if kind is vnnlib.Minus:
        head, *rest = value(node.head, point, output), *node.rest
        return head - sum(value(n, point, output) for n in rest)
    parts = [value(n, point, output) for n in node.args]
    if kind is vnnlib.Plus:
        return sum(parts, Fraction(0))
    assert kind is vnnlib.Multiply, kind
    product = Fraction(1)
    for part in parts:
        product *= part
    return product


def holds(node: Any, point: list[Fraction], output: Fraction) -> bool:
    """Whether a formula holds, in exact arithmetic."""
    if type(node) is vnnlib.And:
        return all(holds(n, point, output) for n in node.args)
    if type(node) is vnnlib.Or:
        return any(holds(n, point, output) for n in node.args)
    compare = COMPARISONS[type(node)]
    return compare(value(node.lhs, point, output), value(node.rhs, point, output))


def inside(case: BallCase, point: list[Fraction]) -> bool:
    """Whether a rational point lies in the open ball, from the definition."""
    reach = [abs(x - c) for x, c in zip(point, case.centre, strict=True)]
    if case.p == inf:
        return max(reach) < case.power
    return sum((r ** int(case.p) for r in reach), Fraction(0)) < case.power


def wrong(case: BallCase, output: Fraction) -> bool:
    """Whether the rule is broken by an output, from the definition."""
    error = abs(output - case.label)
    return error != 0 if case.decision is Decision.EXACT else error >= HALF
