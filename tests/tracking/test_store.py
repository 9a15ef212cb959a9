"""Stores: ready before first use, whoever comes first; a clear message where they cannot be."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.tracking import TrackingError, dashboard_url, open_store, tracking_uri
from pipeline.tracking.errors import masked
from pipeline.tracking.store import experiment_id, require_reachable

ROOT = Path(__file__).resolve().parents[2]

RACER = """
import sys
from pathlib import Path
from pipeline.tracking import tracked_run
root = Path(sys.argv[1])
with tracked_run(sys.argv[2], root=root, params={"seed": 1}) as run:
    run.log_metrics({f"data/{i}": i for i in range(20)})
"""


def test_the_local_store_is_absolute_and_below_mlruns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(None, Path("lab")) == f"sqlite:///{tmp_path}/lab/mlruns/mlflow.db"
    assert tracking_uri("", Path("lab")) == tracking_uri(None, Path("lab"))
    assert tracking_uri("sqlite:///a/b.db", Path("/lab")) == "sqlite:////lab/a/b.db"
    assert tracking_uri("sqlite:////x/b.db", Path("/lab")) == "sqlite:////x/b.db"


@pytest.mark.parametrize("uri", ["http://h:5000", "https://h", "postgresql+psycopg://u:p@h/d"])
def test_servers_and_databases_are_taken_as_they_are(uri):
    assert tracking_uri(uri, Path("/lab")) == uri


@pytest.mark.parametrize("uri", ["mlruns", "file:///x", "sqlite:///", "ftp://h", "localhost:1"])
def test_an_unusable_store_is_named(uri):
    with pytest.raises(TrackingError, match=r"tracking\.uri must be .* got '"):
        tracking_uri(uri, Path("/lab"))


def test_passwords_are_masked():
    assert masked("https://u:p@h:5000/x") == "https://u:***@h:5000/x"
    assert masked("http://h:5000") == "http://h:5000"
    assert masked("sqlite:////a@b:c") == "sqlite:////a@b:c"


def test_artifacts_lie_below_mlruns(root, client):
    uri = tracking_uri(None, root)
    key = experiment_id(client, uri, "where", root)
    assert experiment_id(client, uri, "where", root) == key
    location = client.get_experiment(key).artifact_location
    assert location == (root / "mlruns" / "artifacts").as_uri()
    assert f"/{key}/" in dashboard_url(key)


def test_artifacts_of_another_sqlite_store_lie_beside_it(root, tmp_path):
    (tmp_path / "mine").mkdir()
    shutil.copy(root / "mlruns" / "mlflow.db", tmp_path / "mine" / "runs.db")
    uri = tracking_uri("sqlite:///mine/runs.db", tmp_path)
    other = open_store(uri)
    location = other.get_experiment(experiment_id(other, uri, "new", root)).artifact_location
    assert location == (tmp_path / "mine" / "artifacts").as_uri()


def test_a_deleted_experiment_is_reported(root, client):
    uri = tracking_uri(None, root)
    client.delete_experiment(experiment_id(client, uri, "gone", root))
    with pytest.raises(TrackingError, match="'gone' was deleted .*mlflow experiments restore"):
        experiment_id(client, uri, "gone", root)


def test_processes_that_start_together_on_a_new_store_all_succeed(tmp_path):
    racers = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RACER, str(tmp_path), f"racer {i}"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(4)
    ]
    for racer in racers:
        _, errors = racer.communicate(timeout=240)
        assert racer.returncode == 0, errors
    client = open_store(tracking_uri(None, tmp_path))
    experiment = client.get_experiment_by_name("robust-memorization")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(r.info.run_name for r in runs) == [f"racer {i}" for i in range(4)]
    assert all(r.info.status == "FINISHED" and len(r.data.metrics) == 20 for r in runs)
    files = {p.name for p in (tmp_path / "mlruns").iterdir()}
    assert files <= {"mlflow.db", "mlflow.db.lock", "artifacts"}


def test_a_store_of_an_older_schema_is_migrated_and_kept(tmp_path, root, client):
    database = tmp_path / "mlruns" / "mlflow.db"
    database.parent.mkdir()
    newest = sqlite3.connect(root / "mlruns" / "mlflow.db")
    older = sqlite3.connect(database)
    with contextlib.closing(newest), contextlib.closing(older):
        newest.backup(older)
        older.execute("DELETE FROM alembic_version")
        older.commit()
    # The tables are there and the schema's version is not: MLflow cannot migrate this, and the
    # message says so; the file from before is kept.
    with pytest.raises(TrackingError, match="cannot create or migrate the tracking store in"):
        open_store(tracking_uri(None, tmp_path))
    assert (database.parent / "mlflow.db.before-none").stat().st_size > 0


def test_a_file_that_is_no_database_is_reported(tmp_path):
    (tmp_path / "notes.db").write_text("not a database, but long enough to be read as one" * 100)
    with pytest.raises(TrackingError, match=r"notes\.db: file is not a database"):
        open_store(tracking_uri("sqlite:///notes.db", tmp_path))


def test_an_unreachable_server_is_reported_at_once():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(
        TrackingError, match=f"tracking server http://127.0.0.1:{port} is unreachable: .*refused"
    ):
        open_store(f"http://127.0.0.1:{port}")
    assert time.monotonic() - start < 15


def test_a_server_that_never_answers_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TrackingError, match="is unreachable: timed out"):
            require_reachable(url, timeout_s=0.2)


def test_a_server_that_refuses_is_reachable():
    with socket.socket() as guarded:
        guarded.bind(("127.0.0.1", 0))
        guarded.listen()

        def answer() -> None:
            connection, _ = guarded.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        require_reachable(f"http://127.0.0.1:{guarded.getsockname()[1]}", timeout_s=5)
        thread.join()


def test_importing_the_package_does_not_import_mlflow():
    code = "import sys, pipeline.tracking as t; sys.exit('mlflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
