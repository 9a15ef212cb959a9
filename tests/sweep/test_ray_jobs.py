"""Jobs on Ray: all are waited for, those whose worker died are run again, each failure is named.

`make test-ray` does it with a real Ray; here Ray is a list of what each job says, and when.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from hydra_plugins import ray_launcher
from pipeline.sweep import ray_queue
from pipeline.sweep.ray_queue import Limits, RayQueue
from pipeline.sweep.ray_session import granted, ray_session
from pipeline.sweep.ray_worker import Interrupted, Started, ended
from pipeline.sweep.reasons import read_reasons
from pipeline.tracking.signals import WARNING

HERE = json.dumps({"host": socket.gethostname(), "pid": 7, "started": 0.0})
THERE = json.dumps({"host": "elsewhere", "pid": 7, "started": 0.0})
GOOD = JobReturn(["seed=0"], status=JobStatus.COMPLETED, _return_value=7)


# As Ray names them: the queue may not import Ray to know them.
class RayError(Exception):
    pass


class WorkerCrashedError(RayError):
    pass


class TaskCancelledError(RayError):
    pass


class RayTaskError(RayError):
    pass


class Stream:
    """What one attempt at a job says: things, or a number of seconds until the next."""

    def __init__(self, ray, says):
        self.ray, self.says, self.since = ray, list(says), ray.now

    def is_ready(self):
        if self.says and isinstance(self.says[0], float):
            if self.ray.now - self.since < self.says[0]:
                return False
            self.since += self.says.pop(0)
        return True

    def __next__(self):
        if not self.says:
            raise StopIteration
        return self.says.pop(0)


class Ray:
    """A Ray whose jobs say what they are told to, on a clock that stands still between waits."""

    def __init__(self, says):
        self.says = {number: list(attempts) for number, attempts in says.items()}
        self.now, self.most, self.told, self.streams = 0.0, 0, [], {}
        at = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
        self.util = SimpleNamespace(scheduling_strategies=at)

    def submit(self, number, overrides):
        stream = Stream(self, self.says[number].pop(0))
        self.streams[number] = stream
        return stream

    def wait(self, streams, num_returns, timeout):
        self.most = max(self.most, len(streams))
        ready = [each for each in streams if each.is_ready()][:num_returns]
        if not ready:
            self.now += timeout
            assert self.now < 3600, "waits for ever"
        return ready, [each for each in streams if each not in ready]

    def get(self, said):
        if isinstance(said, Exception):
            raise said
        return said

    def cancel(self, stream, force):
        assert force
        self.told.append("cancel")
        stream.says, stream.since = [TaskCancelledError()], self.now

    def remote(self, function):
        def options(**given):
            node = given["scheduling_strategy"]
            return SimpleNamespace(remote=lambda tag, n: self.signalled(tag, n, node))

        return SimpleNamespace(options=options)

    def signalled(self, tag, number, node=None):
        self.told.append((signal.Signals(number).name, node))
        for stream in self.streams.values():
            # Those that are deaf wait for an hour and say nothing.
            if stream.says and stream.says[0] == 600.0:
                stream.says = [Interrupted(signal.Signals(number).name)]


def started(tag=HERE):
    return Started("node", tag)


def queue(ray, folder, monkeypatch, in_flight=4, retries=1, seconds=60.0):
    monkeypatch.setattr(ray_queue, "time", SimpleNamespace(monotonic=lambda: ray.now))
    monkeypatch.setattr(ray_queue, "send_signal", ray.signalled)
    return RayQueue(ray, ray.submit, folder, Limits(in_flight, retries, seconds))


def jobs(count):
    return [[f"seed={k}", f"hydra.sweep.subdir=folder{k}"] for k in range(count)]


def test_every_job_has_a_return_in_its_place_and_failures_say_why(tmp_path, monkeypatch):
    bad = JobReturn([], status=JobStatus.FAILED, _return_value=RuntimeError("ValueError: rho"))
    ray = Ray(
        {
            0: [[5.0, started(), 9.0, GOOD]],
            1: [[started(), bad]],
            2: [[started(), RayTaskError("Traceback\nModuleNotFoundError: no flint")]],
            3: [[started()]],
            4: [[started(), GOOD]],
        }
    )
    returned = queue(ray, tmp_path, monkeypatch).run(jobs(5))
    good = [each.status == JobStatus.COMPLETED for each in returned]
    assert good == [True, False, False, False, True]
    assert read_reasons(tmp_path) == {
        "folder1": "ValueError: rho",
        "folder2": "RayTaskError: ModuleNotFoundError: no flint",
        "folder3": "RuntimeError: it ended without a word",
    }
    assert returned[2].overrides == jobs(5)[2]


def test_a_job_is_run_again_if_its_worker_died_and_not_if_it_failed(tmp_path, monkeypatch):
    lost, killed = [started(), WorkerCrashedError()], [started(), Interrupted("SIGTERM")]
    ray = Ray({0: [lost, [started(), GOOD]], 1: [killed, lost, []], 2: [[RayTaskError("x")], []]})
    returned = queue(ray, tmp_path, monkeypatch).run(jobs(3))
    assert [each.status == JobStatus.COMPLETED for each in returned] == [True, False, False]
    assert [len(ray.says[number]) for number in range(3)] == [0, 1, 1]
    why = read_reasons(tmp_path)
    assert why["folder1"] == "WorkerCrashedError (its process died: killed, or a crash)"


def test_no_more_jobs_than_asked_for_are_given_to_ray(tmp_path, monkeypatch):
    ray = Ray({number: [[started(), float(number), GOOD]] for number in range(50)})
    assert len(queue(ray, tmp_path, monkeypatch, in_flight=3).run(jobs(50))) == 50
    assert ray.most == 3


@pytest.mark.parametrize(("tag", "node"), [(HERE, None), (THERE, "node")])
def test_a_job_beyond_its_time_is_warned_where_it_runs(tmp_path, monkeypatch, tag, node):
    """It waited long for a place, which does not count."""
    ray = Ray({0: [[500.0, started(tag), 600.0, GOOD]], 1: [[started(), 59.0, GOOD]]})
    returned = queue(ray, tmp_path, monkeypatch).run(jobs(2))
    assert [each.status == JobStatus.COMPLETED for each in returned] == [False, True]
    assert ray.told == [("SIGUSR2", node)] and 560 <= ray.now < 562
    why = read_reasons(tmp_path)
    assert why == {"folder0": "TIMEOUT (the time limit, resources.minutes)"}


def test_a_job_deaf_to_the_warning_is_ended_and_not_run_again(tmp_path, monkeypatch):
    ray = Ray({0: [[started(), 3000.0, GOOD], []]})
    returned = queue(ray, tmp_path, monkeypatch).run(jobs(1))
    assert returned[0].status == JobStatus.FAILED and len(ray.says[0]) == 1
    assert ray.told == [("SIGUSR2", None), "cancel"] and 70 <= ray.now < 72
    assert read_reasons(tmp_path)["folder0"].startswith("TIMEOUT")


def test_jobs_of_a_launcher_that_is_ended_are_ended_first(tmp_path, monkeypatch):
    """One that listens, one that is deaf, one that waits for a place."""
    ray = Ray({0: [[started(), 600.0, GOOD]], 1: [[started(), 3000.0, GOOD]], 2: [[3000.0]]})
    waited = ray.wait

    def wait(streams, num_returns, timeout):
        if ray.now == 5:
            ray.now += 0.5
            raise KeyboardInterrupt
        return waited(streams, num_returns, timeout)

    ray.wait = wait
    with pytest.raises(KeyboardInterrupt):
        queue(ray, tmp_path, monkeypatch).run(jobs(3))
    assert sorted(map(str, ray.told)) == ["('SIGTERM', None)"] * 2 + ["cancel"] * 2
    assert ray.now < 17


def test_a_queue_that_would_run_nothing_is_refused():
    with pytest.raises(ValueError, match="runs nothing"):
        Limits(0, 1, 60.0)


def test_of_a_job_that_ended_well_little_is_kept():
    config = OmegaConf.create({"rho": "1/2"})
    said = ended(lambda: JobReturn([], config, config, status=JobStatus.COMPLETED))
    assert said.cfg is said.hydra_cfg is None


def test_an_error_that_cannot_be_pickled_travels_as_its_words():
    error = ValueError("rho", lambda: None)
    said = ended(lambda: JobReturn([], status=JobStatus.FAILED, _return_value=error))
    assert type(said._return_value) is RuntimeError
    assert str(said._return_value).startswith("ValueError: ('rho', ")


@pytest.mark.parametrize("number", [signal.SIGTERM, WARNING])
def test_a_signal_ends_a_job_and_is_held_back_afterwards(number):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, WARNING})
    try:
        said = ended(lambda: os.kill(os.getpid(), number))
        assert said == Interrupted(signal.Signals(number).name)
        held = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert {signal.SIGTERM, WARNING} <= held
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_job_that_ends_its_process_has_failed():
    with pytest.raises(RuntimeError, match="exit code 3"):
        ended(lambda: sys.exit(3))


def test_what_no_machine_has_is_an_error_and_not_waited_for():
    asked = {"CPU": 4, "memory": 2.0**32, "GPU": 0}
    small, large = {"CPU": 2.0, "memory": 2.0**31}, {"CPU": 8.0, "memory": 2.0**33}
    assert granted(asked, [small, large], False) == asked
    with pytest.raises(ValueError, match=r"resources.cores=4 resources.memory_gb=4"):
        granted(asked, [small, {"CPU": 8.0, "memory": 2.0**31}], False)
    assert granted(asked, [small], True) == {"CPU": 2.0, "memory": 2.0**31, "GPU": 0}
    with pytest.raises(ValueError, match="resources.gpus=1"):
        granted(asked | {"GPU": 1}, [large], True)


def test_nobody_at_an_address_is_an_error_before_ray_is_asked():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with (
            pytest.raises(ConnectionError, match="no Ray at 127"),
            ray_session({"address": address}),
        ):
            pass
    with pytest.raises(ValueError, match="auto"), ray_session({"address": "ray://a:1"}):
        pass


def test_without_ray_the_launcher_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(ray_launcher, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"-e '.\[ray\]'"):
        ray_launcher.RayLauncher({}, {}, 1, 0)
