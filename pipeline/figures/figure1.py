"""Figure 1: bounds on the parameter count against rho, with this run's networks drawn on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pipeline.figures.style import RC, log_ticks, new_figure, plain_text

STATUSES = ("verified", "planned", "trained", "not verified", "error bound", "points only")
# Colours and dashes of the paper's figure, in shades that differ in greyscale. Prior bounds are
# thin and solid: one lies above the others and one below.
Curves = Mapping[str, tuple[str, dict[str, Any]]]
Bands = Sequence[tuple[str, str, str, dict[str, Any]]]
PRIOR: dict[str, Any] = {"color": "black", "ls": "-", "lw": 1.1}
CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "prior_upper": ("prior bounds, upper and lower", PRIOR),
    "theorem_4_2": ("upper bound, Theorem 4.2", {"color": "#08519c", "ls": "-", "lw": 2.4}),
    "parallel_balls": (
        "upper bound, parallel balls (this project)",
        {"color": "#6a3d9a", "ls": (0, (7, 1.5, 1, 1.5)), "lw": 1.8},
    ),
    "theorem_3_1": ("lower bound, Theorem 3.1", {"color": "#e34a33", "ls": "-", "lw": 2.4}),
    "theorem_3_1_first": (
        "its first-layer width term",
        {"color": "#d9a400", "ls": (0, (5, 2)), "lw": 1.6},
    ),
    "theorem_3_1_second": (
        "its VC dimension term",
        {"color": "#1b7837", "ls": (0, (2.5, 1.5)), "lw": 1.6},
    ),
    "prior_lower": ("", PRIOR),
}
CAPTION_STYLE: dict[str, Any] = {"fontsize": 8, "color": "#333333"}
IMPROVED_UPPER: dict[str, Any] = {"facecolor": "#a9cbe8"}
IMPROVED_LOWER: dict[str, Any] = {"facecolor": "#fde0d7"}
GAP: dict[str, Any] = {
    "facecolor": "none",
    "hatch": "xxx",
    "edgecolor": "#a6a6a6",
    "linewidth": 0.0,
}
OF_PAPER = tuple(name for name in CURVES if name != "parallel_balls")
BANDS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("theorem_4_2", "prior_upper", "upper bound improved", IMPROVED_UPPER),
    ("prior_lower", "theorem_3_1", "lower bound improved", IMPROVED_LOWER),
    ("theorem_3_1", "theorem_4_2", "gap between Theorems 3.1 and 4.2", GAP),
]
SHAPES = "osD^vPXh*<>p"
FILLS: dict[str, dict[str, Any]] = {
    "verified": {"markerfacecolor": "black"},
    "planned": {"markerfacecolor": "white"},
    "trained": {"markerfacecolor": "#a6a6a6"},
    "not verified": {
        "markerfacecolor": "black",
        "fillstyle": "left",
        "markerfacecoloralt": "white",
    },
    "error bound": {
        "markerfacecolor": "black",
        "fillstyle": "bottom",
        "markerfacecoloralt": "white",
    },
    # Light in both halves: memorization without robustness must not look like a proof on balls.
    "points only": {
        "markerfacecolor": "#dddddd",
        "fillstyle": "top",
        "markerfacecoloralt": "white",
    },
}
CAPTION = (
    "Curves: leading terms, constants and logarithms omitted; lower bounds are for the worst "
    "dataset of this size.\nMarkers: absolute parameter counts of this run, zeros counted; "
    "compare them with each other, not with a curve's height."
)


SHORT_CAPTION = "Leading terms, constants and logs omitted; lower bounds are for the worst dataset."


@dataclass(frozen=True)
class MeasuredCount:
    """One network of this run: its parameter count at its ratio.

    Args:
        construction: name of the construction or baseline.
        rho: robustness ratio in (0, 1).
        parameter_count: P, zeros counted (Eq. 3); on Figure 8 the nonzero ones.
        status: "verified" (every ball), "planned" (not built), "trained" (by optimization, not
            verified), "error bound" (the robust memorization error is proved to be small), "points
            only" (proved at the points, not on the balls) or "not verified" (what the network was
            built for was not proved).

    Raises:
        ValueError: if a field is out of range.
    """

    construction: str
    rho: float
    parameter_count: int
    status: str

    def __post_init__(self) -> None:
        if not self.construction or self.construction.startswith("_"):
            raise ValueError(f"a construction needs a name, got {self.construction!r}")
        if not 0 < self.rho < 1:
            raise ValueError(f"rho must lie in (0, 1), got {self.rho!r} (Definition 2.2)")
        if self.parameter_count < 1:
            raise ValueError(f"parameter_count must be positive, got {self.parameter_count}")
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, got {self.status!r}")


def figure_1(
    table: pd.DataFrame, measured: Sequence[MeasuredCount] = (), project: bool = True
) -> Figure:
    """Return Figure 1 for one (N, d), with measured parameter counts on it.

    Args:
        table: of `pipeline.theory.bounds_table`.
        measured: this run's networks, drawn as markers: a shape a construction, a fill a status.
        project: whether this project's parallel balls are drawn, which the paper has not.
    """
    curves = {name: style for name, style in CURVES.items() if project or name in OF_PAPER}
    caption = CAPTION if measured else SHORT_CAPTION
    return bounds_figure(table, measured, curves, BANDS, caption)


def bounds_figure(
    table: pd.DataFrame,
    measured: Sequence[MeasuredCount],
    curves: Curves,
    bands: Bands,
    caption: str,
    title: str = "This run (absolute counts)",
    count: str = "parameter count P",
) -> Figure:
    """Return bounds against rho with measured counts, in the layout of Figure 1.

    Args:
        table: of bounds, with the columns that curves and bands name.
        measured: networks, drawn as markers: a shape a construction, a fill a status.
        curves: column -> label and style.
        bands: lower column, upper column, label and style of what is shaded.
        caption: two lines below the picture.
        title: of the markers' legend.
        count: what the bounds are about, for the axis.
    """
    N, d = int(table["N"].iloc[0]), int(table["d"].iloc[0])
    kinds = len({(point.construction, point.status) for point in measured})
    if kinds:
        # Six measured entries fit below the bounds; the figure grows for more.
        height = 5.6 + 0.36 * max(0, kinds - (13 - len(curves)))
        figure, axes = new_figure(9.6, height, (0.72, 0.95, 5.5, height - 1.55))
    else:
        height = 5.9
        figure, axes = new_figure(6.4, height, (0.72, 1.95, 5.5, 3.35))
    with matplotlib.rc_context(RC):
        axes.set(xscale="log", yscale="log")
        bounds = draw_bands(axes, table, bands) + draw_curves(axes, table, curves)
        points = draw_points(axes, measured)
        _label_axes(axes, table, measured, N, d)
        axes.set_ylabel(count)
        bounds_title = "Bounds (constants omitted)"
        if points:
            _add_legend(figure, bounds, bounds_title, "upper left", 1 - 0.15 / height)
            _add_legend(figure, points, title, "lower left", 0.8 / height)
        else:
            _add_legend_below(figure, bounds, bounds_title)
        figure.text(0.12 / figure.get_figwidth(), 0.12 / height, caption, **CAPTION_STYLE)
    return figure


def _add_legend(figure: Figure, handles: list[Any], title: str, loc: Any, y: float) -> None:
    legend = figure.legend(
        handles=handles,
        title=title,
        loc=loc,
        bbox_to_anchor=(6.35 / 9.6, y),
        borderaxespad=0.0,
        frameon=False,
        alignment="left",
        handlelength=3.0,
        fontsize=8.5,
    )
    plain_text(legend)


def _add_legend_below(figure: Figure, handles: list[Any], title: str) -> None:
    """Put the legend between the axes and the caption, in two columns."""
    legend = figure.legend(
        handles=handles,
        title=title,
        loc="upper left",
        bbox_to_anchor=(0.6 / figure.get_figwidth(), 1.5 / figure.get_figheight()),
        borderaxespad=0.0,
        frameon=False,
        alignment="left",
        handlelength=3.0,
        ncols=2,
        fontsize=8.5,
    )
    plain_text(legend)


def draw_bands(axes: Axes, table: pd.DataFrame, bands: Bands) -> list[Any]:
    """Shade what lies between bounds and return the legend's entries."""
    handles = []
    for low, high, label, style in bands:
        merged: dict[str, Any] = {"linewidth": 0.0} | style
        axes.fill_between(
            table["rho"],
            table[low],
            table[high],
            where=(table[high] > table[low]).to_numpy(),
            **merged,
        )
        handles.append(Patch(label=label, **style))
    return handles


