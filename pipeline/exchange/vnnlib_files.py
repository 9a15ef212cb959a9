"""VNN-LIB queries about one ball: satisfiable exactly if the rule is broken in the set they name.

Version 2.0 (VNNLIB/VNNLIB-Standard, chapter "Query Language"; parsed by the package `vnnlib`) has
products and strict inequalities, so the open ball itself is a query: l_2 and every even p by a sum
of products, l_inf by strict bounds, l_1 by all 2**d sign patterns. Its parser wants constants of
the type of the variables (`float64`, with a point, no exponent). Version 1.0, as VNN-COMP reads
it, has boxes and closed inequalities only; see `boxes`.

All constants are decimals equal to the rationals meant. Where mu**p has no finite expansion (rho =
1/3), both sides are multiplied by its denominator. A tool that parses them into floats rounds them:
that error is the tool's, and is part of why its verdict is an opinion.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import product
from math import inf

from pipeline.exchange.ball_case import BallCase
from pipeline.exchange.boxes import Box
from pipeline.exchange.decimals import exact_decimal, finite_decimal, parse_dtype
from pipeline.verification.verdicts import Decision

HALF = Fraction(1, 2)
# 2**10 lines; a query of more is of no use to a tool.
MOST_L1_DIMENSIONS = 10


def ball_query(case: BallCase, dtype: str = "float64") -> str:
    """Return the VNN-LIB 2.0 query "a point of the open ball is read wrongly".

    Args:
        case: the ball and the decision rule.
        dtype: element type of the network's file.

    Raises:
        ValueError: if the language cannot state the ball: p odd above 1, or l_1 with d above 10.
    """
    kind, d = parse_dtype(dtype), len(case.centre)
    lines = [
        "(vnnlib-version <2.0>)",
        *(f"; {line}" for line in _title(case, "the open ball")),
        "(declare-network f",
        f"  (declare-input X {kind} [1,{d}])",
        f"  (declare-output Y {kind} [1,1])",
        ")",
        *(f"(assert {constraint})" for constraint in _ball(case)),
        f"(assert {_wrong(case)})",
    ]
    return "\n".join(lines) + "\n"


def box_query(case: BallCase, box: Box, name: str) -> str:
    """Return the VNN-LIB 1.0 query "a point of the box is read wrongly".

    Args:
        case: the ball and the decision rule.
        box: inscribed in or circumscribed about it.
        name: which of the two, for the title.

    Raises:
        ValueError: for the rule `exact`: version 1.0 has no strict inequality, f != y is no
            closed condition, and the closed one holds everywhere.
    """
    if case.decision is Decision.EXACT:
        raise ValueError("VNN-LIB 1.0 has closed conditions only and cannot state f != y")
    d = len(case.centre)
    lines = [
        *(f"; {line}" for line in _title(case, f"the {name} box")),
        *(f"(declare-const X_{j} Real)" for j in range(d)),
        "(declare-const Y_0 Real)",
    ]
    for j, (lower, upper) in enumerate(zip(box.lower, box.upper, strict=True)):
        lines.append(f"(assert (>= X_{j} {exact_decimal(lower)}))")
        lines.append(f"(assert (<= X_{j} {exact_decimal(upper)}))")
    below, above = (exact_decimal(case.label + side) for side in (-HALF, HALF))
    lines.append(f"(assert (or (and (<= Y_0 {below})) (and (>= Y_0 {above}))))")
    return "\n".join(lines) + "\n"


def _title(case: BallCase, where: str) -> list[str]:
    rule = "f = y" if case.decision is Decision.EXACT else "|f - y| < 1/2"
    return [
        f"Satisfiable exactly if {rule} is broken in {where}.",
        f"Ball {case.index}, label y = {case.label}, rho = {case.rho}, p = {case.p}, "
        f"radius to the power {1 if case.p == inf else case.p}: {case.power}.",
    ]


def _wrong(case: BallCase) -> str:
    """Return the negation of the decision rule as a disjunction."""
    if case.decision is Decision.EXACT:
        label = exact_decimal(Fraction(case.label))
        return f"(or (< Y[0,0] {label}) (> Y[0,0] {label}))"
    below, above = (exact_decimal(case.label + side) for side in (-HALF, HALF))
    return f"(or (<= Y[0,0] {below}) (>= Y[0,0] {above}))"


def _ball(case: BallCase) -> Iterable[str]:
    """Return the constraints whose conjunction is the open ball.

    Raises:
        ValueError: if p is odd and above 1.
    """
    if case.p == inf:
        return _bounds(case)
    degree = int(case.p)
    terms = [_difference(j, c) for j, c in enumerate(case.centre)]
    if degree == 1:
        return _sign_patterns(case)
    if degree % 2:
        raise ValueError(f"VNN-LIB has no absolute value: p = {degree} is odd and cannot be stated")
    return [_below(_sum([f"(* {' '.join([t] * degree)})" for t in terms]), case.power)]


def _difference(coordinate: int, centre: Fraction) -> str:
    variable = f"X[0,{coordinate}]"
    return variable if centre == 0 else f"(- {variable} {exact_decimal(centre)})"


def _sum(terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else f"(+ {' '.join(terms)})"


def _below(expression: str, bound: Fraction) -> str:
    """Return expression < bound, multiplied by the bound's denominator where that is needed."""
    if finite_decimal(bound):
        return f"(< {expression} {exact_decimal(bound)})"
    factor, scaled = Fraction(bound.denominator), Fraction(bound.numerator)
    return f"(< (* {exact_decimal(factor)} {expression}) {exact_decimal(scaled)})"


def _bounds(case: BallCase) -> Iterable[str]:
    for j, c in enumerate(case.centre):
        yield _below(f"X[0,{j}]", c + case.power)
        # x > c - mu; comparisons with a constant on the right are what readers of boxes know.
        lower = c - case.power
        if finite_decimal(lower):
            yield f"(> X[0,{j}] {exact_decimal(lower)})"
        else:
            yield _below(f"(- X[0,{j}])", -lower)


def _sign_patterns(case: BallCase) -> Iterable[str]:
    """Return sum_j s_j (x_j - c_j) < mu for all signs: together |x - c|_1 < mu.

    Raises:
        ValueError: if there are too many.
    """
    d = len(case.centre)
    if d > MOST_L1_DIMENSIONS:
        raise ValueError(
            f"VNN-LIB has no absolute value: an l_1 ball needs 2**d conditions, d = {d} is above "
            f"{MOST_L1_DIMENSIONS}"
        )
    for signs in product((1, -1), repeat=d):
        terms = [f"X[0,{j}]" if s > 0 else f"(- X[0,{j}])" for j, s in enumerate(signs)]
        shift = sum((s * c for s, c in zip(signs, case.centre, strict=True)), Fraction(0))
        yield _below(_sum(terms), case.power + shift)
