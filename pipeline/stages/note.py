"""The note on a job's run: what was proved of each network, and how to check it again."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.report.console import count_text, ratio_text
from pipeline.report.words import claim
from pipeline.stages.outcome import Outcome

# docs/tracking.md has the same table.
MEANINGS = {
    "VERIFIED": "every ball was proved, on all of it",
    "BOUNDED": "the robust memorization error was proved to be small; balls may be FALSIFIED",
    "MEMORIZED": "f = y was proved at every data point, and nothing about robustness",
    "FALSIFIED": "a ball has a point where the output is wrong, re-evaluated exactly",
    "UNKNOWN": "nothing was proved of the network as a whole; UNKNOWN counts for nothing",
    "PLANNED": "counted, not built: there is nothing to verify",
}
_HEAD = ("network", "verdict", "P", "P / lower bound", "verified", "falsified", "unknown")
_RULE = f"|{'---|' * len(_HEAD)}"


def job_note(outcomes: Sequence[Outcome], run_id: str) -> str:
    """Return in Markdown what was proved: each claim in words, a table, the command of the audit.

    Args:
        outcomes: of the job, one a construction or baseline.
        run_id: of the job's run.
    """
    first = outcomes[0].row
    sizes = f"N = {first.N:,}, d = {first.d:,}, C = {first.C:,}, ρ = {first.rho}, ℓ_{first.p}"
    # The dashboard shows the first lines of a note and folds the others away.
    lines = [f"**{_code(first.dataset)}**: {sizes}", ""]
    lines += [
        f"- {_code(each.row.construction)}: {claim(each.row, each.details)}" for each in outcomes
    ]
    lines += ["", _line(_HEAD), _RULE]
    lines += [_line(_cells(each)) for each in outcomes]
    lines.append("")
    words = list(dict.fromkeys(each.verdict for each in outcomes))
    lines += [f"{word}: {MEANINGS[word]}. " for word in words]
    if any(each.row.verified is not None for each in outcomes):
        lines += ["", "Every verdict again, by the independent checker:"]
        lines += ["", f"`make audit RUN={run_id}`"]
    return "\n".join(lines)


def _cells(each: Outcome) -> list[str]:
    row = each.row
    counts = [count_text(count) for count in (row.verified, row.falsified, row.unknown)]
    size = [count_text(row.parameter_count), ratio_text(row)]
    return [_code(row.construction), each.verdict, *size, *counts]


def _line(cells: Sequence[str]) -> str:
    # The dashboard leaves no room between columns.
    return f"| {'&nbsp; | '.join(cells)} |"


def _code(text: str) -> str:
    """Return a name that Markdown leaves as it is, whatever the user called it."""
    clean = "".join(
        "?" if letter in "`|" or not letter.isprintable() else letter for letter in text
    )
    return f"`{clean}`"
