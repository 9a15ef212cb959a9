"""The owner of a sweep: launches its jobs, watches them, and says what became of each."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pipeline.exact import available_cores
from pipeline.stages.code_salt import code_salt
from pipeline.stages.store import write_errors
from pipeline.sweep.launch import LEAVE, last_error, last_words, start, stop
from pipeline.sweep.page import write_sweep_page
from pipeline.sweep.pending import JOBS, read_jobs
from pipeline.sweep.progress import SweepProgress
from pipeline.sweep.reasons import REASONS, folder_of, read_reasons
from pipeline.sweep.results import log_results
from pipeline.sweep.rows import UNKNOWN, current_rows
from pipeline.sweep.summary import (
    JobRow,
    counts_text,
    failures_text,
    sweep_frame,
    sweep_note,
)
from pipeline.tracking import TrackedRun, TrackingError, open_store, tracked_run, tracking_uri
from pipeline.tracking.errors import Unreachable, tracking_errors
from pipeline.tracking.jobs import Reaped, reap
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
        code: digest of the sources; no job is done by others.
    """

    name: str
    overrides: tuple[str, ...]
    launcher: str
    config: Mapping[str, Any]
    root: Path
    processes: int
    code: str = field(default_factory=code_salt)

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
            for dead in _settled(sweep, uri, experiment, client):
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
    ended = ""
    for stale in (JOBS, REASONS):
        (sweep.folder / stale).unlink(missing_ok=True)
    try:
        for _ in range(_ROUNDS):
            ended = _launched(sweep, run, client, rows)
            rows = _rows(sweep, run, client, ended)
            left, lost = lost, sum(not row.done and row.status != "FAILED" for row in rows)
            unseen = any(row.status == UNKNOWN for row in rows)
            if not ended or unseen or lost in (0, left):
                break
            _log.info("%s; %d jobs are launched again", ended, lost)
    finally:
        _settled(sweep, run.uri, run.experiment, client)
        if (sweep.folder / JOBS).exists():
            rows = _rows(sweep, run, client, ended)
            _summarised(sweep, run, client, rows)
    return rows


def _launched(sweep: Sweep, run: TrackedRun, client: MlflowClient, rows: Sequence[JobRow]) -> str:
    """Return how one launching process, watched until its end, failed; empty if it did not.

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
    _settled(sweep, run.uri, run.experiment, client)
    said = last_words(sweep.folder)
    if not (sweep.folder / JOBS).exists():
        raise SweepError("\n".join(["the sweep could not be launched:", *said]))
    if not process.returncode:
        return ""
    return f"the launcher ended with code {process.returncode}: {last_error(said)}"


def _arguments(sweep: Sweep, run: TrackedRun) -> list[str]:
    own = [
        "hydra/sweeper=pending",
        f"hydra/launcher={sweep.launcher}",
        f"hydra.sweep.dir={sweep.folder}",
        f"sweep.name={sweep.name}",
        f"sweep.parent={run.run_id}",
        f"sweep.code={sweep.code}",
    ]
    if sweep.launcher == "local":
        own.append(f"hydra.launcher.n_jobs={sweep.processes}")
    return [*sweep.overrides, *own]


def _watch(
    sweep: Sweep, run: TrackedRun, client: MlflowClient, process: subprocess.Popen[bytes]
) -> None:
    """Wait for the end of the process and say now and then how far its jobs are."""
    started, reported, said = time.monotonic(), 0.0, ""
    rest, progress = _REPORT_EVERY_S, None
    while process.poll() is None:
        time.sleep(_POLL_S)
        if time.monotonic() - reported < rest or not (sweep.folder / JOBS).exists():
            continue
        reported = time.monotonic()
        try:
            if progress is None:
                progress = SweepProgress(read_jobs(sweep.folder), run, client)
            text = progress.words()
        except Unreachable:
            text = "tracking server unreachable: the jobs go on and spool what they log"
        except TrackingError as error:
            # A store that is busy for a moment is no reason to end jobs.
            text = str(error)
        rest = max(_REPORT_EVERY_S, _REST_FACTOR * (time.monotonic() - reported))
        if text != said:
            said = text
            _log.info("%5.0f s  %s", reported - started, text)


def _rows(sweep: Sweep, run: TrackedRun, client: MlflowClient, ended: str) -> list[JobRow]:
    experiment = sweep.config["tracking"]["experiment"]
    rows = current_rows(sweep.folder, _spool(sweep), experiment, run, client, ended)
    reasons = read_reasons(sweep.folder)
    with tracking_errors("say why runs ended", run.uri):
        for row in rows:
            if row.status == "KILLED" and folder_of(row.digest) in reasons:
                client.set_tag(row.run_id, TAG_ERROR, row.reason)
    return rows


def _spool(sweep: Sweep) -> Path:
    return Path(sweep.config["tracking"]["spool"] or spool_folder(sweep.root))


def _settled(sweep: Sweep, uri: str, experiment: str, client: MlflowClient) -> list[Reaped]:
    """Return the runs whose processes had died, after what jobs spooled was uploaded.

    In this order: the end of a job may be in the spool, and it is then no death.
    """
    _synced(sweep, uri)
    try:
        return reap(client, uri, experiment)
    except Unreachable as error:
        _log.warning("%s; the next sweep does that", error)
        return []


def _synced(sweep: Sweep, uri: str) -> None:
    """Upload what jobs spooled for this server, so that it counts; say what became of it."""
    if uri.startswith("http"):
        done = sync(_spool(sweep), uri, sweep.root, own=True)
        for each in done:
            if not each.left:
                _log.info("%s", each)
        left = [each.left for each in done if each.left and not each.in_use]
        for reason, number in Counter(left).items():
            _log.warning("%d runs left in %s: %s", number, _spool(sweep), reason)


def _summarised(
    sweep: Sweep, run: TrackedRun, client: MlflowClient, rows: Sequence[JobRow]
) -> None:
    """Log the table, the page, the counts and the note of a sweep to its run.

    Raises:
        TrackingError: if the store fails; the table is in the folder all the same.
        StoreError: if the folder cannot be written; the note is in the store all the same.
    """
    _log.info("\n%s", counts_text(rows))
    if failures_text(rows):
        _log.info("%s", failures_text(rows))
    frame = sweep_frame(rows)
    path = sweep.folder / "sweep.csv"
    page = sweep.folder / "sweep.html"
    counts = Counter(row.status for row in rows)
    metrics = {f"sweep/{status.lower().replace(' ', '_')}": n for status, n in counts.items()}
    try:
        # First what names the failures in least room: the disk may be full for files.
        note = {"mlflow.note.content": sweep_note(sweep.name, rows)}
        run.log({"sweep/jobs": len(rows), **metrics}, note)
        with write_errors("the summary", sweep.folder):
            frame.to_csv(path, index=False, lineterminator="\n")
            write_sweep_page(page, sweep.name, rows, sweep.root)
        run.log_artifact(path)
        run.log_artifact(page)
        run.log_table(frame, "sweep.json")
        with suppress(Unreachable):
            write_view(client, run.uri, run.experiment)
            with write_errors("the figures", sweep.folder):
                figures = log_results(run, client, rows, sweep.folder, sweep.config)
                write_sweep_page(page, sweep.name, rows, sweep.root, figures)
            run.log_artifact(page)
    except TrackingError:
        _log.error("the summary in the store is not complete, see %s", path)
        raise
    _log.info("\npage       %s", page)


def processes_at_once(cores: int) -> int:
    """Return how many jobs of so many cores this machine runs at once."""
    return max(1, available_cores() // cores)
