"""One item of the index."""

from __future__ import annotations

from dataclasses import dataclass

# The version whose item numbers are used everywhere.
ARXIV = "2510.24643v1"


@dataclass(frozen=True)
class Item:
    """One item of the paper.

    Args:
        item: its number in the paper, or the section of docs/theory.md for what goes beyond it.
        statement: what it says, in a few words.
        code: "module:name".
        test: the test file that checks its conclusion.
        note: what the paper leaves open or we had to choose, for docs/paper.md.
        headline: whether the README lists it too.
    """

    item: str
    statement: str
    code: str
    test: str
    note: str = ""
    headline: bool = True
