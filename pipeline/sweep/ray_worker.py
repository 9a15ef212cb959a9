"""One job in a worker of Ray: where it runs, then what it returned."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from pipeline.sweep.pending import ROOT
from pipeline.tracking import Terminated
from pipeline.tracking.process import has_ended, process_tag
from pipeline.tracking.signals import WARNING, sigterm_raises

_ENDING = {signal.SIGTERM, WARNING}


@dataclass(frozen=True)
class Started:
    """A job has begun.

    Args:
        node: Ray's id of the machine.
        tag: of the process.
    """

    node: str
    tag: str


@dataclass(frozen=True)
class Interrupted:
    """A job was ended by a signal, its run by itself.

    Args:
        signal: its name.
    """

    signal: str


def ray_job(
    launcher: Callable[[int, Sequence[str], Any], JobReturn],
    state: Any,
    number: int,
    overrides: Sequence[str],
) -> Iterator[Started | JobReturn | Interrupted]:
    """Yield that the job has begun, then what became of it; Ray calls this in a worker.

    Args:
        launcher: runs a job.
        state: Hydra's singletons.
        number: of the job.
        overrides: of the job.
    """
    import ray

    # What was meant for the job before, which had ended when it came.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    while signal.sigtimedwait(_ENDING, 0) is not None:
        continue
    yield Started(ray.get_runtime_context().get_node_id(), process_tag())
    os.chdir(ROOT)
    yield ended(partial(launcher, number, list(overrides), state))


def ended(run: Callable[[], JobReturn]) -> JobReturn | Interrupted:
    """Return what a job returns, without what nobody reads again.

    Signals that end it arrive only while it runs: in Ray's own code they would do harm.

    Raises:
        RuntimeError: if the job ends its process.
    """
    try:
        with sigterm_raises(WARNING):
            before = signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
            try:
                returned = run()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except Terminated as error:
        return Interrupted(str(error))
    except SystemExit as error:
        raise RuntimeError(f"the job ended its process with exit code {error.code}") from None
    value = returned._return_value
    if returned.status == JobStatus.FAILED:
        # The error itself may not be fit to travel.
        value = RuntimeError(f"{type(value).__name__}: {value}")
    return replace(returned, cfg=None, hydra_cfg=None, _return_value=value)


def send_signal(tag: str, number: int) -> None:
    """Send a signal to the process of a tag if it runs here.

    Args:
        tag: of a process on this machine.
        number: of the signal.
    """
    if has_ended(tag) is False:
        os.kill(int(json.loads(tag)["pid"]), number)
