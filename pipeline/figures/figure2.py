"""Figure 2: the dataset that forces a wide first layer, and the distance to its null space."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from pipeline.figures.orthographic import Camera, camera, circle, nearer_part
from pipeline.figures.solids import (
    GUIDE,
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

# Towards the viewer of (a) and (b): e_1 and e_2 lie before the plane Null(W), e_3 behind it.
_TOWARD = (0.86, 0.30, 0.42)
_GREY: dict[str, Any] = {"facecolor": "#bdbdbd", "edgecolor": "#636363", "lw": 0.9}
_LEVEL: dict[str, Any] = {"color": "black", "lw": 1.1, "ls": (0, (4, 2.5))}
_HIDDEN = (0, (2, 1.2))


def figure_2(table: pd.DataFrame) -> Figure:
    """Return the dataset of Proposition 3.2, the distances to Null(W), and a collision.

    Args:
        table: of `pipeline.illustrations.figure2.figure_2_table`.
    """
    figure, axes = new_figures(10.0, 4.2, 1, 3)
    with matplotlib.rc_context(RC):
        view = camera(_TOWARD)
        _draw_data(axes[0][0], view, table)
        _draw_distances(axes[0][1], view, table)
        _draw_collision(axes[0][2], table)
        figure.legend(
            handles=label_handles(), loc="outside lower left", ncols=2, frameon=False, fontsize=9
        )
    return frozen_layout(figure)


def _draw_data(axes: Axes, view: Camera, table: pd.DataFrame) -> None:
    balls = of_kind(table, "a", "ball")
    _draw_axes(axes, view, positions(balls), 1.6)
    draw_balls(axes, view, balls)
    for name, at in zip(balls["name"], positions(balls), strict=True):
        write(axes, name, view.flat(at))
    mu, apart = (of_kind(table, "a", kind)["length"].iloc[0] for kind in ("ball", "separation"))
    _finish(
        axes,
        "(a) the dataset",
        f"2ε = {apart:g} between labels,\nballs of radius μ = ρε = {mu:.3f}",
    )


def _draw_distances(axes: Axes, view: Camera, table: pd.DataFrame) -> None:
    points, distances = of_kind(table, "b", "point"), of_kind(table, "b", "distance")
    balls, corners = of_kind(table, "b", "differences"), positions(of_kind(table, "b", "plane"))
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal = normal if normal @ view.toward > 0 else -normal
    for at, radius in zip(positions(balls), balls["length"], strict=True):
        axes.add_patch(Circle(tuple(view.flat(at)), radius, alpha=0.6, zorder=1, **_GREY))
        draw_polygon(
            axes, nearer_part(view, at, radius, corners[0], normal), alpha=0.4, zorder=3, **_GREY
        )
    draw_polygon(axes, view.flat(corners), alpha=0.78, zorder=2, **PLANE)
    _draw_cuts(axes, view, of_kind(table, "b", "cut"))
    for start, end in zip(positions(distances), positions(distances, to=True), strict=True):
        behind = (start - end) @ normal < 0
        style = _HIDDEN if behind else "-"
        draw_segment(axes, view, start, end, color="black", lw=1.8, ls=style, zorder=5)
        axes.plot(*view.flat(end), "o", ms=4.5, mfc="white", mec="black", zorder=6)
    for name, at in zip(points["name"], positions(points), strict=True):
        axes.plot(*view.flat(at), "o", ms=4.5, color="black", zorder=6)
        write(axes, name, view.flat(at), (11, 1))
    write(axes, "Null(W)", view.flat(corners[2]), (-20, 8))
    _finish(axes, "(b) from eⱼ to Null(W), W = (1 1 −1)", _distances_in_words(table))


def _draw_cuts(axes: Axes, view: Camera, cuts: pd.DataFrame) -> None:
    ends = positions(cuts, to=True)
    for at, normal, radius in zip(positions(cuts), ends, cuts["length"], strict=True):
        outline = view.flat(circle(at, normal, radius))
        draw_polygon(
            axes, outline, facecolor="none", edgecolor="#636363", hatch="xxx", lw=1.0, zorder=4
        )


def _distances_in_words(table: pd.DataFrame) -> str:
    balls = of_kind(table, "b", "differences")
    bound, reach = of_kind(table, "b", "bound")["length"].iloc[0], balls["length"].iloc[0]
    least = of_kind(table, "b", "distance")["length"].min()
    meet = int((balls["value"] == "meets").sum())
    return (
        f"least distance {least:.3f}, bound √(m/d) = {bound:.3f}\n"
        f"{meet} of {len(balls)} balls of radius 2μ = {reach:.3f} meet Null(W)"
    )


def _draw_collision(axes: Axes, table: pd.DataFrame) -> None:
    balls, null = of_kind(table, "c", "ball"), of_kind(table, "c", "null")
    along = positions(null, to=True)[0]
    distance = of_kind(table, "c", "distance")
    across = positions(distance)[0] - along
    # Seen along what is at right angles to both: 0, e_1 and all else lie in the page.
    view = camera(np.cross(along, across), across)
    draw_segment(axes, view, -0.7 * along, 1.9 * along, color=PLANE["edgecolor"], lw=2.0, zorder=4)
    write(axes, "Null(W)", view.flat(1.55 * along), (0, -10))
    for at, name, radius, label in zip(
        positions(balls), balls["name"], balls["length"], balls["label"], strict=True
    ):
        draw_disc(axes, view.flat(at), radius, label, 3)
        axes.plot(*view.flat(at), "o", ms=4.5, color="black", zorder=6)
        write(axes, name, view.flat(at), (10, 8) if name != "0" else (-10, -9))
    words = "the attack finds no two points\nof these balls that W confuses"
    found, shared = of_kind(table, "c", "collision"), of_kind(table, "c", "difference")
    if len(found):
        start, end = positions(shared)[0], positions(shared, to=True)[0]
        reach = 0.75 * (end - start)
        draw_segment(axes, view, start - reach, end + reach, zorder=4, **_LEVEL)
        for at, name, centre in zip(
            positions(found), found["name"], positions(found, to=True), strict=True
        ):
            draw_segment(axes, view, centre, at, color="black", lw=1.6, zorder=5)
            axes.plot(*view.flat(at), "s", ms=5.5, mfc="white", mec="black", zorder=6)
            write(axes, name, view.flat(at), (11, 9) if name == "x′" else (-11, -9))
        level, output = shared["value"].iloc[0], found["value"].iloc[0]
        words = (
            f"W x = W x′ = {level}, so f(x) = f(x′) = {output} here,\n"
            "and one of the two balls is wrong"
        )
    _finish(axes, "(c) section through 0 and e₁", words, (-0.8, -0.83), (1.6, 1.3825))


def _draw_axes(axes: Axes, view: Camera, ends: np.ndarray, factor: float) -> None:
    for end in ends:
        draw_segment(axes, view, np.zeros(3), factor * end, color=GUIDE, lw=0.8, zorder=1)


def _finish(
    axes: Axes,
    title: str,
    words: str,
    low: tuple[float, float] = (-1.5, -1.35),
    high: tuple[float, float] = (1.7, 1.6),
) -> None:
    axes.set_title(title, fontsize=10)
    blank(axes, low, high)
    axes.text(0.5, -0.01, words, transform=axes.transAxes, ha="center", va="top", fontsize=9)
