"""A run that logs something of every kind, and all that a store knows about such a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.tracking import TrackedRun

PARAMS = {"rho": "1/2", "dataset": {"N": 4, "name": "line"}}
# What differs between two runs of the same job.
_OWN = ("process", "run_key", "mlflow.parentRunId", "mlflow.log-model.history")


def log_everything(run: TrackedRun, folder: Path, halfway: Callable[[], object]) -> None:
    """Log everything that a job can log, and call a function in the middle."""
    file = folder / "table.csv"
    file.write_text("a,b\n")
    (folder / "all" / "below").mkdir(parents=True, exist_ok=True)
    (folder / "all" / "below" / "one.txt").write_text("one")
    (folder / "all" / "two.txt").write_text("two")
    run.log({"params/total": 7, "net/bits": float("inf")}, {"verdict": "VERIFIED"}, step=3)
    run.log_artifact(file, "tables")
    with run.child("first", {"construction": "a"}, {"width": 8}) as child:
        child.log_curve({"train/loss": [1.0, 0.5, float("nan")]})
    with run.child("second") as child:
        child.log_metrics({"before": 1})
        halfway()
        child.log_metrics({"after": 2})
    run.log_input("line", "ab" * 32, "line.npz", {"N": 4})
    run.log_artifact(folder / "all", "folder")
    run.log_table({"N": [1, None], "name": ["a", "b"]}, "table.json")
    run.log_text("deep", "one/two/three.txt")
    with run.child("third", params={"width": 9}) as child:
        child.log_artifact(file)
    # A copy was kept: what becomes of the file is all the same.
    file.write_text("something else")
    run.log_metrics({"time/report_s": 0.1 + 0.2}, step=4)


def everything(client: Any, experiment: str) -> dict[str, Any]:
    """Return all that the store knows about the runs of an experiment, by run and parent."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    names = {run.info.run_id: run.info.run_name for run in found}
    known = {}
    for run in found:
        name = (names.get(run.data.tags.get("mlflow.parentRunId")), run.info.run_name)
        assert name not in known, f"{name} is there twice"
        known[name] = _known(client, run)
    return known


def _known(client: Any, run: Any) -> dict[str, Any]:
    history = {
        # Text, for NaN is not equal to itself.
        name: sorted(
            (m.step, repr(m.value)) for m in client.get_metric_history(run.info.run_id, name)
        )
        for name in run.data.metrics
    }
    files = {}
    if client.list_artifacts(run.info.run_id):
        folder = Path(client.download_artifacts(run.info.run_id, ""))
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path.read_text() for path in paths}
    inputs = [
        (each.dataset.name, each.dataset.digest, json.loads(each.dataset.profile))
        for each in run.inputs.dataset_inputs
    ]
    tags = {key: text for key, text in run.data.tags.items() if key not in _OWN}
    lasted = 0 <= run.info.end_time - run.info.start_time < 600_000
    outputs = len(run.outputs.model_outputs) if run.outputs else 0
    return {
        "status": run.info.status,
        "lasted": lasted,
        "metrics": history,
        "params": run.data.params,
        "tags": tags,
        "files": files,
        "inputs": inputs,
        "models": outputs,
    }
