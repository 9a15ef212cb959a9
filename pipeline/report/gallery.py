"""figures.html: every figure of the paper with its data, and how to draw it again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.report.page import inline_figure, page_template

# Rows of a table that the page shows; the CSV file beside it has all of them.
MOST_ROWS = 600


@dataclass(frozen=True)
class GalleryEntry:
    """One figure of the gallery, as its files hold it.

    Args:
        stem: name of its files.
        item: its number in the paper.
        title: a line.
        caption: what is seen.
        command: that draws it again.
        svg: the picture.
        csv: the table it was drawn from.
    """

    stem: str
    item: str
    title: str
    caption: str
    command: str
    svg: str
    csv: str


def gallery_page(entries: Sequence[GalleryEntry], table_1: pd.DataFrame, source: str) -> str:
    """Return the gallery as one HTML file that opens offline.

    Args:
        entries: the figures in order.
        table_1: of `pipeline.theory.table_1`.
        source: commit and date, in words.
    """
    figures = []
    for entry in entries:
        table = pd.read_csv(io.StringIO(entry.csv), keep_default_na=False, dtype=str)
        rows = table.head(MOST_ROWS).to_numpy().tolist()
        picture = inline_figure(entry.svg, f"{entry.item}: {entry.title}", entry.stem)
        cells = [[_short(text) for text in row] for row in rows]
        figures.append((entry, picture, list(table.columns), cells, len(table)))
    columns = ["bound", "norm", "ratio", "parameters", "source"]
    return page_template("figures.html.jinja").render(
        figures=figures,
        table_1=table_1[columns].to_numpy().tolist(),
        most_rows=MOST_ROWS,
        source=source,
    )


def _short(text: str) -> str:
    """Return a decimal of many digits in six, everything else as it is.

    >>> _short("0.123456789"), _short("1/3"), _short("4096"), _short("1e-07")
    ('0.123457', '1/3', '4096', '1e-07')
    """
    if len(text) <= 8 or "." not in text:
        return text
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text
