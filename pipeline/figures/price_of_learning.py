"""The price of learning: trained and built networks and the bounds, one panel a dataset."""

from __future__ import annotations

import math
import textwrap
from fractions import Fraction
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Transform, offset_copy

from pipeline.figures.style import RC, frozen_layout, log_ticks, new_figures, plain_text

# Column -> label and style: lighter than what is about these points, dashes differ as well.
PRICE_CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "upper_bound": ("upper bound, Theorem 4.2", {"color": "#6baed6", "ls": "-"}),
    "ours": ("best upper bound of this project", {"color": "#b08fd0", "ls": (0, (7, 1.5, 1, 1.5))}),
    "lower_bound": ("lower bound, Theorem 3.1", {"color": "#f4907c", "ls": (0, (4, 2))}),
}
BUILT = "built_"
NECESSARY = "necessary for these points (every network)"
TRAINED = (
    "trained: least P with a certified network, down\nto the largest width that never succeeded"
)
OPEN = "trained: no width succeeded; arrow from\nP of the largest width"
CHEAPEST = "black: the cheapest of the built"
SHAPES = "sDvPXh*<>p"
_ORANGE = "#e69f00"
_INK = {"markeredgecolor": "black", "ls": "none", "clip_on": False}
# Trained networks left of their ratio and built ones right of it, so that neither hides the other.
_DODGE = 3.5


def figure_price_of_learning(table: pd.DataFrame) -> Figure:
    """Return P against rho: trained, built, necessary, and the bounds; one panel a dataset.

    Args:
        table: one row a dataset and ratio, as `pipeline.report.prices_frame` returns them, with a
            column `built_<construction>` for each construction.

    Raises:
        ValueError: if the table is empty.
    """
    if table.empty:
        raise ValueError("a figure of the price of learning needs rows, got none")
    table = table.assign(x=[float(Fraction(rho)) for rho in table["rho"]])
    panels = [panel for _, panel in table.groupby(["dataset", "N", "d"], sort=False)]
    columns = [str(name) for name in table.columns[table.notna().any()]]
    names = sorted(name for name in columns if name.startswith(BUILT))
    rows, across = _grid(len(panels))
    width = max(1.2 + 2.75 * across, 7.4)
    handles = _handles(table, names)
    ncols = 3 if width > 9 else 2
    caption = _caption(table, int(width / 0.059))
    height = 2.5 * rows + 0.24 * math.ceil(len(handles) / ncols) + 0.14 * caption.count("\n") + 0.6
    figure, grid = new_figures(width, height, rows, across)
    with matplotlib.rc_context(RC):
        flat = [axes for line in grid for axes in line]
        left, right = float(table["x"].min()) / 1.3, min(float(table["x"].max()) * 1.25, 1.0)
        for index, (axes, panel) in enumerate(zip(flat, panels, strict=False)):
            _draw_panel(axes, panel.sort_values("x"), names, (left, right))
            if index % across == 0:
                axes.set_ylabel("parameter count P")
            if index + across >= len(panels):
                axes.set_xlabel("robustness ratio ρ")
        for axes in flat[len(panels) :]:
            axes.set_axis_off()
        _add_words(figure, handles, ncols, caption)
    return frozen_layout(figure)


def _add_words(figure: Figure, handles: list[Any], ncols: int, caption: str) -> None:
    figure.supxlabel(caption, fontsize=8, color="#333333", x=0.01, ha="left")
    legend = figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=ncols,
        frameon=False,
        fontsize=8.5,
        handlelength=3.2,
    )
    plain_text(legend)


def _grid(panels: int) -> tuple[int, int]:
    """Return rows and columns of a grid that is filled by the panels, or nearly so.

    >>> [_grid(panels) for panels in (1, 2, 3, 4, 5, 8, 9)]
    [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (3, 4)]
    """
    columns = panels if panels < 4 else 2 if panels == 4 else 3 if panels < 7 else 4
    return math.ceil(panels / columns), columns


def _draw_panel(
    axes: Axes, panel: pd.DataFrame, names: list[str], ratios: tuple[float, float]
) -> None:
    first = panel.iloc[0]
    axes.set(xscale="log", yscale="log", xlim=ratios)
    bottom, top = _limits(panel, names)
    axes.set_ylim(bottom, top)
    log_ticks(axes.yaxis, bottom, top)
    _label_ratios(axes, panel, ratios)
    name = str(first["dataset"])
    short = name if len(name) <= 20 else name[:19] + "…"
    title = f"{short}: N = {first['N']:,}, d = {first['d']:,}"
    axes.set_title(title, loc="left", fontsize=9).set_parse_math(False)
    _draw_bounds(axes, panel, bottom, ratios[1])
    _draw_trained(axes, panel, bottom, (top / bottom) ** 0.1)
    _draw_built(axes, panel, names)


def _limits(panel: pd.DataFrame, names: list[str]) -> tuple[float, float]:
    """Return the ends of the axis of P: everything is inside, with room for an arrow on top."""
    columns = ["parameters", "parameters_failed", "necessary", *PRICE_CURVES, *names]
    values = panel[columns].astype(float).to_numpy()
    shown = values[values > 0]
    low, high = float(shown.min()), float(shown.max())
    return low / 2, high * (high / low) ** 0.12 * 1.5


