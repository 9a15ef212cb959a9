"""A tracking server: many writers lose nothing, and a job that loses it goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from requests import HTTPError, Response

from pipeline.tracking import TrackingError, open_store, server, tracked_run
from pipeline.tracking.errors import Unreachable, tracking_errors
from pipeline.tracking.journal import journals, read_journal, spool_folder
from pipeline.tracking.server import ready_store
from pipeline.tracking.sync import sync
from tests.tracking.logged import PARAMS, everything, log_everything
from tests.tracking.served import Road, Server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def served(root, tmp_path_factory):
    """A server with a store that need not be migrated first."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(root / "mlruns" / "mlflow.db", folder / "server.db")
    running = Server(folder)
    running.start()
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Do not wait for a server that these tests have killed."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture(scope="module")
def direct(root, client, tmp_path_factory) -> dict:
    """What the local store knows about a run that logged everything."""
    with tracked_run("job", root=root, experiment="compared", params=PARAMS) as run:
        log_everything(run, tmp_path_factory.mktemp("compared"), lambda: None)
    return everything(client, "compared")


def test_eight_processes_lose_nothing_on_a_fresh_local_store_and_on_a_server(served):
    command = [sys.executable, "-m", "tests.benchmarks.bench_tracking", "--nested"]
    done = subprocess.run(
        [*command, "--uri", "", served.uri], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(results) == 2
    for counted in results:
        assert (counted["runs"], counted["metrics"]) == (8 * 20, 8 * 20 * 30)
        assert (counted["lost"], counted["spooled"]) == ({"runs": 0, "metrics": 0}, 0)


def test_a_server_prints_what_jobs_need_and_keeps_artifacts_behind_it(
    served, tmp_path, direct, capfd
):
    assert f"tracking=server tracking.uri={served.uri}\n" in served.printed()
    with tracked_run("job", root=tmp_path, uri=served.uri, experiment="job", params=PARAMS) as run:
        log_everything(run, tmp_path, lambda: None)
    client = open_store(served.uri)
    assert everything(client, "job") == direct
    assert client.get_run(run.run_id).info.artifact_uri.startswith("mlflow-artifacts:/")
    assert (served.folder / "artifacts").is_dir() and not (tmp_path / "mlruns").exists()
    # The same store without its server has no way to the artifacts.
    with pytest.raises(TrackingError, match="keeps artifacts behind its server"):
        with tracked_run("x", root=served.folder, uri="sqlite:///server.db", experiment="job"):
            pass


def test_artifacts_in_files_of_another_machine_are_refused(served, tmp_path):
    open_store(served.uri).create_experiment("afar", artifact_location="file:///not/here/artifacts")
    with pytest.raises(TrackingError, match="in file:///not/here/artifacts, which is not on this"):
        with tracked_run("x", root=tmp_path, uri=served.uri, experiment="afar"):
            pass


def test_what_a_server_refuses_fails_the_job_and_is_not_spooled(served, tmp_path):
    with (
        pytest.raises(TrackingError, match="cannot log parameters in http") as refusal,
        tracked_run("x", root=tmp_path, uri=served.uri, experiment="refused") as run,
    ):
        run.log_params({"seed": 1})
        run.log_params({"seed": 2})
    assert not isinstance(refusal.value, Unreachable)
    assert open_store(served.uri).get_run(run.run_id).info.status == "FAILED"
    assert journals(spool_folder(tmp_path)) == []


@pytest.mark.parametrize(
    ("status", "away"), [(400, False), (404, False), (413, False), (429, True), (503, True)]
)
def test_a_fault_of_the_server_is_none_of_the_request(status, away):
    answer = Response()
    answer.status_code = status
    with pytest.raises(TrackingError) as caught, tracking_errors("keep x", "http://h"):
        raise HTTPError(response=answer)
    assert isinstance(caught.value, Unreachable) == away
    # A database is not behind a server that may come back.
    with pytest.raises(TrackingError) as caught, tracking_errors("keep x", "sqlite:///x"):
        raise HTTPError(response=answer)
    assert not isinstance(caught.value, Unreachable)


LOST = {
    "create": b"/mlflow/runs/create ",
    "metrics": b'"time/report_s"',
    "artifact": b"three.txt ",
}


@pytest.mark.parametrize("last_words", LOST.values(), ids=LOST.keys())
def test_what_a_server_did_but_could_not_confirm_is_not_done_twice(
    served, tmp_path, direct, last_words
):
    road = Road(served)
    road.last_words = last_words
    experiment = f"lost {last_words!r}".replace("/", " ").replace('"', "")
    spool = spool_folder(tmp_path)
    with tracked_run(
        "job", root=tmp_path, uri=road.uri, experiment=experiment, params=PARAMS
    ) as run:
        log_everything(run, tmp_path, lambda: None)
    (folder,) = journals(spool)
    road.last_words, road.cut = None, False
    (done,) = sync(spool, None, tmp_path)
    road.close()
    assert (done.left, journals(spool)) == ("", [])
    client = open_store(served.uri)
    assert everything(client, experiment) == direct
    first = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert done.run_id in {each.info.run_id for each in first}
    assert folder.name.startswith("2") and run.place.startswith("spooled to ")


def test_one_lost_answer_is_asked_for_again_and_no_run_is_there_twice(
    served, tmp_path, direct, monkeypatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    road = Road(served)
    road.last_words, road.once = LOST["create"], True
    with tracked_run("job", root=tmp_path, uri=road.uri, experiment="once", params=PARAMS) as run:
        log_everything(run, tmp_path, lambda: None)
    road.close()
    assert road.last_words is None
    assert journals(spool_folder(tmp_path)) == []
    assert everything(open_store(served.uri), "once") == direct


def test_a_server_that_is_back_when_the_job_ends_gets_all_of_it(served, tmp_path, direct, caplog):
    road = Road(served)
    with tracked_run("job", root=tmp_path, uri=road.uri, experiment="back", params=PARAMS) as run:
        log_everything(run, tmp_path, lambda: setattr(road, "cut", True))
        road.cut = False
    road.close()
    assert "tracking server reachable again: uploaded" in caplog.text
    assert journals(spool_folder(tmp_path)) == []
    assert everything(open_store(served.uri), "back") == direct
    assert run.place == f"run {run.run_id}" and len(run.run_id) == 32


def test_a_job_whose_server_is_killed_goes_on_and_is_uploaded_without_what_was_acknowledged(
    served, tmp_path, direct
):
    client = open_store(served.uri)
    with tracked_run(
        "job", root=tmp_path, uri=served.uri, experiment="killed server", params=PARAMS
    ) as run:
        log_everything(run, tmp_path, served.kill)
        known = run.run_id
    (folder,) = journals(spool_folder(tmp_path))
    spooled = [entry for entry in read_journal(folder).entries if hasattr(entry, "run_id")]
    # The job's own run and the child that was open; the third child began later.
    assert [entry.run_id is not None for entry in spooled] == [True, True, False]
    assert "before" not in (folder / "journal.jsonl").read_text()
    served.start()
    (done,) = sync(spool_folder(tmp_path), None, tmp_path)
    assert (done.left, done.run_id) == ("", known)
    assert everything(client, "killed server") == direct
    assert sync(spool_folder(tmp_path), None, tmp_path) == []
    assert everything(client, "killed server") == direct


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("http://h:5000", "a server keeps its runs in a database, got http://h:5000"),
        ("mlruns", "must be http"),
        ("postgresql://lab:secret@h/runs", r"lab:\*\*\*@h/runs needs psycopg: .* '\.\[server\]'"),
    ],
)
def test_a_store_that_no_server_can_use_is_named(tmp_path, monkeypatch, store, message):
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(TrackingError, match=message):
        ready_store(store, tmp_path)
