"""A journal that cannot be uploaded is named and left, and stands in nobody's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tracking import tracked_run, tracking_uri, upload
from pipeline.tracking.entries import Ended
from pipeline.tracking.errors import Unreachable
from pipeline.tracking.journal import SENT, Header, journals, read_journal, spool_folder
from pipeline.tracking.spool import Spool
from pipeline.tracking.sync import sync
from tests.tracking.logged import everything
from tests.tracking.served import free_port


@pytest.fixture(scope="module")
def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def spool(tmp_path) -> Path:
    return spool_folder(tmp_path)


def spooled(tmp_path: Path, uri: str, name: str) -> Path:
    with tracked_run(name, root=tmp_path, uri=uri, experiment=tmp_path.name) as run:
        run.log_metrics({"data/N": 7})
    return journals(spool_folder(tmp_path))[-1]


def test_a_journal_without_an_entry_is_removed(tmp_path, spool, nowhere, root):
    """The disk was full, or the process killed, between the header and the first entry."""
    Spool(spool, Header(nowhere, "empty", "20200101-000000-000000-aaaaaaaa"), []).close()
    other = spooled(tmp_path, nowhere, "job")
    done = {each.folder.name: each for each in sync(spool, tracking_uri(None, root), tmp_path)}
    assert done[other.name].left == "" and len(done) == 2 and not journals(spool)
    assert done["20200101-000000-000000-aaaaaaaa"].left == "nothing had been written to it"


def test_a_journal_that_fails_in_an_unforeseen_way_is_left_and_the_next_one_uploaded(
    tmp_path, spool, nowhere, root, monkeypatch
):
    first, second = spooled(tmp_path, nowhere, "first"), spooled(tmp_path, nowhere, "second")
    send = upload.send

    def refuse_first(client, uri, run_id, entry, *folder):
        if isinstance(entry, Ended) and entry.run == first.name:
            raise AttributeError("a class that is no more")
        send(client, uri, run_id, entry, *folder)

    monkeypatch.setattr(upload, "send", refuse_first)
    left, done = sync(spool, tracking_uri(None, root), tmp_path)
    assert left.left == "AttributeError: a class that is no more" and not left.in_use
    assert done.left == "" and journals(spool) == [first] and done.folder == second


def test_a_server_that_is_lost_is_not_asked_once_a_journal(tmp_path, spool, nowhere, monkeypatch):
    for name in ("first", "second", "third"):
        spooled(tmp_path, nowhere, name)
    asked = []

    def lost(*arguments):
        asked.append(arguments)
        raise Unreachable("gone")

    monkeypatch.setattr(upload, "open_store", lambda uri: object())
    monkeypatch.setattr(upload, "experiment_id", lost)
    assert [each.left for each in sync(spool, nowhere, tmp_path)] == ["gone"] * 3
    assert len(asked) == 1


def test_a_server_at_fault_about_one_journal_is_asked_about_the_next(
    tmp_path, spool, nowhere, monkeypatch
):
    for name in ("first", "second"):
        spooled(tmp_path, nowhere, name)
    asked = []

    def at_fault(*arguments):
        asked.append(arguments)
        raise Unreachable("500")

    monkeypatch.setattr(upload, "open_store", lambda uri: object())
    monkeypatch.setattr(upload, "experiment_id", at_fault)
    monkeypatch.setattr(upload, "require_reachable", lambda uri, within: None)
    sync(spool, nowhere, tmp_path)
    assert len(asked) == 2


@pytest.mark.parametrize("rest", ["\0" * 30 + "\n", "[0\n", "7\n", "[1]\n"])
def test_notes_that_a_power_cut_has_spoilt_are_made_anew(
    tmp_path, spool, nowhere, root, client, rest
):
    folder = spooled(tmp_path, nowhere, "job")
    entries = len(read_journal(folder).entries)
    (folder / SENT).write_text(rest)
    (done,) = sync(spool, tracking_uri(None, root), tmp_path)
    assert (done.left, done.sent) == ("", entries)
    ((_, known),) = everything(client, tmp_path.name).items()
    assert known["status"] == "FINISHED" and known["metrics"] == {"data/N": [(0, "7.0")]}
