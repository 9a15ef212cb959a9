"""The balls of a run for its page: what was decided of each, how, and with which slack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.report.explorer import Column, Explorer, Scatter

# More make the page heavy; verdicts.csv of each network has all of them.
MOST_BALLS = 4_000
_FILTERS = (
    ("construction", "network"),
    ("verdict", "verdict"),
    ("method", "decided by"),
    ("label", "label"),
)
_COLUMNS = (
    Column("construction", "network"),
    Column("ball", "row of the dataset", "whole"),
    Column("label", "label"),
    Column("verdict", "verdict", "verdict"),
    Column("method", "decided by"),
    Column("slack", "slack", "short"),
    Column("share", "share with no more", "share"),
)
_CAPTION = (
    "Verified balls in the order of their slack, where there is one. {label} The slack of two "
    "networks compares only where both mean the same."
)


@dataclass(frozen=True, eq=False)
class DecidedBalls:
    """The verdict table of one network.

    Args:
        construction: name, as in the summary's row.
        table: columns index, label, verdict, method and margin (NaN where there is none).
    """

    construction: str
    table: pd.DataFrame

    @classmethod
    def read(cls, construction: str, path: Path) -> DecidedBalls:
        """Return the table of a verdicts.csv; witnesses stay there."""
        columns = ["index", "label", "verdict", "method", "margin"]
        return cls(construction, pd.read_csv(path, usecols=columns, keep_default_na=True))


def balls_explorer(decided: Sequence[DecidedBalls], label: str = "") -> Explorer | None:
    """Return the balls of all networks, None without any.

    Of too many the page has those that were not verified and those with the least slack.

    Args:
        decided: verdict tables.
        label: what the slack is, in words.
    """
    tables = [_table(each) for each in decided if len(each.table)]
    if not tables:
        return None
    most = max(MOST_BALLS // len(tables), 1)
    shown = pd.concat([table.head(most) for table in tables], ignore_index=True)
    total = sum(len(table) for table in tables)
    note = ""
    if len(shown) < total:
        note = (
            f"{len(shown):,} of {total:,} balls, of each network at most {most:,}: those not "
            "VERIFIED first, then those with the least slack. verdicts.csv of each network has all."
        )
    words = " ".join(f"{label}.".split()) if label else ""
    positive = bool((shown["slack"].dropna() > 0).all())
    plot = Scatter(
        "ball-slack",
        "slack",
        "share",
        "slack",
        "share of the network's balls with a slack of at most this",
        _CAPTION.format(label=words[:1].upper() + words[1:]),
        x_log=positive,
        y_log=False,
    )
    return Explorer("balls", "balls", _COLUMNS, _FILTERS, _records(shown), (plot,), note=note)


def _table(each: DecidedBalls) -> pd.DataFrame:
    """Return a network's balls, those not verified first, then by slack."""
    table = each.table.rename(columns={"index": "ball", "margin": "slack"})
    table = table.assign(
        construction=each.construction,
        label=table["label"].astype(str),
        slack=table["slack"].where(table["verdict"] == "VERIFIED"),
        method=table["method"].fillna("").replace("none", ""),
    )
    table["share"] = table["slack"].rank(method="max") / max(table["slack"].count(), 1)
    order = table.assign(proved=table["verdict"] == "VERIFIED")
    columns = ["construction", "ball", "label", "verdict", "method", "slack", "share"]
    return order.sort_values(["proved", "slack", "ball"], kind="stable")[columns]


def _records(shown: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows with JSON's types, numbers in few digits, None for what is unknown."""
    columns: dict[str, list[Any]] = {str(name): shown[name].tolist() for name in shown}
    for name in ("slack", "share"):
        columns[name] = [None if math.isnan(x) else float(f"{x:.5g}") for x in columns[name]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
