"""Which process logs a run, and whether it is still there: a killed one leaves its run RUNNING."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess

import psutil

_ASK_SLURM_WITHIN_S = 20
# Clocks of a machine and of its processes may disagree by so much.
_SAME_START_S = 1.0


def process_tag() -> str:
    """Return host, process id and start of this process, and its SLURM job, as JSON."""
    tag: dict[str, str | int | float] = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }
    slurm = os.environ.get("SLURM_JOB_ID")
    return json.dumps(tag | ({"slurm": slurm} if slurm else {}))


def has_ended(tag: str) -> bool | None:
    """Return whether the process of a tag is gone; None if that cannot be told from here.

    A process on this machine is looked up; one of another machine is gone if SLURM has forgotten
    its job or calls it over.
    """
    try:
        process = json.loads(tag)
        host, pid, started = process["host"], int(process["pid"]), float(process["started"])
    except (ValueError, TypeError, KeyError):
        return None
    if host == socket.gethostname():
        return not _runs(pid, started)
    return _slurm_has_ended(str(process["slurm"])) if "slurm" in process else None


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


def _slurm_has_ended(job: str) -> bool | None:
    if shutil.which("squeue") is None:
        return None
    try:
        answer = subprocess.run(
            ["squeue", "--noheader", "--jobs", job, "--format", "%T"],
            capture_output=True,
            text=True,
            timeout=_ASK_SLURM_WITHIN_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if answer.returncode != 0:
        # SLURM forgets a job some minutes after its end; any other trouble proves nothing.
        return True if "Invalid job id" in answer.stderr else None
    return not answer.stdout.strip()
