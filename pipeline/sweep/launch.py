"""The process that launches the jobs of a sweep, apart from the driver so that it may crash."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.tracking.signals import sigterm_with_parent

_GRACE_S = 20
LOG = "launcher.log"
# Digests of jobs that failed already; they are not launched again by the same sweep.
LEAVE = "PIPELINE_SWEEP_LEAVE"


def start(
    arguments: Sequence[str], folder: Path, root: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Return the launching process; what it and its jobs print goes to `launcher.log`.

    It and its workers are a process group of their own, so that Ctrl-C reaches the driver alone.

    Args:
        arguments: of `python -m pipeline --multirun`.
        folder: of the sweep.
        root: the repository.
        environment: variables for the jobs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOG, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", "--multirun", *arguments],
            cwd=root,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=sigterm_with_parent,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and its workers: asked first, so that their runs are marked KILLED."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            continue


def last_words(folder: Path) -> list[str]:
    """Return the last lines that the launching process or its jobs printed.

    Args:
        folder: of the sweep.
    """
    try:
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.strip().splitlines()[-8:]


def last_error(words: Sequence[str]) -> str:
    """Return the last line that names an error, or the last one: a log may end on a full disk.

    >>> last_error(["OSError: [Errno 28] No space left on device", "During handling of the ab"])
    'OSError: [Errno 28] No space left on device'
    >>> last_error([])
    'it said nothing'
    """
    named = [line for line in words if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (named or list(words) or ["it said nothing"])[-1]
