"""What SLURM's programs print is read as it is meant, and no answer is not taken for one."""

from __future__ import annotations

import json
import os

import pytest

from pipeline.tracking import slurm
from pipeline.tracking.process import process_tag, slurm_reason

GONE = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
SILENT = "echo 'Unable to contact slurm controller' >&2; exit 1"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A function that puts a program of SLURM on the path, which keeps what it was asked."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def put(name, script):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}.asked\n{script}\n')
        path.chmod(0o755)
        return tmp_path / f"{name}.asked"

    return put


def test_all_jobs_of_arrays_and_single_ones_have_their_states(programs):
    asked = programs("squeue", "printf '7|0|RUNNING\\n7|3|PENDING\\n12|N/A|TIMEOUT\\n'")
    states = slurm.slurm_states(["7_0", "7_3", "12"])
    assert states == {"7_0": "RUNNING", "7_3": "PENDING", "12": "TIMEOUT"}
    assert "--jobs=7,12" in asked.read_text() and "--states=all" in asked.read_text()


def test_forgotten_jobs_are_absent_and_no_answer_is_none(programs):
    programs("squeue", GONE)
    assert slurm.slurm_states(["7"]) == {}
    programs("squeue", SILENT)
    assert slurm.slurm_states(["7"]) is None
    assert slurm.slurm_states([]) == {}


def test_an_id_that_makes_no_sense_does_not_make_squeue_deny_the_others(programs):
    asked = programs("squeue", "echo '7|N/A|RUNNING'")
    assert slurm.slurm_states(["7", "None_3", "a;b"]) == {"7": "RUNNING"}
    assert "--jobs=7\n" in asked.read_text()


@pytest.mark.parametrize(
    ("squeue", "sacct", "state"),
    [
        ("echo RUNNING", "exit 1", "RUNNING"),
        ("true", "echo 'CANCELLED by 1000|'", "CANCELLED"),
        (GONE, "echo 'TIMEOUT|'", "TIMEOUT"),
        (GONE, "echo 'Slurm accounting storage is disabled' >&2; exit 1", slurm.FORGOTTEN),
        (SILENT, "echo 'TIMEOUT|'", None),
    ],
)
def test_accounting_is_asked_only_about_what_slurm_has_forgotten(programs, squeue, sacct, state):
    programs("squeue", squeue)
    # One column: sacct puts no bar behind it.
    programs("sacct", sacct.replace("|", ""))
    assert slurm.slurm_state("7_3") == state


def test_a_job_of_an_array_goes_by_its_place_not_by_a_number_that_may_be_the_arrays(monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    assert slurm.own_job() is None and "slurm" not in json.loads(process_tag())
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert slurm.own_job() == "7"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "11")
    assert slurm.own_job() == "7_11" == json.loads(process_tag())["slurm"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("CANCELLED", "CANCELLED (scancel): SLURM job 7_3"),
        ("TIMEOUT", "TIMEOUT (the time limit, resources.minutes): SLURM job 7_3"),
        ("COMPLETED", None),
        ("RUNNING", None),
    ],
)
def test_a_dead_process_says_how_slurm_ended_its_job(programs, state, said):
    programs("squeue", f"echo {state}")
    assert slurm_reason(json.dumps({"slurm": "7_3"})) == said
    assert slurm_reason("{}") is None and slurm_reason("no tag") is None


def test_only_a_job_that_slurm_takes_away_is_preempted(programs):
    programs("scontrol", "echo JobId=7 JobState=RUNNING PreemptTime=2026-11-27T09:00:00 Power=")
    assert slurm.is_preempted("7")
    programs("scontrol", "echo JobId=7 JobState=RUNNING PreemptTime=None Power=")
    assert not slurm.is_preempted("7")
    programs("scontrol", SILENT)
    assert not slurm.is_preempted("7")


def test_an_array_is_as_large_as_the_cluster_allows(programs):
    programs("scontrol", "echo 'MaxArraySize            = 301'")
    assert slurm.largest_array() == 300
    programs("scontrol", SILENT)
    assert slurm.largest_array() == 1000


def test_only_jobs_of_the_given_name_are_cancelled(programs):
    asked = programs("scancel", "true")
    slurm.cancel([], "sweep-a")
    assert not asked.exists()
    slurm.cancel(["7", "12"], "sweep-a")
    assert asked.read_text().split() == ["--quiet", "--name=sweep-a", "7", "12"]
