"""The jobs of a sweep on SLURM: submitted as arrays, and waited for until the last has ended."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher
from omegaconf import OmegaConf
from submitit import AutoExecutor, Job
from submitit.core.utils import FailedJobError, pickle_load

from pipeline.figures.files import replace_file
from pipeline.sweep.reasons import folders_among, read_reasons, write_reasons
from pipeline.tracking import Terminated
from pipeline.tracking.signals import WARNING, sigterm_raises
from pipeline.tracking.slurm import (
    ENDED,
    FORGOTTEN,
    cancel,
    is_preempted,
    largest_array,
    own_job,
    reason,
    slurm_state,
    slurm_states,
)

ARRAYS = "slurm.json"
_log = logging.getLogger("pipeline")
# Of SLURM's 10,000 jobs (MaxJobCount), which all users share.
_QUEUED = 5000
_ASK_EVERY_S = (2.0, 30.0)
# A shared file system shows a file of another machine after some seconds.
_FILE_WITHIN_S = 15
_ENDED_WITHIN_S = 10


def run_as_slurm_job(run: Callable[[], JobReturn]) -> JobReturn:
    """Return what a job returns; one that SLURM warns ends its run first and is queued again.

    submitit alone ignores SIGTERM, so that a cancelled job's run would stay RUNNING.

    Args:
        run: the job.

    Raises:
        Terminated: if the job was cancelled.
        UncompletedJobError: if it was queued again too often.
    """
    requeue = signal.getsignal(WARNING)
    try:
        with sigterm_raises(WARNING):
            return run()
    except Terminated as ended:
        job = own_job()
        if callable(requeue) and (
            ended.number == WARNING or (job is not None and is_preempted(job))
        ):
            requeue(WARNING, None)
        raise


def launch_on_slurm(
    launcher: SlurmLauncher, job_overrides: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Return what became of the jobs, after all have ended; one that did not end well is FAILED.

    Args:
        launcher: set up by Hydra.
        job_overrides: of each job.
        first: number of the first job.

    Raises:
        FailedJobError: if SLURM refuses the first jobs.
        Terminated: on SIGTERM; the jobs are cancelled then.
    """
    assert launcher.config is not None
    folder = Path(str(launcher.config.hydra.sweep.dir))
    queue = SlurmQueue(_executor(launcher.params), folder, str(launcher.params["name"]))
    state = Singleton.get_state()
    jobs = [
        (list(overrides), "hydra.sweep.dir", first + n, f"job_id_for_{first + n}", state)
        for n, overrides in enumerate(job_overrides)
    ]
    with sigterm_raises():
        try:
            return queue.run(launcher, jobs)
        except BaseException:
            queue.cancel()
            raise


def _executor(params: Mapping[str, Any]) -> AutoExecutor:
    """Return the executor that submits jobs with these resources."""
    own = ("submitit_folder", "max_num_timeout", "gpus_per_node")
    everywhere = set(OmegaConf.structured(BaseQueueConf).keys())
    given = {
        name if name in everywhere else f"slurm_{name}": value
        for name, value in params.items()
        if name not in own
    }
    executor = AutoExecutor(
        folder=params["submitit_folder"],
        cluster="slurm",
        slurm_max_num_timeout=params["max_num_timeout"],
    )
    # A cluster without GPUs refuses to give none.
    executor.update_parameters(**given, gpus_per_node=params["gpus_per_node"] or None)
    return executor


