"""Per-ball data of a run: margins of verified balls, upper bounds on the error of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pipeline.figures.style import RC, frozen_layout, log_ticks, new_figure, plain_text

LINES: list[dict[str, Any]] = [
    {"color": "#08519c", "ls": "-"},
    {"color": "#e34a33", "ls": (0, (5, 1.5))},
    {"color": "#1b7837", "ls": (0, (1.2, 1.2))},
    {"color": "#6a3d9a", "ls": (0, (7, 1.5, 1, 1.5))},
    {"color": "black", "ls": (0, (3, 3))},
]
BINS = 40


def figure_margins(margins: Mapping[str, ArrayLike], label: str) -> Figure:
    """Return a histogram of verified margins, one outline a construction.

    Args:
        margins: construction -> margins of its verified balls, shape (n,), finite.
        label: what the margin is, for the axis.
    """
    series = _checked(margins, "margins")
    everything = np.concatenate(list(series.values()))
    figure, axes = new_figure(7.2, 3.4)
    with matplotlib.rc_context(RC):
        low, high = float(everything.min()), float(everything.max())
        wide = low > 0 and high > 300 * low
        if wide:
            axes.set_xscale("log")
            edges = np.geomspace(low, high, BINS + 1)
        else:
            edges = np.histogram_bin_edges(everything, BINS)
        for position, (name, values) in enumerate(series.items()):
            style = LINES[position % len(LINES)]
            counts, _ = np.histogram(values, edges)
            axes.stairs(counts, edges, lw=1.6, label=f"{name} ({len(values):,} balls)", **style)
            axes.stairs(counts, edges, fill=True, color=style["color"], alpha=0.12)
        if wide:
            log_ticks(axes.xaxis, low, high)
        axes.set_xlabel(label, parse_math=False)
        axes.set_ylabel("balls")
        axes.set_ylim(bottom=0)
        _add_legend(axes)
    return frozen_layout(figure)


def figure_error_bounds(bounds: Mapping[str, ArrayLike], confidence: str) -> Figure:
    """Return the share of balls whose error bound is at most x, one step curve a construction.

    Args:
        bounds: construction -> upper bounds on P[f(x') != y_i] by ball, shape (n,), in [0, 1].
        confidence: the confidence of each bound, for the axis, such as "99.9 %".

    Raises:
        ValueError: if there are no bounds or some lie outside [0, 1].
    """
    series = _checked(bounds, "error bounds")
    for name, values in series.items():
        if values.min() < 0 or values.max() > 1:
            raise ValueError(f"error bounds must lie in [0, 1], {name} has others (Definition 4.1)")
    right = max(float(values.max()) for values in series.values()) * 1.08 or 1.0
    figure, axes = new_figure(7.2, 3.4)
    with matplotlib.rc_context(RC):
        for position, (name, values) in enumerate(series.items()):
            x = np.concatenate([[0.0], np.sort(values), [right]])
            y = np.concatenate([np.arange(len(values) + 1), [len(values)]]) / len(values)
            style = LINES[position % len(LINES)]
            text = f"{name} ({len(values):,} balls)"
            axes.step(x, y, where="post", lw=1.8, label=text, clip_on=False, **style)
        axes.set(xlim=(0, right), ylim=(0, 1))
        axes.set_xlabel(f"upper bound on a ball's error P[f(x') ≠ y], confidence {confidence} each")
        axes.set_ylabel("share of balls")
        _add_legend(axes)
    return frozen_layout(figure)


def _add_legend(axes: Axes) -> None:
    plain_text(axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0)))


def _checked(series: Mapping[str, ArrayLike], what: str) -> dict[str, np.ndarray]:
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in series.items()}
    if not arrays or any(values.size == 0 for values in arrays.values()):
        raise ValueError(f"a figure of {what} needs balls, got none")
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{what} must be finite, {name} has others")
    return arrays
