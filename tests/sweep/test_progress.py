"""How far a sweep is: every job once, by its last run, and ended runs are not read over again."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from pipeline.sweep import progress as module
from pipeline.sweep.pending import SweepJob
from pipeline.sweep.progress import SweepProgress
from pipeline.tracking import open_store
from pipeline.tracking.jobs import PARENT, runs_of_jobs
from pipeline.tracking.names import TAG_JOB_DIGEST

MINUTE = 60_000


class Sweep:
    """Runs of a sweep in a real store."""

    def __init__(self, folder, database):
        shutil.copyfile(database, folder / "mlflow.db")
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = open_store(self.uri)
        self.experiment = self.client.create_experiment("sweep")
        self.run_id = "0" * 32

    def begun(self, digest, minute):
        tags = {TAG_JOB_DIGEST: digest, PARENT: self.run_id}
        run = self.client.create_run(self.experiment, start_time=minute * MINUTE, tags=tags)
        return run.info.run_id

    def ended(self, run_id, status, minute):
        self.client.set_terminated(run_id, status, end_time=minute * MINUTE)


@pytest.fixture
def sweep(tmp_path, database):
    return Sweep(tmp_path, database)


def test_every_job_counts_once_by_its_last_run(sweep):
    jobs = [SweepJob(name, (name,), None) for name in "abcd"] + [SweepJob("e", ("e",), "before")]
    progress = SweepProgress(jobs, sweep, sweep.client)
    assert progress.words() == "5 jobs: 1 done before, 4 to go"
    first = sweep.begun("a", 10)
    assert progress.words() == "5 jobs: 1 done before, 1 running, 3 to go"
    sweep.ended(first, "KILLED", 20)
    assert progress.words() == "5 jobs: 1 done before, 1 killed, 3 to go"
    again = sweep.begun("a", 21)
    sweep.ended(sweep.begun("b", 11), "FAILED", 22)
    assert progress.words() == "5 jobs: 1 done before, 1 running, 1 failed, 2 to go"
    sweep.ended(again, "FINISHED", 30)
    assert "1 finished" in progress.words() and "killed" not in progress.words()


def test_an_attempt_that_is_found_dead_later_does_not_undo_the_next_one(sweep):
    progress = SweepProgress([SweepJob("a", ("a",), None)], sweep, sweep.client)
    dead, again = sweep.begun("a", 10), sweep.begun("a", 20)
    sweep.ended(again, "FINISHED", 30)
    assert progress.words() == "1 jobs: 1 running"
    sweep.ended(dead, "KILLED", 40)
    assert progress.words() == "1 jobs: 1 finished"


def test_runs_that_ended_long_ago_are_not_read_again(sweep, monkeypatch):
    read = []

    def counted(*arguments):
        found = runs_of_jobs(*arguments)
        read.extend(run.info.run_id for runs in found.values() for run in runs)
        return found

    monkeypatch.setattr(module, "runs_of_jobs", counted)
    jobs = [SweepJob(name, (name,), None) for name in "ab"]
    progress = SweepProgress(jobs, SimpleNamespace(**vars(sweep)), sweep.client)
    old, new = sweep.begun("a", 10), sweep.begun("b", 10)
    sweep.ended(old, "FINISHED", 20)
    progress.words()
    sweep.ended(new, "FINISHED", 60)
    progress.words()
    read.clear()
    assert progress.words() == "2 jobs: 2 finished"
    assert read == [new]
