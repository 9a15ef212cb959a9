"""Jobs of a sweep in the store: which are done already, and which died without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.tracking.digests import config_digest
from pipeline.tracking.errors import tracking_errors
from pipeline.tracking.names import TAG_ERROR, TAG_JOB_DIGEST, TAG_PROCESS
from pipeline.tracking.process import has_ended, slurm_job, slurm_reason
from pipeline.tracking.slurm import FORGOTTEN, slurm_states

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Where and by whom a job is run; the rest says what it computes.
_ELSEWHERE = ("tracking", "cache", "resources", "sweep", "workers")
_PAGE = 1000
# In place of a digest: the code was edited while the job ran.
MIXED = "none: the sources changed while the job ran"
PARENT = "mlflow.parentRunId"
DIED = "its process ended without a word: killed, out of memory, or the machine went down"


@dataclass(frozen=True)
class Reaped:
    """A run that was RUNNING though its process was gone.

    Args:
        run_id: the run, KILLED now.
        name: its name.
        reason: what ended its process.
    """

    run_id: str
    name: str
    reason: str


def job_digest(config: Mapping[str, Any], salt: str) -> str:
    """Return the digest of what a job computes, whoever computes it where.

    Args:
        config: resolved configuration.
        salt: digest of the code: results of other code are not this job's.
    """
    what = {key: value for key, value in config.items() if key not in _ELSEWHERE}
    return config_digest({"config": what, "code": salt})


def finished_jobs(
    client: MlflowClient, uri: str, experiment: str, digest: str = "%"
) -> dict[str, Run]:
    """Return job digest -> its FINISHED run, the latest of each job that has one.

    Args:
        client: of the store.
        uri: the store.
        experiment: the experiment's id.
        digest: of one job, all by default.
    """
    query = f"attributes.status = 'FINISHED' AND tags.{TAG_JOB_DIGEST} LIKE '{digest}'"
    runs = _search(client, uri, experiment, query, ["attributes.start_time ASC"])
    return {run.data.tags[TAG_JOB_DIGEST]: run for run in runs}


def runs_of_jobs(
    client: MlflowClient, uri: str, experiment: str, parent: str, such: str = ""
) -> dict[str, list[Run]]:
    """Return job digest -> runs of a sweep, oldest first.

    Args:
        client: of the store.
        uri: the store.
        experiment: the experiment's id.
        parent: the sweep's run.
        such: what else is asked of them, in MLflow's words; all by default.
    """
    query = f"tags.`{PARENT}` = '{parent}'{f' AND {such}' if such else ''}"
    found: dict[str, list[Run]] = {}
    for run in _search(client, uri, experiment, query, ["attributes.start_time ASC"]):
        if TAG_JOB_DIGEST in run.data.tags:
            found.setdefault(run.data.tags[TAG_JOB_DIGEST], []).append(run)
    return found


def reap(client: MlflowClient, uri: str, experiment: str) -> list[Reaped]:
    """Return the runs that were RUNNING without a process; they are KILLED now, and say why.

    A run nested in a job has no process of its own and goes with the run it is nested in. Runs
    whose process cannot be seen from here are left alone.
    """
    running = list(_search(client, uri, experiment, "attributes.status = 'RUNNING'", []))
    ask = _ask_slurm_once([run.data.tags.get(TAG_PROCESS, "") for run in running])
    died = [run for run in running if has_ended(run.data.tags.get(TAG_PROCESS, ""), ask) is True]
    reaped = [_reaped(run) for run in died]
    with tracking_errors("end runs of processes that died", uri):
        for dead in reaped:
            client.set_tag(dead.run_id, TAG_ERROR, dead.reason)
            client.set_terminated(dead.run_id, "KILLED")
    return reaped


def _reaped(run: Run) -> Reaped:
    why = slurm_reason(run.data.tags.get(TAG_PROCESS, "")) or DIED
    return Reaped(run.info.run_id, run.info.run_name or "", why)


def _ask_slurm_once(tags: Sequence[str]) -> Callable[[str], str | None]:
    """Return a function from SLURM job to state: one call for all, however many are running."""
    jobs = [job for job in map(slurm_job, tags) if job is not None]
    states = slurm_states(jobs)
    return lambda job: None if states is None else states.get(job, FORGOTTEN)


def _search(
    client: MlflowClient, uri: str, experiment: str, query: str, order: Sequence[str]
) -> Iterator[Run]:
    token = None
    while True:
        with tracking_errors("look for runs", uri):
            page = client.search_runs(
                [experiment], query, max_results=_PAGE, order_by=list(order), page_token=token
            )
        yield from page
        token = page.token
        if not token:
            return
