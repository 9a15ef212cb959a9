"""The phase diagram: bounds old and new in the (rho, P) plane, and exponents over sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from pipeline.figures.figure1 import CURVES, SHORT_CAPTION, MeasuredCount, bounds_figure
from pipeline.figures.style import RC, frozen_layout, new_figures

PHASE_CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "prior_upper": CURVES["prior_upper"],
    "theorem_4_2": CURVES["theorem_4_2"],
    "ours": (
        "best upper bound of this project",
        {"color": "#6a3d9a", "ls": (0, (7, 1.5, 1, 1.5)), "lw": 2.4},
    ),
    "theorem_3_1": CURVES["theorem_3_1"],
    "prior_lower": CURVES["prior_lower"],
}
PHASE_BANDS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("ours", "theorem_4_2", "upper bound improved here", {"facecolor": "#d5c6e6"}),
    (
        "theorem_3_1",
        "ours",
        "what stays open",
        {"facecolor": "none", "hatch": "xxx", "edgecolor": "#a6a6a6", "linewidth": 0.0},
    ),
]
PHASE_CAPTION = (
    "Curves: leading terms, the input layer's d kept, constants and logarithms omitted; lower "
    "bounds are for the worst dataset\nof this size. Markers: absolute counts of networks for one "
    "dataset of this size, zeros counted."
)
# Title and column of each map; the first three share a scale, the last two another.
BOUND_MAPS = (
    ("Lower bound (Theorem 3.1)", "theorem_3_1"),
    ("Best upper bound before", "old_upper"),
    ("Best upper bound now", "new_upper"),
)
GAP_MAPS = (("Gap before", "old_gap"), ("Gap now", "new_gap"))
EXPONENT_CAPTION = (
    "P = N^exponent up to constants and\nlogarithms; the input layer's d is kept.\n"
    "The gap is the exponent of upper over\nlower bound; white: none.\n\n"
    "Before: Theorem 4.2, which allows an\nerror η between 1/(N√d) and 1/√d.\n\n"
    "Upper edge: ρ = 1/polylog N. At a\nconstant ρ voting does not apply, and\nthe gap for "
    "x < 1 is larger.\n\nDashed: ρ = 1/√d. Dotted: N = d."
)
_STEP = 0.25
_ZERO = 1e-6


def figure_phase_diagram(table: pd.DataFrame, measured: Sequence[MeasuredCount] = ()) -> Figure:
    """Return bounds old and new against rho for one (N, d), with certified networks on them.

    Args:
        table: of `pipeline.theory.phase_table`.
        measured: networks of this size.
    """
    title = "Networks (absolute counts)"
    caption = PHASE_CAPTION if measured else SHORT_CAPTION
    return bounds_figure(table, measured, PHASE_CURVES, PHASE_BANDS, caption, title)


def figure_exponents(table: pd.DataFrame) -> Figure:
    """Return maps of the exponents of P over (log_N d, log_N rho): bounds, and gaps old and new.

    Args:
        table: of `pipeline.theory.exponents_table`, on a full grid.
    """
    figure, axes = new_figures(10.4, 6.4, 2, 3)
    with matplotlib.rc_context(RC):
        bounds = _levels(table, [column for _, column in BOUND_MAPS])
        gaps = _levels(table, [column for _, column in GAP_MAPS])
        shades = _draw_maps(axes[0], table, BOUND_MAPS, bounds, 0.35)
        bar = figure.colorbar(shades, ax=list(axes[0]), ticks=bounds[::2], aspect=18, pad=0.015)
        bar.set_label("exponent of P")
        shades = _draw_maps(axes[1][:2], table, GAP_MAPS, gaps, 0.0)
        bar = figure.colorbar(shades, ax=list(axes[1]), ticks=gaps, aspect=18, pad=0.015)
        bar.set_label("exponent of the gap")
        axes[1][2].set_axis_off()
        axes[1][2].text(0.0, 0.98, EXPONENT_CAPTION, va="top", fontsize=8.5, color="#333333")
    return frozen_layout(figure)


def _levels(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return multiples of the step that enclose the columns."""
    values = table[list(columns)].to_numpy()
    low, high = np.floor(values.min() / _STEP), np.ceil(values.max() / _STEP)
    return np.arange(low, max(high, low + 1) + 1) * _STEP


def _draw_maps(
    axes: Sequence[Axes],
    table: pd.DataFrame,
    maps: Sequence[tuple[str, str]],
    levels: np.ndarray,
    lightest: float,
) -> ScalarMappable:
    """Draw the maps on one scale, dark for many parameters, and return it for its bar."""
    shades = matplotlib.colormaps["YlGnBu"](np.linspace(lightest / 2, 0.95, len(levels) - 1))
    colours, norm = ListedColormap(shades), BoundaryNorm(levels, len(levels) - 1)
    for each, (title, column) in zip(axes, maps, strict=True):
        grid = table.pivot(index="s", columns="delta", values=column)
        x, y, z = grid.columns.to_numpy(), -grid.index.to_numpy(), grid.to_numpy()
        positive = np.where(z > _ZERO, z, np.nan)
        each.contourf(x, y, positive, levels=levels, cmap=colours, norm=norm)
        _draw_contours(each, x, y, z, levels[levels > _ZERO])
        each.plot(x, -x / 2, color="black", ls=(0, (4, 3)), lw=0.9)
        each.axvline(1, color="black", ls=(0, (1, 2)), lw=1.1)
        each.set_xlim(float(x.min()), float(x.max()))
        each.set_ylim(float(y.min()), 0)
        each.set_title(title, loc="left", fontsize=10)
        each.set_xlabel("x = log d / log N")
        each.set_ylabel("y = log ρ / log N")
    return ScalarMappable(norm, colours)


def _draw_contours(
    axes: Axes, x: np.ndarray, y: np.ndarray, z: np.ndarray, levels: np.ndarray
) -> None:
    inside = [level for level in levels if z.min() < level < z.max()]
    if inside:
        lines = axes.contour(x, y, z, levels=inside, colors="black", linewidths=0.5)
        texts = axes.clabel(
            lines, inside[:: 2 if len(inside) < 12 else 4], fontsize=7.5, fmt="%g", inline=False
        )
        right, top = x.max() - 0.08 * np.ptp(x), y.max() - 0.06 * np.ptp(y)
        for text in texts:
            # A label that the edge would cut tells a wrong number.
            across, up = text.get_position()
            text.set_visible(across < right and up < top)
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85})
