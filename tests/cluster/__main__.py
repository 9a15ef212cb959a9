"""`python -m tests.cluster` (`make test-cluster`): a sweep of 12 jobs on a real SLURM.

One job is cancelled while it runs and one before it starts; one runs into its time limit and is
queued again; one is deaf to the warning and killed at the limit; running ones give way to an urgent
job and come back. The same command then does what is missing, and nothing twice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
from mlflow.entities import Run

from pipeline.tracking import open_store
from pipeline.tracking.names import TAG_ERROR, TAG_JOB_DIGEST
from tests.cluster.one_node import CPUS, missing_slurm, one_node_slurm, said
from tests.cluster.waiting import job_name

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SWEEP_WITHIN_S = 240
NAME = "test-cluster"
LIMIT = job_name(9, 4, "1/2")
DEAF = job_name(9, 4, "4/5")
CANCELLED = job_name(9, 4, "1/4")
LAST = job_name(17, 8, "4/5")


def main() -> int:
    """Return 0 if the sweep went as it should, or if there is no SLURM."""
    reason = missing_slurm()
    if reason:
        print(f"SKIPPED: SLURM is not here and cannot be installed: {reason}")
        return 0
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        with one_node_slurm(folder / "slurm") as environment:
            _scenario(folder, environment)
    finally:
        print(f"{time.monotonic() - started:.0f} s in all")
        if sys.exc_info()[0] is not None:
            print(_text(folder / "sweeps" / NAME / "launcher.log"))
            print(f"files are kept: {folder}")
        else:
            shutil.rmtree(folder)
    return 0


def _scenario(folder: Path, environment: dict[str, str]) -> None:
    marks = folder / "marks"
    marks.mkdir()
    for file in (f"{CANCELLED}.wait", f"{LIMIT}.wait", f"{DEAF}.deaf"):
        (marks / file).touch()
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}
    first = _sweep(folder, environment)
    job = _job_waiting(marks / f"{CANCELLED}.waits", first)
    said(["scancel", f"{job.partition('_')[0]}_11"], environment)
    said(["scancel", job], environment)
    code = first.wait(SWEEP_WITHIN_S)
    rows = _rows(folder)
    _check("the sweep says that jobs are missing", code, 1)
    _check(
        "jobs by status",
        dict(Counter(rows.status)),
        {
            "FINISHED": 9,
            "KILLED": 2,
            "NOT STARTED": 1,
        },
    )
    _check_reason(rows, CANCELLED, "CANCELLED")
    _check_reason(rows, LAST, "CANCELLED")
    _check_reason(rows, DEAF, "TIMEOUT")
    _check("the job at its limit was queued again", rows.attempts[LIMIT] >= 2, True)
    print(f"first sweep as it should be\n{rows.reason[rows.reason != ''].to_string()}", flush=True)
    _rerun(folder, environment)
    _check_store(folder)


def _rerun(folder: Path, environment: dict[str, str]) -> None:
    """Run the same command, whose jobs give way to an urgent one in between."""
    (folder / "marks" / f"{CANCELLED}.waits").unlink()
    (folder / "marks" / f"{CANCELLED}.wait").touch()
    again = _sweep(folder, environment)
    _job_waiting(folder / "marks" / f"{CANCELLED}.waits", again)
    urgent = ["--partition=urgent", f"--cpus-per-task={CPUS}", "--output=/dev/null"]
    said(["sbatch", *urgent, "--wrap", "sleep 1"], environment)
    _check("the rerun says that all is done", again.wait(SWEEP_WITHIN_S), 0)
    rows = _rows(folder)
    _check("jobs of the rerun", dict(Counter(rows.status)), {"FINISHED BEFORE": 9, "FINISHED": 3})
    _check("the preempted job came back", rows.attempts[CANCELLED] >= 2, True)


def _sweep(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    arguments = [
        f"sweep.name={NAME}",
        "experiment=smoke",
        "launcher=slurm",
        f"tracking.uri=sqlite:///{folder}/mlflow.db",
        f"cache.folder={folder}/cache",
        f"sweep.folder={folder}/sweeps",
        "construction=[custom]",
        "construction.custom.target=waiting:waiting",
        f"+construction.custom.options.folder={folder}/marks",
        "resources.minutes=1",
        "resources.memory_gb=1",
        "hydra.launcher.signal_delay_s=10",
    ]
    command = [sys.executable, "-m", "pipeline.sweep", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def _job_waiting(mark: Path, sweep: subprocess.Popen[bytes]) -> str:
    """Return the SLURM job that waits, once it does."""
    end = time.monotonic() + SWEEP_WITHIN_S
    while not mark.exists():
        if sweep.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"no job has made {mark}")
        time.sleep(0.2)
    return mark.read_text()


def _rows(folder: Path) -> pd.DataFrame:
    """Return the table of the sweep, by the names of the jobs' files."""
    frame = pd.read_csv(folder / "sweeps" / NAME / "sweep.csv", keep_default_na=False)
    given = [dict(each.split("=", 1) for each in row.split()) for row in frame.overrides]
    frame.index = pd.Index(
        [job_name(int(g["dataset.N"]), int(g["dataset.d"]), g["rho"]) for g in given]
    )
    return frame


def _check_reason(rows: pd.DataFrame, name: str, word: str) -> None:
    said_why = str(rows.reason[name])
    _check(f"{name} was {word}", word if word in said_why else said_why, word)


def _check_store(folder: Path) -> None:
    """Check that every job has one FINISHED run, none is RUNNING, and dead ones say why."""
    client = open_store(f"sqlite:///{folder}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = list(client.search_runs(experiments, max_results=1000))
    _check("runs that are RUNNING", [run.info.run_name for run in runs if _is(run, "RUNNING")], [])
    jobs = [run for run in runs if TAG_JOB_DIGEST in run.data.tags]
    digests = Counter(run.data.tags[TAG_JOB_DIGEST] for run in jobs if _is(run, "FINISHED"))
    _check("FINISHED runs a job", sorted(digests.values()), [1] * 12)
    killed = [run.data.tags.get(TAG_ERROR, "") for run in jobs if _is(run, "KILLED")]
    for word in ("CANCELLED", "TIMEOUT", "SIGUSR2"):
        _check(f"a run says {word}", any(word in why for why in killed), True)
    parents = [run for run in runs if run.data.params.get("launcher") == "slurm"]
    notes = "".join(run.data.tags.get("mlflow.note.content", "") for run in parents)
    _check("the parent run names them", "CANCELLED" in notes and "TIMEOUT" in notes, True)


def _is(run: Run, status: str) -> bool:
    return bool(run.info.status == status)


def _check(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}, not {expected}")


def _text(path: Path) -> str:
    return path.read_text(errors="replace")[-4000:] if path.exists() else f"no {path}"


if __name__ == "__main__":
    sys.exit(main())
