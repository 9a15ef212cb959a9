"""Boxes in and around balls."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exchange import BallCase
from pipeline.exchange.boxes import Box, circumscribed_box, holds_ball, inscribed_box, lies_in_ball
from pipeline.exchange.decimals import nearest_float
from pipeline.verification.verdicts import Decision
from tests.exchange.cases_of_balls import ABSOLUTE, ball, dataset

NORMS = [1, 2, 3, inf]


@settings(max_examples=25)
@given(
    st.fractions(Fraction(1, 50), Fraction(49, 50)),
    st.sampled_from(NORMS),
    st.sampled_from(["float64", "float32"]),
    st.integers(-5, 5),
)
def test_boxes_are_on_the_safe_side_and_tight(
    rho: Fraction, p: int | float, dtype: str, shift: int
) -> None:
    points = np.array([[shift, 0.1], [shift + 1, 0.7]])
    case = BallCase(ABSOLUTE, dataset(points, np.array([1, 2])), rho, p, Decision.NEAREST, 0)
    inner, outer = inscribed_box(case, dtype), circumscribed_box(case, dtype)
    assert lies_in_ball(inner, case) and not lies_in_ball(outer, case)
    assert holds_ball(outer, case) and not holds_ball(inner, case) or p == inf
    for bound in (*inner.lower, *inner.upper, *outer.lower, *outer.upper):
        assert nearest_float(bound, dtype) == bound
    # Wider by a little: no longer in the ball. Narrower by a little: no longer around it.
    step = Fraction(1, 2**20) if dtype == "float32" else Fraction(1, 2**45)
    wider = Box(tuple(a - step for a in inner.lower), tuple(b + step for b in inner.upper))
    narrower = Box(tuple(a + step for a in outer.lower), tuple(b - step for b in outer.upper))
    assert not lies_in_ball(wider, case) and not holds_ball(narrower, case)


def test_an_exact_root_still_leaves_the_box_strictly_inside_the_open_ball() -> None:
    points = np.array([[0.0, 0.0], [8.0, 0.0]])
    for p in (1, inf):
        case = BallCase(
            ABSOLUTE, dataset(points, np.array([1, 2])), Fraction(1, 2), p, Decision.NEAREST, 0
        )
        assert case.power == 2
        closed = Fraction(2) if p == inf else Fraction(1)
        assert not lies_in_ball(Box((-closed, -closed), (closed, closed)), case)
        assert max(inscribed_box(case).upper) < closed
        assert circumscribed_box(case).upper == (2, 2)


def test_floats_too_coarse_for_the_ball_are_refused() -> None:
    points = np.array([[2.0**40 + 0.25, 0.0], [2.0**40 + 0.5, 0.0]])
    case = BallCase(
        ABSOLUTE, dataset(points, np.array([1, 2])), Fraction(1, 2), 2, Decision.NEAREST, 0
    )
    with pytest.raises(ValueError, match="floats too coarse"):
        inscribed_box(case, "float32")
    assert holds_ball(circumscribed_box(case, "float32"), case)
    assert lies_in_ball(inscribed_box(case), case)


def test_a_box_far_away_holds_no_ball_for_any_norm() -> None:
    for p in NORMS:
        assert not holds_ball(
            Box((Fraction(90), Fraction(90)), (Fraction(99), Fraction(99))), ball(p=p)
        )


def test_cases_are_validated() -> None:
    with pytest.raises(ValueError, match=r"ball must lie in 0\.\.2, got 3"):
        ball(index=3)
    with pytest.raises(ValueError, match="rho must lie in"):
        ball(rho=Fraction(3, 2))
