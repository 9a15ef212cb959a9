"""The measured points behind a run's exponents, for its page."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.construction.exponents import Exponent
from pipeline.report.explorer import Column, Explorer, Scatter

_FILTERS = (("construction", "construction"), ("variable", "variable"), ("quantity", "quantity"))
_COLUMNS = (
    Column("construction", "construction"),
    Column("variable", "variable"),
    Column("value", "value", "short"),
    Column("quantity", "quantity"),
    Column("measured", "measured", "short"),
    Column("slope", "exponent", "short"),
    Column("expected", "theorem", "short"),
)
_PLOT = Scatter(
    "exponent-points",
    "value",
    "measured",
    "value of the variable",
    "measured quantity",
    "Both axes logarithmic: an exponent is a slope. Choose one variable to compare constructions.",
)


def exponents_explorer(found: Sequence[Exponent]) -> Explorer | None:
    """Return the points of every fit, None without any."""
    rows = [
        {
            "construction": each.construction,
            "variable": each.variable,
            "value": value,
            "quantity": each.quantity,
            "measured": measured,
            "slope": each.fit.slope,
            "expected": each.expected,
        }
        for each in found
        for value, measured in each.points
    ]
    if not rows:
        return None
    return Explorer(
        "exponents", "points", _COLUMNS, _FILTERS, rows, (_PLOT,), shape="variable", folded=True
    )
