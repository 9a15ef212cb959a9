"""What SLURM says of jobs, with or without accounting: `squeue`, then `sacct` for old ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import lru_cache

_ANSWERS_WITHIN_S = 30
# From squeue's manual; a state in neither list counts as not over, and SLURM forgets the job later.
ENDED = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED LAUNCH_FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED "
    "REVOKED TIMEOUT".split()
)
FORGOTTEN = "FORGOTTEN"
_MEANING = {
    "CANCELLED": "scancel",
    "FORGOTTEN": "it ended a while ago",
    "NODE_FAIL": "its machine went down",
    "OUT_OF_MEMORY": "more than resources.memory_gb",
    "TIMEOUT": "the time limit, resources.minutes",
}


def own_job() -> str | None:
    """Return the SLURM job that this process belongs to, None outside of SLURM."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    # SLURM_JOB_ID will not do: the last job of an array has the number of the whole array.
    if array is not None:
        return f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}"
    return os.environ.get("SLURM_JOB_ID")


def is_job(text: str) -> bool:
    """Return whether a text is the id of a SLURM job.

    >>> [is_job(text) for text in ("7", "7_3", "None_3", "7_", "")]
    [True, True, False, False, False]
    """
    return re.fullmatch(r"\d+(_\d+)?", text) is not None


def slurm_states(jobs: Iterable[str]) -> dict[str, str] | None:
    """Return job -> state of all jobs of these submissions; None if SLURM does not answer.

    Args:
        jobs: ids, `7` of a job or a whole array, `7_3` of one job of an array.

    Jobs are named as they were submitted, `7` or `7_3`. SLURM forgets a job some minutes after its
    end: without accounting it is then absent.
    """
    # One id that makes no sense would make squeue deny all of them.
    numbers = sorted({job.partition("_")[0] for job in jobs if is_job(job)}, key=int)
    if not numbers or shutil.which("squeue") is None:
        return {} if not numbers else None
    which = ["--array", "--states=all", f"--jobs={','.join(numbers)}"]
    answer = _answer(["squeue", "--noheader", "--format=%F|%K|%T", *which])
    if answer is None or (answer.returncode != 0 and "Invalid job id" not in answer.stderr):
        return None
    found: dict[str, str] = {}
    for text in answer.stdout.split():
        array, place, state = text.split("|")
        found[array if place == "N/A" else f"{array}_{place}"] = state
    return found


def slurm_state(job: str) -> str | None:
    """Return the state of one job, FORGOTTEN if SLURM knows it no more, None without an answer.

    Args:
        job: `7`, or `7_3` of an array.
    """
    if shutil.which("squeue") is None:
        return None
    answer = _answer(["squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}"])
    if answer is None or (answer.returncode != 0 and "Invalid job id" not in answer.stderr):
        return None
    states = answer.stdout.split()
    return states[0] if states else _accounted(job)


def reason(job: str, state: str) -> str:
    """Return what ended a job, for people.

    >>> reason("7_3", "TIMEOUT")
    'TIMEOUT (the time limit, resources.minutes): SLURM job 7_3'
    >>> reason("7", "REVOKED")
    'REVOKED: SLURM job 7'
    """
    meaning = f" ({_MEANING[state]})" if state in _MEANING else ""
    return f"{state}{meaning}: SLURM job {job}"


def is_preempted(job: str) -> bool:
    """Return whether SLURM is taking a job's place for another one, and the job may go on later."""
    answer = _answer(["scontrol", "--oneliner", "show", "job", job])
    words = answer.stdout.split() if answer is not None else []
    times = [word.partition("=")[2] for word in words if word.startswith("PreemptTime=")]
    return bool(times) and times[0] not in ("None", "Unknown")


def cancel(jobs: Sequence[str], name: str) -> None:
    """Ask SLURM to end those of these jobs that have this name; those that ended are no error."""
    if jobs:
        _answer(["scancel", "--quiet", f"--name={name}", *jobs])


def largest_array() -> int:
    """Return how many jobs SLURM takes in one array (MaxArraySize), 1000 if it does not say."""
    size = _setting("MaxArraySize") or ""
    return max(1, int(size) - 1) if size.isdigit() else 1000


def cluster() -> str | None:
    """Return the name of the cluster that answers here, None without an answer."""
    scontrol = shutil.which("scontrol")
    return _cluster_of(scontrol) if scontrol else None


@lru_cache
def _cluster_of(scontrol: str) -> str | None:
    return _setting("ClusterName", scontrol)


def _setting(name: str, scontrol: str = "scontrol") -> str | None:
    answer = _answer([scontrol, "show", "config"])
    for line in answer.stdout.splitlines() if answer is not None else ():
        key, _, value = line.partition("=")
        if key.strip() == name:
            return value.strip()
    return None


def _accounted(job: str) -> str:
    """Return the last state that accounting knows, FORGOTTEN without accounting."""
    if shutil.which("sacct") is None:
        return FORGOTTEN
    answer = _answer(
        ["sacct", "--noheader", "--allocations", "--parsable2", "--format=State", f"--jobs={job}"]
    )
    # "CANCELLED by 1000"
    states = [line.split()[0] for line in answer.stdout.splitlines() if line] if answer else []
    return states[-1] if states else FORGOTTEN


def _answer(command: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_ANSWERS_WITHIN_S)
    except (OSError, subprocess.SubprocessError):
        return None
