"""The phase diagram's tables: counts of every construction, and who wins where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from pipeline.construction.crossovers import (
    BOUNDED,
    PLANNED,
    VERIFIED,
    Counted,
    Crossover,
    crossovers,
)
from pipeline.exact import parse_ratio
from pipeline.figures import MeasuredCount, replace_file
from pipeline.report.console import Column, count_text

TABLES = ("certified.csv", "certified.json", "crossovers.csv")

COUNTED = [each.name for each in fields(Counted)]
CROSSOVER = [each.name for each in fields(Crossover)]


def counted_frame(rows: Sequence[Counted]) -> pd.DataFrame:
    """Return one row a construction, size and ratio; counts and widths are integers or missing."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=COUNTED)
    integers = ("parameter_count", "depth", "first_hidden_width", "nonzero_count")
    return frame.astype(dict.fromkeys(integers, "Int64"))


def crossovers_frame(cells: Sequence[Crossover]) -> pd.DataFrame:
    """Return one row a size and ratio: the winner, its count, the runner-up and the ratio."""
    return pd.DataFrame([asdict(cell) for cell in cells], columns=CROSSOVER)


def counted_json(rows: Sequence[Counted]) -> str:
    """Return the rows as JSON text, from which `counted_of_json` reads them back."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


def counted_of_json(text: str) -> list[Counted]:
    """Return the rows that `counted_json` wrote."""
    return [Counted(**row) for row in json.loads(text)]


def measured_count(row: Counted, column: str = "parameter_count") -> MeasuredCount:
    """Return a counted network as the figures draw it.

    Args:
        row: the network.
        column: which of its counts is drawn.

    Raises:
        ValueError: if the row has no count.
    """
    count = getattr(row, column)
    if count is None:
        raise ValueError(f"{row.construction} has no count to draw: {row.reason}")
    known = {VERIFIED: "verified", PLANNED: "planned", BOUNDED: "error bound"}
    status = known.get(row.verdict, "not verified")
    return MeasuredCount(row.construction, float(parse_ratio(row.rho)), count, status)


def write_tables(rows: Sequence[Counted], run_dir: Path) -> list[Path]:
    """Return the tables written: every count as CSV and JSON, and who wins where as CSV."""
    frames = counted_frame(rows), crossovers_frame(crossovers(rows))
    csv = [frame.to_csv(index=False, lineterminator="\n") for frame in frames]
    texts = (csv[0], counted_json(rows), csv[1])
    return [
        replace_file(run_dir / name, text.encode())
        for name, text in zip(TABLES, texts, strict=True)
    ]


def crossovers_table(cells: Sequence[Crossover]) -> str:
    """Return one line a size and ratio for the console."""
    names = tuple(cell.dataset for cell in cells)
    columns = [Column("dataset", names, right=False)] if len(set(names)) > 1 else []
    columns += [
        Column("N", tuple(f"{cell.N:,}" for cell in cells)),
        Column("d", tuple(f"{cell.d:,}" for cell in cells)),
        Column("rho", tuple(cell.rho for cell in cells), right=False),
        Column("fewest parameters", tuple(cell.winner for cell in cells), right=False),
        Column("P", tuple(count_text(cell.parameter_count) for cell in cells)),
        Column("verdict", tuple(cell.verdict for cell in cells), right=False),
        Column("next", tuple(cell.runner_up or "-" for cell in cells), right=False),
        Column("times", tuple(times_text(cell.ratio) for cell in cells)),
    ]
    lines = ["  ".join(texts).rstrip() for texts in zip(*map(Column.texts, columns), strict=True)]
    return "\n".join(lines)


def times_text(ratio: float | None) -> str:
    """Return how many times as many parameters the runner-up needs, "-" without one.

    >>> times_text(1.5), times_text(1928.36), times_text(None)
    ('1.50', '1,928', '-')
    """
    if ratio is None:
        return "-"
    return (
        f"{ratio:.3g}" if 10 <= ratio < 100 else f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"
    )
