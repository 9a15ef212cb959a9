"""`python -m pipeline.tracking.audit RUN` re-checks every verdict of a tracked run (`make audit`).

Nothing that the run computed is trusted: its artifacts are fetched into a temporary folder and read
by the independent checker, in a process of its own, which derives eps_D and the radius itself.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.exact import parse_norm, parse_ratio
from pipeline.tracking.errors import TrackingError, tracking_errors
from pipeline.tracking.store import open_store, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parents[2]
MODULE = "pipeline.verification.check"
DATASET, NETWORK, VERDICTS, DECISION = "dataset.npz", "network.npz", "verdicts.csv", "decision.json"
CLAIMED = ("certificate.json", "proofs.npz")


class AuditError(Exception):
    """A verdict that does not hold, or an artifact that is missing."""


@dataclass(frozen=True)
class Fetched:
    """A network's folder among the artifacts of a run, with the ball parameters of the job.

    Args:
        dataset: the run's dataset.
        folder: holds the network and what was decided about it.
        rho: robustness ratio, n/d.
        p: norm of the balls.
    """

    dataset: Path
    folder: Path
    rho: str
    p: str

    def file(self, name: str) -> Path:
        """Return the path of an artifact.

        Raises:
            AuditError: if the run has none of that name.
        """
        path = self.folder / name
        if not path.is_file():
            raise AuditError(f"the run has no {self.folder.name}/{name} among its artifacts")
        return path


def audit(client: MlflowClient, uri: str, run_id: str) -> dict[str, int]:
    """Return the number of balls VERIFIED, FALSIFIED and UNKNOWN of a run, all re-checked.

    Args:
        client: what `open_store` returned for `uri`.
        uri: the store.
        run_id: a job's run; the runs nested in it are audited too.

    Raises:
        AuditError: at the first verdict that does not hold, or if there is none.
        TrackingError: if the store does not give the run or its artifacts.
    """
    counts = {"verified": 0, "falsified": 0, "unknown": 0}
    with tempfile.TemporaryDirectory() as folder:
        networks = _fetched(client, uri, run_id, Path(folder))
        for network in networks:
            print(f"--- {network.folder.name}")
            for verdict, number in _rechecked(network).items():
                counts[verdict] += number
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Re-check every verdict of a tracked run; return 0 if all hold."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.tracking.audit", description=main.__doc__
    )
    parser.add_argument("run", help="id of an MLflow run")
    parser.add_argument("--uri", default=None, help="a store other than mlruns/mlflow.db")
    options = parser.parse_args(arguments)
    # MLflow's remarks would bury the verdicts.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        uri = tracking_uri(options.uri, ROOT)
        found = audit(open_store(uri), uri, options.run)
    except (AuditError, TrackingError) as error:
        print(f"AUDIT FAILED: {error}")
        return 1
    print(
        f"AUDIT: {found['verified']} VERIFIED and {found['falsified']} FALSIFIED re-checked, "
        f"{found['unknown']} UNKNOWN"
    )
    return 0


def _fetched(client: MlflowClient, uri: str, run_id: str, folder: Path) -> list[Fetched]:
    """Return the networks of a run and of the runs nested in it, their artifacts fetched.

    Raises:
        AuditError: if there is none, or rho, p or the dataset is missing.
    """
    with tracking_errors(f"read run {run_id}", uri):
        run = client.get_run(run_id)
        nested = client.search_runs(
            [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'"
        )
    try:
        rho, p = (run.data.params[name] for name in ("rho", "p"))
        balls = str(parse_ratio(rho)), str(parse_norm(p))
    except (LookupError, ValueError) as error:
        raise AuditError(f"the run does not say which balls it is about ({error!r})") from None
    found: list[Fetched] = []
    for each in [run, *nested]:
        target = folder / each.info.run_id
        target.mkdir()
        with tracking_errors(f"fetch the artifacts of run {each.info.run_id}", uri):
            client.download_artifacts(each.info.run_id, "", str(target))
        networks = sorted(target.glob(f"*/{NETWORK}"))
        if networks and not (target / DATASET).is_file():
            raise AuditError(f"run {each.info.run_id} has no {DATASET} among its artifacts")
        found += [Fetched(target / DATASET, path.parent, *balls) for path in networks]
    if not found:
        raise AuditError("the run has no network among its artifacts")
    return found


def _rechecked(network: Fetched) -> dict[str, int]:
    """Return the counts of one network's verdicts.

    Raises:
        AuditError: at what does not hold.
    """
    decision = json.loads(network.file(DECISION).read_text(encoding="utf-8"))
    table = ["--verdicts", str(network.file(VERDICTS))]
    balls = ["--rho", network.rho, "--p", network.p, "--decision", str(decision["decision"])]
    claimed = [network.folder / name for name in CLAIMED if (network.folder / name).is_file()]
    document: dict[str, Any] = {}
    for path in claimed:
        document = _checked(network, [str(path), *table, *balls])
        # A certificate whose claim was not proved is filed as such; proofs are filed if they hold.
        holds = decision.get("holds") if path.name == CLAIMED[0] else True
        if (document["verdict"] == "VERIFIED") != (holds is not False):
            raise AuditError(f"{network.folder.name}/{path.name}: {document.get('reason')}")
    if "table" not in document:
        document = _checked(network, [*table, *balls])
    rows = document.get("table", document)
    if rows["reason"]:
        raise AuditError(f"{network.folder.name}/{VERDICTS}: {rows['reason']}")
    counts = {verdict: int(rows[verdict]) for verdict in ("verified", "falsified", "unknown")}
    filed = {verdict: decision.get(verdict) for verdict in counts}
    if filed != counts:
        raise AuditError(f"{network.folder.name}/{DECISION} counts {filed}, the table {counts}")
    return counts


def _checked(network: Fetched, options: Sequence[str]) -> dict[str, Any]:
    """Return the document of the checker's own process; its lines are printed.

    Raises:
        AuditError: if the process dies without one.
    """
    environment = dict(os.environ)
    paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "verdict.json"
        files = [str(network.dataset), str(network.file(NETWORK)), *options]
        process = subprocess.run(
            # -P: a folder `pipeline` in the working directory is not this one.
            [sys.executable, "-P", "-m", MODULE, *files, "--output", str(output)],
            env=environment,
            capture_output=True,
            text=True,
        )
        print(process.stdout, end="", flush=True)
        if not output.exists():
            raise AuditError(
                f"the checker ended without a verdict: {process.stderr.strip()[-500:]}"
            )
        return dict(json.loads(output.read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
