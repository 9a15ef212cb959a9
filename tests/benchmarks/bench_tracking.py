"""Processes that log runs at the same time: is anything lost, and how many runs a second?

`python -m tests.benchmarks.bench_tracking --uri URI` takes a SQLite file, a database or a server.
Each run is what a job opens: store and experiment looked up, parameters, config.yaml, one batch of
metrics, its end. With `--nested` each process opens one and nests the runs in it: only their
beginning, their metrics and their end are logged.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow  # noqa: F401  imported once, before the processes are forked

from pipeline.tracking import open_store, tracked_run, tracking_uri
from pipeline.tracking.journal import journals, spool_folder

# Of all processes, to be ready: one that crashed never is.
TIMEOUT_S = 120
PARAMS = {f"p{i}": i for i in range(10)}


@dataclass(frozen=True)
class Sizes:
    """How much is logged.

    Args:
        processes: at the same time.
        runs: of each process.
        metrics: of each run.
        nested: whether the runs of a process are nested in one.
        experiment: name of a new one.
    """

    processes: int
    runs: int
    metrics: int
    nested: bool
    experiment: str

    def metrics_of(self, process: int, run: int) -> dict[str, float]:
        """Return metrics, each of a value that no other has."""
        return {f"m/{i}": process * 1e6 + run * 1e3 + i for i in range(self.metrics)}


def write_runs(uri: str | None, root: Path, sizes: Sizes, process: int, start: Any) -> None:
    """Open the store together with all others, then log runs one after the other."""
    names = [f"process {process} run {run}" for run in range(sizes.runs)]
    job = {"root": root, "uri": uri, "experiment": sizes.experiment, "params": PARAMS}
    start.wait()
    open_store(tracking_uri(uri, root))
    start.wait()
    if sizes.nested:
        with tracked_run(f"process {process}", **job) as parent:
            for run, name in enumerate(names):
                with parent.child(name) as tracked:
                    tracked.log_metrics(sizes.metrics_of(process, run))
    else:
        for run, name in enumerate(names):
            with tracked_run(name, **job) as tracked:
                tracked.log_metrics(sizes.metrics_of(process, run))


def seconds_to_write(uri: str | None, root: Path, sizes: Sizes) -> float:
    """Return how long all processes took, from the moment when all had opened the store.

    Raises:
        RuntimeError: if a process crashed.
        BrokenBarrierError: if it did so before it was ready.
    """
    # Forked, and the store is not touched before: each process opens it by itself.
    context = multiprocessing.get_context("fork")
    start = context.Barrier(sizes.processes + 1)
    writers = [
        context.Process(target=write_runs, args=(uri, root, sizes, process, start))
        for process in range(sizes.processes)
    ]
    for writer in writers:
        writer.start()
    start.wait(TIMEOUT_S)
    # To create a store takes seconds, once.
    start.wait(TIMEOUT_S)
    started = time.monotonic()
    for writer in writers:
        writer.join()
    crashed = sum(writer.exitcode != 0 for writer in writers)
    if crashed:
        raise RuntimeError(f"{crashed} of {sizes.processes} processes crashed")
    return time.monotonic() - started


def lost(uri: str | None, root: Path, sizes: Sizes) -> dict[str, int]:
    """Return how many runs and metrics are not in the store as they were logged."""
    client = open_store(tracking_uri(uri, root))
    experiment = client.get_experiment_by_name(sizes.experiment)
    assert experiment is not None
    found: dict[str, dict[str, float]] = {}
    token = None
    while True:
        query = "attributes.status = 'FINISHED'"
        page = client.search_runs([experiment.experiment_id], query, page_token=token)
        found |= {str(run.info.run_name): run.data.metrics for run in page}
        token = page.token
        if not token:
            break
    missing = {"runs": 0, "metrics": 0}
    for process in range(sizes.processes):
        for run in range(sizes.runs):
            name, expected = f"process {process} run {run}", sizes.metrics_of(process, run)
            missing["runs"] += name not in found
            missing["metrics"] += len(expected.items() - found.get(name, {}).items())
    return missing


def counted(uri: str | None, sizes: Sizes) -> dict[str, Any]:
    """Return what was logged to a store, how fast, and what of it is not there."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        spent = seconds_to_write(uri, root, sizes)
        missing = lost(uri, root, sizes)
        spooled = len(journals(spool_folder(root)))
    runs = sizes.processes * sizes.runs
    return {
        "runs": runs,
        "metrics": runs * sizes.metrics,
        "seconds": round(spent, 1),
        "runs/s": round(runs / spent, 1),
        "lost": missing,
        "spooled": spooled,
    }


def main() -> int:
    """Print the rate and what was lost as JSON; return 0 if nothing was."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_tracking")
    parser.add_argument(
        "--uri", nargs="*", default=[""], help="stores, one after the other; '' is a fresh file"
    )
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--metrics", type=int, default=30)
    parser.add_argument("--nested", action="store_true", help="in one run of each process")
    options = parser.parse_args()
    experiment = f"rates {uuid.uuid4().hex[:8]}"
    sizes = Sizes(options.processes, options.runs, options.metrics, options.nested, experiment)
    results = [counted(uri or None, sizes) for uri in options.uri]
    for result in results:
        print(json.dumps(result))
    return 1 if any(each["spooled"] or any(each["lost"].values()) for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
