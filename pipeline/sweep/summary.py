"""What became of every job of a sweep: counts, failures with reasons, one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.sweep.pending import SweepJob, job_labels
from pipeline.sweep.reasons import folder_of
from pipeline.sweep.sizes import job_sizes
from pipeline.tracking.names import (
    PARAMS_TOTAL,
    ROBUST_VERIFIED,
    TAG_CONSTRUCTION,
    TAG_ERROR,
    TAG_VERDICT,
)

if TYPE_CHECKING:
    from mlflow.entities import Run

FINISHED, BEFORE, NEVER = "FINISHED", "FINISHED BEFORE", "NOT STARTED"
_NOTE_ROWS = 100
# Overrides that say where a job runs and what it is called, not what it computes.
_ELSEWHERE = ("sweep.", "tracking.", "tracking=", "cache.", "hydra", "resources.", "workers=")
_HEAD = ("job", "status", "verdict", "construction", "P", "verified", "reason")
_RULE = f"|{'---|' * len(_HEAD)}"


@dataclass(frozen=True)
class JobRow:
    """One job of a sweep and what became of it.

    Args:
        overrides: of the configuration.
        digest: of what it computes.
        status: FINISHED, FINISHED BEFORE (by an earlier sweep), FAILED, KILLED or NOT STARTED.
        run_id: of its last run, empty without one.
        verdict: of its first network.
        construction: its name.
        parameter_count: P, None if unknown.
        verified: share of balls VERIFIED, None if unknown.
        seconds: from the run's start to its end.
        reason: why it failed.
        attempts: runs of it in this sweep.
        dataset: its name.
        N: number of points, None if unknown like d, the first width and the bound.
        d: input dimension.
        rho: robustness ratio as it was given.
        p: norm of the balls.
        regime: small, moderate or large: the part of Theorem 4.2 that rho falls in.
        first_hidden_width: of its first network.
        lower_bound: leading term of Theorem 3.1.
        trained: whether its first network was trained, not constructed.
    """

    overrides: str
    digest: str
    status: str
    run_id: str = ""
    verdict: str = ""
    construction: str = ""
    parameter_count: int | None = None
    verified: float | None = None
    seconds: float | None = None
    reason: str = ""
    attempts: int = 0
    dataset: str = ""
    N: int | None = None
    d: int | None = None
    rho: str = ""
    p: str = "2"
    regime: str = ""
    first_hidden_width: int | None = None
    lower_bound: float | None = None
    trained: bool = False

    @property
    def done(self) -> bool:
        """Whether the job has a FINISHED run."""
        return self.status in (FINISHED, BEFORE)


def job_rows(
    jobs: Sequence[SweepJob],
    runs: Mapping[str, Sequence[Run]],
    before: Mapping[str, Run],
    reasons: Mapping[str, str] | None = None,
) -> list[JobRow]:
    """Return one row a job.

    Args:
        jobs: of the sweep.
        runs: of this sweep, by digest, oldest first.
        before: runs that earlier sweeps finished, by digest.
        reasons: of the launcher, by job's folder; a run that FAILED knows its own better.
    """
    rows = []
    for job in jobs:
        words, why = " ".join(job.overrides), (reasons or {}).get(folder_of(job.digest), "")
        mine = list(runs.get(job.digest, []))
        finished = [run for run in mine if run.info.status == FINISHED]
        if finished or mine:
            last = (finished or mine)[-1]
            row = _row(words, job.digest, last.info.status, last)
            if why and not row.done and row.status != "FAILED":
                row = replace(row, reason=why)
            rows.append(replace(row, attempts=len(mine)))
        elif job.digest in before:
            rows.append(_row(words, job.digest, BEFORE, before[job.digest]))
        else:
            rows.append(JobRow(words, job.digest, NEVER, reason=why or "see launcher.log"))
    return rows


def _row(words: str, digest: str, status: str, run: Run) -> JobRow:
    metrics, tags = run.data.metrics, run.data.tags
    total = metrics.get(PARAMS_TOTAL)
    ended = run.info.end_time
    return JobRow(
        words,
        digest,
        status,
        run.info.run_id,
        tags.get(TAG_VERDICT, ""),
        tags.get(TAG_CONSTRUCTION, ""),
        None if total is None else int(total),
        metrics.get(ROBUST_VERIFIED),
        (ended - run.info.start_time) / 1000 if ended else None,
        "" if status in (FINISHED, BEFORE) else tags.get(TAG_ERROR, "no reason was logged"),
        **job_sizes(run),
    )


def sweep_frame(rows: Sequence[JobRow]) -> pd.DataFrame:
    """Return the rows as a table, what tells a job apart first, its overrides in full last.

    Counts stay whole numbers where some are unknown.
    """
    frame = pd.DataFrame([vars(row) for row in rows], dtype=object)
    frame.insert(0, "job", labels(rows))
    last = [name for name in ("run_id", "digest", "overrides") if name in frame]
    return frame[[*frame.columns.drop(last), *last]]


def counts_text(rows: Sequence[JobRow]) -> str:
    """Return the counts in words.

    >>> counts_text([JobRow("a", "1", FINISHED), JobRow("b", "2", "FAILED")])
    '2 jobs: 1 finished, 1 failed'
    """
    counts = Counter(row.status for row in rows)
    parts = [f"{counts[status]} {status.lower()}" for status in sorted(counts, reverse=True)]
    order = sorted(parts, key=lambda part: not part.endswith("finished"))
    return f"{len(rows)} jobs: {', '.join(order)}"


def labels(rows: Sequence[JobRow]) -> list[str]:
    """Return for each job what tells it from the others; sweep.csv has its overrides in full.

    >>> labels([JobRow("rho=1/4 p=2", "1", FINISHED), JobRow("rho=1/2 p=2", "2", "FAILED")])
    ['rho1/4', 'rho1/2']
    """
    words = job_labels([row.overrides.split() for row in rows])
    return [label or row.digest[:12] for label, row in zip(words, rows, strict=True)]


def failures_text(rows: Sequence[JobRow]) -> str:
    """Return one line a job that is not done, empty if all are."""
    return "\n".join(
        f"{row.status:<12} {label}: {row.reason}"
        for label, row in zip(labels(rows), rows, strict=True)
        if not row.done
    )


def sweep_note(name: str, rows: Sequence[JobRow]) -> str:
    """Return the summary in Markdown, for the note of the parent run: failures first."""
    named = sorted(zip(labels(rows), rows, strict=True), key=lambda each: each[1].done)
    lines = [f"**Sweep {name}.** {counts_text(rows)}.", *_common(rows), ""]
    lines += [_line(_HEAD), _RULE]
    for label, row in named[:_NOTE_ROWS]:
        count = "" if row.parameter_count is None else f"{row.parameter_count:,}"
        share = "" if row.verified is None else f"{row.verified:.0%}"
        cells = (label, row.status, row.verdict, row.construction, count, share, row.reason)
        lines.append(_line(cells))
    if len(rows) > _NOTE_ROWS:
        lines += ["", f"The first {_NOTE_ROWS} of {len(rows)} jobs."]
    lines += [
        "",
        "All jobs with their overrides: `sweep.csv`; with plots and filters: `sweep.html`.",
    ]
    return "\n".join(lines)


def _common(rows: Sequence[JobRow]) -> list[str]:
    """Return the sentence that names what all jobs share of what they compute, if anything."""
    first, *others = [row.overrides.split() for row in rows] or [[]]
    shared = [each for each in first if all(each in other for other in others)]
    named = [f"`{each}`" for each in shared if not each.startswith(_ELSEWHERE)]
    return ["", f"All with {' '.join(named)}."] if named else []


def _line(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", r"\|").replace("\n", " ") for cell in cells]
    # The dashboard leaves no room between columns.
    return f"| {'&nbsp; | '.join(escaped)} |"
