"""Jobs that Ray has been given: which have begun, ended, died, or run for too long."""

from __future__ import annotations

import json
import logging
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, filter_overrides

from pipeline.sweep.ray_worker import Interrupted, Started, send_signal
from pipeline.sweep.reasons import folders_among, write_reasons
from pipeline.tracking.signals import WARNING, uninterrupted

_log = logging.getLogger("pipeline")
_POLL_S = 0.5
# From the signal that ends a job's run to the end of its process.
_GRACE_S = 10.0
_TIMEOUT = "TIMEOUT (the time limit, resources.minutes)"
_MEANING = {
    "OutOfMemoryError": "its machine ran out of memory",
    "NodeDiedError": "its machine went down",
    "WorkerCrashedError": "its process died: killed, or a crash",
}


@dataclass(frozen=True)
class Limits:
    """What bounds the jobs of a queue.

    Args:
        in_flight: jobs that Ray is given at once.
        retries: how often a job is run again whose worker died.
        seconds: that a job may run.
    """

    in_flight: int
    retries: int
    seconds: float

    def __post_init__(self) -> None:
        if self.in_flight < 1 or self.retries < 0 or self.seconds <= 0:
            raise ValueError(f"a launcher with {self} runs nothing")


@dataclass
class _Job:
    """A job that Ray has been given.

    Args:
        number: of the job.
        started: what its worker said, None while it waits.
        since: when it said so.
        asked: when it was asked to end, None if it was not.
        why: it was asked.
    """

    number: int
    started: Started | None = None
    since: float = 0.0
    asked: float | None = None
    why: str = ""


class RayQueue:
    """Jobs on their way through Ray.

    Args:
        ray: the module.
        submit: gives Ray the job of a number, and returns the generator of what it says.
        folder: of the sweep; it keeps why jobs did not end well.
        limits: of the jobs.
    """

    def __init__(
        self,
        ray: Any,
        submit: Callable[[int, Sequence[str]], Any],
        folder: Path,
        limits: Limits,
    ) -> None:
        self._ray = ray
        self._submit = submit
        self._folder = folder
        self._limits = limits
        self._live: dict[Any, _Job] = {}
        self._crashes: dict[int, int] = {}
        self._reasons: dict[str, str] = {}

    def run(self, job_overrides: Sequence[Sequence[str]]) -> list[JobReturn]:
        """Return what each job returned; whatever ends this early ends the jobs first."""
        try:
            return self._run(job_overrides)
        except BaseException:
            with uninterrupted():
                self.cancel()
            raise

    def cancel(self) -> None:
        """End the jobs, and give them some seconds to end their runs."""
        for stream, job in list(self._live.items()):
            if job.started is None:
                self._ray.cancel(stream, force=True)
                del self._live[stream]
            else:
                self._ask(job, signal.SIGTERM, "the sweep was ended")
        end = time.monotonic() + _GRACE_S
        while self._live and time.monotonic() < end:
            for stream in self._ready():
                self._said(stream)
        for stream in self._live:
            self._ray.cancel(stream, force=True)

    def _run(self, job_overrides: Sequence[Sequence[str]]) -> list[JobReturn]:
        done: dict[int, JobReturn] = {}
        waiting = deque(range(len(job_overrides)))
        while len(done) < len(job_overrides):
            while waiting and len(self._live) < self._limits.in_flight:
                number = waiting.popleft()
                overrides = list(job_overrides[number])
                _log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
                self._live[self._submit(number, overrides)] = _Job(number)
            for stream in self._ready():
                job = self._live[stream]
                said = self._said(stream)
                if said is None:
                    continue
                if self._is_tried_again(job, said):
                    waiting.append(job.number)
                else:
                    done[job.number] = self._returned(job, said, job_overrides[job.number])
            self._end_late_ones()
        return [done[number] for number in range(len(job_overrides))]

    def _ready(self) -> list[Any]:
        """Return jobs that have something to say, after waiting for the first."""
        ready, _ = self._ray.wait(list(self._live), num_returns=1, timeout=_POLL_S)
        return list(ready)

    def _said(self, stream: Any) -> JobReturn | Interrupted | Exception | None:
        """Return how a job has ended, None if it has begun."""
        job = self._live[stream]
        said: Any
        try:
            said = self._ray.get(next(stream))
        except StopIteration:
            said = RuntimeError("it ended without a word")
        except Exception as error:
            said = error
        if isinstance(said, Started):
            job.started, job.since = said, time.monotonic()
            return None
        del self._live[stream]
        assert isinstance(said, JobReturn | Interrupted | Exception)
        return said

    def _is_tried_again(self, job: _Job, said: object) -> bool:
        """Return whether a job that has ended is run once more: its worker died or was killed."""
        crashed = isinstance(said, Interrupted) or _is_of_ray(said)
        if not crashed or job.asked is not None:
            return False
        times = self._crashes[job.number] = self._crashes.get(job.number, 0) + 1
        again = times <= self._limits.retries
        _log.warning("#%d: %s%s", job.number, _why(said), "; it is run again" if again else "")
        return again

    def _returned(self, job: _Job, said: object, overrides: Sequence[str]) -> JobReturn:
        """Return what a job returned, or a FAILED one that says why it did not."""
        if isinstance(said, JobReturn) and said.status == JobStatus.COMPLETED:
            return said
        why = job.why or _why(said)
        _log.error("%s: %s", " ".join(filter_overrides(overrides)), why)
        self._reasons |= dict.fromkeys(folders_among(overrides), why)
        write_reasons(self._folder, self._reasons)
        return JobReturn(list(overrides), status=JobStatus.FAILED, _return_value=RuntimeError(why))

    def _end_late_ones(self) -> None:
        """Warn jobs that have run too long; end those that were warned and go on."""
        now = time.monotonic()
        for stream, job in self._live.items():
            if job.asked is not None and now - job.asked > _GRACE_S:
                self._ray.cancel(stream, force=True)
            elif job.asked is None and job.started and now - job.since > self._limits.seconds:
                self._ask(job, WARNING, _TIMEOUT)

    def _ask(self, job: _Job, number: int, why: str) -> None:
        """Send a signal to the process of a job, on whichever machine it is.

        Not `ray.cancel(force=False)`: it interrupts neither a call that waits, nor a job in
        Ray's own code without harm.
        """
        assert job.started is not None
        job.asked, job.why = time.monotonic(), why
        tag = job.started.tag
        if json.loads(tag)["host"] == socket.gethostname():
            send_signal(tag, number)
            return
        there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        task = self._ray.remote(send_signal).options(
            num_cpus=0, max_retries=0, scheduling_strategy=there(job.started.node, soft=False)
        )
        task.remote(tag, number)


def _is_of_ray(said: object) -> bool:
    """Return whether an error says that Ray lost a job, not that the job failed."""
    names = {each.__name__ for each in type(said).__mro__}
    return "RayError" in names and not names & {"RayTaskError", "TaskCancelledError"}


def _why(said: object) -> str:
    """Return in words how a job has ended that did not end well."""
    if isinstance(said, Interrupted):
        return f"its worker got {said.signal}"
    if isinstance(said, JobReturn):
        return str(said._return_value)
    name = type(said).__name__
    lines = str(said).strip().splitlines()
    if name in _MEANING:
        return f"{name} ({_MEANING[name]})"
    return f"{name}: {lines[-1] if lines else 'no message'}"
