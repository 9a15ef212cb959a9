"""The summary as plain text for a terminal of 120 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal

from pipeline.report.rows import SummaryRow
from pipeline.report.values import bound_of_text

WIDTH = 120
FOOTNOTE = (
    "lower bound: leading term of {theorem}, constants omitted; "
    "it bounds the worst dataset, not this one."
)
# What goes first when a row does not fit; summary.json keeps everything.
_DROPPED_FIRST = ("seconds", "bits", "first", "nonzero", "P/lower", "lower bound", "width", "depth")


@dataclass(frozen=True)
class Column:
    """A column of a text table: its title and its cells, aligned to one side."""

    title: str
    cells: tuple[str, ...]
    right: bool = True

    @property
    def width(self) -> int:
        """Characters of the longest text."""
        return max(len(text) for text in (self.title, *self.cells))

    def texts(self) -> list[str]:
        """Return title, rule and cells, padded to one width."""
        texts = (self.title, "-" * self.width, *self.cells)
        return [t.rjust(self.width) if self.right else t.ljust(self.width) for t in texts]


def console_table(rows: Sequence[SummaryRow]) -> str:
    """Return the rows as an aligned table of at most 120 columns, one block a dataset and norm."""
    if not rows:
        return "no construction and no baseline was asked for"
    blocks: dict[str, list[SummaryRow]] = {}
    for row in rows:
        blocks.setdefault(_heading(row), []).append(row)
    lines: list[str] = []
    for heading, members in blocks.items():
        columns, dropped = _fitting(_columns(members))
        lines += [heading, ""]
        lines += [
            "  ".join(texts).rstrip() for texts in zip(*map(Column.texts, columns), strict=True)
        ]
        lines += [f"(in summary.json: {', '.join(dropped)})"] if dropped else []
        lines += [""]
    lines.append(footnote(rows))
    return "\n".join(lines)


def footnote(rows: Sequence[SummaryRow]) -> str:
    """Return the line that says what the lower bound is and is not."""
    other_norm = any(row.p != "2" for row in rows)
    return FOOTNOTE.format(theorem="Theorem C.5 (3.1 for p = 2)" if other_norm else "Theorem 3.1")


def verdict_text(row: SummaryRow) -> str:
    """Return what was proved of the row's claim in words, and what is known of the balls.

    "1797/1797 verified", "error <= 1.2e-4 proved; f = y on 3/64 balls", "147/147 points memorized;
    147 balls falsified", "planned", or the counts that are not zero.
    """
    if row.verified is None:
        return "planned" if row.status == "planned" else "not checked"
    if row.status == "verified":
        return f"{row.verified}/{row.N} verified"
    if row.status == "error bound":
        bound = error_bound_text(row.error_bound)
        return f"error <= {bound} proved; f = y on {_of(row.verified, row.N)} balls"
    if row.status == "points only":
        falsified = f"; {row.falsified} balls falsified" if row.falsified else ""
        return f"{_of(row.points or 0, row.N)} points memorized{falsified}"
    counts = {
        "verified": row.verified,
        "falsified": row.falsified,
        "unknown": row.unknown,
    }
    text = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return text if row.claim in ("balls", "none") else f"{row.claim} not proved: {text}"


def error_bound_text(bound: str | None) -> str:
    """Return a proved bound in two digits, rounded up so that it stays one; "-" for none.

    >>> error_bound_text("0.000118273645"), error_bound_text("0"), error_bound_text("0.01")
    ('1.2e-4', '0', '0.01')
    """
    if bound is None:
        return "-"
    rounded = Context(prec=2, rounding=ROUND_CEILING).plus(bound_of_text(bound)).normalize()
    plain = rounded == 0 or Decimal("0.001") <= rounded < 1000
    return f"{rounded:f}" if plain else f"{rounded:e}"


def _of(count: int, whole: int) -> str:
    """Return "3/64", only the count where both would take too much of the line."""
    return f"{count}/{whole}" if whole < 10**6 else f"{count}"


def ratio_text(row: SummaryRow) -> str:
    """Return P over the lower bound in few digits, "-" without a bound."""
    ratio = row.ratio_to_lower
    if ratio is None:
        return "-"
    return f"{ratio:.3g}" if ratio < 100 else count_text(round(ratio))


def count_text(count: int | None) -> str:
    """Return a count with thousands separators, "-" for none.

    >>> count_text(57412), count_text(None), count_text(10**20)
    ('57,412', '-', '1.00e+20')
    """
    if count is None:
        return "-"
    return f"{count:,}" if count < 10**15 else f"{float(count):.2e}"


def bound_text(bound: float | None) -> str:
    """Return a bound rounded to a whole number, "-" for none."""
    return "-" if bound is None else f"{bound:,.0f}" if bound < 1e15 else f"{bound:.2e}"


def _heading(row: SummaryRow) -> str:
    name = shortened(row.dataset, 48)
    return f"{name}: N = {row.N:,}, d = {row.d:,}, C = {row.C:,}, open l_{row.p} balls"


def _columns(rows: Sequence[SummaryRow]) -> list[Column]:
    return [
        Column("construction", tuple(shortened(r.construction, 22) for r in rows), right=False),
        Column("rho", tuple(shortened(r.rho, 12) for r in rows), right=False),
        Column("parameters", tuple(count_text(r.parameter_count) for r in rows)),
        Column("nonzero", tuple(count_text(r.nonzero_count) for r in rows)),
        Column("depth", tuple(count_text(r.depth) for r in rows)),
        Column("width", tuple(count_text(r.width) for r in rows)),
        Column("first", tuple(count_text(r.first_hidden_width) for r in rows)),
        Column("bits", tuple(count_text(r.bit_complexity) for r in rows)),
        Column("verdict", tuple(verdict_text(r) for r in rows), right=False),
        Column("lower bound", tuple(bound_text(r.lower_bound) for r in rows)),
        Column("P/lower", tuple(ratio_text(r) for r in rows)),
        Column("seconds", tuple(f"{sum(r.seconds.values()):.1f}" for r in rows)),
    ]


def _fitting(columns: list[Column]) -> tuple[list[Column], list[str]]:
    """Return the columns that fit and the titles of those left out."""
    dropped = []
    for title in _DROPPED_FIRST:
        if sum(column.width + 2 for column in columns) - 2 <= WIDTH:
            break
        columns = [column for column in columns if column.title != title]
        dropped.append(title)
    return columns, dropped


def shortened(text: str, width: int) -> str:
    """Return at most `width` printable characters: names are the user's, terminals obey codes."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= width else clean[: width - 1] + "…"
