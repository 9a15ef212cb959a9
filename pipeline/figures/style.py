"""What all figures share: fonts, colours that survive greyscale, byte-identical saving.

Figures are built with matplotlib's object interface, never with pyplot: no state is shared.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pipeline.figures.files import replace_file

# Text stays text in SVG and PDF, and identifiers do not depend on the process.
RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "robust-memorization",
    "pdf.fonttype": 42,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.0,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# No date, no version: equal figures give equal bytes.
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
PNG_DPI = 160
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

FORMATS = ("png", "pdf", "svg")


def new_figure(
    width: float, height: float, box: tuple[float, float, float, float] | None = None
) -> tuple[Figure, Axes]:
    """Return an empty figure with one pair of axes.

    Args:
        width: inches.
        height: inches.
        box: left, bottom, width and height of the axes in inches; laid out to fit if None.
    """
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(figure)
        if box is None:
            figure.set_layout_engine("constrained")
            return figure, figure.add_subplot()
        shares = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        return figure, figure.add_axes(shares)


def new_figures(
    width: float, height: float, rows: int, columns: int
) -> tuple[Figure, list[list[Axes]]]:
    """Return an empty figure with a grid of axes, laid out to fit.

    Args:
        width: inches.
        height: inches.
        rows: of axes.
        columns: of axes.
    """
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(figure)
        figure.set_layout_engine("constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
    return figure, [list(row) for row in grid]


def new_panels(
    shape: tuple[int, int],
    panel: tuple[float, float],
    gap: tuple[float, float],
    margins: tuple[float, float, float, float],
) -> tuple[Figure, list[list[Axes]]]:
    """Return an empty figure with a grid of axes of a given size, the figure grown around them.

    Args:
        shape: rows and columns.
        panel: width and height of one pair of axes, in inches.
        gap: across and down between panels, in inches.
        margins: left, right, top and bottom, in inches.
    """
    rows, columns = shape
    left, right, top, bottom = margins
    width = left + columns * panel[0] + (columns - 1) * gap[0] + right
    height = bottom + rows * panel[1] + (rows - 1) * gap[1] + top
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(figure)
        grid = [
            [
                figure.add_axes(
                    (
                        (left + j * (panel[0] + gap[0])) / width,
                        (bottom + (rows - 1 - i) * (panel[1] + gap[1])) / height,
                        panel[0] / width,
                        panel[1] / height,
                    )
                )
                for j in range(columns)
            ]
            for i in range(rows)
        ]
    return figure, grid


def frozen_layout(figure: Figure) -> Figure:
    """Return the figure with its layout computed once, so that every format shows the same."""
    with matplotlib.rc_context(RC):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def figure_bytes(figure: Figure, form: str) -> bytes:
    """Return the figure as "png", "pdf" or "svg"; equal figures give equal bytes.

    Raises:
        ValueError: for any other format.
    """
    if form not in METADATA:
        raise ValueError(f"a figure is saved as png, pdf or svg, got {form!r}")
    buffer = io.BytesIO()
    with matplotlib.rc_context(RC):
        figure.savefig(buffer, format=form, dpi=PNG_DPI, metadata=METADATA[form])
    return buffer.getvalue()


def save_figure(
    figure: Figure, stem: Path | str, forms: Sequence[str] = FORMATS
) -> tuple[Path, ...]:
    """Return the paths written: one file a format, named by the stem, each replaced at once.

    Args:
        figure: what to save.
        stem: path without an extension.
        forms: among `FORMATS`.
    """
    contents = {form: figure_bytes(figure, form) for form in forms}
    return tuple(replace_file(f"{stem}.{form}", content) for form, content in contents.items())


def power_of_ten(value: float) -> str:
    """Return a tick label in plain characters, without mathematical markup.

    >>> power_of_ten(1e-4), power_of_ten(100), power_of_ten(0.5), power_of_ten(2e6)
    ('10⁻⁴', '100', '0.5', '2·10⁶')
    """
    if 0.05 <= value < 2000:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = value / 10.0**exponent
    power = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return power if abs(mantissa - 1) < 1e-6 else f"{mantissa:g}·{power}"


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Give a logarithmic axis ticks that suit its range, with plain labels."""
    decades = math.log10(high / low)
    subs = (1.0,) if decades >= 2 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    axis.set_minor_formatter(NullFormatter())


def plain_text(legend: Legend) -> Legend:
    """Return the legend with its texts taken literally: a dollar sign starts no formula."""
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend
