"""A sweep from start to end: what is done is skipped, what fails is named, what died is redone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from pipeline.sweep import __main__ as command
from pipeline.sweep.__main__ import main, sweep_of
from pipeline.sweep.driver import SweepError, processes_at_once, run_sweep
from tests.sweep.desk import Desk, logged, meanwhile

ROOT = Path(__file__).resolve().parents[2]
DIMENSIONS = ("dataset.d=2,3",)


@pytest.fixture(scope="module")
def desk(tmp_path_factory, database, composed_once) -> Desk:
    return Desk(tmp_path_factory.mktemp("sweep"), database=database)


@pytest.fixture(scope="module")
def one_at_a_time():
    """The launcher is the worker then: half as many processes to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "processes_at_once", lambda cores: 1)
        yield


@pytest.fixture(scope="module")
def failed(desk, one_at_a_time):
    """The rows of a sweep of four jobs, two of which make no sense."""
    return run_sweep(sweep_of(desk.arguments("grid", *DIMENSIONS, "rho=1/2,5/4")))


def test_every_job_has_a_row_and_a_run_nested_in_the_drivers(desk, failed):
    assert sorted(row.status for row in failed) == ["FAILED"] * 2 + ["FINISHED"] * 2
    jobs, (parent,) = desk.runs("grid")
    assert {run.data.tags["mlflow.parentRunId"] for run in jobs} == {parent.info.run_id}
    assert len(jobs) == 4 and parent.info.status == "FINISHED"


def test_each_failure_is_named_in_the_parent_run_with_its_reason(desk, failed):
    _, (parent,) = desk.runs("grid")
    note = parent.data.tags["mlflow.note.content"]
    assert note.count("rho must lie in (0, 1), got 5/4 (Definition 2.2)") == 2
    assert parent.data.metrics["sweep/jobs"] == 4 and parent.data.metrics["sweep/failed"] == 2
    files = {file.path for file in desk.client.list_artifacts(parent.info.run_id)}
    assert {"sweep.csv", "sweep.json"} <= files


def test_a_rerun_does_only_what_is_not_done(desk, failed):
    code = main(desk.arguments("grid", *DIMENSIONS, "rho=1/2,1/4"))
    assert code == 0
    finished = desk.finished("grid")
    assert len(finished) == 4 and set(finished.values()) == {1}
    (listed,) = desk.folder.glob("grid/jobs.json")
    before = [job["finished"] is not None for job in json.loads(listed.read_text())]
    assert sorted(before) == [False, False, True, True]


def test_a_killed_worker_and_what_it_took_along_are_done_again(desk):
    """Kill the launcher's first worker as soon as a job of the sweep is RUNNING."""
    sweep = replace(
        sweep_of(desk.arguments("killed", *DIMENSIONS, "rho=1/2,1/3", "seed=1")), processes=2
    )
    with logged() as said, meanwhile(lambda over: _kill_a_worker(desk, "killed", over)):
        rows = run_sweep(sweep)
    assert all(row.done for row in rows) and len(rows) == 4
    assert any("TerminatedWorkerError" in each and "launched again" in each for each in said)
    jobs, _ = desk.runs("killed")
    finished = desk.finished("killed")
    assert len(finished) == 4 and set(finished.values()) == {1}
    assert {run.info.status for run in jobs} == {"FINISHED", "KILLED"}


def _kill_a_worker(desk: Desk, name: str, over: threading.Event) -> None:
    while not over.wait(0.05):
        for run in desk.runs(name)[0]:
            tag = run.data.tags.get("process")
            if run.info.status == "RUNNING" and tag:
                os.kill(json.loads(tag)["pid"], signal.SIGKILL)
                return


def test_a_killed_driver_takes_its_launcher_along_and_the_next_one_ends_every_run(
    desk, one_at_a_time
):
    arguments = desk.arguments("driver", "dataset.d=2", "rho=1/2,1/7", "seed=2")
    driver = subprocess.Popen(
        [sys.executable, "-m", "pipeline.sweep", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not desk.folder.joinpath("driver", "jobs.json").exists() and driver.poll() is None:
        time.sleep(0.05)
    (launcher,) = [
        each for each in psutil.Process(driver.pid).children() if "--multirun" in each.cmdline()
    ]
    while not launcher.children() and launcher.is_running():
        time.sleep(0.01)
    # One that has only just been started among them.
    workers = launcher.children()
    driver.kill()
    driver.wait()
    launcher.wait(timeout=30)
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    rows = run_sweep(sweep_of(arguments))
    assert all(row.done for row in rows) and len(rows) == 2
    jobs, drivers = desk.runs("driver")
    assert sorted(run.info.status for run in drivers) == ["FINISHED", "KILLED"]
    assert not [run for run in jobs if run.info.status == "RUNNING"]
    assert sorted(desk.finished("driver").values()) == [1, 1]


def test_sources_edited_while_a_sweep_runs_end_it_by_name_and_void_nothing_done(
    desk, one_at_a_time, tmp_path
):
    """A copy of the sources, in which a comment is added once a job has FINISHED."""
    for folder in ("pipeline", "conf", "hydra_plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    sweep = sweep_of(desk.arguments("edited", "dataset.d=2", "rho=1/2,1/3,1/5", "seed=3"))

    def edit(over):
        while not desk.finished("edited") and not over.wait(0.02):
            pass
        with open(tmp_path / "pipeline" / "version_note.py", "w") as source:
            source.write("# edited\n")

    with meanwhile(edit):
        rows = run_sweep(replace(sweep, root=tmp_path))
    statuses = [row.status for row in rows]
    assert statuses[0] == "FINISHED" and statuses[-1] == "FAILED"
    assert set(statuses) == {"FINISHED", "FAILED"}
    for row in rows:
        assert row.done or "CodeChangedError: the sources changed" in row.reason
    # With the sources as they were when the first job was done, it is done.
    assert desk.finished("edited")[rows[0].digest] == 1


def test_a_sweep_has_one_driver_at_a_time(desk):
    folder = desk.folder / "busy"
    folder.mkdir(parents=True)
    with FileLock(folder / "driver.lock"), pytest.raises(SweepError, match="by another process"):
        run_sweep(sweep_of(desk.arguments("busy")))


def test_a_grid_that_does_not_compose_is_reported_in_hydras_words(desk, caplog):
    assert main(desk.arguments("wrong", "dataset.n=3")) == 1
    assert "Key 'n' not in 'DatasetConfig'" in caplog.text


def test_a_sweep_needs_a_name():
    with pytest.raises(ValueError, match="a sweep needs experiment=NAME"):
        sweep_of(["dataset=line"])


def test_as_many_processes_as_cores_allow_and_one_at_least():
    assert processes_at_once(1) >= 1
    assert processes_at_once(10**6) == 1
