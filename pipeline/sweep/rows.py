"""What is known of each job of a sweep: from the store, from the spool, or from neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.sweep.pending import SPOOLED, SweepJob, read_jobs
from pipeline.sweep.reasons import folder_of, read_reasons
from pipeline.sweep.summary import BEFORE, FINISHED, NEVER, JobRow, job_rows
from pipeline.tracking import TrackedRun
from pipeline.tracking.errors import Unreachable, masked
from pipeline.tracking.jobs import finished_jobs, runs_of_jobs
from pipeline.tracking.journal import spooled_jobs

if TYPE_CHECKING:
    from mlflow import MlflowClient

UNKNOWN = "NOT KNOWN"
_UPLOAD = "its run is spooled: make sync"


def current_rows(
    sweep_dir: Path,
    spool: Path,
    experiment: str,
    run: TrackedRun,
    client: MlflowClient,
    launcher: str = "",
) -> list[JobRow]:
    """Return one row a job; a server that does not answer leaves some NOT KNOWN.

    Args:
        sweep_dir: of the sweep, with its list of jobs.
        spool: the folder of all journals.
        experiment: its name.
        run: of the sweep.
        client: of the store.
        launcher: how the launcher ended, if not well: why jobs never began.

    Raises:
        TrackingError: if the store fails otherwise.
    """
    jobs, reasons = read_jobs(sweep_dir), read_reasons(sweep_dir)
    # The spool first: what is uploaded meanwhile is in the store before it leaves the spool.
    spooled = spooled_jobs(spool, masked(run.uri), experiment)
    away, before = "", {}
    try:
        runs = runs_of_jobs(client, run.uri, run.experiment, run.run_id)
        if any(job.finished is not None for job in jobs):
            # All in a few requests: a sweep may be resumed with thousands of jobs done.
            before = finished_jobs(client, run.uri, run.experiment)
    except Unreachable as error:
        runs, away = {}, f"{error}; the same command finds out"
    rows = []
    for job, row in zip(jobs, job_rows(jobs, runs, before, reasons), strict=True):
        if not row.done:
            row = _known_otherwise(job, row, spooled, away)
        if row.status == NEVER and launcher and folder_of(row.digest) not in reasons:
            row = replace(row, reason=launcher)
        rows.append(row)
    return rows


def _known_otherwise(job: SweepJob, row: JobRow, spooled: Mapping[str, Path], away: str) -> JobRow:
    """Return the row of a job that the store does not show as done."""
    status = BEFORE if job.finished is not None else FINISHED
    if job.digest in spooled:
        return replace(row, status=status, reason=_UPLOAD)
    if away:
        known = job.finished not in (None, SPOOLED)
        return replace(row, status=BEFORE if known else UNKNOWN, reason="" if known else away)
    return row
