"""Networks on Figures 1 and 8: the constants that the theory omits, as tables, and the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from pipeline.construction.crossovers import BOUNDED, PLANNED, REFUSED, REJECTED, Counted
from pipeline.figures import MeasuredCount, figure_networks, replace_file
from pipeline.figures.figure_networks import ALL, NONZERO, CountStyle, Place
from pipeline.report.console import Column
from pipeline.report.phase_diagram import counted_frame, counted_json, measured_count
from pipeline.theory import (
    Bound,
    Counting,
    bounds_table,
    theorem_3_1,
    theorem_4_2,
    theorem_e_1,
    theorem_e_2,
)

RATIO_NOTE = (
    "least to greatest over {sizes} ({datasets}): what the leading terms omit, logarithms included",
    "both terms keep the input layer's d; * some counted, not built; ~ error bound, not every ball",
)


@dataclass(frozen=True)
class NetworkFigure:
    """A figure of the paper that networks are drawn on.

    Args:
        key: of the configuration.
        stem: of the files.
        item: of the paper.
        counting: whether all parameters or nonzero ones are counted.
        column: of a row of counts, the count that is drawn.
        words: for that count.
        size: how d follows from N, in words.
        bounds: column -> the theorem's bound and its words, lower bound first.
        style: of the picture.
    """

    key: str
    stem: str
    item: str
    counting: Counting
    column: str
    words: str
    size: str
    bounds: Mapping[str, tuple[Bound, str]]
    style: CountStyle

    @property
    def tables(self) -> tuple[str, str]:
        """Files of the counts with ratios, and of the counts alone."""
        return f"{self.stem}.csv", f"{self.stem}.json"

    @property
    def ratios(self) -> dict[str, str]:
        """Column of the table -> the theorem whose leading term the count is divided by."""
        return {f"ratio_to_{name}": words for name, (_, words) in self.bounds.items()}

    def dimension(self, N: int) -> int:
        """Return d for N points: N on Figure 1, sqrt N on Figure 8.

        Raises:
            ValueError: if the size is none of the figure.
        """
        d = N if self.counting == "all" else isqrt(max(N, 0))
        if d < 2 or (self.counting == "nonzero" and d * d != N):
            raise ValueError(f"{self.key} sizes are {self.size}, d >= 2, got {N}")
        return d


FIGURE_1 = NetworkFigure(
    "figure_1",
    "figure1_networks",
    "Figure 1",
    "all",
    "parameter_count",
    "P",
    "N = d",
    {
        "theorem_3_1": (theorem_3_1, "Theorem 3.1 (lower bound)"),
        "theorem_4_2": (theorem_4_2, "Theorem 4.2 (upper bound)"),
    },
    ALL,
)
FIGURE_8 = NetworkFigure(
    "figure_8",
    "figure8_networks",
    "Figure 8",
    "nonzero",
    "nonzero_count",
    "nonzero parameters",
    "N = d²",
    {
        "theorem_e_1": (theorem_e_1, "Theorem E.1 (lower bound)"),
        "theorem_e_2": (theorem_e_2, "Theorem E.2 (upper bound)"),
    },
    NONZERO,
)
NETWORK_FIGURES = {figure.key: figure for figure in (FIGURE_1, FIGURE_8)}
NETWORK_TABLES = FIGURE_1.tables + FIGURE_8.tables


def networks_frame(rows: Sequence[Counted], on: NetworkFigure = FIGURE_1) -> pd.DataFrame:
    """Return every count with the leading terms of the figure's theorems and the count over each.

    The terms keep the d of the input layer, which every network pays for.
    """
    frame = counted_frame(rows)
    places = [(row.N, row.d, float(Fraction(row.rho))) for row in rows]
    counts = [getattr(row, on.column) for row in rows]
    for name, (bound, _) in on.bounds.items():
        terms = [float(bound(*place)) for place in places]
        frame[name] = terms
        frame[f"ratio_to_{name}"] = [
            None if P is None else P / term for P, term in zip(counts, terms, strict=True)
        ]
    return frame


def write_networks(
    rows: Sequence[Counted], run_dir: Path, on: NetworkFigure = FIGURE_1
) -> list[Path]:
    """Return the tables written: counts with ratios as CSV, counts alone as JSON."""
    csv = networks_frame(rows, on).to_csv(index=False, lineterminator="\n")
    texts = (csv, counted_json(rows))
    return [
        replace_file(run_dir / name, text.encode())
        for name, text in zip(on.tables, texts, strict=True)
    ]


def ratio_columns(
    rows: Sequence[Counted], column: str, on: NetworkFigure = FIGURE_1
) -> list[Column]:
    """Return the constants of each construction, a column a ratio rho.

    Args:
        rows: of all sizes and datasets; those that do not apply or were rejected are left out.
        column: one of `on.ratios`.
        on: the figure.
    """
    frame = networks_frame(rows, on)
    names = list(dict.fromkeys(frame["construction"]))
    frame = frame[~frame["verdict"].isin([REFUSED, REJECTED]) & frame[on.column].notna()]
    names = [name for name in names if name in set(frame["construction"])]
    ratios = sorted(frame["rho"].unique(), key=Fraction)
    columns = [Column("construction", tuple(names), right=False)]
    for rho in ratios:
        here = frame[frame["rho"] == rho]
        cells = [_span(here[here["construction"] == name], column) for name in names]
        columns.append(Column(rho, tuple(cells)))
    return columns


def ratio_note(rows: Sequence[Counted], on: NetworkFigure = FIGURE_1) -> str:
    """Return what the spans of a table of constants run over."""
    sizes = ", ".join(f"{N:,}" for N in sorted({row.N for row in rows}))
    datasets = ", ".join(dict.fromkeys(row.dataset for row in rows))
    first = RATIO_NOTE[0].format(sizes=f"{on.size} = {sizes}", datasets=datasets)
    return f"{first};\n{RATIO_NOTE[1]}"


def ratios_table(rows: Sequence[Counted], on: NetworkFigure = FIGURE_1) -> str:
    """Return the constants of both theorems for the console: a line a construction."""
    lines = []
    for column, theorem in on.ratios.items():
        columns = ratio_columns(rows, column, on)
        lines += [f"{on.words} / leading term of {theorem}, rho ="]
        texts = zip(*map(Column.texts, columns), strict=True)
        lines += ["  ".join(cells).rstrip() for cells in texts] + [""]
    return "\n".join([*lines, ratio_note(rows, on)])


def network_figures(
    rows: Sequence[Counted], additive_d: bool = False, on: NetworkFigure = FIGURE_1
) -> dict[str, tuple[str, Figure]]:
    """Return stem -> caption and figure, nothing without rows.

    Args:
        rows: of all sizes and datasets; those without the figure's count are left out.
        additive_d: whether the curves keep the d of the input layer.
        on: the figure.
    """
    panels: dict[Place, list[MeasuredCount]] = {}
    for row in rows:
        points = panels.setdefault((row.dataset, row.N, row.d), [])
        if row.verdict != REFUSED and getattr(row, on.column) is not None:
            points.append(measured_count(row, on.column))
    if not any(panels.values()):
        return {}
    sizes = sorted({(N, d) for _, N, d in panels})
    left = min(float(Fraction(row.rho)) for row in rows) / 1.6
    tables = [bounds_table(N, d, 400, additive_d, left, on.counting) for N, d in sizes]
    caption = f"{on.item} for several sizes, with networks that were built and proved"
    names = list(dict.fromkeys(row.construction for row in rows))
    table = pd.concat(tables, ignore_index=True)
    return {on.stem: (caption, figure_networks(table, panels, names, on.style))}


def _span(rows: pd.DataFrame, column: str) -> str:
    """Return the least and the greatest constant, "-" where a construction does not apply."""
    if rows.empty:
        return "-"
    low, high = (short_text(float(value)) for value in (rows[column].min(), rows[column].max()))
    marks = "*" if (rows["verdict"] == PLANNED).any() else ""
    marks += "~" if (rows["verdict"] == BOUNDED).any() else ""
    return (low if low == high else f"{low}-{high}") + marks


def short_text(value: float) -> str:
    """Return a positive number in two digits or so.

    >>> [short_text(x) for x in (0.034, 0.57, 7.46, 86.2, 1234.0, 45_678.0, 2.34e6, 9.99e9)]
    ['0.034', '0.57', '7.5', '86', '1.2k', '46k', '2.3M', '10G']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")):
        if float(f"{value:.2g}") >= size:
            scaled = value / size
            return f"{scaled:.1f}{unit}" if float(f"{scaled:.2g}") < 10 else f"{scaled:.0f}{unit}"
    return f"{value:.2g}"
