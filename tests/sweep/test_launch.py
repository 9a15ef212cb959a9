"""The process that launches jobs: no worker outlives it, and its last words are found."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.sweep.launch import LOG, last_error, last_words

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = """
import os, subprocess, sys
from pathlib import Path
os.environ["PIPELINE_SWEEP_LAUNCHER"] = str(os.getpid())
for state in ("busy", "idle"):
    subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2], state])
print("started", flush=True)
sys.stdin.read()
"""
# Whatever a job raises, a worker waits for the next one.
WORKER = """
import sys, time
from pathlib import Path
from pipeline.stages.once import _ended_with_launcher
from pipeline.tracking.signals import sigterm_raises
state = sys.argv[2]
try:
    with _ended_with_launcher(), sigterm_raises():
        if state == "busy":
            Path(sys.argv[1], state).touch()
            time.sleep(120)
except BaseException as error:
    Path(sys.argv[1], "told").write_text(str(error))
Path(sys.argv[1], state).touch()
time.sleep(120)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the signal")
def test_workers_end_with_a_launcher_that_was_killed_whether_busy_or_idle(tmp_path):
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, WORKER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert launcher.stdout is not None and launcher.stdout.readline() == b"started\n"
    workers = psutil.Process(launcher.pid).children()
    while not all((tmp_path / state).exists() for state in ("busy", "idle")):
        assert all(worker.is_running() for worker in workers)
        time.sleep(0.05)
    launcher.kill()
    launcher.communicate()
    _, alive = psutil.wait_procs(workers, timeout=60)
    for worker in alive:
        worker.kill()
    assert not alive and not (tmp_path / "told").exists()


def test_the_last_words_are_the_last_lines_and_the_error_among_them(tmp_path):
    assert last_words(tmp_path) == []
    lines = [f"line {n}" for n in range(20)] + ["ValueError: no", "  note"]
    (tmp_path / LOG).write_text("\n".join(lines) + "\n")
    assert last_words(tmp_path) == lines[-8:]
    assert last_error(last_words(tmp_path)) == "ValueError: no"
