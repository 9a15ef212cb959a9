"""Measured exponents as a console table, as CSV, and as the summary's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import pandas as pd

from pipeline.construction.exponents import Exponent, Fit
from pipeline.report.console import Column

COLUMNS = [
    "construction",
    "variable",
    "value",
    "quantity",
    "measured",
    "slope",
    "low",
    "high",
    "expected",
]
INTERVALS = (
    "intervals: scatter of the points around the line (t-distribution); lower-order terms shift a "
    "slope beyond them."
)
Numbers = dict[str, dict[str, dict[str, float]]]


def exponents_frame(found: Sequence[Exponent]) -> pd.DataFrame:
    """Return one row a measured point, with the fit that it belongs to."""
    rows = [
        (each.construction, each.variable, x, each.quantity, y, each.fit.slope, each.fit.low,
         each.fit.high, each.expected)
        for each in found
        for x, y in each.points
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def exponents_csv(found: Sequence[Exponent]) -> str:
    """Return the measured points as CSV text."""
    return exponents_frame(found).to_csv(index=False, lineterminator="\n")


def exponents_of_csv(text: str) -> list[Exponent]:
    """Return the exponents whose points `exponents_csv` wrote."""
    frame = pd.read_csv(StringIO(text))
    found = []
    for _, rows in frame.groupby(["construction", "variable", "quantity"], sort=False):
        first = rows.iloc[0]
        points = zip(rows["value"].tolist(), rows["measured"].tolist(), strict=True)
        name, variable, quantity = map(str, first[["construction", "variable", "quantity"]])
        fit = Fit(float(first["slope"]), float(first["low"]), float(first["high"]))
        found.append(
            Exponent(name, variable, quantity, float(first["expected"]), tuple(points), fit)
        )
    return found


def exponents_summary(found: Sequence[Exponent]) -> Numbers:
    """Return construction -> variable -> slope, low, high, as summary.json keeps them."""
    numbers: Numbers = {}
    for each in found:
        fit = {"slope": each.fit.slope, "low": each.fit.low, "high": each.fit.high}
        numbers.setdefault(each.construction, {})[each.variable] = fit
    return numbers


def exponents_table(found: Sequence[Exponent], confidence: float) -> str:
    """Return one line a fit: slope, interval, what the theorem states, what was measured."""
    interval = f"{100 * confidence:.4g}% interval"
    columns = [
        Column("construction", tuple(each.construction for each in found), right=False),
        Column("variable", tuple(each.variable for each in found), right=False),
        Column("exponent", tuple(f"{each.fit.slope:.3f}" for each in found)),
        Column(interval, tuple(interval_text(each) for each in found)),
        Column("theorem", tuple(f"{each.expected:g}" for each in found)),
        Column("quantity", tuple(each.quantity for each in found), right=False),
    ]
    lines = ["  ".join(texts).rstrip() for texts in zip(*map(Column.texts, columns), strict=True)]
    return "\n".join([*lines, "", INTERVALS])


def interval_text(each: Exponent) -> str:
    """Return the limits of a fit in three digits."""
    return f"{each.fit.low:.3f} to {each.fit.high:.3f}"
