"""The planner's layout keeps the error budget and is never beaten by another in its family."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.construction.parallel_layout import (
    Layout,
    Sizes,
    cheapest_layout,
    plan_of_layout,
    plan_parallel_balls,
)
from pipeline.gadgets import square_error


def family(most: int) -> list[tuple[int, ...]]:
    """Return the cuts with 1 to 3 folds in the first and the last layer, one in the others."""
    found = {(most,)} if most <= 3 else set()
    for first, last in product((1, 2, 3), repeat=2):
        if first + last <= most:
            found.add((first, *range(first + 1, most - last + 1), most))
    return sorted(found)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Sizes, list[Fraction], Fraction]:
    """Return sizes, box sides and an error budget that needs 0 to 7 folds a coordinate."""
    m = draw(st.integers(1, 5))
    sizes = Sizes(draw(st.integers(1, 40)), m, draw(st.integers(1, 300)), draw(st.integers(1, 4)))
    sides = [Fraction(draw(st.integers(1, 64)), 8) for _ in range(m)]
    whole = sum((s * s for s in sides), Fraction(0))
    return sizes, sides, whole / 4 ** draw(st.integers(1, 7)) / draw(st.integers(1, 4))


@given(problems())
def test_no_layout_of_the_family_is_cheaper(
    problem: tuple[Sizes, list[Fraction], Fraction],
) -> None:
    sizes, sides, budget = problem
    best = cheapest_layout(sizes, sides, budget)
    count = plan_of_layout(sizes, best).parameter_count()
    for cuts in family(max(best.folds)):
        for first, contracted in product((False, True), repeat=2):
            other = Layout(best.folds, cuts, first, contracted)
            assert count <= plan_of_layout(sizes, other).parameter_count()


@given(problems())
def test_folds_keep_the_error_within_the_budget_and_none_can_be_given_back(
    problem: tuple[Sizes, list[Fraction], Fraction],
) -> None:
    sizes, sides, budget = problem
    folds = cheapest_layout(sizes, sides, budget).folds
    errors = [square_error(s, k) for s, k in zip(sides, folds, strict=True)]
    assert sum(errors) <= budget
    assert max(folds) >= 1
    for j, k in enumerate(folds):
        if k and sum(folds) > 1 and max(folds[:j] + folds[j + 1 :] + (k - 1,)) > 0:
            assert sum(errors) + 3 * errors[j] > budget


@given(problems())
def test_layers_do_each_fold_exactly_once(problem: tuple[Sizes, list[Fraction], Fraction]) -> None:
    layout = cheapest_layout(*problem)
    done = [layout.folds_in(level) for level in range(len(layout.cuts))]
    assert [sum(column) for column in zip(*done, strict=True)] == list(layout.folds)


def test_widths_of_a_layout_by_hand() -> None:
    layout = Layout((3, 1, 0), (1, 3), True, True)
    plan = plan_of_layout(Sizes(d=10, m=3, balls=20, bits=2), layout)
    # projection; z and one extra piece of two coordinates; z, S and 4 pieces; (z, S); balls; bits
    assert list(plan.hidden_widths()) == [3, 5, 8, 4, 20, 2]
    assert plan.parameter_count() == 33 + 20 + 48 + 36 + 100 + 42 + 3


@pytest.mark.parametrize("budget", [Fraction(0), Fraction(-1)])
def test_a_budget_that_is_not_positive_is_refused(budget: Fraction) -> None:
    with pytest.raises(ValueError, match="positive error budget"):
        cheapest_layout(Sizes(3, 1, 4, 1), [Fraction(1)], budget)


def test_a_budget_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="too small to resolve"):
        cheapest_layout(Sizes(3, 1, 4, 1), [Fraction(1)], Fraction(1, 1 << 500))


def test_plan_without_data_is_linear_in_N() -> None:
    counts = [
        plan_parallel_balls(N, 64, 10, m=13, folds=6).parameter_count()
        for N in (10**6, 2 * 10**6, 10**12)
    ]
    # 9 N / 10 ball neurons, each with m + 1 weights and a bias in and 4 code bits out.
    assert counts[1] - counts[0] == 9 * 10**5 * (13 + 2 + 4)
    assert counts[2] - counts[0] == 9 * (10**12 - 10**6) // 10 * (13 + 2 + 4)
    assert plan_parallel_balls(100, 8, 2, m=4, folds=3, majority_count=99).resolved["balls"] == 1
