"""Runs always end: FINISHED, FAILED or KILLED; what was logged before stays."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from pipeline.tracking import TrackingError, open_store, tracked_run, tracking_uri
from pipeline.tracking.signals import sigterm_raises, uninterrupted

ROOT = Path(__file__).resolve().parents[2]

SLEEPER = """
import sys, time
from pathlib import Path
from pipeline.tracking import tracked_run
with tracked_run("sleeper", root=Path(sys.argv[1]), experiment=sys.argv[2]) as run:
    run.log_metrics({"data/N": 7})
    with run.child("inner") as inner:
        inner.log_metrics({"data/d": 3})
        print("ready", flush=True)
        time.sleep(60)
"""


def _only_run(client, experiment, name):
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id], f"attributes.run_name = '{name}'")
    return run


def test_a_run_that_ends_is_finished_with_all_it_logged(root, client, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n")
    params = {"rho": "1/2", "dataset": {"name": "iris", "N": None}, "long": "x" * 7000}
    with tracked_run(
        "full", root=root, experiment="full", tags={"dataset": "iris"}, params=params
    ) as run:
        run.log_metrics({"params/total": 60_000, "data/separation": 0.25}, step=2)
        run.set_tags({"verdict": "VERIFIED", "paper_item": None, "construction": "y" * 9000})
        run.log_artifact(table, "tables")
        run.log_artifact(tmp_path, "all")
        run.log_text("<p>hello</p>", "report.html")
        run.log_input("iris", "ab" * 32, "data/iris.npz", {"N": 150})
        assert client.get_run(run.run_id).info.status == "RUNNING"
    found = _only_run(client, "full", "full")
    assert found.info.status == "FINISHED"
    assert found.data.metrics == {"params/total": 60_000, "data/separation": 0.25}
    assert client.get_metric_history(run.run_id, "params/total")[0].step == 2
    assert found.data.params["dataset.name"] == "iris"
    assert found.data.params["dataset.N"] == "null"
    assert found.data.params["long"].endswith("(cut: 7000 characters in all)")
    assert found.data.tags["verdict"] == "VERIFIED"
    assert found.data.tags["construction"].endswith("(cut: 9000 characters in all)")
    assert "paper_item" not in found.data.tags
    folder = Path(client.download_artifacts(run.run_id, ""))
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names == {"config.yaml", "report.html", "tables/table.csv", "all/table.csv"}
    assert yaml.safe_load((folder / "config.yaml").read_text()) == params


def test_a_table_is_kept_as_json_that_reads_back(root, client):
    with tracked_run("table", root=root, experiment="table") as run:
        run.log_table({"variable": ["N", "rho"], "slope": (0.5, 4)}, "exponents.json")
    kept = json.loads(Path(client.download_artifacts(run.run_id, "exponents.json")).read_text())
    assert kept == {"columns": ["variable", "slope"], "data": [["N", 0.5], ["rho", 4.0]]}


def test_the_dataset_is_an_input_of_the_run(root, client):
    with tracked_run("input", root=root, experiment="input") as run:
        run.log_input("iris", "ab" * 32, "/data/iris.npz", {"N": 150, "d": 4, "C": 3})
    (entry,) = client.get_run(run.run_id).inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("iris", "ab" * 18)
    assert json.loads(entry.dataset.source) == {"uri": "/data/iris.npz"}
    assert json.loads(entry.dataset.profile) == {"N": 150, "d": 4, "C": 3, "sha256": "ab" * 32}
    assert [(t.key, t.value) for t in entry.tags] == [("mlflow.data.context", "memorization")]


def test_more_entries_than_one_request_holds_are_all_kept(root, client):
    with tracked_run("many", root=root, experiment="many") as run:
        run.log_params({f"p{i}": i for i in range(250)})
        run.log_metrics({f"m/{i}": i for i in range(1001)})
    data = client.get_run(run.run_id).data
    assert (len(data.params), len(data.metrics)) == (250, 1001)


def test_a_curve_of_a_nested_run_keeps_every_step(root, client):
    loss = [1 / (i + 1) for i in range(600)]
    with (
        tracked_run("parent", root=root, experiment="curve") as run,
        run.child("training", params={"width": 8}, tags={"construction": "pgd"}) as child,
    ):
        child.log_curve({"train/loss": loss, "train/accuracy": [*loss[:-1], float("inf")]})
    found = _only_run(client, "curve", "training")
    assert found.data.tags["mlflow.parentRunId"] == run.run_id
    assert found.data.tags["infinite/train/accuracy"] == "inf at step 599"
    assert found.data.params == {"width": "8"}
    history = client.get_metric_history(child.run_id, "train/loss")
    assert sorted((m.step, m.value) for m in history) == list(enumerate(loss))
    assert found.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("rho must lie in (0, 1), got 5/4"), "FAILED"),
        (MemoryError("no room"), "FAILED"),
        (SystemExit(3), "FAILED"),
        (SystemExit(0), "FINISHED"),
        (KeyboardInterrupt(), "KILLED"),
    ],
)
def test_an_exception_ends_the_run_and_every_nested_one(root, client, error, status):
    experiment = f"ends-{type(error).__name__}-{status}"
    with (
        pytest.raises(type(error)),
        tracked_run("outer", root=root, experiment=experiment) as run,
        run.child("inner"),
    ):
        run.log_metrics({"data/N": 7})
        raise error
    for name in ("outer", "inner"):
        found = _only_run(client, experiment, name)
        assert found.info.status == status
        if status != "FINISHED":
            assert found.data.tags["error"] == f"{type(error).__name__}: {error}"
    assert _only_run(client, experiment, "outer").data.metrics == {"data/N": 7}


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)]
)
def test_a_signal_kills_the_run_and_what_was_logged_stays(root, client, signum, code):
    experiment = f"signal-{signum}"
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(root), experiment],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signum)
    process.communicate(timeout=60)
    assert process.returncode == code
    for name, metrics in (("sleeper", {"data/N": 7}), ("inner", {"data/d": 3})):
        found = _only_run(client, experiment, name)
        assert (found.info.status, found.data.metrics) == ("KILLED", metrics)


def test_the_former_sigterm_handler_returns():
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_raises():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_waits_for_the_end_of_an_uninterrupted_block():
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        steps.append("done")
    assert steps == ["done"]
    with pytest.raises(SystemExit), sigterm_raises(), uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        steps.append("done")
    assert steps == ["done", "done"]


def test_a_run_in_another_thread_needs_no_signal_handler(root, client):
    statuses = []

    def work() -> None:
        with tracked_run("thread", root=root, experiment="thread"):
            pass
        statuses.append(_only_run(client, "thread", "thread").info.status)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert statuses == ["FINISHED"]


def test_a_full_disk_while_logging_fails_the_run_with_a_clear_message(root, client, monkeypatch):
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        pytest.raises(TrackingError, match=r"cannot keep report.html in sqlite:.*No space left"),
        tracked_run("full disk", root=root, experiment="full disk") as run,
    ):
        run.log_metrics({"data/N": 7})
        monkeypatch.setattr(LocalArtifactRepository, "log_artifact", full)
        run.log_text("x", "report.html")
    found = _only_run(client, "full disk", "full disk")
    assert (found.info.status, found.data.metrics) == ("FAILED", {"data/N": 7})
    assert "No space left" in found.data.tags["error"]


def test_a_run_on_a_disk_that_fills_up_still_ends_as_failed(tmp_path, root):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        (disk / "mlruns").mkdir()
        shutil.copy(root / "mlruns" / "mlflow.db", disk / "mlruns")
        with (
            pytest.raises(TrackingError, match="cannot keep report.html in sqlite:.*No space"),
            tracked_run("fills", root=disk, experiment="fills") as run,
        ):
            run.log_metrics({"data/N": 7})
            _fill(disk / "filler")
            run.log_text("x" * 5000, "report.html")
        found = open_store(tracking_uri(None, disk)).get_run(run.run_id)
        assert (found.info.status, found.data.metrics) == ("FAILED", {"data/N": 7})
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_store_that_disappears_is_reported_with_the_first_error_first(tmp_path, root):
    shutil.copytree(root / "mlruns", tmp_path / "mlruns")
    with pytest.raises(TrackingError, match="cannot log metrics in sqlite") as caught:
        with tracked_run("lost", root=tmp_path, experiment="lost") as run:
            _drop_all_tables(tmp_path / "mlruns" / "mlflow.db")
            run.log_metrics({"data/N": 7})
    assert any("may still read RUNNING" in note for note in caught.value.__notes__)


def test_changing_a_parameter_is_an_error(root):
    with (
        pytest.raises(TrackingError, match="cannot log parameters"),
        tracked_run("twice", root=root, experiment="twice", params={"seed": 1}) as run,
    ):
        run.log_params({"seed": 2})


def test_the_commit_is_a_tag_where_there_is_git(root, tmp_path, client, monkeypatch):
    repository = tmp_path / "repository"
    shutil.copytree(root / "mlruns", repository / "mlruns")
    with tracked_run("no commit", root=repository) as run:
        pass
    tags = open_store(tracking_uri(None, repository)).get_run(run.run_id).data.tags
    assert "git_commit" not in tags
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    with tracked_run("commit", root=repository) as run:
        pass
    tags = open_store(tracking_uri(None, repository)).get_run(run.run_id).data.tags
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True
    ).stdout.strip()
    assert tags["git_commit"] == tags["mlflow.source.git.commit"] == head
    assert tags["git_dirty"] == "false"
    monkeypatch.setenv("PATH", "")
    with tracked_run("no git", root=repository) as run:
        pass


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(path.parent).free == 0


def _drop_all_tables(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DROP TABLE runs")
        connection.commit()
