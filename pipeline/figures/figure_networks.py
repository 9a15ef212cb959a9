"""Figures 1 and 8 with networks that exist: a panel a size, bounds behind, networks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    Bands,
    Curves,
    MeasuredCount,
    draw_bands,
    draw_curves,
    draw_points,
    mark_crossings,
)
from pipeline.figures.figure8 import NONZERO_BANDS, NONZERO_CURVES
from pipeline.figures.style import RC, log_ticks, new_panels, plain_text

CAPTION = (
    "Curves: leading terms, constants and logarithms omitted{dropped}; lower bounds are for the "
    "worst dataset of a size.\nMarkers: {counts} of networks for one dataset; that one lies above "
    "or below a curve says nothing:\ncompare markers with each other, and slopes with slopes. "
    "Markers that would cover each other stand side by side."
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
# Of a panel: dataset, N, d.
Place = tuple[str, int, int]


@dataclass(frozen=True)
class CountStyle:
    """What a figure counts: the bounds on it, and the words for it.

    Args:
        curves: column of the bounds -> label and style.
        bands: lower column, upper column, label and style of what is shaded.
        axis: label of the counts.
        words: what the markers are, for the caption.
    """

    curves: Curves
    bands: Bands
    axis: str
    words: str


ALL = CountStyle(CURVES, BANDS, "parameter count P", "absolute parameter counts, zeros counted,")
NONZERO = CountStyle(
    NONZERO_CURVES, NONZERO_BANDS, "nonzero parameters", "absolute counts of nonzero parameters"
)


def figure_networks(
    table: pd.DataFrame,
    networks: Mapping[Place, Sequence[MeasuredCount]],
    names: Sequence[str] | None = None,
    style: CountStyle = ALL,
) -> Figure:
    """Return Figure 1 or 8 for several sizes, a panel each, with measured counts on them.

    Args:
        table: of `pipeline.theory.bounds_table`, of all sizes, one after the other.
        networks: (dataset, N, d) -> networks of that panel; one row of panels a dataset.
        names: constructions in the order of the legend, by default the order of appearance.
        style: ALL parameters (Figure 1) or those that are NONZERO (Figure 8).

    Raises:
        ValueError: if there is no network, or bounds of a size are missing.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in networks))
    sizes = sorted({(N, d) for _, N, d in networks})
    bounded = set(zip(table["N"], table["d"], strict=True))
    if not sizes or set(sizes) - bounded:
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
            for (N, d), axes in zip(sizes, row, strict=True):
                here = table[(table["N"] == N) & (table["d"] == d)]
                points = networks.get((dataset, N, d), ())
                bounds = _draw_panel(axes, here, points, names, style)
                _label_panel(axes, (dataset, N, d), limits)
            row[0].set_ylabel(style.axis)
            for axes in row[1:]:
                axes.tick_params(labelleft=False)
        for axes in grid[-1]:
            axes.set_xlabel("robustness ratio ρ")
        _add_legends(figure, bounds, names, everything)
        dropped = "" if bool(table["additive_d"].iloc[0]) else ", the input layer's d dropped"
        figure.text(
            0.12 / figure.get_figwidth(),
            0.12 / figure.get_figheight(),
            CAPTION.format(dropped=dropped, counts=style.words),
            fontsize=8,
            color="#333333",
        )
    return figure


def _draw_panel(
    axes: Axes,
    table: pd.DataFrame,
    points: Sequence[MeasuredCount],
    names: Sequence[str],
    style: CountStyle,
) -> list[Any]:
    """Draw bounds and networks of a panel and return the legend's entries of the bounds."""
    axes.set(xscale="log", yscale="log")
    bounds = draw_bands(axes, table, style.bands) + draw_curves(axes, table, style.curves)
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
    axes: Axes, place: Place, limits: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    dataset, N, d = place
    (low, high), (bottom, top) = limits
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    log_ticks(axes.xaxis, low, high)
    log_ticks(axes.yaxis, bottom, top)
    mark_crossings(axes, N, d, low)
    size = f"N = d = {N:,}" if N == d else f"N = {N:,}, d = {d:,}"
    title = axes.set_title(f"{dataset}, {size}", loc="left", fontsize=9.5, pad=16)
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
