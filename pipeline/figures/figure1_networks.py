"""Figure 1 with networks that exist: a panel a size N = d, bounds behind, proved networks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from pipeline.figures.figure1 import (
    BANDS,
    CURVES,
    FILLS,
    SHAPES,
    STATUSES,
    MeasuredCount,
    draw_bands,
    draw_curves,
    draw_points,
    mark_crossings,
)
from pipeline.figures.style import RC, log_ticks, new_panels, plain_text

CAPTION = (
    "Curves: leading terms, constants and logarithms omitted{dropped}; lower bounds are for the "
    "worst dataset of a size.\nMarkers: absolute parameter counts of networks for one dataset, "
    "zeros counted; that one lies above or below a curve says nothing:\ncompare markers with each "
    "other, and slopes with slopes. Markers that would cover each other stand side by side."
)
# What a fill says here, where no network is trained.
WORDS = {
    "verified": "every ball proved by the checker",
    "error bound": "error at most η proved (Definition 4.1)",
    "planned": "counted, not built",
    "not verified": "built, not proved",
}
# Inches: a panel, what surrounds the panels, and where the legends stand below them.
_PANEL, _GAP, _NARROWEST = (2.05, 2.75), (0.3, 0.95), 9.0
_LEFT, _RIGHT, _TOP, _AXIS, _LEGENDS, _CAPTION = 0.72, 0.2, 0.5, 0.6, 2.05, 0.65
_COLUMNS = (0.12, 3.7, 6.3)
# Markers of one ratio whose counts differ by less than this factor would cover each other.
_COVERED = 1.9
_STEP_IN_POINTS = 6.0


def figure_1_networks(
    table: pd.DataFrame,
    networks: Mapping[tuple[str, int], Sequence[MeasuredCount]],
    names: Sequence[str] | None = None,
) -> Figure:
    """Return Figure 1 for several sizes N = d, a panel each, with measured counts on them.

    Args:
        table: of `pipeline.theory.bounds_table`, of all sizes, one after the other.
        networks: (dataset, N) -> networks of that panel; one row of panels a dataset.
        names: constructions in the order of the legend, by default the order of appearance.

    Raises:
        ValueError: if there is no network, or bounds of a size are missing.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _ in networks))
    sizes = sorted({N for _, N in networks})
    if not sizes or set(sizes) - set(table["N"]):
        raise ValueError(f"a figure of networks needs networks and bounds of their sizes {sizes}")
    everything = [point for points in networks.values() for point in points]
    found = list(dict.fromkeys(point.construction for point in everything))
    names = found if names is None else [name for name in names if name in found]
    wide = max(_PANEL[0], _NARROWEST / len(sizes) - _GAP[0])
    margins = (_LEFT, _RIGHT, _TOP, _AXIS + _LEGENDS + _CAPTION)
    figure, grid = new_panels((len(datasets), len(sizes)), (wide, _PANEL[1]), _GAP, margins)
    limits = _limits(table, everything)
    with matplotlib.rc_context(RC):
        for dataset, row in zip(datasets, grid, strict=True):
            for N, axes in zip(sizes, row, strict=True):
                bounds = _draw_panel(axes, table[table["N"] == N], networks, dataset, names)
                _label_panel(axes, N, dataset, limits)
            row[0].set_ylabel("parameter count P")
            for axes in row[1:]:
                axes.tick_params(labelleft=False)
        for axes in grid[-1]:
            axes.set_xlabel("robustness ratio ρ")
        _add_legends(figure, bounds, names, everything)
        dropped = "" if bool(table["additive_d"].iloc[0]) else ", the input layer's d dropped"
        figure.text(
            0.12 / figure.get_figwidth(),
            0.12 / figure.get_figheight(),
            CAPTION.format(dropped=dropped),
            fontsize=8,
            color="#333333",
        )
    return figure


