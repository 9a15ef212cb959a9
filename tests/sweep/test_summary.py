"""The summary of a sweep: one row a job, whatever became of it."""

from types import SimpleNamespace

import pytest

from pipeline.sweep.pending import SweepJob
from pipeline.sweep.summary import (
    counts_text,
    failures_text,
    job_rows,
    sweep_frame,
    sweep_note,
)


def run(run_id, status, error=None, P=None, verified=None):
    tags = {"verdict": "VERIFIED", "construction": "parallel_balls"}
    tags |= {"error": error} if error else {}
    metrics = {} if P is None else {"params/total": float(P), "robust/verified": verified}
    return SimpleNamespace(
        info=SimpleNamespace(run_id=run_id, status=status, start_time=1000, end_time=3500),
        data=SimpleNamespace(tags=tags, metrics=metrics, params={}),
    )


JOBS = [SweepJob(digest, (f"seed={digest}",), None) for digest in "abcd"]
JOBS[3] = SweepJob("d", ("seed=d",), "before")
RUNS = {
    "a": [run("1", "KILLED", "died"), run("2", "FINISHED", P=1031, verified=1.0)],
    "b": [run("3", "FAILED", "ValueError: no | good\nat all")],
}


@pytest.fixture
def rows():
    return job_rows(JOBS, RUNS, {"d": run("before", "FINISHED", P=7, verified=0.5)})


def test_every_job_has_one_row_with_its_best_run(rows):
    assert [(row.digest, row.status, row.run_id) for row in rows] == [
        ("a", "FINISHED", "2"),
        ("b", "FAILED", "3"),
        ("c", "NOT STARTED", ""),
        ("d", "FINISHED BEFORE", "before"),
    ]
    assert [row.done for row in rows] == [True, False, False, True]
    assert rows[0].parameter_count == 1031 and rows[0].seconds == 2.5 and rows[0].reason == ""
    assert rows[1].reason.startswith("ValueError")


def test_the_launcher_says_why_runs_were_killed_or_never_began_and_runs_why_they_failed():
    runs = RUNS | {"d": [run("4", "KILLED", "Terminated: SIGTERM")]}
    reasons = {digest: f"CANCELLED {digest}" for digest in "abcd"}
    rows = job_rows(JOBS, runs, {}, reasons)
    assert [row.reason.split(":")[0] for row in rows] == [
        "",
        "ValueError",
        "CANCELLED c",
        "CANCELLED d",
    ]
    assert [row.attempts for row in rows] == [2, 1, 0, 1]
    assert job_rows(JOBS, runs, {})[3].reason == "Terminated: SIGTERM"


def test_counts_and_failures_are_named(rows):
    assert counts_text(rows) == "4 jobs: 1 finished, 1 not started, 1 finished before, 1 failed"
    failures = failures_text(rows)
    assert "FAILED       b: ValueError: no | good" in failures
    assert "NOT STARTED  c: " in failures and "FINISHED" not in failures


def test_the_note_lists_failures_first_and_escapes_them(rows):
    note = sweep_note("smoke", rows)
    lines = [line for line in note.splitlines() if line.startswith("| ")][1:]
    assert [line.split()[1].removesuffix("&nbsp;") for line in lines] == ["b", "c", "a", "d"]
    assert "ValueError: no \\| good at all" in note and "1,031" in note and "100%" in note


def test_a_long_note_says_where_the_rest_is():
    jobs = [SweepJob(str(k), (f"seed={k}",), None) for k in range(150)]
    note = sweep_note("long", job_rows(jobs, {}, {}))
    assert "The first 100 of 150 jobs." in note and "`sweep.csv`" in note
    assert len(sweep_frame(job_rows(jobs, {}, {}))) == 150


def test_what_all_jobs_share_is_said_once_and_kept_whole_in_the_table():
    shared = ("experiment=smoke", "cache.folder=/scratch/cache", "sweep.parent=ab12")
    jobs = [SweepJob(rho, (f"rho={rho}", *shared), None) for rho in ("1/4", "1/2")]
    rows = job_rows(jobs, {}, {})
    note, failures = sweep_note("grid", rows), failures_text(rows)
    assert "All with `experiment=smoke`." in note and note.count("experiment=smoke") == 1
    assert "| rho1/4&nbsp;" in note and "| rho1/2&nbsp;" in note
    for text in (note, failures):
        assert "/scratch" not in text and "ab12" not in text
    assert failures.splitlines()[0].startswith("NOT STARTED  rho1/4: ")
    table = sweep_frame(rows)
    assert table["overrides"][1] == "rho=1/2 " + " ".join(shared)
    # The dashboard's preview shows the first columns.
    assert list(table)[:2] == ["job", "status"] and list(table["job"]) == ["rho1/4", "rho1/2"]
    assert list(sweep_frame([])) == ["job"]
    # Of one job nothing tells it apart: its digest does.
    assert "| 1/4&nbsp;" in sweep_note("one", rows[:1])
    assert sweep_note("none", []).startswith("**Sweep none.** 0 jobs")
