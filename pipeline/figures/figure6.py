"""Figure 6: questions on the left, yes to the right, no downwards."""

from __future__ import annotations

from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.figures.style import RC, new_figure, power_of_ten

# In inches: the page, a row of the tree, and the boxes in it.
_WIDTH, _ROW, _MARGIN = 7.6, 1.12, 0.12
_QUESTION, _CASE, _HEIGHT, _LOW = 1.7, 5.0, 0.92, 0.52
_QUESTION_LOOK: dict[str, Any] = {"facecolor": "white", "edgecolor": "#222222", "lw": 1.4}
_CASE_LOOK: dict[str, Any] = {"facecolor": "#e8eef5", "edgecolor": "#5b7795", "lw": 1.0}
_ARROW: dict[str, Any] = {"arrowstyle": "-|>", "color": "#222222", "lw": 1.2, "shrinkA": 0}
_LEFT = _MARGIN + _QUESTION / 2


def figure_6(table: pd.DataFrame) -> Figure:
    """Return Figure 6, the decision tree of Theorem B.14.

    Args:
        table: of `pipeline.illustrations.figure6.figure_6_table`.
    """
    questions, cases = (table[table.kind == kind] for kind in ("question", "case"))
    height = _ROW * len(cases) + 2 * _MARGIN
    figure, axes = new_figure(_WIDTH, height, (0, 0, _WIDTH, height))
    axes.set_xlim(0, _WIDTH)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    with matplotlib.rc_context(RC):
        rows = _rows_of(questions)
        places = {name: height - _MARGIN - _ROW * (k + 0.5) for name, k in rows.items()}
        for row in questions.itertuples():
            _draw_question(axes, row, places, row.no in set(questions.name))
        for row in table[table.kind == "range"].itertuples():
            above = height - _MARGIN - 0.12
            axes.text(_LEFT, above, str(row.text), ha="center", va="center", fontsize=11)
        for row in cases.itertuples():
            _draw_case(axes, row, places[str(row.name)])
    return figure


def _rows_of(questions: pd.DataFrame) -> dict[str, int]:
    """Return the row of every question and case: yes beside its question, no one row below."""
    rows: dict[str, int] = {}
    for number, row in enumerate(questions.itertuples()):
        rows |= {str(row.name): number, str(row.yes): number, str(row.no): number + 1}
    return rows


def _draw_question(axes: Axes, row: Any, places: dict[str, float], goes_on: bool) -> None:
    """Draw a question with its two answers; `no` goes on below, or turns to the last case."""
    y, below, right = places[row.name], places[row.no], _WIDTH - _MARGIN - _CASE
    _box(axes, _MARGIN, y, _QUESTION, _LOW, _QUESTION_LOOK)
    question = f"{row.left} {row.relation} {row.right} ?"
    axes.text(_LEFT, y, question, ha="center", va="center", fontsize=12)
    axes.annotate("", (right, y), (_MARGIN + _QUESTION, y), arrowprops=_ARROW)
    axes.text(_MARGIN + _QUESTION + 0.1, y + 0.06, "yes", fontsize=10.5)
    axes.text(_LEFT + 0.1, y - 0.46, "no", fontsize=10.5)
    if goes_on:
        axes.annotate("", (_LEFT, below + _LOW / 2), (_LEFT, y - _LOW / 2), arrowprops=_ARROW)
    else:
        line = {"color": _ARROW["color"], "lw": _ARROW["lw"]}
        axes.plot([_LEFT, _LEFT], [y - _LOW / 2, below], **line)
        axes.annotate("", (right, below), (_LEFT, below), arrowprops=_ARROW)


def _draw_case(axes: Axes, row: Any, y: float) -> None:
    left = _WIDTH - _MARGIN - _CASE
    _box(axes, left, y, _CASE, _HEIGHT, _CASE_LOOK)
    axes.text(left + 0.1, y + 0.27, row.name, fontsize=12, weight="bold", va="center")
    for up, text in ((0.27, row.text), (0, row.size), (-0.27, _example(row))):
        axes.text(left + 0.5, y + up, text, fontsize=10, va="center")


def _example(row: Any) -> str:
    N, d, count = int(row.N), int(row.d), int(row.parameters)
    many = f"{count:,}" if count < 10**7 else power_of_ten(float(f"{count:.3g}"))
    m = f"{int(row.m):,}"
    return f"e.g. N = {power_of_ten(N)}, d = {power_of_ten(d)}, ρ = {row.rho}: m = {m}, P = {many}"


def _box(axes: Axes, left: float, y: float, width: float, height: float, look: Any) -> None:
    axes.add_patch(Rectangle((left, y - height / 2), width, height, **look))
