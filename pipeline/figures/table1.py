"""Table 1 as Markdown and LaTeX."""

from __future__ import annotations

import pandas as pd

_HEAD = ("", "norm", "robustness ratio ρ", "bound on P", "source")
_COLUMNS = ("norm", "ratio", "parameters", "source")
_SIDES = {"lower": "LB", "upper": "UB"}
# Of the rows of this project, whose reports cite no one.
_PROJECT = r"\emph{this project}"
_LATEX_HEAD = (
    "% Needs the package booktabs; citations are those of docs/references.bib.",
    r"\begin{tabular}{lllll}",
    r"\toprule",
    r" & norm & robustness ratio $\rho$ & bound on $P$ & source \\",
    r"\midrule",
)


def table_1_markdown(table: pd.DataFrame) -> str:
    """Return Table 1 in Markdown.

    Args:
        table: of `pipeline.theory.table_1`.
    """
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for row in table.to_dict(orient="records"):
        # A bar would end the cell.
        cells = (_SIDES[row["bound"]], *(row[name] for name in _COLUMNS))
        lines.append(tuple(str(cell).replace("|", r"\|") for cell in cells))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def table_1_latex(table: pd.DataFrame) -> str:
    """Return Table 1 as a LaTeX tabular with citations.

    Args:
        table: of `pipeline.theory.table_1`.
    """
    lines = list(_LATEX_HEAD)
    before = None
    for row in table.to_dict(orient="records"):
        group = (row["bound"], row["by"] == "project")
        if before is not None and group != before:
            lines.append(r"\midrule")
        before = group
        maths = [f"${row[f'{name}_latex']}$" for name in _COLUMNS[:-1]]
        cells = [_SIDES[row["bound"]], *maths, _source(row["source"], row["key"], row["by"])]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _source(source: str, key: str, by: str) -> str:
    """Return the theorem or work with its citation."""
    if by == "project":
        return f"{source.split(' (')[0]}, {_PROJECT}"
    return f"{source}~\\cite{{{key}}}" if by == "paper" else f"\\cite{{{key}}}"
