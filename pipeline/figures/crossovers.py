"""Which construction has the fewest parameters at which size and ratio, and by how much."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from pipeline.figures.style import RC, frozen_layout, new_figures, plain_text, power_of_ten

# Fills that differ in greyscale; letters and hatches differ as well.
FILLS: list[dict[str, Any]] = [
    {"facecolor": "#f7f7f7"},
    {"facecolor": "#fdcc8a"},
    {"facecolor": "#9ecae1", "hatch": "//"},
    {"facecolor": "#c7a6d8", "hatch": "\\\\"},
    {"facecolor": "#a1d99b", "hatch": ".."},
    {"facecolor": "#bdbdbd", "hatch": "xx"},
]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CAPTION = (
    "Each cell: the construction with the fewest parameters, and how many times as many the next "
    "one needs.\nThick frame: built, every ball proved by the independent checker; thin: planned "
    "for these data, not built."
)


def figure_crossovers(table: pd.DataFrame) -> Figure:
    """Return who wins at every (N, d, rho): one panel a dataset and d, N across, rho upwards.

    Args:
        table: one row a cell: dataset, N, d, rho (a rational's text), winner, verdict, ratio
            (missing where nothing else applies), as `pipeline.report.crossovers_frame` returns
            them.

    Raises:
        ValueError: if the table is empty.
    """
    if table.empty:
        raise ValueError("a figure of crossovers needs cells, got none")
    panels = list(table.groupby(["dataset", "d"], sort=True))
    several = table["dataset"].nunique() > 1
    ratios = sorted(table["rho"].unique(), key=Fraction)
    names = sorted(table["winner"].unique())
    columns = max(rows["N"].nunique() for _, rows in panels)
    width = 1.2 + len(panels) * max(0.4 + 0.85 * columns, 2.4)
    figure, axes = new_figures(max(width, 7.4), 2.1 + 0.34 * len(ratios), 1, len(panels))
    with matplotlib.rc_context(RC):
        for each, ((dataset, d), rows) in zip(axes[0], panels, strict=True):
            _draw_panel(each, rows, ratios, names)
            title = f"{dataset}, d = {d:,}" if several else f"d = {d:,}"
            each.set_title(title, loc="left", fontsize=10).set_parse_math(False)
        axes[0][0].set_ylabel("robustness ratio ρ")
        handles = [
            Patch(label=f"{LETTERS[i % 26]}  {name}", edgecolor="black", **_fill(i))
            for i, name in enumerate(names)
        ]
        figure.supxlabel(CAPTION, fontsize=8, color="#333333", x=0.01, ha="left")
        plain_text(
            figure.legend(
                handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=8.5
            )
        )
    return frozen_layout(figure)


def _draw_panel(axes: Axes, table: pd.DataFrame, ratios: list[str], names: list[str]) -> None:
    sizes = sorted(table["N"].unique())
    for row in table.to_dict(orient="records"):
        x, y, index = (
            sizes.index(row["N"]),
            ratios.index(row["rho"]),
            names.index(row["winner"]),
        )
        certified = row["verdict"] == "verified"
        box = Rectangle(
            (x - 0.46, y - 0.43),
            0.92,
            0.86,
            linewidth=1.8 if certified else 0.5,
            edgecolor="black",
            **_fill(index),
        )
        axes.add_patch(box)
        margin = "only" if pd.isna(row["ratio"]) else f"×{_times(row['ratio'])}"
        text = axes.text(x, y, f"{LETTERS[index % 26]} {margin}", ha="center", va="center")
        text.set_fontsize(8)
        if "hatch" in _fill(index):
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})
    axes.set_xlim(-0.6, len(sizes) - 0.4)
    axes.set_ylim(-0.6, len(ratios) - 0.4)
    axes.set_xticks(range(len(sizes)), [f"{N:,}" for N in sizes])
    axes.set_yticks(range(len(ratios)), ratios)
    axes.set_xlabel("points N")
    axes.tick_params(length=0)


def _fill(index: int) -> dict[str, Any]:
    return FILLS[index % len(FILLS)]


def _times(ratio: float) -> str:
    """Return a ratio in two or three digits.

    >>> _times(1.234), _times(17.6), _times(1928.4), _times(2.1e6)
    ('1.2', '18', '1,928', '2·10⁶')
    """
    if ratio < 9.95:
        return f"{ratio:.1f}"
    return f"{ratio:,.0f}" if ratio < 1e5 else power_of_ten(float(f"{ratio:.0e}"))
