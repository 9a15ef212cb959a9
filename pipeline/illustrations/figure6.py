"""Figure 6: the five cases of Theorem B.14 as a tree of questions, with a plan at every leaf."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from math import log
from typing import Any

import pandas as pd

from pipeline.construction.thm_4_2_iii_large import Constants, plan_thm_4_2_iii

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "≥": operator.ge,
    "<": operator.lt,
    "≤": operator.le,
}
_LOG = f"{Constants().log_n} ln N"
# Question, what is compared, then the answers' next question or case (`case_of`).
_QUESTIONS = (
    ("ratio", "ρ", "≥", "1/3", "I", "dimension"),
    ("dimension", "d", "<", _LOG, "II", "points"),
    ("points", "N", "<", _LOG, "III", "shape"),
    ("shape", "d", "≤", "N", "IV", "V"),
)
# What a case does; how many coordinates are left, or R^what is projected; and the ratio that Yu et
# al. build for, if not rho.
_CASES = {
    "I": ("Yu et al. on all coordinates", "m = d", ""),
    "II": ("Yu et al. on all coordinates", "m = d", ""),
    "III": ("to the span of the points (B.21), then Yu et al.", "m = N", ""),
    "IV": ("random projection (B.19, α = 1/5), then Yu et al. at ratio 5/6", "d", "5/6"),
    "V": ("to the span of the points (B.21), then as Case IV with N for d", "N", "5/6"),
}
_RANGE = "1/(5√d) < ρ < 1"
# Sizes of the examples: the first that lead to a case, by N d and then by N.
_SIZES = tuple(10**k for k in range(1, 7))
_EXAMPLE_RATIOS = (Fraction(1, 2), Fraction(1, 10))


def figure_6_table() -> pd.DataFrame:
    """Return Figure 6: a row for each question and each case of Theorem B.14, and its range.

    kind `question`: is `left` `relation` `right`? then go on at `yes`, else at `no`, names of other
    rows; the first row is the root. kind `range`: the ratios of the theorem. kind `case`: `text`
    says what is done, `size` to how many coordinates m; then an example, the smallest powers of ten
    N, d that lead here at ratio 1/2 or 1/10, with m, parameters (Eq. 3), depth and width of
    `plan_thm_4_2_iii`, and the ratio that the network of Yu et al. is built for.
    """
    names = ("name", "left", "relation", "right", "yes", "no")
    rows: list[dict[str, Any]] = [
        {"kind": "question", **dict(zip(names, question, strict=True))} for question in _QUESTIONS
    ]
    tree = pd.DataFrame(rows)
    rows.append({"kind": "range", "name": "range", "text": _RANGE})
    rows += [_case(tree, name) for name in _CASES]
    return pd.DataFrame(rows)


def case_in_tree(table: pd.DataFrame, N: int, d: int, rho: Fraction) -> str:
    """Return the case to which the questions of the table lead.

    Args:
        table: of `figure_6_table`.
        N: number of points.
        d: input dimension.
        rho: robustness ratio.
    """
    questions = table[table.kind == "question"].set_index("name")
    values = {"ρ": rho, "1/3": Fraction(1, 3), "d": d, "N": N}
    values[_LOG] = float(Constants().log_n) * log(N)
    name = questions.index[0]
    while name in questions.index:
        at = questions.loc[name]
        answer = _RELATIONS[at.relation](values[at.left], values[at.right])
        name = at.yes if answer else at.no
    return str(name)


def _case(tree: pd.DataFrame, name: str) -> dict[str, Any]:
    text, size, ratio = _CASES[name]
    N, d, rho = _example(tree, name)
    plan = plan_thm_4_2_iii(N, d, 2, rho)
    return {
        "kind": "case",
        "name": name,
        "text": text,
        "size": size if "=" in size else _projected(size),
        "N": N,
        "d": d,
        "rho": str(rho),
        "ratio": ratio or str(rho),
        "m": plan.resolved["m"],
        "parameters": plan.parameter_count(),
        "depth": plan.depth,
        "width": plan.width,
    }


def _projected(d: str) -> str:
    """Return the paper's m for a projection from R^d, in the letters given."""
    c = Constants()
    return f"m = max{{⌈{c.rho} {d} ρ²⌉, ⌈{_LOG}⌉, ⌈{c.log_d} ln {d}⌉}}"


def _example(tree: pd.DataFrame, name: str) -> tuple[int, int, Fraction]:
    """Return the smallest N, d among powers of ten, and a ratio, that lead to a case."""
    sizes = sorted(((N, d) for N in _SIZES for d in _SIZES), key=lambda at: (at[0] * at[1], at[0]))
    return next(
        (N, d, rho)
        for N, d in sizes
        for rho in _EXAMPLE_RATIOS
        if 25 * d * rho**2 > 1 and case_in_tree(tree, N, d, rho) == name
    )
