"""Of a grid of jobs, those without a FINISHED run: what Hydra's launcher is given."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus

from pipeline.figures.files import replace_file
from pipeline.stages.code_salt import code_salt, require_code
from pipeline.stages.once import LAUNCHER
from pipeline.sweep.composing import composed
from pipeline.sweep.launch import LEAVE
from pipeline.sweep.reasons import SUBDIR, folder_of, read_reasons, write_reasons
from pipeline.tracking import open_store, tracking_uri
from pipeline.tracking.errors import masked
from pipeline.tracking.jobs import finished_jobs, job_digest
from pipeline.tracking.journal import spool_folder, spooled_jobs
from pipeline.tracking.store import experiment_id

ROOT = Path(__file__).resolve().parents[2]
JOBS = "jobs.json"
# In place of a run: the job is done, and its run is not in the store yet.
SPOOLED = "spooled"
_log = logging.getLogger("pipeline")


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep.

    Args:
        digest: of what it computes.
        overrides: of the configuration, as on the command line.
        finished: the run that did it before, SPOOLED if that is not in the store, None for a job
            that is to be done.
    """

    digest: str
    overrides: tuple[str, ...]
    finished: str | None


def read_jobs(sweep_dir: Path) -> list[SweepJob]:
    """Return the jobs of a sweep that was launched into this folder."""
    listed = json.loads((sweep_dir / JOBS).read_text(encoding="utf-8"))
    return [SweepJob(each["digest"], tuple(each["overrides"]), each["finished"]) for each in listed]


def launch_pending(sweeper: BasicSweeper, arguments: Sequence[str]) -> list[JobReturn]:
    """Return what the launcher returned for the jobs without a FINISHED run; all are listed first.

    Args:
        sweeper: set up by Hydra, with the axes of the grid.
        arguments: further overrides.

    Raises:
        HydraException: if the configuration of a job does not compose.
        CodeChangedError: if the sources are not those that the driver began with.
    """
    assert sweeper.config is not None and sweeper.launcher is not None
    assert sweeper.hydra_context is not None
    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    overrides = parser.parse_overrides([*sweeper._parse_config(), *arguments])
    grid = list(chain.from_iterable(sweeper.split_arguments(overrides, None)))
    jobs = _listed(sweeper, grid)
    folder = Path(str(sweeper.config.hydra.sweep.dir))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(job) for job in jobs], indent=1) + "\n"
    replace_file(folder / JOBS, text.encode())
    os.environ[LAUNCHER] = str(os.getpid())
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, _end_group)
    leave = set(json.loads(os.environ.get(LEAVE, "[]")))
    # A folder a job, whatever its number is this time.
    labels = job_labels([job.overrides for job in jobs])
    pending = [
        [*job.overrides, f"sweep.label='{label}'", f"{SUBDIR}{folder_of(job.digest)}"]
        for job, label in zip(jobs, labels, strict=True)
        if job.finished is None and job.digest not in leave
    ]
    returned = list(sweeper.launcher.launch(pending, initial_job_idx=0)) if pending else []
    _note_failures(folder, pending, returned)
    return returned


def _end_group(signum: int, frame: FrameType | None) -> None:
    """End this process and its workers: one that has just started waits for its job forever."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.killpg(0, signal.SIGTERM)


def _note_failures(
    folder: Path, pending: Sequence[Sequence[str]], returned: Sequence[JobReturn]
) -> None:
    """Keep for the driver why jobs failed: one that failed before its run began says it nowhere."""
    reasons = read_reasons(folder)
    for overrides, job in zip(pending, returned, strict=True):
        if job.status == JobStatus.FAILED:
            error = job._return_value
            reason = f"{type(error).__name__}: {error}"
            _log.error("%s: %s", " ".join(overrides), reason)
            reasons.setdefault(overrides[-1].removeprefix(SUBDIR), reason)
    if reasons:
        write_reasons(folder, reasons)


def job_labels(grid: Sequence[Sequence[str]]) -> list[str]:
    """Return for each job the words that tell it from the others.

    >>> job_labels([["dataset.N=9", "rho=1/4", "seed=0"], ["dataset.N=17", "rho=1/4", "seed=0"]])
    ['N9', 'N17']
    >>> job_labels([["dataset=iris", "rho=1/4"], ["dataset=wine", "rho=1/2"]])
    ['iris rho1/4', 'wine rho1/2']
    >>> job_labels([["fig.rho=[1/10]"], ["fig.rho=[2/5]"], ["price.datasets=[{name:iris,N:40}]"]])
    ['rho1/10', 'rho2/5', 'iris+N+40']
    """
    common = set(grid[0]).intersection(*grid[1:]) if grid else set()
    return [" ".join(_word(each) for each in job if each not in common) for job in grid]


def _word(override: str) -> str:
    """Return an override as a word of a run's name, without what Hydra reads as syntax."""
    key, _, value = override.partition("=")
    # Of a table such as {name: iris, N: 40}, its name comes first.
    value = re.sub(r"\bname: ?", "", value)
    words = re.sub(r"[^\w./+-]+", "+", value).strip("+")
    return words if words[:1].isalpha() else f"{key.rpartition('.')[2]}{words}"


def _listed(sweeper: BasicSweeper, grid: Sequence[Sequence[str]]) -> list[SweepJob]:
    """Return the jobs of the grid, each digest once."""
    assert sweeper.config is not None and sweeper.hydra_context is not None
    loader = sweeper.hydra_context.config_loader
    digests: dict[str, tuple[str, ...]] = {}
    tracking: dict[str, Any] = {}
    asked: str | None = None
    for overrides, plain in zip(grid, composed(loader, sweeper.config, grid), strict=True):
        tracking, asked = plain["tracking"], plain["sweep"]["code"]
        digests.setdefault(job_digest(plain, asked or code_salt()), tuple(overrides))
    require_code(asked)
    uri = tracking_uri(tracking["uri"], ROOT)
    client = open_store(uri)
    name, spool = tracking["experiment"], Path(tracking["spool"] or spool_folder(ROOT))
    # The spool first: what is uploaded meanwhile is in the store before it leaves the spool.
    done = dict.fromkeys(spooled_jobs(spool, masked(uri), name), SPOOLED)
    finished = finished_jobs(client, uri, experiment_id(client, uri, name, ROOT))
    done |= {digest: run.info.run_id for digest, run in finished.items()}
    return [SweepJob(digest, given, done.get(digest)) for digest, given in digests.items()]
