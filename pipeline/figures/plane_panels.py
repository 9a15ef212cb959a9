"""Panels of Figure 4: a plane of cells, f along a vertical line of it, and a part close up."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

# Values of f by lightness and hatch, and as a line where an area is too thin to be seen.
VALUES: dict[str, dict[str, Any]] = {
    "0": {"facecolor": "white", "edgecolor": "#8a8a8a", "lw": 0.6},
    "1": {"facecolor": "#cfe3f3", "edgecolor": "#8a8a8a", "lw": 0.6},
    "2": {"facecolor": "#f0a860", "edgecolor": "#8a8a8a", "lw": 0.6, "hatch": "..."},
    "none": {"facecolor": "#8a8a8a", "edgecolor": "#8a8a8a", "lw": 0.6},
}
_THIN = {"0": "white", "1": "#3b7fb5", "2": "#a34700", "none": "#555555"}
BAND: dict[str, Any] = {"facecolor": "#a98cc9", "lw": 0.0}
CLOSE_BAND: dict[str, Any] = {"facecolor": "none", "edgecolor": "#6a3d9a", "lw": 0.8, "hatch": "//"}
# Filled or hollow; a hollow ball hides nothing of f.
BALLS: dict[str, dict[str, Any]] = {
    "active": {"facecolor": "#111111", "edgecolor": "#111111", "lw": 1.0},
    "inactive": {"facecolor": "none", "edgecolor": "#111111", "lw": 1.2},
}
_LINE: dict[str, Any] = {"color": "#111111", "lw": 1.0, "ls": (0, (4, 2))}
# How far a key stands from the corner of its cell; the thickness, of the view, below which a patch
# is drawn as a line; how near the line of the cut may come to a label, in cells.
_INSET, _SHARE_OF_LINE, _NEAR = 0.1, 0.01, 0.35


def view_of(table: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of what a panel shows."""
    (view,) = _rows(table, "view")
    return float(view.x), float(view.y), float(view.width), float(view.height)


def _rows(table: pd.DataFrame, kind: str) -> list[Any]:
    return list(table[table.kind == kind].itertuples())


def draw_plane(axes: Axes, table: pd.DataFrame, close: pd.DataFrame) -> None:
    """Draw cells shaded by f, bands, balls, the line of the cut and the frame of the close view.

    Args:
        axes: empty.
        table: of the panel.
        close: of its close view.
    """
    for row in _rows(table, "cell"):
        _add_rectangle(axes, row, VALUES[str(row.value)], 1)
    for row in _rows(table, "band"):
        _add_rectangle(axes, row, BAND, 2)
    _draw_balls(axes, table, view_of(table))
    for row in _rows(table[table.value != "0"], "cell"):
        _write_key(axes, row, table[table.kind == "ball"])
    axes.axvline(table[table.kind == "cut"].x.iloc[0], zorder=4, **_LINE)
    (frame,) = _rows(close, "view")
    _add_rectangle(axes, frame, {"facecolor": "none", "edgecolor": "#111111", "lw": 1.2}, 5)
    _show(axes, table)
    axes.set_xlabel("z₁")
    axes.set_ylabel("z₂")


def draw_cut(axes: Axes, table: pd.DataFrame) -> None:
    """Draw f along the line of the cut, height as in the plane.

    Args:
        axes: empty, as high as the plane's.
        table: of the panel.
    """
    for row in _rows(table[table.width > table.height], "band"):
        axes.axhspan(row.y, row.y + row.height, zorder=1, **BAND)
    cut = table[table.kind == "cut"]
    values = cut.value.map(_number)
    axes.plot(values, cut.y, color="#111111", lw=1.2, zorder=3)
    _, bottom, _, height = view_of(table)
    axes.set_ylim(bottom, bottom + height)
    axes.set_xlim(-0.15, 2.3)
    axes.set_xticks([0, 1, 2])
    axes.set_yticks([])
    axes.set_xlabel("f on the\ndashed line")


