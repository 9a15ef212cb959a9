"""What a sweep costs by its number of jobs: CPU seconds of the driver, bytes of the store.

`python -m tests.benchmarks.bench_sweep_size [JOBS ...]`, 1,000 and 10,000 by default. One job of
`experiment=smoke` is run; its run is copied in the database as if so many jobs had run, each of
another digest. What is done once a job by the driver, and not by the job, is timed.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from pipeline.__main__ import register_configuration
from pipeline.sweep.composing import composed
from pipeline.sweep.page import write_sweep_page
from pipeline.sweep.pending import SweepJob
from pipeline.sweep.summary import job_rows, sweep_frame, sweep_note
from pipeline.tracking import open_store
from pipeline.tracking.jobs import PARENT, finished_jobs, job_digest, runs_of_jobs
from pipeline.tracking.names import EXPERIMENT, TAG_JOB_DIGEST

ROOT = Path(__file__).resolve().parents[2]
JOB = ("experiment=smoke", "dataset.N=9", "dataset.d=4", "rho=1/2")
SWEEP = "0" * 32


def main(sizes: Sequence[int]) -> None:
    """Print a line a quantity, a column a size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run_one(folder)
        kept = {each: _bytes(folder / each) for each in ("run", "artifacts", "cache")}
        print("bytes of one job  ", ", ".join(f"{each} {size:,}" for each, size in kept.items()))
        for size in sizes:
            database = folder / f"{size}.db"
            database.write_bytes((folder / "mlflow.db").read_bytes())
            before = database.stat().st_size
            _copied(database, size)
            per_job = (database.stat().st_size - before) / size
            print(f"{size:,} jobs: {per_job:,.0f} bytes of database a job")
            for what, seconds in _timed(database, size):
                print(f"  {what:45} {seconds:8.2f} s   {1000 * seconds / size:6.2f} ms a job")


def _run_one(folder: Path) -> None:
    places = {
        "tracking.uri": f"sqlite:///{folder / 'mlflow.db'}",
        "tracking.spool": folder / "spool",
        "cache.folder": folder / "cache",
        "hydra.run.dir": folder / "run",
    }
    own = [f"{key}={place}" for key, place in places.items()]
    command = [sys.executable, "-m", "pipeline", *JOB, *own]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _copied(database: Path, size: int) -> None:
    """Copy the only run of a store so often, each copy as a job of the sweep with its digest."""
    with sqlite3.connect(database) as store:
        tables = {}
        for (table,) in store.execute("select name from sqlite_master where type = 'table'"):
            columns = [column[1] for column in store.execute(f"pragma table_info({table})")]
            if "run_uuid" in columns:
                rows = store.execute(f"select * from {table}").fetchall()
                tables[table] = columns, [dict(zip(columns, row, strict=True)) for row in rows]
        for number in range(size):
            run = uuid.uuid4().hex
            own = {TAG_JOB_DIGEST: f"{number:064x}"}
            for table, (columns, rows) in tables.items():
                copies = [each | {"run_uuid": run} for each in rows]
                if table == "tags":
                    copies = [
                        each | {"value": own.get(each["key"], each["value"])} for each in copies
                    ]
                    copies.append({"run_uuid": run, "key": PARENT, "value": SWEEP})
                marks = ", ".join("?" * len(columns))
                values = [[each.get(column) for column in columns] for each in copies]
                store.executemany(f"insert into {table} values ({marks})", values)


def _timed(database: Path, size: int) -> Iterator[tuple[str, float]]:
    """Yield what is done for all jobs, and its CPU seconds."""
    uri = f"sqlite:///{database}"
    client = open_store(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    yield "compose all jobs and their digests", _seconds(lambda: _composed(size))[0]
    seconds, _ = _seconds(lambda: finished_jobs(client, uri, experiment))
    yield "ask which are done", seconds
    seconds, _ = _seconds(lambda: finished_jobs(client, uri, experiment, f"{size // 2:064x}"))
    yield "ask whether one is done (a job does)", seconds
    seconds, runs = _seconds(lambda: runs_of_jobs(client, uri, experiment, SWEEP))
    yield "read the runs of all jobs", seconds
    jobs = [SweepJob(f"{n:064x}", (*JOB, f"seed={n}"), None) for n in range(size)]
    seconds, rows = _seconds(lambda: job_rows(jobs, runs, {}))
    yield "rows of the summary", seconds
    seconds, _ = _seconds(lambda: (sweep_frame(rows), sweep_note("size", rows)))
    yield "its table and note", seconds
    page = database.with_suffix(".html")
    seconds, _ = _seconds(lambda: write_sweep_page(page, "size", rows, ROOT))
    yield f"sweep.html, {page.stat().st_size / 1e6:.2f} MB", seconds


def _composed(size: int) -> None:
    with _hydra() as (loader, master):
        grid = [[*JOB, f"seed={n}"] for n in range(size)]
        for config in composed(loader, master, grid):
            job_digest(config, "salt")


@contextmanager
def _hydra() -> Iterator[tuple[Any, Any]]:
    register_configuration()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        yield loader, loader.load_configuration("config", ["hydra.sweep.dir=a"], RunMode.MULTIRUN)


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000])