def draw_curves(axes: Axes, table: pd.DataFrame, curves: Curves) -> list[Any]:
    """Draw bounds against rho and return the legend's entries."""
    # Dashed terms last, so that they stay visible on the solid curve they add up to.
    order = sorted(curves, key=lambda name: (curves[name][1]["ls"] != "-", -curves[name][1]["lw"]))
    lines = {
        name: axes.plot(table["rho"], table[name], label=curves[name][0], **curves[name][1])[0]
        for name in order
    }
    return [lines[name] for name in curves if curves[name][0]]


def draw_points(
    axes: Axes,
    measured: Sequence[MeasuredCount],
    names: Sequence[str] | None = None,
    **style: Any,
) -> list[Line2D]:
    """Draw networks as markers and return the legend's entries.

    Args:
        axes: where.
        measured: the networks, a shape a construction, a fill a status.
        names: constructions in the order of their shapes, by default the order of appearance.
        **style: properties of the markers that replace the usual ones.
    """
    if names is None:
        names = list(dict.fromkeys(point.construction for point in measured))
    groups: dict[tuple[str, str], list[MeasuredCount]] = {}
    for point in measured:
        groups.setdefault((point.construction, point.status), []).append(point)
    handles = []
    for (name, status), points in groups.items():
        look: dict[str, Any] = {"markersize": 8.5, "markeredgewidth": 1.2, **FILLS[status], **style}
        handles += axes.plot(
            [point.rho for point in points],
            [point.parameter_count for point in points],
            ls="none",
            marker=SHAPES[names.index(name) % len(SHAPES)],
            markeredgecolor="black",
            zorder=5,
            clip_on=False,
            label=_point_label(name, status, points),
            **look,
        )
    return handles


