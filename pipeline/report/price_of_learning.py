"""The price of learning as tables, as JSON, as figure: trained networks beside built ones."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import figure_price_of_learning, replace_file
from pipeline.report.console import WIDTH, Column, bound_text, count_text, shortened
from pipeline.report.phase_diagram import times_text

# Reading a report should not take the import of torch, which comes with the trained networks.
if TYPE_CHECKING:
    from pipeline.baseline.price import LearningPrice

PRICE_TABLES = ("price_of_learning.csv", "price_of_learning.json")
# Title and whether numbers stand in the column.
PRICE_COLUMNS = (
    ("dataset", False),
    ("N", True),
    ("d", True),
    ("rho", False),
    ("depth", True),
    ("width", True),
    ("trained P", True),
    ("cheapest built", False),
    ("its P", True),
    ("ratio", True),
    ("necessary", True),
    ("Thm 3.1", True),
)
PRICE_WORDS = (
    "An interval (a, b] of trained networks: at b some seed was certified on every ball, at no "
    "width tried below it, of which a is the largest, or proved impossible; “none to a” where no "
    "width succeeded.",
    "“Never succeeded” means that none of {seeds} seeds a width was certified, not that it is "
    "impossible, except up to the width that is proved impossible for every network "
    "(“impossible” in price_of_learning.csv).",
)
RATIO_WORDS = (
    "ratio: P of the smallest trained network over that of the cheapest built one. necessary: "
    "parameters that every network needs for these points, a theorem with its constants. Thm 3.1: "
    "leading term, constants omitted; it bounds the worst dataset, not this one. Trained networks "
    "are decided by: {rules}; built ones have f = y."
)


def prices_frame(rows: Sequence[LearningPrice]) -> pd.DataFrame:
    """Return one row a dataset and ratio; a column each for every construction and outcome.

    The columns are the fields of `LearningPrice`, `built_<construction>` with its P, and
    `attempts_<outcome>` with the number of networks; integers or missing.
    """
    records = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for record in records for name in record))
    types = {"succeeded": "Int64", "parameters": "Int64", "upper_bound": "float", "ours": "float"}
    types |= {name: "Int64" for name in names if name.startswith(("built_", "attempts_"))}
    known = {name: kind for name, kind in types.items() if name in names}
    return pd.DataFrame(records, columns=names).astype(known)


def _flat(row: LearningPrice) -> dict[str, object]:
    values = asdict(row)
    for field in ("built", "attempts"):
        values |= {
            f"{field}_{name.replace(' ', '_')}": count for name, count in values.pop(field).items()
        }
    return values


def prices_json(rows: Sequence[LearningPrice]) -> str:
    """Return the rows as JSON text, from which `prices_of_json` reads them back."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


def prices_of_json(text: str) -> list[LearningPrice]:
    """Return the rows that `prices_json` wrote."""
    from pipeline.baseline.price import LearningPrice

    return [LearningPrice(**row) for row in json.loads(text)]


def write_prices(rows: Sequence[LearningPrice], run_dir: Path) -> list[Path]:
    """Return the tables written: one row a dataset and ratio, as CSV and as JSON."""
    texts = (prices_frame(rows).to_csv(index=False, lineterminator="\n"), prices_json(rows))
    return [
        replace_file(run_dir / name, text.encode())
        for name, text in zip(PRICE_TABLES, texts, strict=True)
    ]


def price_figures(rows: Sequence[LearningPrice]) -> dict[str, tuple[str, Figure]]:
    """Return stem -> caption and figure, nothing without rows."""
    if not rows:
        return {}
    caption = "What learning costs beside constructing, and what is necessary"
    return {"price_of_learning": (caption, figure_price_of_learning(prices_frame(rows)))}


def prices_table(rows: Sequence[LearningPrice]) -> str:
    """Return one line a dataset and ratio for the console, and what the interval means."""
    cells = [price_texts(row) for row in rows]
    columns = [
        Column(title, tuple(row[index] for row in cells), right)
        for index, (title, right) in enumerate(PRICE_COLUMNS)
    ]
    lines = ["  ".join(texts).rstrip() for texts in zip(*map(Column.texts, columns), strict=True)]
    notes = [textwrap.fill(words, WIDTH) for words in price_words(rows)]
    return "\n".join([*lines, "", *notes])


def price_texts(row: LearningPrice) -> tuple[str, ...]:
    """Return the row's cells, one for each of `PRICE_COLUMNS`."""
    name, cheapest = cheapest_built(row)
    ratio = None if row.parameters is None or cheapest is None else row.parameters / cheapest
    return (
        shortened(row.dataset, 14),
        count_text(row.N),
        count_text(row.d),
        row.rho,
        str(row.depth),
        _interval(row.failed, row.succeeded),
        _interval(row.parameters_failed, row.parameters),
        name,
        count_text(cheapest),
        times_text(ratio),
        count_text(row.necessary),
        bound_text(row.lower_bound),
    )


def price_words(rows: Sequence[LearningPrice]) -> list[str]:
    """Return the sentences that say what the columns mean and do not mean."""
    seeds = " or ".join(str(count) for count in sorted({row.seeds for row in rows}))
    rules = " or ".join(sorted({row.decision for row in rows}))
    return [PRICE_WORDS[0], PRICE_WORDS[1].format(seeds=seeds), RATIO_WORDS.format(rules=rules)]


def cheapest_built(row: LearningPrice) -> tuple[str, int | None]:
    """Return the certified construction with the least P, "-" and None if there is none."""
    if not row.built:
        return "-", None
    count, name = min((count, name) for name, count in row.built.items())
    return name, count


def _interval(failed: int, succeeded: int | None) -> str:
    """Return an interval, open where it never succeeded.

    >>> _interval(3, 5), _interval(1200, None)
    ('(3, 5]', 'none to 1,200')
    """
    if succeeded is None:
        return f"none to {failed:,}"
    return f"({failed:,}, {succeeded:,}]"
