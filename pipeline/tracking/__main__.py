"""`python -m pipeline.tracking` opens the dashboard of the local store (`make ui`)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pipeline.tracking.errors import TrackingError
from pipeline.tracking.names import EXPERIMENT
from pipeline.tracking.store import experiment_id, open_store, tracking_uri
from pipeline.tracking.view import view_url, write_view

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Print the address of the prepared view and serve it on the loopback address until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.tracking", description=main.__doc__)
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--uri", default=None, help="a SQLite store other than mlruns/mlflow.db")
    parser.add_argument("--experiment", default=EXPERIMENT, help="as in tracking.experiment")
    options = parser.parse_args(arguments)
    try:
        uri = tracking_uri(options.uri, ROOT)
        client = open_store(uri)
        experiment = experiment_id(client, uri, options.experiment, ROOT)
        write_view(client, uri, experiment)
    except TrackingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nDashboard  {view_url(experiment, port=options.port)}", flush=True)
    print(f"charts     {view_url(experiment, port=options.port, charts=True)}\n", flush=True)
    # The job runner serves GenAI evaluations only and takes 1.4 GB.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--backend-store-uri", uri]
    os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", str(options.port)])


if __name__ == "__main__":
    sys.exit(main())
