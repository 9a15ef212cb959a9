"""`python -m tests.cluster.ray_sweep` (`make test-ray`): a small sweep on Ray and without Ray.

On Ray one worker is killed while its job runs, and one job is deaf to the end of its time. The same
command without Ray then does the one job that is missing and nothing twice, and in a fresh store
has the same digests and the same files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from mlflow.entities import Run

from pipeline.tracking import open_store
from pipeline.tracking.names import TAG_JOB_DIGEST
from tests.cluster.waiting import job_name

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WITHIN_S = 300
NAME = "test-ray"
KILLED, LATE = "1/3", "1/4"
RHO = ("1/2", KILLED, LATE)


def main() -> int:
    """Return 0 if the sweep went as it should."""
    started = time.monotonic()
    # Short, for the paths of Ray's sockets.
    folder = Path(tempfile.mkdtemp(prefix="rs-", dir="/tmp"))
    try:
        _scenario(folder)
    finally:
        print(f"{time.monotonic() - started:.0f} s in all")
        if sys.exc_info()[0] is not None:
            for log in folder.glob(f"*/sweeps/{NAME}/launcher.log"):
                print(log.read_text(errors="replace")[-4000:])
            print(f"files are kept: {folder}")
        else:
            shutil.rmtree(folder)
    return 0


def _scenario(folder: Path) -> None:
    (folder / "marks").mkdir()
    (folder / "ray").mkdir()
    (folder / "marks" / f"{job_name(5, 2, KILLED)}.wait").touch()
    (folder / "marks" / f"{job_name(5, 2, LATE)}.deaf").touch()
    sweep = _sweep(folder, "first", "ray")
    processes = _kill_a_worker(folder, sweep)
    _check("the sweep on Ray says that a job is missing", sweep.wait(WITHIN_S), 1)
    rows = _rows(folder / "first")
    expected = dict.fromkeys(RHO, "FINISHED") | {LATE: "KILLED"}
    _check("jobs on Ray", dict(rows.status), expected)
    _check("runs of the job whose worker was killed", rows.attempts[KILLED], 2)
    _check("why a job is missing", str(rows.reason[LATE]).partition(" ")[0], "TIMEOUT")
    _check("processes that are left", [each for each in processes if not _is_gone(each)], [])
    _check("files of Ray that are left", list((folder / "ray").iterdir()), [])
    print("the sweep on Ray is as it should be", flush=True)

    _check("the rest without Ray", _sweep(folder, "first", "local").wait(WITHIN_S), 0)
    done = dict.fromkeys(RHO, "FINISHED BEFORE") | {LATE: "FINISHED"}
    _check("jobs of the rerun", dict(_rows(folder / "first").status), done)
    _check("all without Ray", _sweep(folder, "second", "local").wait(WITHIN_S), 0)
    _check("digests", _digests(folder / "first"), _digests(folder / "second"))
    _check("files", _results(folder / "first"), _results(folder / "second"))


def _sweep(folder: Path, store: str, launcher: str) -> subprocess.Popen[bytes]:
    own = folder / store
    arguments = [
        f"sweep.name={NAME}",
        "experiment=smoke",
        f"launcher={launcher}",
        f"tracking.uri=sqlite:///{own}/mlflow.db",
        f"cache.folder={own}/cache",
        f"sweep.folder={own}/sweeps",
        "construction=[custom]",
        "construction.custom.target=waiting:waiting",
        f"+construction.custom.options.folder={folder}/marks",
        "dataset.N=5",
        "dataset.d=2",
        f"rho={','.join(RHO)}",
        "report.html=false",
        "report.formats=[]",
        "resources.minutes=1",
        "resources.memory_gb=1",
    ]
    own.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pipeline.sweep", *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "RAY_TMPDIR": str(folder / "ray"),
    }
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def _kill_a_worker(folder: Path, sweep: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return all processes of the sweep, after one job's was killed."""
    end = time.monotonic() + WITHIN_S
    mark = folder / "marks" / f"{job_name(5, 2, KILLED)}.waits"
    while not mark.exists():
        if sweep.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"no job has made {mark}")
        time.sleep(0.2)
    (process,) = [
        json.loads(run.data.tags["process"])["pid"]
        for run in _runs(folder / "first")
        if run.info.status == "RUNNING" and run.data.params.get("rho") == KILLED
    ]
    processes = psutil.Process(sweep.pid).children(recursive=True)
    _check("the job is a child of the sweep", process in {each.pid for each in processes}, True)
    _check("Ray is among the processes", "raylet" in {each.name() for each in processes}, True)
    os.kill(process, signal.SIGKILL)
    return processes


def _is_gone(process: psutil.Process) -> bool:
    try:
        # Where nobody asks for the exit code of orphans, they stay so.
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _rows(store: Path) -> pd.DataFrame:
    """Return the table of the sweep, by rho."""
    frame = pd.read_csv(store / "sweeps" / NAME / "sweep.csv", keep_default_na=False)
    given = [dict(each.split("=", 1) for each in row.split()) for row in frame.overrides]
    frame.index = pd.Index([each["rho"] for each in given])
    return frame


def _runs(store: Path) -> list[Run]:
    client = open_store(f"sqlite:///{store}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(experiments, max_results=1000))


def _digests(store: Path) -> dict[str, int]:
    """Return digest -> FINISHED runs, after a check that none is RUNNING."""
    runs = _runs(store)
    _check("runs that are RUNNING", [run for run in runs if run.info.status == "RUNNING"], [])
    finished = [run.data.tags for run in runs if run.info.status == "FINISHED"]
    counts = Counter(tags[TAG_JOB_DIGEST] for tags in finished if TAG_JOB_DIGEST in tags)
    _check("FINISHED runs a job", sorted(counts.values()), [1] * len(RHO))
    return dict(counts)


def _results(store: Path) -> dict[str, Any]:
    """Return file -> what it holds, times left out."""
    found: dict[str, Any] = {}
    folder = store / "sweeps" / NAME
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".npz" or path.name == "certificate.json":
            found[str(path.relative_to(folder))] = path.read_bytes()
        elif path.name == "summary.json":
            summary = json.loads(path.read_text())
            rows = [{**row, "seconds": None} for row in summary["rows"]]
            found[str(path.relative_to(folder))] = {**summary, "rows": rows}
    # Dataset, network, certificate, summary.
    _check("files with results", len(found), 4 * len(RHO))
    return found


def _check(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}, not {expected}")


if __name__ == "__main__":
    sys.exit(main())
