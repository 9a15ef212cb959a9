"""What a job logs while its server is away is spooled, and uploaded once, all of it, later."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.tracking import TrackingError, tracked_run, tracking_uri, upload
from pipeline.tracking.entries import Ended
from pipeline.tracking.journal import (
    JOURNAL,
    JournalError,
    journals,
    read_journal,
    spool_folder,
    spooled_jobs,
)
from pipeline.tracking.sync import main as sync_command
from pipeline.tracking.sync import sync
from tests.tracking.logged import PARAMS, everything, log_everything
from tests.tracking.served import free_port

ROOT = Path(__file__).resolve().parents[2]

KILLED_WHILE_SPOOLING = """
import os, signal, sys
from pathlib import Path
from pipeline.tracking import tracked_run
with tracked_run("killed", root=Path(sys.argv[1]), uri=sys.argv[2], experiment="killed") as run:
    run.log_metrics({"data/N": 7})
    with run.child("inner") as inner:
        inner.log_metrics({"data/d": 3})
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def nowhere() -> str:
    """The address of a server that is not there."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def spool(tmp_path) -> Path:
    return spool_folder(tmp_path)


@pytest.fixture
def store(root) -> str:
    """A store to upload to; it is none that a job could lose, and no server need be started."""
    return tracking_uri(None, root)


def spooled(tmp_path: Path, uri: str, experiment: str, **options: object) -> Path:
    """Return the journal of a run that logged everything and never reached its server."""
    with tracked_run(
        "job", root=tmp_path, uri=uri, experiment=experiment, params=PARAMS, **options
    ) as run:
        log_everything(run, tmp_path, lambda: None)
    return journals(spool_folder(tmp_path))[-1]


@pytest.fixture(scope="module")
def direct(root, client, tmp_path_factory) -> dict:
    """What the store knows about a run that logged everything to it."""
    with tracked_run("job", root=root, experiment="direct", params=PARAMS) as run:
        log_everything(run, tmp_path_factory.mktemp("direct"), lambda: None)
    return everything(client, "direct")


def test_a_job_that_never_reaches_its_server_spools_all_it_logs(
    tmp_path, nowhere, spool, store, client, direct, caplog
):
    folder = spooled(tmp_path, nowhere, "never")
    told = f"tracking server unreachable: spooled to {folder}, upload with make sync"
    assert told in caplog.text
    assert "refused" in caplog.text
    assert client.get_experiment_by_name("never") is None
    (done,) = sync(spool, store, tmp_path)
    assert (done.left, journals(spool), os.listdir(spool)) == ("", [], [])
    assert everything(client, "never") == direct
    assert len(direct) == 4 and direct[None, "job"]["metrics"]["params/total"] == [(3, "7.0")]
    assert client.get_run(done.run_id).info.run_name == "job"


def test_a_second_sync_changes_nothing(tmp_path, nowhere, spool, store, client, capsys):
    spooled(tmp_path, nowhere, "twice")
    command = ["--uri", store, "--spool", str(spool)]
    assert sync_command(command) == 0
    assert "1 uploaded, 0 left" in capsys.readouterr().out
    before = everything(client, "twice")
    assert sync_command(command) == 0
    assert "0 uploaded, 0 left" in capsys.readouterr().out
    assert everything(client, "twice") == before


def test_a_sync_that_is_cut_short_at_every_entry_uploads_each_once(
    tmp_path, nowhere, spool, store, client, direct, monkeypatch
):
    """Each entry is sent, and the sync dies before it can note that."""
    folder = spooled(tmp_path, nowhere, "cut")
    died: set[str] = set()

    def dying(function):
        def send_and_die(*arguments):
            result = function(*arguments)
            entry = str([each for each in arguments if hasattr(each, "run")])
            if entry not in died:
                died.add(entry)
                raise KeyboardInterrupt
            return result

        return send_and_die

    entries = len(read_journal(folder).entries)
    with monkeypatch.context() as patch:
        patch.setattr(upload, "send", dying(upload.send))
        patch.setattr(upload, "create", dying(upload.create))
        for _ in range(entries):
            with pytest.raises(KeyboardInterrupt):
                sync(spool, store, tmp_path)
            assert folder.is_dir()
        (done,) = sync(spool, store, tmp_path)
    # All were acknowledged before but the last.
    assert (done.left, done.sent, len(died)) == ("", 1, entries)
    assert everything(client, "cut") == direct


def test_racing_syncs_upload_a_journal_once(tmp_path, nowhere, spool, store, client, direct):
    spooled(tmp_path, nowhere, "race")
    done = []
    racers = [
        threading.Thread(target=lambda: done.extend(sync(spool, store, tmp_path))) for _ in "1234"
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len([each for each in done if not each.left]) == 1
    assert all(each.in_use for each in done if each.left)
    assert everything(client, "race") == direct
    assert journals(spool) == []


def test_a_sync_leaves_alone_what_a_job_is_writing(tmp_path, nowhere, spool, store, capsys):
    with tracked_run("busy", root=tmp_path, uri=nowhere, experiment="busy") as run:
        run.log_metrics({"data/N": 1})
        assert sync_command(["--uri", store, "--spool", str(spool)]) == 0
        assert "a job or another sync is writing it" in capsys.readouterr().out
        run.log_metrics({"data/d": 1})
    assert sync_command(["--uri", store, "--spool", str(spool)]) == 0


def test_what_a_server_refuses_is_left_and_named(tmp_path, nowhere, spool, store, client, capsys):
    with tracked_run("bad", root=tmp_path, uri=nowhere, experiment="bad") as run:
        run.log_params({"seed": 1})
        run.log_params({"seed": 2})
    for _ in range(2):
        assert sync_command(["--uri", store, "--spool", str(spool)]) == 1
        printed = capsys.readouterr().out
        assert "cannot upload entry 3, batch, in sqlite" in printed and "seed" in printed
        assert "0 uploaded, 1 left" in printed
    experiment = client.get_experiment_by_name("bad").experiment_id
    assert len(client.search_runs([experiment])) == len(journals(spool)) == 1


def test_a_server_that_is_still_away_is_named(tmp_path, nowhere, spool, capsys):
    with tracked_run("waits", root=tmp_path, uri=nowhere, experiment="waits"):
        pass
    assert sync_command(["--spool", str(spool)]) == 1
    assert f"tracking server {nowhere} is unreachable" in capsys.readouterr().out


def test_a_job_that_fails_while_it_spools_fails(tmp_path, nowhere, spool, store, client):
    with (
        pytest.raises(ValueError, match="rho must lie"),
        tracked_run("fails", root=tmp_path, uri=nowhere, experiment="fails"),
    ):
        raise ValueError("rho must lie in (0, 1), got 5/4")
    sync(spool, store, tmp_path)
    (run,) = everything(client, "fails").values()
    assert run["status"] == "FAILED"
    assert run["tags"]["error"] == "ValueError: rho must lie in (0, 1), got 5/4"


def test_a_job_that_was_killed_while_it_spooled_is_killed_in_the_store(
    tmp_path, nowhere, spool, store, client
):
    command = [sys.executable, "-c", KILLED_WHILE_SPOOLING, str(tmp_path), nowhere]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, capture_output=True).returncode == -9
    (folder,) = journals(spool)
    whole = (folder / JOURNAL).read_bytes()
    # As a machine that lost its power might leave it.
    (folder / JOURNAL).write_bytes(whole + b'{"kind": "Ended", "ru')
    (done,) = sync(spool, store, tmp_path)
    assert done.left == ""
    found = everything(client, "killed")
    for name, metric in (((None, "killed"), "data/N"), (("killed", "inner"), "data/d")):
        assert (found[name]["status"], list(found[name]["metrics"])) == ("KILLED", [metric])
        assert "ended without a word" in found[name]["tags"]["error"]


def test_a_spool_that_cannot_be_made_fails_the_job(tmp_path, nowhere):
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(TrackingError, match="cannot spool to .*file/spool"),
        tracked_run("blocked", root=tmp_path, uri=nowhere, spool=tmp_path / "file" / "spool"),
    ):
        pass


def test_a_disk_that_fills_up_while_spooling_leaves_whole_lines(
    tmp_path, nowhere, spool, store, client, monkeypatch
):
    write = os.write

    def full(handle: int, data: bytes) -> int:
        write(handle, data[:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        pytest.raises(TrackingError, match="cannot spool to .*No space left"),
        tracked_run("full", root=tmp_path, uri=nowhere, experiment="spool full") as run,
    ):
        run.log_metrics({"data/N": 1})
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            run.log_metrics({"data/d": 2})
    sync(spool, store, tmp_path)
    (found,) = everything(client, "spool full").values()
    assert (found["status"], list(found["metrics"])) == ("FAILED", ["data/N"])
    assert "No space left" in found["tags"]["error"]


def test_a_model_is_spooled_and_logged_once(tmp_path, nowhere, spool, store, client, monkeypatch):
    import mlflow.pytorch
    import torch

    module = torch.nn.Linear(2, 1).double()
    with tracked_run("model", root=tmp_path, uri=nowhere, experiment="model") as run:
        run.log_model(module)
    log_model = upload.send

    def killed(*arguments):
        log_model(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(upload, "send", killed)
        sync(spool, store, tmp_path)
    sync(spool, store, tmp_path)
    (found,) = everything(client, "model").values()
    assert (found["status"], found["models"]) == ("FINISHED", 1)
    experiment = client.get_experiment_by_name("model").experiment_id
    (kept,) = client.search_logged_models([experiment])
    mlflow.set_tracking_uri(store)
    loaded = mlflow.pytorch.load_model(kept.model_uri)
    assert torch.equal(loaded.weight, module.weight)


def test_a_finished_job_in_the_spool_is_known_as_done(tmp_path, nowhere, spool):
    for digest, error in (("a", None), ("b", ValueError)):
        try:
            with tracked_run(
                "job", root=tmp_path, uri=nowhere, experiment="jobs", tags={"job_digest": digest}
            ):
                if error:
                    raise error
        except ValueError:
            pass
    done, failed = journals(spool)
    assert spooled_jobs(spool, nowhere, "jobs") == {"a": done}
    assert spooled_jobs(spool, nowhere, "others") == spooled_jobs(spool, "http://h", "jobs") == {}
    # A journal that is cut short is not one of a job that is done.
    text = (done / JOURNAL).read_bytes()
    (done / JOURNAL).write_bytes(text[:-1])
    assert spooled_jobs(spool, nowhere, "jobs") == {}
    assert read_journal(failed).entries[-1].status == "FAILED"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: b"", "has no header"),
        (lambda text: text.replace(b'"version": 1', b'"version": 2', 1), "version 2, not 1"),
        (lambda text: text.replace(b'"kind": "Batch"', b'"kind": "B"', 1), "line 3: no journal"),
        (lambda text: text.replace(b'"metrics"', b'"metres"', 1), "line 3: no journal"),
    ],
)
def test_a_journal_that_cannot_be_read_is_left_and_named(tmp_path, nowhere, spool, change, reason):
    with tracked_run("job", root=tmp_path, uri=nowhere, params={"a": 1}):
        pass
    (folder,) = journals(spool)
    (folder / JOURNAL).write_bytes(change((folder / JOURNAL).read_bytes()))
    with pytest.raises(JournalError, match=reason):
        read_journal(folder)
    (left,) = sync(spool, None, tmp_path)
    assert reason in left.left and not left.in_use and folder.is_dir()


def test_a_password_is_not_written_down_and_asked_for(tmp_path, nowhere, spool):
    secret = nowhere.replace("http://", "http://lab:secret@")
    with tracked_run("secret", root=tmp_path, uri=secret) as run:
        run.log_metrics({"data/N": 1})
    (folder,) = journals(spool)
    assert b"secret@" not in (folder / JOURNAL).read_bytes()
    (left,) = sync(spool, None, tmp_path)
    assert "password was not kept" in left.left and "lab:***@" in left.left
    assert sync(spool, "http://elsewhere", tmp_path, own=True) == []
    (mine,) = sync(spool, secret, tmp_path, own=True)
    assert "unreachable" in mine.left


def test_remnants_of_killed_processes_are_removed_after_a_while(tmp_path, store):
    spool = tmp_path / "spool"
    for name in (".old", ".new"):
        (spool / name).mkdir(parents=True)
    os.utime(spool / ".old", (0, 0))
    assert sync(spool, store, tmp_path) == []
    assert os.listdir(spool) == [".new"]


def test_a_journal_that_another_sync_removed_is_no_failure(tmp_path, nowhere, spool, store):
    with tracked_run("gone", root=tmp_path, uri=nowhere, experiment="gone"):
        pass
    (folder,) = journals(spool)
    shutil.rmtree(folder)
    done = upload.upload(folder, upload.Stores(store, tmp_path))
    assert done.in_use and not folder.exists()


def test_the_end_of_a_run_has_the_time_at_which_it_ended(tmp_path, nowhere, spool, store, client):
    with tracked_run("times", root=tmp_path, uri=nowhere, experiment="times"):
        pass
    (folder,) = journals(spool)
    created, ended = read_journal(folder).entries
    assert isinstance(ended, Ended)
    (done,) = sync(spool, store, tmp_path)
    info = client.get_run(done.run_id).info
    assert (info.start_time, info.end_time) == (created.started, ended.at)
