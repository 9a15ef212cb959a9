"""Figure 5: points to shatter stay, the robustness balls around them follow the labelling."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.figures.orthographic import Camera, camera
from pipeline.figures.solids import (
    GUIDE,
    blank,
    draw_balls,
    draw_segment,
    label_handles,
    of_kind,
    positions,
    write,
)
from pipeline.figures.style import RC, frozen_layout, new_figures

# Isometric: with two signs equal the two e_j of that sign lie on the outline of their ball.
_TOWARD = np.array([1.0, 1.0, 1.0])
# For three equal signs, where one ball would hide the other: both at right angles to (1, 1, 1).
_ASIDE, _UP_ASIDE = np.array([1.0, -0.7, -0.3]), np.array([0.0, -1.0, 1.0])
# Segments this near to parallel to the page count as such.
_TRUE_LENGTH = 1e-9


def figure_5(table: pd.DataFrame) -> Figure:
    """Return the reduction of Proposition 3.3 for k = 3, one panel a labelling.

    Args:
        table: of `pipeline.illustrations.figure5.figure_5_table`.
    """
    panels = list(dict.fromkeys(table["panel"]))
    figure, axes = new_figures(4.4 * len(panels), 4.2, 1, len(panels))
    with matplotlib.rc_context(RC):
        for place, name in zip(axes[0], panels, strict=True):
            _draw_panel(place, _view(table, name), table, name)
        handles = [*label_handles(), _cross(), _dot()]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return frozen_layout(figure)


def _view(table: pd.DataFrame, panel: str) -> Camera:
    between = of_kind(table, panel, "separation")
    line = positions(between, to=True)[0] - positions(between)[0]
    hidden = np.linalg.norm(np.cross(line, _TOWARD)) < _TRUE_LENGTH
    return camera(_ASIDE, _UP_ASIDE) if hidden else camera(_TOWARD)


def _draw_panel(axes: Axes, view: Camera, table: pd.DataFrame, panel: str) -> None:
    balls, points = of_kind(table, panel, "ball"), of_kind(table, panel, "point")
    own = of_kind(table, panel, "own")
    for at in positions(points):
        draw_segment(axes, view, -0.6 * at, 1.9 * at, color=GUIDE, lw=0.8, zorder=1)
    draw_balls(axes, view, balls)
    for name, at in zip(balls["name"], positions(balls), strict=True):
        axes.plot(*view.flat(at), "o", ms=5.5, color="black", zorder=6)
        outwards = view.flat(at) / np.linalg.norm(view.flat(at))
        write(axes, name, view.flat(at), tuple(12 * outwards))
    for start, end in zip(positions(own), positions(own, to=True), strict=True):
        behind = view.depth(end) < view.depth(start) - _TRUE_LENGTH
        style = (0, (2, 1.2)) if behind else "-"
        draw_segment(axes, view, start, end, color="black", lw=1.5, ls=style, zorder=5)
    for name, value, at in zip(points["name"], points["value"], positions(points), strict=True):
        axes.plot(*view.flat(at), "x", ms=9, mew=2.4, color="black", zorder=7)
        sign = "+" if value == "1" else "−"
        inwards = -view.flat(at) / np.linalg.norm(view.flat(at))
        write(axes, f"{name} {sign}", view.flat(at), tuple(15 * inwards))
    axes.set_title(_title(panel), fontsize=10)
    blank(axes, (-3.2, -2.45), (3.2, 2.45))
    axes.text(0.5, -0.01, _words(table, panel), transform=axes.transAxes, ha="center", va="top")


def _title(panel: str) -> str:
    plus = ", ".join(str(j) for j, sign in enumerate(panel, 1) if sign == "+")
    minus = ", ".join(str(j) for j, sign in enumerate(panel, 1) if sign != "+")
    return f"J⁺ = {{{plus}}}, J⁻ = {{{minus}}}"


def _words(table: pd.DataFrame, panel: str) -> str:
    own, other = (of_kind(table, panel, kind)["squared"].unique() for kind in ("own", "other"))
    mu = of_kind(table, panel, "ball")["squared"].iloc[0]
    return (
        f"to the centre of its own ball: √{', √'.join(own)}, μ = √{mu}\n"
        f"to the centre of the other: √{', √'.join(other)}"
    )


def _cross() -> Line2D:
    return Line2D([], [], marker="x", ms=8, mew=2.2, ls="", color="black", label="to be shattered")


def _dot() -> Line2D:
    return Line2D([], [], marker="o", ms=5.5, ls="", color="black", label="memorized")