def _draw_panel(
    axes: Axes,
    table: pd.DataFrame,
    networks: Mapping[tuple[str, int], Sequence[MeasuredCount]],
    dataset: str,
    names: Sequence[str],
) -> list[Any]:
    """Draw bounds and networks of a panel and return the legend's entries of the bounds."""
    axes.set(xscale="log", yscale="log")
    bounds = draw_bands(axes, table, BANDS) + draw_curves(axes, table, CURVES)
    points = networks.get((dataset, int(table["N"].iloc[0])), ())
    steps = _steps_aside(points)
    for step in sorted(set(steps)):
        # The data stay what they are: only the picture is moved, by points on paper.
        aside = ScaledTranslation(step * _STEP_IN_POINTS / 72, 0, axes.figure.dpi_scale_trans)
        here = [point for point, own in zip(points, steps, strict=True) if own == step]
        look = {"markersize": 5.5, "markeredgewidth": 0.8}
        draw_points(axes, here, names, transform=axes.transData + aside, **look)
    return bounds


def _steps_aside(points: Sequence[MeasuredCount]) -> list[float]:
    """Return how many steps each marker moves aside, so that equal counts are seen side by side."""
    steps = [0.0] * len(points)
    order = sorted(range(len(points)), key=lambda i: (points[i].rho, points[i].parameter_count))
    crowd: list[int] = []
    for i in [*order, None]:
        if crowd and (i is None or not _covers(points[crowd[-1]], points[i])):
            for place, member in enumerate(sorted(crowd)):
                steps[member] = place - (len(crowd) - 1) / 2
            crowd = []
        crowd += [] if i is None else [i]
    return steps


def _covers(one: MeasuredCount, other: MeasuredCount) -> bool:
    return one.rho == other.rho and other.parameter_count < _COVERED * one.parameter_count


def _limits(
    table: pd.DataFrame, points: Sequence[MeasuredCount]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the shared limits of rho and P: all networks, all bounds but the small terms."""
    counts = [float(point.parameter_count) for point in points]
    low = min([float(table["rho"].min()), *(point.rho / 1.6 for point in points)])
    bottom = min([float(table["prior_lower"].min()), *counts]) / 3
    top = max([float(table["prior_upper"].max()), *counts]) * 3
    return (low, 1.0), (bottom, top)


def _label_panel(
    axes: Axes, N: int, dataset: str, limits: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    (low, high), (bottom, top) = limits
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    log_ticks(axes.xaxis, low, high)
    log_ticks(axes.yaxis, bottom, top)
    mark_crossings(axes, N, N, low)
    title = axes.set_title(f"{dataset}, N = d = {N:,}", loc="left", fontsize=9.5, pad=16)
    title.set_parse_math(False)


def _add_legends(
    figure: Figure, bounds: list[Any], names: Sequence[str], points: Sequence[MeasuredCount]
) -> None:
    """Put three legends side by side below the panels: bounds, shapes, fills."""
    look: dict[str, Any] = {"ls": "none", "markeredgecolor": "black", "markersize": 6.5}
    shapes = [
        Line2D([], [], marker=SHAPES[i % len(SHAPES)], label=name, **FILLS["verified"], **look)
        for i, name in enumerate(names)
    ]
    present = [status for status in STATUSES if any(p.status == status for p in points)]
    fills = [
        Line2D([], [], marker="o", label=WORDS.get(status, status), **FILLS[status], **look)
        for status in present
    ]
    width, height = figure.get_size_inches()
    titles = ("Bounds (constants omitted)", "Construction (shape)", "What is known (fill)")
    for handles, title, left in zip((bounds, shapes, fills), titles, _COLUMNS, strict=True):
        legend = figure.legend(
            handles=handles,
            title=title,
            loc="upper left",
            bbox_to_anchor=(left / width, (_LEGENDS + _CAPTION) / height),
            borderaxespad=0.0,
            frameon=False,
            alignment="left",
            fontsize=8.5,
            handlelength=2.6,
        )
        plain_text(legend)
