"""A job of which the store knows nothing says why: what the launcher was told, or how it ended."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pipeline.sweep import rows as module
from pipeline.sweep.pending import JOBS
from pipeline.sweep.reasons import folder_of, write_reasons
from pipeline.sweep.rows import UNKNOWN, current_rows
from pipeline.sweep.summary import BEFORE, FINISHED, NEVER
from pipeline.tracking.errors import Unreachable

RUN = SimpleNamespace(uri="http://127.0.0.1:1", experiment="1", run_id="0" * 32)
ENDED = "the launcher ended with code 1: OSError: no space"
NEW, TOLD, DONE = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Return the rows of three jobs, of which the last was done before, by what is known."""
    jobs = [
        {"digest": digest, "overrides": [digest[0]], "finished": run}
        for digest, run in ((NEW, None), (TOLD, None), (DONE, "run"))
    ]
    (tmp_path / JOBS).write_text(json.dumps(jobs), encoding="utf-8")
    write_reasons(tmp_path, {folder_of(TOLD): "OUT_OF_MEMORY"})

    def rows(launcher="", away=None, spooled=()):
        def ask(*_):
            if away is not None:
                raise away
            return {}

        monkeypatch.setattr(module, "runs_of_jobs", ask)
        monkeypatch.setattr(module, "finished_jobs", ask)
        monkeypatch.setattr(module, "spooled_jobs", lambda *_: dict.fromkeys(spooled, tmp_path))
        found = current_rows(tmp_path, tmp_path, "x", RUN, None, launcher)
        return [(row.status, row.reason) for row in found]

    return rows


def test_a_job_that_never_began_says_how_the_launcher_ended_unless_it_was_told_more(known):
    assert known(ENDED)[:2] == [(NEVER, ENDED), (NEVER, "OUT_OF_MEMORY")]
    assert known()[0] == (NEVER, "see launcher.log")


def test_without_the_server_what_was_done_before_is_known_and_the_rest_is_not(known):
    new, told, done = known(away=Unreachable("gone"))
    assert {new[0], told[0]} == {UNKNOWN} and new[1].startswith("gone; ")
    assert done == (BEFORE, "")


def test_a_job_in_the_spool_is_done_whether_the_server_answers_or_not(known):
    for away in (None, Unreachable("gone")):
        assert known(away=away, spooled=[NEW])[0] == (FINISHED, "its run is spooled: make sync")
