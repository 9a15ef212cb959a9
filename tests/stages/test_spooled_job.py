"""A whole job without its server: done once, few requests, nothing lost."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.stages.once import run_job_once
from pipeline.tracking.entries import Batch
from pipeline.tracking.journal import journals, read_journal
from pipeline.tracking.sync import sync
from tests.tracking.served import free_port

LINE = ("dataset=line", "dataset.N=4", "baseline=none", "construction=parallel_balls")


@pytest.fixture
def job(lab, tmp_path):
    """A job of a sweep, whose server is not there, and its folder."""
    nowhere = f"tracking.uri=http://127.0.0.1:{free_port()}"
    sweep = ("sweep.name=lost", "sweep.parent=" + "0" * 32)
    arguments = lab.arguments(tmp_path, tmp_path.name)
    config = lab.config(*arguments, *LINE, "verification.on_constructed=[]", nowhere, *sweep)
    (tmp_path / "run").mkdir()

    def run() -> None:
        run_job_once(config, tmp_path / "run", tmp_path, "a command of the tests")

    return run


def test_a_job_of_a_sweep_that_is_spooled_is_done_once(job, lab, tmp_path, caplog):
    caplog.set_level("INFO", "pipeline")
    job()
    (folder,) = journals(tmp_path / "spool")
    assert f"(spooled to {folder}, upload with make sync, " in caplog.text
    caplog.clear()
    job()
    assert journals(tmp_path / "spool") == [folder]
    assert f"done before: spooled to {folder}" in caplog.text
    (done,) = sync(tmp_path / "spool", lab.uri, tmp_path)
    assert done.left == ""
    (run,) = lab.runs(tmp_path.name)
    assert (run.info.status, run.info.run_id) == ("FINISHED", done.run_id)
    assert run.data.metrics["robust/verified"] == 1
    assert run.data.tags["mlflow.parentRunId"] == "0" * 32


def test_a_job_needs_one_request_a_stage_for_its_metrics(job, tmp_path):
    job()
    (folder,) = journals(tmp_path / "spool")
    entries = read_journal(folder).entries
    kinds = Counter(type(entry).__name__ for entry in entries)
    assert (kinds["Created"], kinds["Input"], kinds["Ended"]) == (1, 1, 1)
    # The row of the table, and the time of the report.
    assert sum(bool(entry.metrics) for entry in entries if isinstance(entry, Batch)) == 2
    # Those, the run's name, the note, and parameters: a hundred a request.
    parameters = sum(len(entry.params) for entry in entries if isinstance(entry, Batch))
    assert kinds["Batch"] == 4 + -(-parameters // 100)
