"""Processes that log runs at the same time: is anything lost, and how many runs a second?

`python -m tests.benchmarks.bench_tracking --uri URI` takes a SQLite file, a database or a server.
Each run is what a job opens: store and experiment looked up, parameters, config.yaml, one batch of
metrics, its end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mlflow  # noqa: F401  imported once, before the processes are forked

from pipeline.tracking import open_store, tracked_run, tracking_uri
from pipeline.tracking.journal import journals

PARAMS = {f"p{i}": i for i in range(10)}


def value(process: int, run: int, metric: int) -> float:
    """Return a number that no other metric has."""
    return process * 1e6 + run * 1e3 + metric


def experiment_of(uri: str | None) -> str:
    """Return the experiment's name: artifacts lie behind a server, or not."""
    return "rates served" if (uri or "").startswith("http") else "rates"


def write_runs(
    uri: str | None, root: Path, process: int, runs: int, metrics: int, start: Any
) -> None:
    """Log runs one after the other, once all processes are ready."""
    start.wait()
    for run in range(runs):
        name = f"process {process} run {run}"
        with tracked_run(
            name, root=root, uri=uri, experiment=experiment_of(uri), params=PARAMS
        ) as tracked:
            tracked.log_metrics({f"m/{i}": value(process, run, i) for i in range(metrics)})


def seconds_to_write(uri: str | None, root: Path, processes: int, runs: int, metrics: int) -> float:
    """Return how long all processes took, from the moment when all were ready.

    Raises:
        RuntimeError: if a process crashed.
    """
    # Forked, and the store is not touched before: each process opens it by itself.
    context = multiprocessing.get_context("fork")
    start = context.Barrier(processes + 1)
    writers = [
        context.Process(target=write_runs, args=(uri, root, process, runs, metrics, start))
        for process in range(processes)
    ]
    for writer in writers:
        writer.start()
    start.wait()
    started = time.monotonic()
    for writer in writers:
        writer.join()
    crashed = sum(writer.exitcode != 0 for writer in writers)
    if crashed:
        raise RuntimeError(f"{crashed} of {processes} processes crashed")
    return time.monotonic() - started


def lost(uri: str | None, root: Path, processes: int, runs: int, metrics: int) -> dict[str, int]:
    """Return how many runs and metrics are not in the store as they were logged."""
    client = open_store(tracking_uri(uri, root))
    experiment = client.get_experiment_by_name(experiment_of(uri))
    assert experiment is not None
    found, token = {}, None
    while True:
        page = client.search_runs([experiment.experiment_id], page_token=token)
        found |= {run.info.run_name: run for run in page if run.info.status == "FINISHED"}
        token = page.token
        if not token:
            break
    missing = {"runs": processes * runs - len(found), "metrics": 0, "params": 0}
    for process in range(processes):
        for run in range(runs):
            data = found[f"process {process} run {run}"].data
            expected = {f"m/{i}": value(process, run, i) for i in range(metrics)}
            missing["metrics"] += len(expected.items() - data.metrics.items())
            missing["params"] += len(
                {k: str(v) for k, v in PARAMS.items()}.items() - data.params.items()
            )
    return missing


def main() -> int:
    """Print the rate and what was lost as JSON; return 0 if nothing was."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_tracking")
    parser.add_argument("--uri", help="a fresh SQLite file by default")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--metrics", type=int, default=30)
    options = parser.parse_args()
    sizes = (options.processes, options.runs, options.metrics)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        spent = seconds_to_write(options.uri, root, *sizes)
        missing = lost(options.uri, root, *sizes)
        spooled = len(journals(root / "mlruns" / "spool"))
    rate = options.processes * options.runs / spent
    print(json.dumps({"seconds": round(spent, 1), "runs/s": round(rate, 1), "lost": missing}))
    return 1 if any(missing.values()) or spooled else 0


if __name__ == "__main__":
    sys.exit(main())
