"""Figure 3: balls of R^3 and their images in the plane that a network's first layer looks at."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.orthographic import Camera, camera, circle
from pipeline.figures.solids import (
    GUIDE,
    LOOKS,
    PLANE,
    blank,
    draw_balls,
    draw_disc,
    draw_polygon,
    draw_segment,
    label_handles,
    of_kind,
    positions,
    write,
)
from pipeline.figures.style import RC, frozen_layout, new_figures

# Towards the viewer: up from the plane and to its left, per step to the front.
_LIFT, _TURN = 0.45, -0.3
_MARGIN = 0.05


def figure_3(table: pd.DataFrame) -> Figure:
    """Return the balls of R^3 with their shadows on a plane, and the discs in R^2 that hold them.

    Args:
        table: of `pipeline.illustrations.figure3.figure_3_table`.
    """
    figure, axes = new_figures(9.2, 4.8, 1, 2)
    with matplotlib.rc_context(RC):
        _draw_space(axes[0][0], table)
        _draw_plane(axes[0][1], table)
        figure.legend(handles=label_handles(), loc="outside lower center", ncols=2, frameon=False)
    return frozen_layout(figure)


def _draw_space(axes: Axes, table: pd.DataFrame) -> None:
    balls, shadows = of_kind(table, "R^3", "ball"), of_kind(table, "R^3", "shadow")
    corners = positions(of_kind(table, "R^3", "plane"))
    view = _view(corners)
    draw_polygon(axes, view.flat(corners), zorder=1, **PLANE)
    feet, normals = positions(shadows), positions(shadows, to=True)
    for at, normal, radius, label in zip(
        feet, normals, shadows["length"], shadows["label"], strict=True
    ):
        outline = view.flat(circle(at, normal, radius))
        draw_polygon(axes, outline, lw=1.0, zorder=1.5, **LOOKS[label])
    for start, end in zip(positions(balls), feet, strict=True):
        draw_segment(axes, view, start, end, color=GUIDE, lw=0.8, ls=(0, (1.5, 2)), zorder=2)
    _draw_pairs(axes, view, table, "R^3")
    draw_balls(axes, view, balls, upright=normals[0])
    for name, at in zip(balls["name"], positions(balls), strict=True):
        write(axes, name, view.flat(at))
    apart = of_kind(table, "R^3", "pair")["length"].min()
    axes.set_title("R³", fontsize=10)
    words = (
        f"2ε = {apart:g} between labels,\nballs of radius μ = ρε = {balls['length'].iloc[0]:.3g}"
    )
    ends = [view.flat(corners), view.flat(positions(balls)) + _reach(balls)]
    _finish(axes, np.concatenate([*ends, view.flat(positions(balls)) - _reach(balls)]), words)


def _draw_plane(axes: Axes, table: pd.DataFrame) -> None:
    balls = of_kind(table, "R^2", "ball")
    corners = positions(of_kind(table, "R^2", "plane"))[:, :2]
    draw_polygon(axes, corners, zorder=1, **PLANE)
    _draw_pairs(axes, None, table, "R^2")
    for name, at, radius, label in zip(
        balls["name"], positions(balls)[:, :2], balls["length"], balls["label"], strict=True
    ):
        draw_disc(axes, at, radius, label, 3)
        write(axes, name, at)
    axes.set_title("R², through W of the first layer", fontsize=10)
    _finish(axes, corners, _claim_in_words(table))


def _claim_in_words(table: pd.DataFrame) -> str:
    claim, reached = of_kind(table, "claim", "claim"), of_kind(table, "claim", "reached")
    sign = "≥" if reached["value"].item() == "holds" else "<"
    return (
        f"least distance of labels {reached['length'].item():.3f}\n"
        f"{sign} (4/5)√(m/d) ε = {claim['length'].item():.3f}, the claim"
    )


def _draw_pairs(axes: Axes, view: Camera | None, table: pd.DataFrame, panel: str) -> None:
    """Draw the pairs that are nearest in R^3, the one with the closest images in black."""
    space = of_kind(table, "R^3", "pair")
    nearest = set(space["name"][space["length"] == space["length"].min()])
    pairs, closest = of_kind(table, panel, "pair"), of_kind(table, panel, "closest")
    shown = pairs[pairs["name"].isin(nearest)]
    for rows, colour, width in ((shown, "#595959", 0.9), (closest, "black", 3.0)):
        for start, end in zip(positions(rows), positions(rows, to=True), strict=True):
            line = np.array([start, end])
            x, y = (line[:, :2] if view is None else view.flat(line)).T
            axes.plot(x, y, color=colour, lw=width, zorder=2.5)


def _view(corners: np.ndarray) -> Camera:
    """Return the camera that sees the plane as a floor, its first side to the right as in R^2."""
    right, back = corners[1] - corners[0], corners[3] - corners[0]
    normal = np.cross(right, back)
    right, back, normal = (v / np.linalg.norm(v) for v in (right, back, normal))
    return camera(_LIFT * normal - back + _TURN * right, normal)


def _reach(balls: pd.DataFrame) -> float:
    return float(balls["length"].iloc[0])


def _finish(axes: Axes, ends: np.ndarray, words: str) -> None:
    low, high = ends.min(axis=0) - _MARGIN, ends.max(axis=0) + _MARGIN
    blank(axes, low.tolist(), high.tolist())
    axes.text(0.5, -0.01, words, transform=axes.transAxes, ha="center", va="top", fontsize=9)
