"""A table with plots, a legend and filters that answer: what a page's script is given of it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

_SCRIPTS = ("plots.js", "explore.js")
KINDS = ("text", "whole", "short", "share", "seconds", "verdict", "code")
Curve = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Args:
        key: of the rows' values.
        title: over the column.
        kind: how a value is written, one of `KINDS`.
        shown: key of the text that stands for the number, empty to write the number.

    Raises:
        ValueError: if the kind is unknown.
    """

    key: str
    title: str
    kind: str = "text"
    shown: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")


@dataclass(frozen=True)
class Scatter:
    """One number of the rows against another; rows without one of them are left out.

    Args:
        name: id of its place, unique on the page.
        x: key.
        y: key.
        x_title: of the axis.
        y_title: of the axis.
        caption: below it.
        x_log: whether the axis is logarithmic.
        y_log: likewise.
        bound: key of a number that is drawn as a dash at each row's x, empty for none.
        curves: {"name": text, "points": [[x, y], ...]} each.
    """

    name: str
    x: str
    y: str
    x_title: str
    y_title: str
    caption: str
    x_log: bool = True
    y_log: bool = True
    bound: str = ""
    curves: tuple[Curve, ...] = ()
    kind: str = field(default="scatter", init=False)


@dataclass(frozen=True)
class Bars:
    """A share in [0, 1] of each row; of many rows the mean of each group.

    Args:
        name: id of its place, unique on the page.
        value: key.
        label: key of the bar's name.
        group: keys that rows of one group share.
        title: of the axis.
        caption: below it.
    """

    name: str
    value: str
    label: str
    group: tuple[str, ...]
    title: str
    caption: str
    kind: str = field(default="bars", init=False)


@dataclass(frozen=True)
class Explorer:
    """Rows with what a reader may ask of them.

    Args:
        name: id of its part of the page.
        noun: what a row is, in the plural.
        columns: of the table.
        filters: pairs (key, title); a column of one value alone gets no filter.
        rows: key -> text, number or None, for all keys named.
        plots: of the rows that pass the filters.
        colour: key whose values have a colour each.
        shape: key of the verdicts that marks are shaped by.
        reason: key of what is told below a row's first cell.
        note: what the rows are and which are left out, in words.
        folded: whether the table is folded away at first.
    """

    name: str
    noun: str
    columns: tuple[Column, ...]
    filters: tuple[tuple[str, str], ...]
    rows: Sequence[Mapping[str, Any]]
    plots: tuple[Scatter | Bars, ...]
    colour: str = "construction"
    shape: str = "verdict"
    reason: str = "reason"
    note: str = ""
    folded: bool = False

    @property
    def data(self) -> Markup:
        """What the script reads, as JSON that ends no element, whatever its texts are."""
        names = list(self.rows[0]) if self.rows else []
        # A list of keys each row would double the page.
        document = {
            "noun": self.noun,
            "columns": [[c.key, c.title, c.kind, c.shown] for c in self.columns],
            "filters": [key for key, _ in self.filters],
            "names": names,
            "rows": [[row[name] for name in names] for row in self.rows],
            "plots": [asdict(plot) for plot in self.plots],
            "colour": self.colour,
            "shape": self.shape,
            "reason": self.reason,
        }
        text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        for letter in "<>&":
            text = text.replace(letter, f"\\u{ord(letter):04x}")
        return Markup(text)


def page_script() -> tuple[Markup, Markup]:
    """Return the script of the pages, and its digest for their content security policy."""
    folder = Path(__file__).parent
    script = "".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # In base64, of which HTML would escape the plus signs.
    return Markup(script), Markup(digest)
