"""The owner of a sweep: launches its jobs, watches them, and says what became of each."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pipeline.sweep.launch import LEAVE, LOG, start, stop
from pipeline.sweep.page import write_sweep_page
from pipeline.sweep.pending import JOBS, SPOOLED, SweepJob, read_jobs
from pipeline.sweep.reasons import REASONS, folder_of, read_reasons
from pipeline.sweep.summary import (
    BEFORE,
    NEVER,
    JobRow,
    counts_text,
    failures_text,
    job_rows,
    sweep_frame,
    sweep_note,
)
from pipeline.tracking import TrackedRun, TrackingError, open_store, tracked_run, tracking_uri
from pipeline.tracking.errors import Unreachable, tracking_errors
from pipeline.tracking.jobs import finished_jobs, reap, runs_of_jobs
from pipeline.tracking.journal import spool_folder
from pipeline.tracking.names import TAG_ERROR, TAG_SWEEP
from pipeline.tracking.store import experiment_id
from pipeline.tracking.sync import sync
from pipeline.tracking.view import write_view

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger("pipeline")
_POLL_S = 0.5
_REPORT_EVERY_S = 5.0
# All runs of the sweep are read to count them, 4 ms each: asking takes a twentieth of the time.
_REST_FACTOR = 20
# A launcher that died is started again while that gets further; a job that failed is left alone.
_ROUNDS = 5


class SweepError(Exception):
    """A sweep that cannot be run: another driver has it, or its grid does not compose."""


@dataclass(frozen=True)
class Sweep:
    """A sweep before it starts.

    Args:
        name: of the sweep, and of its folder.
        overrides: of every job, `experiment=...` among them; lists a,b are axes of the grid.
        launcher: of conf/hydra/launcher.
        config: what all jobs have in common, resolved.
        root: the repository.
        processes: at once, for the launcher `local`.
    """

    name: str
    overrides: tuple[str, ...]
    launcher: str
    config: Mapping[str, Any]
    root: Path
    processes: int

    @property
    def folder(self) -> Path:
        """Where the folders of its jobs lie."""
        return Path(self.config["sweep"]["folder"]) / self.name


def run_sweep(sweep: Sweep) -> list[JobRow]:
    """Return what became of every job, after those without a FINISHED run were run.

    The summary is logged in a run that the jobs' runs are nested in.

    Raises:
        SweepError: if another driver has the sweep, or no job could be listed.
        TrackingError: if the tracking store fails.
    """
    uri = tracking_uri(sweep.config["tracking"]["uri"], sweep.root)
    client = open_store(uri)
    experiment = experiment_id(client, uri, sweep.config["tracking"]["experiment"], sweep.root)
    sweep.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(sweep.folder / "driver.lock", timeout=0):
            _synced(sweep, uri)
            for dead in reap(client, uri, experiment):
                _log.info("a run was left behind by a process that died: %s", dead.name)
            with tracked_run(
                f"sweep {sweep.name}",
                root=sweep.root,
                uri=uri,
                experiment=sweep.config["tracking"]["experiment"],
                tags={TAG_SWEEP: sweep.name},
                params={"overrides": list(sweep.overrides), "launcher": sweep.launcher},
                spool=_spool(sweep),
            ) as run:
                return _owned(sweep, run, client)
    except Timeout:
        raise SweepError(
            f"sweep {sweep.name!r} is being run by another process: {sweep.folder / 'driver.lock'}"
        ) from None


def _owned(sweep: Sweep, run: TrackedRun, client: MlflowClient) -> list[JobRow]:
    """Return the rows; whatever happens, they are logged and no job is left RUNNING."""
    rows: list[JobRow] = []
    lost: int | None = None
    for stale in (JOBS, REASONS):
        (sweep.folder / stale).unlink(missing_ok=True)
    try:
        for _ in range(_ROUNDS):
            code = _launched(sweep, run, client, rows)
            rows = _rows(sweep, run, client)
            left, lost = lost, sum(not row.done and row.status != "FAILED" for row in rows)
            if code == 0 or lost in (0, left):
                break
            _log.info("the launcher ended with code %s; %d jobs are launched again", code, lost)
    finally:
        _synced(sweep, run.uri)
        reap(client, run.uri, run.experiment)
        if (sweep.folder / JOBS).exists():
            rows = _rows(sweep, run, client)
            _summarised(sweep, run, client, rows)
    return rows


def _launched(sweep: Sweep, run: TrackedRun, client: MlflowClient, rows: Sequence[JobRow]) -> int:
    """Return the exit code of one launching process, watched until its end.

    Raises:
        SweepError: if it ended before it listed the jobs.
    """
    failed = [row.digest for row in rows if row.status == "FAILED"]
    cores = str(sweep.config["resources"]["cores"])
    environment = {LEAVE: json.dumps(failed), "OMP_NUM_THREADS": cores}
    process = start(_arguments(sweep, run), sweep.folder, sweep.root, environment)
    try:
        _watch(sweep, run, client, process)
    finally:
        stop(process)
    reap(client, run.uri, run.experiment)
    if not (sweep.folder / JOBS).exists():
        raise SweepError(_last_lines(sweep.folder / LOG))
    return process.returncode or 0


def _arguments(sweep: Sweep, run: TrackedRun) -> list[str]:
    own = [
        "hydra/sweeper=pending",
        f"hydra/launcher={sweep.launcher}",
        f"hydra.sweep.dir={sweep.folder}",
        f"sweep.name={sweep.name}",
        f"sweep.parent={run.run_id}",
    ]
    if sweep.launcher == "local":
        own.append(f"hydra.launcher.n_jobs={sweep.processes}")
    return [*sweep.overrides, *own]


def _watch(
    sweep: Sweep, run: TrackedRun, client: MlflowClient, process: subprocess.Popen[bytes]
) -> None:
    """Wait for the end of the process and say now and then how far its jobs are."""
    started, reported, said = time.monotonic(), 0.0, ""
    rest = _REPORT_EVERY_S
    while process.poll() is None:
        time.sleep(_POLL_S)
        if time.monotonic() - reported < rest or not (sweep.folder / JOBS).exists():
            continue
        reported = time.monotonic()
        try:
            text = _progress(read_jobs(sweep.folder), run, client)
        except Unreachable:
            text = "tracking server unreachable: the jobs go on and spool what they log"
        rest = max(_REPORT_EVERY_S, _REST_FACTOR * (time.monotonic() - reported))
        if text != said:
            said = text
            _log.info("%5.0f s  %s", reported - started, text)


def _progress(jobs: Sequence[SweepJob], run: TrackedRun, client: MlflowClient) -> str:
    runs = runs_of_jobs(client, run.uri, run.experiment, run.run_id)
    counts = Counter(found[-1].info.status.lower() for found in runs.values())
    before = sum(job.finished is not None and job.digest not in runs for job in jobs)
    counts["to go"] = len(jobs) - before - sum(counts.values())
    words = [f"{number} {status}" for status, number in counts.items() if number]
    return (
        f"{len(jobs)} jobs: {', '.join([*([f'{before} done before'] if before else []), *words])}"
    )


def _rows(sweep: Sweep, run: TrackedRun, client: MlflowClient) -> list[JobRow]:
    jobs, reasons = read_jobs(sweep.folder), read_reasons(sweep.folder)
    runs = runs_of_jobs(client, run.uri, run.experiment, run.run_id)
    before = {}
    if any(job.finished not in (None, SPOOLED) for job in jobs):
        # All in a few requests: a sweep may be resumed with thousands of jobs done.
        before = finished_jobs(client, run.uri, run.experiment)
    spooled = {job.digest for job in jobs if job.finished == SPOOLED}
    rows = [
        replace(row, status=BEFORE, reason="its run is spooled: make sync")
        if row.status == NEVER and row.digest in spooled
        else row
        for row in job_rows(jobs, runs, before, reasons)
    ]
    with tracking_errors("say why runs ended", run.uri):
        for row in rows:
            if row.status == "KILLED" and folder_of(row.digest) in reasons:
                client.set_tag(row.run_id, TAG_ERROR, row.reason)
    return rows


def _spool(sweep: Sweep) -> Path:
    return Path(sweep.config["tracking"]["spool"] or spool_folder(sweep.root))


def _synced(sweep: Sweep, uri: str) -> None:
    """Upload what jobs spooled for this server, so that it counts; say what became of it."""
    if uri.startswith("http"):
        done = sync(_spool(sweep), uri, sweep.root, own=True)
        for each in done:
            if not each.left:
                _log.info("%s", each)
        for reason, number in Counter(each.left for each in done if each.left).items():
            _log.warning("%d runs left in %s: %s", number, _spool(sweep), reason)


def _summarised(
    sweep: Sweep, run: TrackedRun, client: MlflowClient, rows: Sequence[JobRow]
) -> None:
    """Log the table, the page, the counts and the note of a sweep to its run.

    Raises:
        TrackingError: if the store fails; the table is in the folder all the same.
    """
    frame = sweep_frame(rows)
    path = sweep.folder / "sweep.csv"
    frame.to_csv(path, index=False, lineterminator="\n")
    page = sweep.folder / "sweep.html"
    write_sweep_page(page, sweep.name, rows, sweep.root)
    counts = Counter(row.status for row in rows)
    metrics = {f"sweep/{status.lower().replace(' ', '_')}": n for status, n in counts.items()}
    try:
        run.log_metrics({"sweep/jobs": len(rows), **metrics})
        run.log_artifact(path)
        run.log_artifact(page)
        table = frame.astype(object).where(frame.notna(), None).to_dict(orient="list")
        run.log_table({str(name): values for name, values in table.items()}, "sweep.json")
        run.set_tags({"mlflow.note.content": sweep_note(sweep.name, rows)})
        write_view(client, run.uri, run.experiment)
    except TrackingError as error:
        _log.error("the summary is in %s, not in the store: %s", path, error)
        raise
    _log.info("\n%s", counts_text(rows))
    if failures_text(rows):
        _log.info("%s", failures_text(rows))
    _log.info("\npage       %s", page)


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join(["the sweep could not be launched:", *lines[-8:]])


def processes_at_once(cores: int) -> int:
    """Return how many jobs of so many cores this machine runs at once."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (available or 1) // cores)
