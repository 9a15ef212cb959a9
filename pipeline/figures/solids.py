"""Balls, segments and planes of R^3 on 2D axes, told apart by lightness and hatch, not by hue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Patch, Polygon
from numpy.typing import ArrayLike

from pipeline.figures.orthographic import Camera, circle

# The paper's sketches: label 1 blue, label 2 red. Label 2 is darker and hatched besides.
LOOKS: dict[int, dict[str, Any]] = {
    1: {"facecolor": "#dcebf7", "edgecolor": "#2171b5"},
    2: {"facecolor": "#f4b59b", "edgecolor": "#a63603", "hatch": "////"},
}
GUIDE = "#8c8c8c"
PLANE: dict[str, Any] = {"facecolor": "#fff3c4", "edgecolor": "#8a6d00", "lw": 1.0}


def blank(axes: Axes, low: Sequence[float], high: Sequence[float]) -> None:
    """Give axes equal scales, limits and nothing else to see."""
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_axis_off()


def of_kind(table: pd.DataFrame, panel: str, kind: str) -> pd.DataFrame:
    """Return the rows of a table of shapes of one panel and kind."""
    return table[(table["panel"] == panel) & (table["kind"] == kind)]


def positions(rows: pd.DataFrame, *, to: bool = False) -> np.ndarray:
    """Return the positions (or ends) of a table of shapes, shape (n, 3)."""
    return rows[["to_x", "to_y", "to_z"] if to else ["x", "y", "z"]].to_numpy(dtype=np.float64)


def draw_ball(
    axes: Axes,
    view: Camera,
    centre: ArrayLike,
    radius: float,
    label: int,
    zorder: float,
    upright: ArrayLike = (0.0, 0.0, 1.0),
) -> None:
    """Draw a ball of a class with its equator, dashed where the ball hides it.

    Args:
        axes: where.
        view: the camera.
        centre: shape (3,).
        radius: of the ball.
        label: class, a key of `LOOKS`.
        zorder: later is nearer.
        upright: normal of the equator's plane.
    """
    look = LOOKS[label]
    draw_disc(axes, view.flat(centre), radius, label, zorder)
    equator = circle(centre, upright, radius)
    hidden = view.depth(equator) < view.depth(centre)
    for style, mask in (((0, (1.5, 2.0)), hidden), ("-", ~hidden)):
        line = np.where(mask[:, None], view.flat(equator), np.nan)
        axes.plot(*line.T, color=look["edgecolor"], ls=style, lw=0.7, zorder=zorder + 0.01)


def draw_disc(axes: Axes, centre: ArrayLike, radius: float, label: int, zorder: float) -> None:
    """Draw a disc of a class: a ball of R^2, or a plane section of one."""
    x, y = np.asarray(centre, dtype=np.float64)
    axes.add_patch(Circle((x, y), radius, lw=1.3, alpha=0.92, zorder=zorder, **LOOKS[label]))


def draw_balls(
    axes: Axes, view: Camera, rows: pd.DataFrame, zorder: float = 3.0, **more: Any
) -> None:
    """Draw the balls of a table of shapes, the nearest to the viewer last."""
    order = np.argsort(view.depth(positions(rows)), kind="stable")
    for place, (_, row) in enumerate(rows.iloc[order].iterrows()):
        draw_ball(
            axes,
            view,
            [row["x"], row["y"], row["z"]],
            row["length"],
            row["label"],
            zorder + place / 100,
            **more,
        )


def draw_segment(axes: Axes, view: Camera, start: ArrayLike, end: ArrayLike, **style: Any) -> None:
    """Draw the segment between two points of R^3."""
    line = view.flat(np.array([start, end], dtype=np.float64))
    axes.plot(*line.T, **style)


def draw_polygon(axes: Axes, corners: np.ndarray, **style: Any) -> None:
    """Fill a polygon given on the page, shape (n, 2); nothing below three corners."""
    if len(corners) > 2:
        axes.add_patch(Polygon(corners, closed=True, **style))


def write(axes: Axes, text: str, at: ArrayLike, offset: tuple[float, float] = (0, 0)) -> None:
    """Write a few words on white at a point of the page, moved by an offset in points."""
    x, y = np.asarray(at, dtype=np.float64)
    axes.annotate(
        text,
        (x, y),
        offset,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=9.5,
        zorder=20,
        parse_math=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.7, "alpha": 0.85},
    )


def label_handles(labels: Sequence[int] = (1, 2)) -> list[Patch]:
    """Return legend entries of the classes."""
    return [Patch(label=f"label {label}", lw=1.3, **LOOKS[label]) for label in labels]