def _point_label(name: str, status: str, points: Sequence[MeasuredCount]) -> str:
    short = name if len(name) <= 34 else name[:33] + "…"
    counts = [point.parameter_count for point in points]
    span = f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,}–{max(counts):,}"
    return f"{short}\n{status}: {span}"


def _label_axes(
    axes: Axes, table: pd.DataFrame, measured: Sequence[MeasuredCount], N: int, d: int
) -> None:
    low = min([float(table["rho"].iloc[0])] + [point.rho for point in measured])
    axes.set_xlim(low, 1.0)
    log_ticks(axes.xaxis, low, 1.0)
    # The width term falls to nothing for small rho; the axis follows the bounds, not the term.
    counts = [float(point.parameter_count) for point in measured]
    bottom = min([float(table["prior_lower"].min())] + counts) / 4
    top = max([float(table["prior_upper"].max())] + counts) * 4
    axes.set_ylim(bottom, top)
    log_ticks(axes.yaxis, bottom, top)
    axes.set_xlabel("robustness ratio ρ")
    dropped = "" if bool(table["additive_d"].iloc[0]) else ", additive d dropped from the bounds"
    axes.set_title(f"N = {N:,}, d = {d:,}{dropped}", loc="left", fontsize=10, pad=18)
    mark_crossings(axes, N, d, low)


def mark_crossings(axes: Axes, N: int, d: int, low: float) -> None:
    """Mark the two crossings of Theorem 4.2's parts that lie right of `low`."""
    # Aligned away from each other, so they never overlap.
    for rho, text, side in ((1 / (N * d**0.5), "1/(N√d)", "right"), (d**-0.5, "1/√d", "left")):
        if low < rho < 1:
            axes.axvline(rho, color="#bdbdbd", lw=0.8, zorder=0)
            axes.annotate(
                text,
                (rho, 1.0),
                (-3 if side == "right" else 3, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha=side,
                fontsize=8,
                color="#555555",
            )
