"""Jobs on SLURM: all are waited for, none for ever, and each that did not end well says why.

`make test-cluster` does it with a real SLURM; here SLURM is a list of what it says when asked.
"""

from __future__ import annotations

import json
import pickle
import signal
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf
from submitit.core.utils import FailedJobError, UncompletedJobError

from pipeline.sweep import slurm_jobs
from pipeline.sweep.reasons import read_reasons
from pipeline.sweep.slurm_jobs import ARRAYS, SlurmQueue, run_as_slurm_job
from pipeline.tracking import Terminated
from pipeline.tracking.signals import WARNING, sigterm_raises


class Slurm:
    """What SLURM says, one answer after the other, the last one for ever; and what it was told."""

    def __init__(self, folder, answers):
        self.folder, self.answers, self.told, self.refuse, self.arrays = folder, answers, [], [], 0
        self.now = 0.0

    def states(self, arrays):
        answer = self.answers[0]
        if len(self.answers) > 1:
            self.answers.pop(0)
        return answer() if callable(answer) else answer

    def cancel(self, jobs, name):
        self.told.append((list(jobs), name))

    def sleep(self, seconds):
        self.now += seconds
        assert self.now < 3600, "waits for ever"

    def map_array(self, function, overrides, *rest):
        if self.refuse.pop(0) if self.refuse else False:
            raise FailedJobError("sbatch: error: QOSMaxSubmitJobPerUserLimit")
        self.arrays += 1
        self.told.append(f"submit {len(overrides)}")
        return [self.job(f"{self.arrays}_{k}") for k in range(len(overrides))]

    def job(self, name):
        paths = SimpleNamespace(
            result_pickle=self.folder / f"{name}.pkl",
            submitted_pickle=self.folder / f"{name}.submitted",
            stderr=self.folder / f"{name}.err",
        )
        return SimpleNamespace(job_id=name, paths=paths)

    def leaves(self, name, outcome, value):
        (self.folder / f"{name}.pkl").write_bytes(pickle.dumps((outcome, value)))


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    made = Slurm(tmp_path, [{}])
    monkeypatch.setattr(slurm_jobs, "slurm_states", made.states)
    monkeypatch.setattr(slurm_jobs, "slurm_state", lambda job: slurm_jobs.FORGOTTEN)
    monkeypatch.setattr(slurm_jobs, "cancel", made.cancel)
    monkeypatch.setattr(slurm_jobs, "largest_array", lambda: 1000)
    clock = SimpleNamespace(sleep=made.sleep, monotonic=lambda: made.now)
    monkeypatch.setattr(slurm_jobs, "time", clock)
    return made


def jobs(count):
    return [
        ([f"seed={k}", f"hydra.sweep.subdir=folder{k}"], "hydra.sweep.dir", k, f"id{k}", {})
        for k in range(count)
    ]


def run(slurm, count):
    queue = SlurmQueue(slurm, slurm.folder, "sweep-a")
    return queue.run(None, jobs(count))


def test_every_job_has_a_return_and_those_that_died_say_how(slurm):
    good = JobReturn(["seed=0"], status=JobStatus.COMPLETED, _return_value=7)
    slurm.leaves("1_0", "success", good)
    slurm.leaves("1_3", "error", "Traceback\nUncompletedJobError: timed-out too many times")
    (slurm.folder / "1_4.err").write_text("first\npython: command not found\n")
    (slurm.folder / "1_5.err").write_text("some words\n")
    (slurm.folder / "1_6.pkl").write_bytes(b"half a res")
    early = {f"1_{k}": "RUNNING" for k in range(7)} | {"1_2": "PENDING", "1_4": "REQUEUED"}
    late = {"1_0": "COMPLETED", "1_1": "TIMEOUT", "1_3": "FAILED", "1_4": "FAILED"}
    slurm.answers = [None, early, late]
    returned = run(slurm, 7)
    assert returned[0].return_value == 7
    assert [each.status for each in returned[1:]] == [JobStatus.FAILED] * 6
    reasons = read_reasons(slurm.folder)
    assert sorted(reasons) == [f"folder{k}" for k in range(1, 7)]
    assert reasons["folder1"].startswith("TIMEOUT (the time limit")
    # It never ran, and SLURM knows it no more.
    assert reasons["folder2"] == "CANCELLED (scancel): SLURM job 1_2"
    assert reasons["folder3"] == "UncompletedJobError: timed-out too many times"
    assert reasons["folder4"].startswith("FAILED: SLURM job 1_4; python: command not found (log ")
    assert reasons["folder5"].startswith("FORGOTTEN") and "1_5.err" in reasons["folder5"]
    assert reasons["folder6"].startswith("its result cannot be read")


def test_of_a_job_that_ended_well_little_is_kept(slurm):
    config = OmegaConf.create({"rho": "1/2"})
    good = JobReturn(["seed=0"], cfg=config, hydra_cfg=config, status=JobStatus.COMPLETED)
    slurm.leaves("1_0", "success", good)
    (slurm.folder / "1_0.submitted").touch()
    returned = run(slurm, 1)[0]
    assert returned.overrides == ["seed=0"] and returned.cfg is returned.hydra_cfg is None
    assert [path.name for path in slurm.folder.iterdir()] == [ARRAYS]


