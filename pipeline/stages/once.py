"""A job of a sweep is done once: what has a FINISHED run is skipped, and no two do it at a time."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from pipeline.stages.code_salt import code_salt
from pipeline.stages.job import run_job
from pipeline.stages.store import write_errors
from pipeline.tracking import open_store, tracking_uri
from pipeline.tracking.errors import Unreachable, masked
from pipeline.tracking.jobs import finished_jobs, job_digest
from pipeline.tracking.journal import spool_folder, spooled_jobs
from pipeline.tracking.signals import sigterm_with_parent
from pipeline.tracking.store import experiment_id

_log = logging.getLogger("pipeline")
LOCKS = "jobs"
# Process id of what launches a sweep's jobs.
LAUNCHER = "PIPELINE_SWEEP_LAUNCHER"


def run_job_once(config: Mapping[str, Any], run_dir: Path, root: Path, command: str) -> None:
    """Run the job; one of a sweep only if it has no FINISHED run.

    A lock on the job's digest makes a second process wait: one that a killed driver left behind,
    or one that a scheduler started twice.

    Args:
        config: resolved configuration as plain values.
        run_dir: where the files of this run go.
        root: the repository.
        command: the command line, for the report.

    Raises:
        ValueError: if the configuration or the data do not make sense.
        TrackingError: if the tracking store fails.
        StoreError: if a file cannot be written.
        CodeChangedError: if the sources are not those that the sweep was launched with.
    """
    if config["sweep"]["parent"] is None:
        run_job(config, run_dir, root, command)
        return
    digest = job_digest(config, config["sweep"]["code"] or code_salt())
    folder = Path(config["cache"]["folder"]) / LOCKS
    with write_errors("the locks of jobs", folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{digest}.lock")
    with _ended_with_launcher(), lock:
        finished = _finished_run(config["tracking"], root, digest)
        if finished:
            _log.info("done before: %s", finished)
        else:
            run_job(config, run_dir, root, command)


@contextmanager
def _ended_with_launcher() -> Iterator[None]:
    """End this process when the one that launched it is gone; its job's run is KILLED then.

    A worker learns of that death neither while it works nor while it waits for more, five minutes.
    """
    launcher = os.getppid()
    if os.environ.get(LAUNCHER) != str(launcher):
        yield
        return
    sigterm_with_parent()
    try:
        yield
    finally:
        if os.getppid() != launcher:
            # The signal has ended the job; nobody waits for what the process would do next.
            signal.raise_signal(signal.SIGTERM)


def _finished_run(tracking: Mapping[str, Any], root: Path, digest: str) -> str | None:
    """Return the FINISHED run of a job, in the spool or the store, None if none is known of."""
    uri, name = tracking_uri(tracking["uri"], root), tracking["experiment"]
    # The spool first: what is uploaded meanwhile is in the store before it leaves the spool.
    spooled = spooled_jobs(Path(tracking["spool"] or spool_folder(root)), masked(uri), name)
    if digest in spooled:
        return f"spooled to {spooled[digest]}"
    try:
        client = open_store(uri)
        experiment = experiment_id(client, uri, name, root)
        run = finished_jobs(client, uri, experiment, digest).get(digest)
    except Unreachable:
        # Not done when the sweep was launched; to do it twice is better than not at all.
        return None
    return f"run {run.info.run_id}" if run else None
