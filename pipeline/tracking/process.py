"""Which process logs a run, and whether it is still there: a killed one leaves its run RUNNING."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable

import psutil

from pipeline.tracking.slurm import ENDED, FORGOTTEN, cluster, is_job, own_job, reason, slurm_state

# Clocks of a machine and of its processes may disagree by so much.
_SAME_START_S = 1.0


def process_tag() -> str:
    """Return host, process id and start of this process, and its SLURM job, as JSON."""
    tag: dict[str, str | int | float] = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }
    slurm, where = own_job(), os.environ.get("SLURM_CLUSTER_NAME")
    if slurm:
        # Ids of jobs are a cluster's own, and several clusters may share a store.
        tag |= {"slurm": slurm, **({"cluster": where} if where else {})}
    return json.dumps(tag)


def has_ended(tag: str, ask: Callable[[str], str | None] = slurm_state) -> bool | None:
    """Return whether the process of a tag is gone; None if that cannot be told from here.

    A process on this machine is looked up; one of another machine is gone if SLURM has forgotten
    its job or calls it over.

    Args:
        tag: what `process_tag` returned.
        ask: returns the state of a SLURM job.
    """
    try:
        process = json.loads(tag)
        host, pid, started = process["host"], int(process["pid"]), float(process["started"])
    except (ValueError, TypeError, KeyError):
        return None
    if host == socket.gethostname():
        return not _runs(pid, started)
    job = slurm_job(tag)
    state = ask(job) if job is not None else None
    return None if state is None else state in ENDED or state == FORGOTTEN


def slurm_job(tag: str) -> str | None:
    """Return the SLURM job of a process, None if it had none or had it on another cluster."""
    try:
        process = json.loads(tag)
        job, where = str(process["slurm"]), process.get("cluster")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return job if is_job(job) and (where is None or where == cluster()) else None


def slurm_reason(tag: str) -> str | None:
    """Return how SLURM ended the job of a process; None if it did not or does not tell."""
    job = slurm_job(tag)
    if job is None:
        return None
    state = slurm_state(job)
    return reason(job, state) if state in ENDED - {"COMPLETED"} else None


def _runs(pid: int, started: float) -> bool:
    """Return whether the process of this id is the one that started then, and no zombie."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
