"""Networks on Figure 1: the constants that the theory omits, as tables, and the figure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from pipeline.construction.crossovers import BOUNDED, PLANNED, REFUSED, REJECTED, Counted
from pipeline.figures import MeasuredCount, figure_1_networks, replace_file
from pipeline.report.console import Column
from pipeline.report.phase_diagram import counted_frame, counted_json, measured_count
from pipeline.theory import bounds_table, theorem_3_1, theorem_4_2

NETWORK_TABLES = ("figure1_networks.csv", "figure1_networks.json")
# Column of the table -> the theorem whose leading term P is divided by.
RATIOS = {
    "ratio_to_theorem_3_1": "Theorem 3.1 (lower bound)",
    "ratio_to_theorem_4_2": "Theorem 4.2 (upper bound)",
}
RATIO_NOTE = (
    "least to greatest over {sizes} ({datasets}): what the leading terms omit, logarithms included",
    "both terms keep the input layer's d; * some counted, not built; ~ error bound, not every ball",
)


def networks_frame(rows: Sequence[Counted]) -> pd.DataFrame:
    """Return every count with the leading terms of Theorems 3.1 and 4.2 and P over each.

    The terms keep the d of the input layer, which every network pays for.
    """
    frame = counted_frame(rows)
    places = [(row.N, row.d, float(Fraction(row.rho))) for row in rows]
    counts = [row.parameter_count for row in rows]
    for name, bound in (("theorem_3_1", theorem_3_1), ("theorem_4_2", theorem_4_2)):
        terms = [float(bound(*place)) for place in places]
        frame[name] = terms
        frame[f"ratio_to_{name}"] = [
            None if P is None else P / term for P, term in zip(counts, terms, strict=True)
        ]
    return frame


def write_networks(rows: Sequence[Counted], run_dir: Path) -> list[Path]:
    """Return the tables written: counts with ratios as CSV, counts alone as JSON."""
    csv = networks_frame(rows).to_csv(index=False, lineterminator="\n")
    texts = (csv, counted_json(rows))
    return [
        replace_file(run_dir / name, text.encode())
        for name, text in zip(NETWORK_TABLES, texts, strict=True)
    ]


def ratio_columns(rows: Sequence[Counted], column: str) -> list[Column]:
    """Return the constants of each construction, a column a ratio rho.

    Args:
        rows: of all sizes and datasets; those that do not apply or were rejected are left out.
        column: one of `RATIOS`.
    """
    frame = networks_frame(rows)
    names = list(dict.fromkeys(frame["construction"]))
    frame = frame[~frame["verdict"].isin([REFUSED, REJECTED])]
    names = [name for name in names if name in set(frame["construction"])]
    ratios = sorted(frame["rho"].unique(), key=Fraction)
    columns = [Column("construction", tuple(names), right=False)]
    for rho in ratios:
        here = frame[frame["rho"] == rho]
        cells = [_span(here[here["construction"] == name], column) for name in names]
        columns.append(Column(rho, tuple(cells)))
    return columns


def ratio_note(rows: Sequence[Counted]) -> str:
    """Return what the spans of a table of constants run over."""
    sizes = ", ".join(f"{N:,}" for N in sorted({row.N for row in rows}))
    datasets = ", ".join(dict.fromkeys(row.dataset for row in rows))
    first = RATIO_NOTE[0].format(sizes=f"N = d = {sizes}", datasets=datasets)
    return f"{first};\n{RATIO_NOTE[1]}"


def ratios_table(rows: Sequence[Counted]) -> str:
    """Return the constants of both theorems for the console: a line a construction."""
    lines = []
    for column, theorem in RATIOS.items():
        columns = ratio_columns(rows, column)
        lines += [f"P / leading term of {theorem}, rho ="]
        texts = zip(*map(Column.texts, columns), strict=True)
        lines += ["  ".join(cells).rstrip() for cells in texts] + [""]
    return "\n".join([*lines, ratio_note(rows)])


def network_figures(
    rows: Sequence[Counted], additive_d: bool = False
) -> dict[str, tuple[str, Figure]]:
    """Return stem -> caption and figure, nothing without rows.

    Args:
        rows: of all sizes N = d and datasets.
        additive_d: whether the curves keep the d of the input layer.
    """
    panels: dict[tuple[str, int], list[MeasuredCount]] = {}
    for row in rows:
        points = panels.setdefault((row.dataset, row.N), [])
        if row.verdict != REFUSED:
            points.append(measured_count(row))
    if not any(panels.values()):
        return {}
    sizes = sorted({N for _, N in panels})
    rho = [float(Fraction(row.rho)) for row in rows]
    left = min(rho) / 1.6
    table = pd.concat(
        [bounds_table(N, N, additive_d=additive_d, rho_min=left) for N in sizes], ignore_index=True
    )
    caption = "Figure 1 for several sizes N = d, with networks that were built and proved"
    names = list(dict.fromkeys(row.construction for row in rows))
    return {"figure1_networks": (caption, figure_1_networks(table, panels, names))}


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
