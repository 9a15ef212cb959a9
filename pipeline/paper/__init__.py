"""Index of the paper: item -> where it lives in the code, what checks it, what was left open.

`python -m pipeline.paper` prints the table of the README, `python -m pipeline.paper --full` that of
docs/paper.md; a test keeps them equal and resolves every name.
"""

from __future__ import annotations

from pipeline.paper.beyond import BEYOND
from pipeline.paper.item import ARXIV, Item
from pipeline.paper.of_paper import OF_PAPER

__all__ = ["ARXIV", "ITEMS", "Item", "markdown_table"]

ITEMS = (*OF_PAPER, *BEYOND)


def markdown_table(full: bool = False) -> str:
    """Return the index as a Markdown table: headlines, or everything with the notes."""
    if not full:
        lines = ["| paper | statement | code | checked by |", "| --- | --- | --- | --- |"]
        shown = [i for i in ITEMS if i.headline]
        return "\n".join(
            lines + [f"| {i.item} | {i.statement} | `{i.code}` | `{i.test}` |" for i in shown]
        )
    lines = [
        "| paper | statement | code | checked by | left open, or chosen |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = [f"| {i.item} | {i.statement} | `{i.code}` | `{i.test}` | {i.note} |" for i in ITEMS]
    return "\n".join(lines + rows)
