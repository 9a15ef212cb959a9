"""Jobs of a sweep in the store: finished ones are found, and what died is ended with a reason."""

import json
import os
from types import SimpleNamespace

import pytest

from pipeline.tracking import tracked_run
from pipeline.tracking.jobs import (
    DIED,
    finished_jobs,
    job_digest,
    reap,
    runs_of_jobs,
)
from pipeline.tracking.names import TAG_ERROR, TAG_JOB_DIGEST, TAG_PROCESS
from pipeline.tracking.process import process_tag
from pipeline.tracking.store import experiment_id, tracking_uri

DEAD = json.dumps(json.loads(process_tag()) | {"started": 1.0})
ELSEWHERE = json.dumps(json.loads(process_tag()) | {"host": "another-machine"})


@pytest.fixture
def desk(root, client, tmp_path):
    """A client, the store, an experiment of its own and its name."""
    uri = tracking_uri(None, root)
    name = tmp_path.name
    return SimpleNamespace(
        client=client, uri=uri, id=experiment_id(client, uri, name, root), name=name, root=root
    )


def make(desk, digest, parent=None, fail=False):
    tags = {TAG_JOB_DIGEST: digest}
    try:
        with tracked_run(
            "job", root=desk.root, uri=desk.uri, experiment=desk.name, tags=tags, parent=parent
        ) as run:
            if fail:
                raise ValueError("as asked")
    except ValueError:
        pass
    return run.run_id


def test_a_digest_is_of_what_is_computed_and_not_of_where():
    config = {"rho": "1/2", "tracking": {"uri": None}, "workers": 2, "cache": {"folder": "a"}}
    moved = config | {"tracking": {"uri": "http://b"}, "workers": 9, "cache": {"folder": "b"}}
    moved |= {"sweep": {"name": "s", "parent": "p"}, "resources": {"cores": 7}}
    assert job_digest(config, "code") == job_digest(moved, "code")
    assert job_digest(config | {"rho": "1/3"}, "code") != job_digest(config, "code")
    assert job_digest(config, "other code") != job_digest(config, "code")


def test_only_finished_runs_make_a_job_done(desk):
    client, uri, experiment = desk.client, desk.uri, desk.id
    first, failed, again = make(desk, "a"), make(desk, "b", fail=True), make(desk, "a")
    for asked, found in (("%", {"a": again}), ("b", {}), ("a", {"a": again})):
        jobs = finished_jobs(client, uri, experiment, asked)
        assert {digest: run.info.run_id for digest, run in jobs.items()} == found
    assert first != again and failed


def test_runs_of_a_sweep_are_found_by_digest_oldest_first(desk):
    client, uri, experiment = desk.client, desk.uri, desk.id
    parent = make(desk, "parent")
    runs = [make(desk, "a", parent, fail=True), make(desk, "a", parent), make(desk, "b", parent)]
    make(desk, "a")
    found = runs_of_jobs(client, uri, experiment, parent)
    assert {digest: [run.info.run_id for run in each] for digest, each in found.items()} == {
        "a": runs[:2],
        "b": runs[2:],
    }


def test_a_run_whose_process_is_gone_is_ended_and_says_so_and_no_other_is(desk):
    client, uri, experiment = desk.client, desk.uri, desk.id
    tags = {"dead": DEAD, "mine": process_tag(), "elsewhere": ELSEWHERE, "untagged": None}
    runs = {}
    for name, tag in tags.items():
        given = {TAG_PROCESS: tag} if tag else {}
        runs[name] = client.create_run(experiment, tags=given, run_name=name).info.run_id
    assert [(dead.run_id, dead.name) for dead in reap(client, uri, experiment)] == [
        (runs["dead"], "dead")
    ]
    ended = client.get_run(runs["dead"])
    assert ended.info.status == "KILLED" and ended.data.tags[TAG_ERROR] == DIED
    others = {client.get_run(runs[name]).info.status for name in ("mine", "elsewhere", "untagged")}
    assert others == {"RUNNING"}
    assert reap(client, uri, experiment) == []


def test_slurm_is_asked_once_about_all_runs_and_says_how_a_job_ended(desk, tmp_path, monkeypatch):
    client, uri, experiment = desk.client, desk.uri, desk.id
    squeue = tmp_path / "squeue"
    squeue.write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/asked\n"
        "case $* in *%F*) printf '7|0|RUNNING\\n7|1|TIMEOUT\\n' ;; *) echo TIMEOUT ;; esac\n"
    )
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    runs = {}
    for job in ("7_0", "7_1"):
        tag = json.dumps(json.loads(ELSEWHERE) | {"slurm": job})
        runs[job] = client.create_run(experiment, tags={TAG_PROCESS: tag}).info.run_id
    reaped = reap(client, uri, experiment)
    assert [(dead.run_id, dead.reason.split()[0]) for dead in reaped] == [(runs["7_1"], "TIMEOUT")]
    assert client.get_run(runs["7_1"]).data.tags[TAG_ERROR].endswith("SLURM job 7_1")
    # Once about both, and once about the dead one.
    assert (tmp_path / "asked").read_text() == "x\n" * 2
