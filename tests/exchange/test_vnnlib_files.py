"""Queries as the standard's own parser reads them, evaluated exactly."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
import vnnlib
import vnnlib.compat

from pipeline.exchange import BallCase
from pipeline.exchange.boxes import Box, circumscribed_box, inscribed_box
from pipeline.exchange.vnnlib_files import ball_query, box_query
from pipeline.verification.verdicts import Decision
from tests.exchange.cases_of_balls import (
    ABSOLUTE,
    HALF,
    THIRD,
    ball,
    dataset,
    holds,
    inside,
    wrong,
)

TINY = Fraction(1, 2**70)


def boundary_points(case: BallCase) -> list[list[Fraction]]:
    """Points inside, on the boundary where it is rational, and just outside."""
    degree = 1 if case.p == inf else int(case.p)
    reach = Fraction(round(float(case.power) ** (1 / degree) * 2**60), 2**60)
    reach = case.power if degree == 1 else reach
    steps = [Fraction(0), HALF * reach, reach - TINY, reach, reach + 3 * reach / 2**50]
    points = []
    for a in steps:
        for sign in (1, -1):
            points += [[case.centre[0] + sign * a, case.centre[1]]]
            points += [[case.centre[0], case.centre[1] + sign * a]]
            points += [[case.centre[0] + sign * a / 2, case.centre[1] - sign * a / 2]]
            points += [[case.centre[0] + sign * a, case.centre[1] - a]]
    return points


@pytest.mark.parametrize("decision", ["nearest", "exact"])
@pytest.mark.parametrize("rho", [HALF, THIRD])
@pytest.mark.parametrize("p", [1, 2, 4, inf])
def test_a_query_holds_exactly_at_the_counterexamples(
    p: int | float, rho: Fraction, decision: str
) -> None:
    case = ball(rho=rho, p=p, decision=decision)
    query = vnnlib.parse_query_string(ball_query(case))
    outputs = [case.label + Fraction(k, 4) for k in range(-3, 4)]
    outputs += [case.label + HALF + s for s in (-TINY, TINY)]
    seen = set()
    for point in boundary_points(case):
        for output in outputs:
            expected = inside(case, point) and wrong(case, output)
            found = all(holds(a.expr, point, output) for a in query.assertions)
            assert found == expected, (point, output)
            seen.add((inside(case, point), wrong(case, output)))
    assert len(seen) == 4


def test_the_declared_network_is_the_one_in_the_file() -> None:
    for dtype, kind in (("float64", vnnlib.DType.F64), ("float32", vnnlib.DType.F32)):
        (network,) = vnnlib.parse_query_string(ball_query(ball(), dtype)).networks
        assert [list(i.shape) for i in network.inputs] == [[1, 2]]
        assert [list(o.shape) for o in network.outputs] == [[1, 1]]
        assert network.inputs[0].dtype == network.outputs[0].dtype == kind


def test_an_l_inf_query_is_a_box_for_readers_of_boxes() -> None:
    case = ball(p=inf)
    (spec,) = vnnlib.compat.transform(vnnlib.parse_query_string(ball_query(case)))
    mu = float(case.power)
    assert spec.input_box == [(1 - mu, 1 + mu), (0.5 - mu, 0.5 + mu)]
    assert [(list(c.coeff_matrix), list(c.rhs)) for c in spec.output_constraints] == [
        ([[1.0]], [1.5]),
        ([[-1.0]], [-2.5]),
    ]


def test_what_the_language_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="p = 3 is odd and cannot be stated"):
        ball_query(ball(p=3))
    points = np.eye(11)[:2]
    wide = BallCase(_wide(11), dataset(points, np.array([1, 2])), HALF, 1, Decision.NEAREST, 0)
    with pytest.raises(ValueError, match=r"needs 2\*\*d conditions, d = 11"):
        ball_query(wide)
    case = ball(decision="exact")
    with pytest.raises(ValueError, match="closed conditions only and cannot state f != y"):
        box_query(case, inscribed_box(case), "inscribed")


def _wide(d: int):  # type: ignore[no-untyped-def]
    from pipeline.network import ReLUNetwork
    from tests.cases import layer

    return ReLUNetwork.relu(layer([[1] * d], [0]))


def constants_of_box(text: str) -> tuple[Box, list[Fraction]]:
    """A reader of VNN-LIB 1.0, line by line."""
    bounds: dict[str, dict[int, Fraction]] = {">=": {}, "<=": {}}
    sides: list[Fraction] = []
    for line in text.splitlines():
        words = line.replace("(", " ").replace(")", " ").split()
        if words[:1] != ["assert"]:
            continue
        if words[1] == "or":
            assert words[2:5] == ["and", "<=", "Y_0"] and words[6:9] == ["and", ">=", "Y_0"]
            sides = [Fraction(words[5]), Fraction(words[9])]
        else:
            bounds[words[1]][int(words[2].removeprefix("X_"))] = Fraction(words[3])
    d = len(bounds["<="])
    return Box(
        tuple(bounds[">="][j] for j in range(d)), tuple(bounds["<="][j] for j in range(d))
    ), sides


@pytest.mark.parametrize("make", [inscribed_box, circumscribed_box])
def test_a_box_query_says_the_box_and_the_broken_rule_exactly(make) -> None:  # type: ignore[no-untyped-def]
    case = ball(network=ABSOLUTE, rho=THIRD)
    box = make(case)
    read, sides = constants_of_box(box_query(case, box, "named"))
    assert read == box
    assert sides == [Fraction(3, 2), Fraction(5, 2)]
