"""Figure 4: cells, bands and balls of two built networks, f along a line, and f close up."""

from __future__ import annotations

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pipeline.figures.plane_panels import (
    BALLS,
    BAND,
    CLOSE_BAND,
    VALUES,
    draw_close_view,
    draw_cut,
    draw_plane,
    view_of,
)
from pipeline.figures.style import RC, new_figure, plain_text

# In inches: the page, then left edge and width of the plane, of the cut beside it and of the close
# view; the room above and below a row of panels.
_WIDTH, _LEGEND = 8.0, 0.62
_PLANE, _CUT, _CLOSE = (0.52, 4.1), (4.74, 0.72), (5.8, 2.1)
_ABOVE, _BELOW = 0.42, 0.56


def figure_4(table: pd.DataFrame) -> Figure:
    """Return Figure 4: above the network of Theorem 4.2(i), below a stage of that of (ii).

    Args:
        table: of `pipeline.illustrations.figure4.figure_4_table`.
    """
    panels = {name: each for name, each in table.groupby("panel", sort=False)}
    rows = [(panels[name], panels[f"{name} close"]) for name in ("small", "moderate")]
    heights = [_plane_height(plane) for plane, _ in rows]
    height = _LEGEND + sum(h + _ABOVE + _BELOW for h in heights)
    figure, first = new_figure(_WIDTH, height, (0, 0, 1, 1))
    figure.delaxes(first)
    titles = ("(a) Theorem 4.2(i): every ball in one cell", _stage_title(rows[1][0]))
    top = height
    with matplotlib.rc_context(RC):
        for (plane, close), high, title in zip(rows, heights, titles, strict=True):
            top -= _ABOVE
            _draw_row(figure, plane, close, title, top, high)
            top -= high + _BELOW
        _draw_legend(figure)
    return figure


def _plane_height(table: pd.DataFrame) -> float:
    _, _, width, height = view_of(table)
    return _PLANE[1] * height / width


def _facts(table: pd.DataFrame) -> dict[str, str]:
    facts = table[table.kind == "fact"]
    return {
        str(row.name_): str(row.text)
        for row in facts.rename(columns={"name": "name_"}).itertuples()
    }


def _stage_title(table: pd.DataFrame) -> str:
    active = int((table.status == "active").sum())
    return f"(b) Theorem 4.2(ii), stage 1 of {_facts(table)['stages']}: {active} active balls"


def _draw_row(
    figure: Figure, table: pd.DataFrame, close: pd.DataFrame, title: str, top: float, high: float
) -> None:
    """Draw a plane, its cut and its close view; `top` and `high` in inches."""
    plane = _axes(figure, _PLANE, top - high, high)
    cut = _axes(figure, _CUT, top - high, high)
    square = _axes(figure, _CLOSE, top - _CLOSE[1], _CLOSE[1])
    draw_plane(plane, table, close)
    draw_cut(cut, table)
    draw_close_view(square, close, table)
    plane.set_title(title, loc="left", fontsize=10.5)
    facts = _facts(table)
    lines = [f"N = {facts['N']}, d = {facts['d']}, ρ = {facts['rho']}", f"γ = {facts['gamma']}"]
    lines[1] += "" if facts["eta"] == "None" else f", η = {facts['eta']}"
    lines.append(f"P = {int(facts['parameters']):,}, depth {facts['depth']}")
    where = ((_CLOSE[0]) / _WIDTH, (top - _CLOSE[1] - 0.36) / figure.get_figheight())
    figure.text(*where, "\n".join(lines), va="top", fontsize=9.5, linespacing=1.4)


def _axes(figure: Figure, across: tuple[float, float], bottom: float, height: float) -> Axes:
    high = figure.get_figheight()
    return figure.add_axes((across[0] / _WIDTH, bottom / high, across[1] / _WIDTH, height / high))


def _draw_legend(figure: Figure) -> None:
    handles: list[Patch | Line2D] = [
        Patch(label=f"f = {value}" if value.isdigit() else "f is no label", **look)
        for value, look in VALUES.items()
    ]
    handles.append(Patch(label="band, width γ", **(BAND | CLOSE_BAND | {"facecolor": "#e9e0f2"})))
    for status, look in BALLS.items():
        handles.append(
            Line2D(
                [],
                [],
                ls="none",
                marker="o",
                ms=9,
                mfc=look["facecolor"],
                mec=look["edgecolor"],
                mew=look["lw"],
                label=f"{status} ball and its label",
            )
        )
    legend = figure.legend(
        handles=handles, loc="lower left", ncol=4, frameon=False, fontsize=9.5, columnspacing=1.5
    )
    plain_text(legend)