def _label_ratios(axes: Axes, panel: pd.DataFrame, ratios: tuple[float, float]) -> None:
    """Put a tick at every ratio, with its text where the text before leaves room for it."""
    places, texts = panel["x"].tolist(), panel["rho"].tolist()
    left, span, end = ratios[0], math.log(ratios[1] / ratios[0]), -math.inf
    for index, x in enumerate(places):
        # Shares of the axis: a character takes about a thirtieth of a narrow panel.
        middle, half = math.log(x / left) / span, len(texts[index]) / 60
        if middle - half < end + 0.02:
            texts[index] = ""
        else:
            end = middle + half
    axes.set_xticks(places, texts)
    axes.set_xticks([], minor=True)


def _draw_bounds(axes: Axes, panel: pd.DataFrame, bottom: float, right: float) -> None:
    """Draw the curves at the ratios of the table, and what is necessary as steps."""
    for column, (label, style) in PRICE_CURVES.items():
        values = panel[column].astype(float)
        axes.plot(panel["x"], values, label=label, lw=1.4, marker=".", ms=6, zorder=1, **style)
    # What balls of one ratio need, larger balls need as well: the bound holds up to the next step.
    x = [*panel["x"], right]
    needed = np.maximum.accumulate(panel["necessary"].to_numpy(dtype=float))
    steps = [*needed, needed[-1]]
    axes.plot(x, steps, drawstyle="steps-post", label=NECESSARY, color="black", lw=2.0, zorder=3)
    axes.fill_between(x, bottom, steps, step="post", facecolor="#e3e3e3", linewidth=0.0, zorder=0)


def _draw_trained(axes: Axes, panel: pd.DataFrame, bottom: float, length: float) -> None:
    """Draw each interval: a bar below the least P that succeeded, an arrow where none did."""
    place = _dodged(axes, -_DODGE)
    style: dict[str, Any] = {"transform": place, "zorder": 4, "clip_on": False}
    for row in panel.to_dict(orient="records"):
        x, low, found = row["x"], row["parameters_failed"], not pd.isna(row["parameters"])
        start = max(float(low), bottom)
        end = float(row["parameters"]) if found else start * length
        axes.plot([x, x], [start, end], color="black", lw=3.4, solid_capstyle="butt", **style)
        axes.plot([x, x], [start, end], color=_ORANGE, lw=2.0, solid_capstyle="butt", **style)
        if low > 0:
            axes.plot([x], [start], marker="_", ms=8, mew=1.6, color="black", ls="none", **style)
        label = TRAINED if found else OPEN
        axes.plot([x], [end], label=label, **(_marker(found) | style | {"zorder": 6}))


def _marker(found: bool) -> dict[str, Any]:
    shape, size = ("o", 7.5) if found else ("^", 6.5)
    return {"marker": shape, "ms": size, "markerfacecolor": _ORANGE, **_INK}


def _draw_built(axes: Axes, panel: pd.DataFrame, names: list[str]) -> None:
    """Draw the constructions, a shape each; the cheapest of a ratio is black and larger."""
    place = _dodged(axes, _DODGE)
    if not names:
        return
    counts = panel[names].astype(float)
    least = counts.min(axis=1)
    for name in names:
        for cheapest in (False, True):
            chosen = (counts[name] == least) if cheapest else (counts[name] > least)
            if chosen.any():
                style = _built_style(names.index(name), cheapest)
                x, y = panel["x"][chosen], counts[name][chosen]
                axes.plot(x, y, label=name.removeprefix(BUILT), transform=place, **style)


def _built_style(index: int, cheapest: bool) -> dict[str, Any]:
    return {
        "marker": SHAPES[index % len(SHAPES)],
        "ms": 8.0 if cheapest else 5.5,
        "markerfacecolor": "black" if cheapest else "white",
        # The small ones in front: a count close to the least stays visible on it.
        "zorder": 5 if cheapest else 7,
        **_INK,
    }


def _dodged(axes: Axes, points: float) -> Transform:
    return offset_copy(axes.transData, axes.get_figure(root=True), x=points, units="points")


def _handles(table: pd.DataFrame, names: list[str]) -> list[Any]:
    """Return the legend: only what the table has."""
    handles: list[Any] = []
    found = table["parameters"].notna()
    for shown, value, label in ((found.any(), True, TRAINED), ((~found).any(), False, OPEN)):
        if shown:
            handles.append(Line2D([], [], label=label, **_marker(value)))
    for index, name in enumerate(names):
        label = "built and certified: " + name.removeprefix(BUILT)
        handles.append(Line2D([], [], label=label, **_built_style(index, cheapest=False)))
    if names:
        handles.append(Line2D([], [], label=CHEAPEST, marker="o", ms=8.0, color="black", ls="none"))
    handles.append(Line2D([], [], label=NECESSARY, color="black", lw=2.0))
    for column, (label, style) in PRICE_CURVES.items():
        if table[column].notna().any():
            handles.append(Line2D([], [], label=label, lw=1.4, marker=".", ms=6, **style))
    return handles


def _caption(table: pd.DataFrame, characters: int) -> str:
    depths, seeds = (_values(table[column]) for column in ("depth", "seeds"))
    text = (
        f"Trained: depth {depths}, {seeds} seeds a width, rule: {_values(table['decision'])}; "
        "built networks have f = y. That a width never succeeded means that no seed was "
        "certified, not that it is impossible. Grey: fewer parameters than any network has that "
        "is robust on these points, a theorem with its constants. Curves: leading terms at the "
        "ratios of the table, constants and logarithms omitted, for the worst dataset of this "
        "size: their height says nothing about these points."
    )
    return textwrap.fill(text, characters)


def _values(column: pd.Series) -> str:
    return " or ".join(str(value) for value in sorted(column.unique()))
