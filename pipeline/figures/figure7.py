"""Figure 7: Delta of Lemma B.16 against its ideal, and the floor it gives against the floor."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import Patch

from pipeline.figures.style import RC, frozen_layout, new_figures, plain_text

# Label and look of every series: the network a dark thin line on the wide pale one of its ideal.
DELTA_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "ideal": ("ideal Δ, jumps at ½ and 1", {"color": "#9a9a9a", "lw": 4.0, "zorder": 2}),
    "delta": ("Δ of the network", {"color": "#08306b", "lw": 1.6, "zorder": 3}),
}
FLOOR_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "floor": ("floor of x", {"color": "#9a9a9a", "lw": 4.0, "zorder": 2}),
    "floor_n": ("Floor of the network", {"color": "#08306b", "lw": 1.6, "zorder": 3}),
}
BAND: dict[str, Any] = {"facecolor": "#e2d4ee", "edgecolor": "#9a7fb8", "hatch": "////", "lw": 0.0}


def figure_7(table: pd.DataFrame) -> Figure:
    """Return Figure 7: left Delta on [0, 1], right Floor_n with its bands.

    Args:
        table: of `pipeline.illustrations.figure7.figure_7_table`.
    """
    figure, ((left, right),) = new_figures(7.6, 4.4, 1, 2)
    n, gamma, g = (str(table[name].iloc[0]) for name in ("n", "gamma", "g"))
    with matplotlib.rc_context(RC):
        _draw_delta(left, table[table.panel == "delta"], f"(a) Δ, n = {n}", f"g = γ/2ⁿ = {g}")
        title = f"(b) Floor, Δ taken {n} times"
        _draw_floor(right, table[table.panel == "floor"], title, f"γ = {gamma}")
    return frozen_layout(figure)


def _draw_delta(axes: Axes, table: pd.DataFrame, title: str, width: str) -> None:
    _draw_bands(axes, table[table.series == "ramp"])
    _draw_lines(axes, table, DELTA_LINES)
    for row, end in pairwise(table[table.series == "delta"].itertuples()):
        _write_slope(axes, row, end)
    ramps = table[table.series == "ramp"]
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(0, 1.04)
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    falls = ramps.groupby("piece").x.min()
    axes.set_xticks(falls, ["½ − g", "1 − g"], minor=True)
    axes.tick_params(axis="x", which="minor", pad=15)
    axes.set_yticks([0, 0.5, 1], ["0", "½", "1"])
    axes.set_xlabel("v")
    axes.set_ylabel("Δ(v)")
    _legend(axes, title, DELTA_LINES, f"ramps, width {width}")


def _write_slope(axes: Axes, row: Any, end: Any) -> None:
    """Write the slope of a piece: beside its middle if it rises, at its foot if it falls."""
    if row.slope > 0:
        at, text = ((row.x + end.x) / 2 - 0.03, (row.y + end.y) / 2 + 0.02), f"slope {row.slope:g}"
    else:
        fall = f"{row.slope:g}".replace("-", "−")
        at, text = (row.x - 0.015, row.y * 0.08), f"slope 2 − 1/g\n= {fall}"
    axes.text(*at, text, ha="right", fontsize=9.5, color="#222222")


def _draw_floor(axes: Axes, table: pd.DataFrame, title: str, width: str) -> None:
    _draw_bands(axes, table[table.series == "band"])
    _draw_lines(axes, table, FLOOR_LINES)
    steps = table[table.series == "floor"]
    low, high = steps.x.min(), steps.x.max()
    axes.set_xlim(low - 0.06, high + 0.06)
    axes.set_ylim(low - 1.15, high - 0.85)
    axes.set_xticks(range(int(low), int(high) + 1))
    axes.set_yticks(range(int(low) - 1, int(high)))
    axes.set_yticklabels(str(k).replace("-", "−") for k in range(int(low) - 1, int(high)))
    axes.set_xlabel("x")
    axes.set_ylabel("value")
    _legend(axes, title, FLOOR_LINES, f"bands, width {width}")


def _draw_bands(axes: Axes, bands: pd.DataFrame) -> None:
    for _, each in bands.groupby("piece"):
        axes.axvspan(each.x.min(), each.x.max(), zorder=0, **BAND)


def _draw_lines(axes: Axes, table: pd.DataFrame, lines: dict[str, tuple[str, Any]]) -> None:
    for series, (label, look) in lines.items():
        for piece, each in table[table.series == series].groupby("piece"):
            shown = label if piece == 0 else "_nolegend_"
            axes.plot(each.x, each.y, label=shown, solid_capstyle="butt", **look)


def _legend(axes: Axes, title: str, lines: dict[str, tuple[str, Any]], bands: str) -> Legend:
    """Write title and legend above the axes, where no line runs through them."""
    handles, _ = axes.get_legend_handles_labels()
    labels = [label for label, _ in lines.values()]
    legend = axes.legend(
        [*handles, Patch(**BAND)],
        [*labels, bands],
        loc="lower left",
        bbox_to_anchor=(-0.03, 1.0),
        frameon=False,
        fontsize=9.5,
        title=title,
        alignment="left",
    )
    legend.get_title().set_fontsize(10.5)
    return plain_text(legend)
