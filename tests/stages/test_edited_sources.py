"""A job under which the sources are edited is not taken for one of the code it began with."""

from __future__ import annotations

import pytest

from pipeline.stages import job as job_module
from pipeline.stages.code_salt import CodeChangedError, code_salt
from pipeline.stages.once import run_job_once
from pipeline.tracking.jobs import MIXED
from pipeline.tracking.names import TAG_ERROR, TAG_JOB_DIGEST

LINE = ("dataset=line", "dataset.N=4", "baseline=none", "construction=parallel_balls")


@pytest.fixture
def run(lab, tmp_path):
    """Run the job of a sweep, or another one, and return what the store has of it."""

    def run(*sweep: str):
        arguments = lab.arguments(tmp_path, tmp_path.name)
        config = lab.config(*arguments, *LINE, "verification.on_constructed=[]", *sweep)
        (tmp_path / "run").mkdir(exist_ok=True)
        run_job_once(config, tmp_path / "run", tmp_path, "a command of the tests")
        return lab.runs(tmp_path.name)[0]

    return run


def test_a_job_of_a_sweep_with_other_sources_fails_before_it_does_anything(run, lab, tmp_path):
    with pytest.raises(CodeChangedError, match="since the sweep was launched"):
        run("sweep.name=s", "sweep.parent=" + "0" * 32, "sweep.code=other")
    (failed,) = lab.runs(tmp_path.name)
    assert failed.info.status == "FAILED" and not (tmp_path / "run" / "summary.json").exists()
    assert failed.data.tags[TAG_ERROR].startswith("CodeChangedError: the sources changed")


def test_sources_edited_meanwhile_fail_a_sweeps_job_and_make_another_no_sweeps(
    run, lab, tmp_path, monkeypatch, caplog
):
    stages = job_module._stages

    def edited(*arguments):
        outcomes = stages(*arguments)
        monkeypatch.setattr("pipeline.stages.code_salt._digest", lambda package: "edited")
        monkeypatch.setattr("pipeline.stages.code_salt._stamps", lambda package: [])
        return outcomes

    monkeypatch.setattr(job_module, "_stages", edited)
    with pytest.raises(CodeChangedError):
        run("sweep.name=s", "sweep.parent=" + "0" * 32, f"sweep.code={code_salt()}")
    assert lab.runs(tmp_path.name)[0].info.status == "FAILED"
    alone = run()
    assert (alone.info.status, alone.data.tags[TAG_JOB_DIGEST]) == ("FINISHED", MIXED)
    assert "no sweep will count this job as done" in caplog.text
