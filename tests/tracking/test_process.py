"""Whether the process of a run is gone: looked up here, asked of SLURM, or unknown."""

import json
import os
import stat
import subprocess
import sys
import time

import psutil
import pytest

from pipeline.tracking.process import has_ended, process_tag


def test_a_process_that_runs_has_not_ended():
    assert has_ended(process_tag()) is False


def test_a_process_that_was_killed_has_ended_even_before_it_is_waited_for():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process = psutil.Process(child.pid)
    tag = json.loads(process_tag()) | {"pid": child.pid, "started": process.create_time()}
    assert has_ended(json.dumps(tag)) is False
    child.kill()
    # psutil's own wait would take the child's exit status, and with it the process.
    while process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert has_ended(json.dumps(tag)) is True
    child.wait()
    assert has_ended(json.dumps(tag)) is True


def test_another_process_with_the_same_id_is_not_taken_for_it():
    tag = json.loads(process_tag())
    assert has_ended(json.dumps(tag | {"started": tag["started"] - 3600})) is True


@pytest.mark.parametrize("tag", ["", "{}", "nonsense", '{"host": "elsewhere", "pid": 1}', "[]"])
def test_nothing_is_concluded_from_a_tag_that_says_nothing(tag):
    assert has_ended(tag) is None


@pytest.mark.parametrize("slurm", [{}, {"slurm": "no id"}, {"slurm": None}])
def test_nothing_is_concluded_about_another_machine_without_slurm(slurm):
    tag = json.loads(process_tag()) | {"host": "another-machine"} | slurm
    assert has_ended(json.dumps(tag), lambda job: "FORGOTTEN") is None


@pytest.mark.parametrize(
    ("script", "ended"),
    [
        ("echo RUNNING", False),
        ("echo PENDING", False),
        ("true", True),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", True),
        ("echo 'Unable to contact slurm controller' >&2; exit 1", None),
    ],
)
def test_slurm_is_asked_about_a_job_of_another_machine(tmp_path, monkeypatch, script, ended):
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\n{script}\n")
    squeue.chmod(squeue.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    tag = json.loads(process_tag()) | {"host": "another-machine", "slurm": "17"}
    assert has_ended(json.dumps(tag)) is ended


def test_the_slurm_job_and_its_cluster_are_a_part_of_the_tag(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "ours")
    tag = json.loads(process_tag())
    assert (tag["slurm"], tag["cluster"]) == ("4711", "ours")


def test_a_job_of_another_cluster_is_not_taken_for_ours_of_the_same_number(tmp_path, monkeypatch):
    for name, script in (("squeue", "true"), ("scontrol", "echo 'ClusterName      = ours'")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    tag = json.loads(process_tag()) | {"host": "another-machine", "slurm": "17"}
    assert has_ended(json.dumps(tag | {"cluster": "ours"})) is True
    assert has_ended(json.dumps(tag | {"cluster": "theirs"})) is None
