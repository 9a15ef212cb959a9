"""A sweep from start to end: what is done is skipped, what fails is named, what died is redone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from pipeline.sweep.__main__ import main, sweep_of
from pipeline.sweep.driver import SweepError, processes_at_once, run_sweep
from pipeline.tracking import open_store
from pipeline.tracking.names import TAG_JOB_DIGEST, TAG_SWEEP

ROOT = Path(__file__).resolve().parents[2]
GRID = ["dataset.N=5", "dataset.d=2,3", "report.html=false", "report.formats=[]"]


class Desk:
    """A store, a cache and a folder for sweeps."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.folder = folder / "sweeps"
        self.client = open_store(self.uri)
        self.common = [
            f"tracking.uri={self.uri}",
            f"cache.folder={folder / 'cache'}",
            f"sweep.folder={self.folder}",
            "experiment=smoke",
        ]

    def arguments(self, name, *overrides):
        return [*GRID, *self.common, f"sweep.name={name}", *overrides]

    def runs(self, name):
        """Return the jobs' runs of a sweep, and those of its driver."""
        found = self.client.get_experiment_by_name("robust-memorization")
        runs = self.client.search_runs([found.experiment_id], f"tags.{TAG_SWEEP} = '{name}'")
        jobs = [run for run in runs if TAG_JOB_DIGEST in run.data.tags]
        return jobs, [run for run in runs if run not in jobs]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def failed(desk):
    """The rows of a sweep of four jobs, two of which make no sense."""
    return run_sweep(sweep_of(desk.arguments("grid", "rho=1/2,5/4")))


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
    code = main(desk.arguments("grid", "rho=1/2,1/4"))
    assert code == 0
    jobs, _ = desk.runs("grid")
    finished = [run.data.tags[TAG_JOB_DIGEST] for run in jobs if run.info.status == "FINISHED"]
    assert len(finished) == len(set(finished)) == 4
    (listed,) = desk.folder.glob("grid/jobs.json")
    before = [job["finished"] is not None for job in json.loads(listed.read_text())]
    assert sorted(before) == [False, False, True, True]


def test_a_killed_worker_and_what_it_took_along_are_done_again(desk):
    """Kill the launcher's first worker as soon as a job of the sweep is RUNNING."""
    killed = threading.Thread(target=_kill_a_worker, args=(desk, "killed"))
    killed.start()
    rows = run_sweep(sweep_of(desk.arguments("killed", "rho=1/2,1/3,1/5", "seed=1")))
    killed.join()
    assert all(row.done for row in rows) and len(rows) == 6
    jobs, _ = desk.runs("killed")
    assert not [run for run in jobs if run.info.status == "RUNNING"]
    finished = [run.data.tags[TAG_JOB_DIGEST] for run in jobs if run.info.status == "FINISHED"]
    assert len(finished) == len(set(finished)) == 6
    assert [run for run in jobs if run.info.status == "KILLED"]


def _kill_a_worker(desk: Desk, name: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for run in desk.runs(name)[0] if desk.folder.joinpath(name).exists() else []:
            tag = run.data.tags.get("process")
            if run.info.status == "RUNNING" and tag:
                os.kill(json.loads(tag)["pid"], signal.SIGKILL)
                return
        time.sleep(0.05)


def test_a_killed_driver_takes_its_launcher_along_and_the_next_one_ends_every_run(desk):
    command = [sys.executable, "-m", "pipeline.sweep"]
    arguments = desk.arguments("driver", "rho=1/2,1/7", "seed=2")
    driver = subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not desk.folder.joinpath("driver", "jobs.json").exists() and driver.poll() is None:
        time.sleep(0.05)
    (launcher,) = [
        each for each in psutil.Process(driver.pid).children() if "--multirun" in each.cmdline()
    ]
    driver.kill()
    driver.wait()
    launcher.wait(timeout=30)
    rows = run_sweep(sweep_of(arguments))
    assert all(row.done for row in rows) and len(rows) == 4
    jobs, drivers = desk.runs("driver")
    assert sorted(run.info.status for run in drivers) == ["FINISHED", "KILLED"]
    assert not [run for run in jobs if run.info.status == "RUNNING"]
    finished = [run.data.tags[TAG_JOB_DIGEST] for run in jobs if run.info.status == "FINISHED"]
    assert len(finished) == len(set(finished)) == 4


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