def draw_close_view(axes: Axes, close: pd.DataFrame, table: pd.DataFrame) -> None:
    """Draw f at all sampled points of a part of the plane, with outlined bands and balls.

    Args:
        axes: empty, square.
        close: of the close view.
        table: of the panel it is a part of.
    """
    _, _, width, _ = view_of(close)
    least = _SHARE_OF_LINE * width
    for row in _rows(close, "patch"):
        value = str(row.value)
        if row.height < least and row.width >= least:
            middle = row.y + row.height / 2
            ends = (row.x, row.x + row.width)
            axes.plot(ends, (middle, middle), color=_THIN[value], lw=1.6, zorder=4)
        else:
            _add_rectangle(axes, row, VALUES[value] | {"lw": 0.0}, 1)
    _name_thin(axes, close, table)
    for row in _rows(table, "band"):
        _add_rectangle(axes, row, CLOSE_BAND, 3)
    _draw_balls(axes, table, view_of(close))
    _show(axes, close)
    axes.set_title("close up", loc="left", fontsize=10)


def _name_thin(axes: Axes, close: pd.DataFrame, table: pd.DataFrame) -> None:
    """Point to the thickest line on which f is neither 0 nor the label of a hollow ball here."""
    left, bottom, width, height = view_of(close)
    balls = table[(table.kind == "ball") & (table.wrong > 0)]
    balls = balls[balls.x.between(left, left + width) & balls.y.between(bottom, bottom + height)]
    right = {"0", "none", *(str(int(label)) for label in balls.label)}
    lines = close[(close.kind == "patch") & ~close.value.isin(right)]
    lines = lines[lines.height < _SHARE_OF_LINE * height]
    if lines.empty or balls.empty:
        return
    row = max(_rows(lines, "patch"), key=lambda each: float(each.height * each.width))
    axes.annotate(
        f"f = {row.value}",
        (row.x + 0.15 * row.width, row.y + row.height / 2),
        (0.06, 0.86),
        textcoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "color": _THIN[str(row.value)], "lw": 1.0},
        fontsize=9.5,
        zorder=8,
    )


def _number(value: str) -> float:
    numerator, _, denominator = value.partition("/")
    return int(numerator) / int(denominator or 1)


def _add_rectangle(axes: Axes, row: Any, look: dict[str, Any], zorder: int) -> None:
    axes.add_patch(Rectangle((row.x, row.y), row.width, row.height, zorder=zorder, **look))


def _draw_balls(axes: Axes, table: pd.DataFrame, view: tuple[float, float, float, float]) -> None:
    """Draw the balls, and the labels of those with their centre in view."""
    left, bottom, width, height = view
    line = table[table.kind == "cut"].x.iloc[0]
    for row in _rows(table, "ball"):
        axes.add_patch(Circle((row.x, row.y), row.radius, zorder=6, **BALLS[str(row.status)]))
        if not (left < row.x < left + width and bottom < row.y < bottom + height):
            continue
        # Left of the ball if the line of the cut runs through it or close by on its right.
        beside = 0 <= line - row.x < _NEAR
        axes.annotate(
            str(int(row.label)),
            (row.x - row.radius if beside else row.x + row.radius, row.y),
            (-3 if beside else 3, 0),
            textcoords="offset points",
            ha="right" if beside else "left",
            va="center",
            fontsize=9.5,
            zorder=7,
            annotation_clip=True,
        )


def _write_key(axes: Axes, row: Any, balls: pd.DataFrame) -> None:
    """Write the key of a cell into the corner that is farthest from any ball."""
    corners = [(row.x + a, row.y + b) for a in (0, row.width) for b in (0, row.height)]

    def clearance(corner: tuple[float, float]) -> float:
        away = (balls.x - corner[0]) ** 2 + (balls.y - corner[1]) ** 2
        return float(away.min())

    x, y = max(corners, key=clearance)
    right, up = x > row.x, y > row.y
    axes.text(
        x - _INSET if right else x + _INSET,
        y - _INSET if up else y + _INSET,
        f"key {int(row.key)}",
        ha="right" if right else "left",
        va="top" if up else "bottom",
        fontsize=9.5,
        zorder=7,
    )


def _show(axes: Axes, table: pd.DataFrame) -> None:
    left, bottom, width, height = view_of(table)
    axes.set_xlim(left, left + width)
    axes.set_ylim(bottom, bottom + height)
    axes.set_xticks(range(math.ceil(left), math.floor(left + width) + 1))
    axes.set_yticks(range(math.ceil(bottom), math.floor(bottom + height) + 1))
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