def test_a_result_that_comes_late_is_waited_for(slurm):
    good = JobReturn(["seed=0"], status=JobStatus.COMPLETED, _return_value=7)
    slurm.answers = [
        {"1_0": "COMPLETED"},
        lambda: slurm.leaves("1_0", "success", good),
    ]
    assert run(slurm, 1)[0].return_value == 7


def test_results_that_never_come_are_not_waited_for_one_by_one(slurm):
    slurm.answers = [{f"1_{k}": "COMPLETED" for k in range(50)}]
    returned = run(slurm, 50)
    assert len(returned) == 50 and slurm.now < 60
    assert "COMPLETED: SLURM job 1_49" in read_reasons(slurm.folder)["folder49"]


def test_jobs_are_waited_for_while_slurm_does_not_answer(slurm):
    slurm.answers = [None] * 5 + [{"1_0": "CANCELLED"}]
    assert run(slurm, 1)[0].status == JobStatus.FAILED and slurm.answers == [{"1_0": "CANCELLED"}]


def test_what_slurm_refuses_while_others_are_queued_is_submitted_later(slurm, monkeypatch):
    monkeypatch.setattr(slurm_jobs, "largest_array", lambda: 2)
    ended = {f"{array}_{k}": "CANCELLED" for array in (1, 2, 3) for k in (0, 1)}
    slurm.answers = [{"1_0": "RUNNING", "1_1": "RUNNING"}, ended]
    slurm.refuse = [False, True, True, False]
    assert len(run(slurm, 5)) == 5
    assert slurm.told == ["submit 2", "submit 2", "submit 1"]
    assert sorted(read_reasons(slurm.folder)) == [f"folder{k}" for k in range(5)]


def test_no_more_jobs_are_queued_than_others_can_bear(slurm, monkeypatch):
    monkeypatch.setattr(slurm_jobs, "largest_array", lambda: 2)
    monkeypatch.setattr(slurm_jobs, "_QUEUED", 4)
    slurm.answers = [{"1_0": "RUNNING", "1_1": "RUNNING", "2_0": "RUNNING", "2_1": "RUNNING"}]
    queue = SlurmQueue(slurm, slurm.folder, "sweep-a")
    with pytest.raises(AssertionError, match="for ever"):
        queue.run(None, jobs(5))
    assert slurm.told == ["submit 2", "submit 2"]


def test_a_first_refusal_is_an_error(slurm):
    slurm.refuse = [True]
    with pytest.raises(FailedJobError):
        run(slurm, 1)


def test_what_a_dead_launcher_left_is_cancelled_first(slurm):
    text = json.dumps({"name": "sweep-a", "arrays": ["7", "9"]})
    (slurm.folder / ARRAYS).write_text(text)
    slurm.answers = [{"9_1": "PENDING", "7_0": "COMPLETED"}, {"1_0": "CANCELLED"}]
    run(slurm, 1)
    assert slurm.told == [(["7", "9"], "sweep-a"), "submit 1"]
    (slurm.folder / ARRAYS).write_text(text)
    slurm.answers, slurm.told = [{"9_1": "COMPLETED"}, {"2_0": "CANCELLED"}], []
    run(slurm, 1)
    assert slurm.told == ["submit 1"]


def test_jobs_of_a_launcher_that_is_ended_are_cancelled(slurm):
    slurm.answers = [{"1_0": "RUNNING"}]
    queue = SlurmQueue(slurm, slurm.folder, "sweep-a")
    with pytest.raises(AssertionError, match="for ever"):
        queue.run(None, jobs(1))
    slurm.now, slurm.answers = 0.0, [{"1_0": "RUNNING"}, {"1_0": "COMPLETING"}, {}]
    queue.cancel()
    assert slurm.told[-1] == (["1"], "sweep-a") and slurm.now < 5


@pytest.mark.parametrize(
    ("number", "preempted", "requeued"),
    [(signal.SIGTERM, False, False), (signal.SIGTERM, True, True), (WARNING, False, True)],
)
def test_a_job_ends_its_run_before_it_is_queued_again(monkeypatch, number, preempted, requeued):
    monkeypatch.setattr(slurm_jobs, "is_preempted", lambda job: preempted)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    events = []

    def requeue(signum, frame):
        events.append("queued again")

    def job():
        try:
            signal.raise_signal(number)
        finally:
            events.append("run ended")

    before = signal.signal(WARNING, requeue)
    try:
        with pytest.raises(Terminated, match=signal.Signals(number).name):
            run_as_slurm_job(job)
    finally:
        signal.signal(WARNING, before)
    assert events == ["run ended", *(["queued again"] if requeued else [])]


def test_a_job_that_was_queued_again_too_often_says_so():
    def requeue(signum, frame):
        raise UncompletedJobError("timed-out too many times")

    before = signal.signal(WARNING, requeue)
    try:
        with pytest.raises(UncompletedJobError, match="too many"):
            run_as_slurm_job(lambda: signal.raise_signal(WARNING))
    finally:
        signal.signal(WARNING, before)


def test_a_signal_is_named_and_ends_the_process_as_sigterm_does():
    with pytest.raises(Terminated, match="SIGUSR2") as ended, sigterm_raises(WARNING):
        signal.raise_signal(WARNING)
    assert ended.value.code == 143
