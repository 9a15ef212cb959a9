"""A disk that fills up or turns read-only under a sweep: it is named, and nothing done is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run

from pipeline.sweep import __main__ as command
from tests.sweep.desk import Desk, logged, meanwhile

ROOT = Path(__file__).resolve().parents[2]
JOBS = 6
ARGUMENTS = ("dataset.d=2", "rho=1/2,1/3,1/4,1/5,1/6,1/7")


@dataclass(frozen=True)
class Sweep:
    """What one `make sweep` left behind.

    Args:
        code: exit code.
        said: on the console.
        jobs: all runs of jobs so far.
        drivers: all runs of drivers so far, oldest first.
        finished: FINISHED runs a job.
        intact: what SQLite says of the database.
    """

    code: int
    said: str
    jobs: list[Run]
    drivers: list[Run]
    finished: dict[str, int]
    intact: str


def mount(path: Path, *options: str) -> None:
    done = subprocess.run(["mount", *options, str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounting is refused: {done.stderr.strip()}")


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[None]:
    """Mount something, and unmount it though files there are open."""
    mount(path, *options)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path: Path, over: threading.Event) -> None:
    """Take every byte of a disk that anybody gives back."""
    with open(path, "wb", buffering=0) as ballast:
        while not over.wait(0.005):
            try:
                while True:
                    ballast.write(b"x" * 4096)
            except OSError:
                pass


def wait_for_one_more(desk: Desk, over: threading.Event) -> None:
    """Wait until a job has FINISHED that had not."""
    before = len(desk.finished("disk"))
    while len(desk.finished("disk")) == before and not over.wait(0.02):
        pass


def make_sweep(desk: Desk, said: list[str], apart: bool = False) -> Sweep:
    """Run a sweep, in a process apart where its driver cannot end its own run."""
    said.clear()
    arguments = desk.arguments("disk", *ARGUMENTS)
    if apart:
        sweep = [sys.executable, "-m", "pipeline.sweep", *arguments]
        done = subprocess.run(sweep, cwd=ROOT, capture_output=True, text=True)
        code, words = done.returncode, done.stdout + done.stderr
    else:
        code = command.main(arguments)
        words = "\n".join(said)
    jobs, drivers = desk.runs("disk")
    with sqlite3.connect(desk.database) as connection:
        intact = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return Sweep(code, words, jobs, drivers, dict(desk.finished("disk")), intact)


@pytest.fixture(scope="module")
def story(tmp_path_factory, database, composed_once) -> dict[str, Sweep]:
    """Four sweeps of the same jobs on a disk of 8 MB."""
    disk = tmp_path_factory.mktemp("disk")
    with ExitStack() as stack:
        stack.enter_context(mounted(disk, "-t", "tmpfs", "-o", "size=8m", "none"))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        # The launcher is the worker then.
        patch.setattr(command, "processes_at_once", lambda cores: 1)
        desk, said = Desk(disk, database=database), stack.enter_context(logged())
        artifacts = disk / "artifacts"
        told = {}

        def fill_after_one(over):
            wait_for_one_more(desk, over)
            fill(disk / "ballast", over)

        with meanwhile(fill_after_one):
            told["full"] = make_sweep(desk, said, apart=True)
        (disk / "ballast").unlink()
        with mounted(artifacts, "-t", "tmpfs", "-o", "size=4k", "none"):
            (artifacts / "ballast").write_bytes(b"x" * 4096)
            told["artifacts full"] = make_sweep(desk, said)
        with ExitStack() as inner:

            def read_only_after_one(over):
                wait_for_one_more(desk, over)
                inner.enter_context(mounted(artifacts, "--bind", str(artifacts)))
                mount(artifacts, "-o", "remount,ro,bind")

            with meanwhile(read_only_after_one):
                told["read-only"] = make_sweep(desk, said)
        told["mended"] = make_sweep(desk, said)
        return told


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("full", 1, "mlflow.db: (sqlite3.OperationalError) database or disk is full"),
        ("artifacts full", 1, "mlflow.db: [Errno 28] No space left on device"),
        ("read-only", 1, "mlflow.db: [Errno 30] Read-only file system"),
        ("mended", 0, "6 jobs: "),
    ],
)
def test_the_error_names_the_disk_in_one_line(story, name, code, word):
    assert story[name].code == code
    assert word in story[name].said and "Traceback" not in story[name].said


def test_nothing_finished_is_lost_or_done_twice(story):
    before: set[str] = set()
    for sweep in story.values():
        assert set(sweep.finished) >= before and set(sweep.finished.values()) == {1}
        before = set(sweep.finished)
    assert len(before) == JOBS


def test_the_last_sweep_does_exactly_what_is_missing(story):
    last = story["mended"].drivers[-1]
    done = [
        run
        for run in story["mended"].jobs
        if run.data.tags["mlflow.parentRunId"] == last.info.run_id
    ]
    assert {run.info.status for run in done} == {"FINISHED"}
    assert len(done) == JOBS - len(story["read-only"].finished) > 0
    assert last.data.metrics["sweep/jobs"] == JOBS


def test_the_next_sweep_leaves_no_run_running(story):
    for name in ("artifacts full", "read-only", "mended"):
        runs = story[name].jobs + story[name].drivers
        assert "RUNNING" not in {run.info.status for run in runs}


def test_each_failure_is_named_in_the_run_of_its_sweep(story):
    parent = story["read-only"].drivers[-1]
    failed = [run for run in story["read-only"].jobs if run.info.status == "FAILED"]
    named = parent.data.tags["mlflow.note.content"].count("[Errno 30] Read-only file system")
    assert parent.info.status == "FAILED" and "Read-only" in parent.data.tags["error"]
    assert named == len([run for run in failed if "Read-only" in run.data.tags["error"]]) > 0
    assert "No space left" in story["artifacts full"].drivers[-1].data.tags["error"]


def test_the_database_stays_intact(story):
    assert {sweep.intact for sweep in story.values()} == {"ok"}