class SlurmQueue:
    """Jobs on their way through SLURM.

    Args:
        executor: submits them.
        folder: of the sweep; it keeps which arrays were submitted, and why jobs did not end well.
        name: of the jobs in SLURM.
    """

    def __init__(self, executor: AutoExecutor, folder: Path, name: str) -> None:
        self._executor = executor
        self._folder = folder
        self._name = name
        self._queued: dict[int, Job[JobReturn]] = {}
        self._done: dict[int, JobReturn] = {}
        self._ended: dict[int, float] = {}
        self._reasons = read_reasons(folder)
        self._arrays: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._cancel_left_behind()

    def run(self, function: SlurmLauncher, jobs: Sequence[tuple[Any, ...]]) -> list[JobReturn]:
        """Return what each job returned, submitting more as others end.

        Raises:
            FailedJobError: if SLURM refuses jobs while none of ours is queued.
        """
        size, next_one, started, asked = min(largest_array(), 1000), 0, time.monotonic(), 0.0
        while len(self._done) < len(jobs):
            part = jobs[next_one : next_one + size]
            if part and len(self._queued) + len(part) <= _QUEUED and self._submit(function, part):
                next_one += len(part)
                continue
            now = time.monotonic()
            if now - asked >= min(max(_ASK_EVERY_S[0], (now - started) / 20), _ASK_EVERY_S[1]):
                asked = now
                self._collect(jobs)
            time.sleep(0.5)
        return [self._done[job[2]] for job in jobs]

    def cancel(self) -> None:
        """Ask SLURM to end the jobs and give them some seconds to end their runs."""
        cancel(self._arrays, self._name)
        end = time.monotonic() + _ENDED_WITHIN_S
        while time.monotonic() < end and _any_lives(slurm_states(self._arrays)):
            time.sleep(0.5)

    def _submit(self, function: SlurmLauncher, jobs: Sequence[tuple[Any, ...]]) -> bool:
        """Return whether SLURM took the jobs; it may refuse while too many are queued.

        Raises:
            FailedJobError: if SLURM refuses while none of ours is queued.
        """
        for job in jobs:
            _log.info("\t#%d : %s", job[2], " ".join(filter_overrides(job[0])))
        try:
            made = self._executor.map_array(function, *zip(*jobs, strict=True))
        except FailedJobError as error:
            if not self._queued:
                raise
            _log.warning("SLURM takes no more jobs now: %s", str(error).strip().splitlines()[-1])
            return False
        self._queued |= {job[2]: each for job, each in zip(jobs, made, strict=True)}
        self._arrays.append(made[0].job_id.partition("_")[0])
        text = json.dumps({"name": self._name, "arrays": self._arrays}) + "\n"
        replace_file(self._folder / ARRAYS, text.encode())
        return True

    def _collect(self, jobs: Sequence[tuple[Any, ...]]) -> None:
        """Take in the jobs that have ended."""
        arrays = {job.job_id.partition("_")[0] for job in self._queued.values()}
        states = slurm_states(arrays)
        if states is None:
            _log.warning("SLURM does not answer; its jobs are waited for")
        before = len(self._reasons)
        for number, job in list(self._queued.items()):
            state = "UNKNOWN" if states is None else states.get(job.job_id, FORGOTTEN)
            if self._has_ended(number, job, state):
                overrides = jobs[number - jobs[0][2]][0]
                self._done[number] = self._returned(job, state, overrides)
                del self._queued[number]
        if len(self._reasons) > before:
            write_reasons(self._folder, self._reasons)

    def _has_ended(self, number: int, job: Job[JobReturn], state: str) -> bool:
        if job.paths.result_pickle.exists():
            return True
        if state not in (*ENDED, FORGOTTEN):
            return False
        first = self._ended.setdefault(number, time.monotonic())
        late = state in ("COMPLETED", FORGOTTEN)
        return not late or time.monotonic() - first > _FILE_WITHIN_S

    def _returned(self, job: Job[JobReturn], state: str, overrides: Sequence[str]) -> JobReturn:
        """Return what a job returned, or a FAILED one that says why it did not."""
        value, why = _result(job, state)
        if isinstance(value, JobReturn):
            # 140 kB a job on disk, 45 kB in memory, that nobody reads again.
            for file in (job.paths.submitted_pickle, job.paths.result_pickle):
                file.unlink(missing_ok=True)
            return replace(value, cfg=None, hydra_cfg=None)
        _log.error("%s: %s", " ".join(filter_overrides(overrides)), why)
        self._reasons |= dict.fromkeys(folders_among(overrides), why)
        return JobReturn(list(overrides), status=JobStatus.FAILED, _return_value=RuntimeError(why))

    def _cancel_left_behind(self) -> None:
        """Cancel what a launcher that died has submitted: its jobs are submitted again."""
        try:
            left = json.loads((self._folder / ARRAYS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if _any_lives(slurm_states(left["arrays"])):
            _log.info("cancelling what is left of SLURM jobs %s", ", ".join(left["arrays"]))
            cancel(left["arrays"], left["name"])


def _any_lives(states: Mapping[str, str] | None) -> bool:
    return any(state not in ENDED for state in (states or {}).values())


def _result(job: Job[JobReturn], state: str) -> tuple[Any, str]:
    """Return what a job that ended has left, and in words why it is nothing of use."""
    file = job.paths.result_pickle
    if file.exists():
        try:
            outcome, value = pickle_load(file)
        except Exception as error:
            return None, f"its result cannot be read: {error}"
        if outcome == "success":
            return value, ""
        return None, str(value).strip().splitlines()[-1]
    if state == FORGOTTEN:
        state = slurm_state(job.job_id) or state
    log = job.paths.stderr
    if not log.exists():
        # SLURM forgets at once a job of an array that was cancelled while it was waiting.
        return None, reason(job.job_id, "CANCELLED" if state == FORGOTTEN else state)
    words = log.read_text(errors="replace").strip().splitlines()
    hint = f"; {words[-1]}" if words and state == "FAILED" else ""
    return None, f"{reason(job.job_id, state)}{hint} (log {log})"
