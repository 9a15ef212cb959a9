"""`python -m pipeline.tracking.server` serves a store to many writers (`make tracking-server`).

Artifacts go through the server, so that a job needs nothing but its address. On the loopback
address by default: MLflow's server asks nobody who they are.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from pipeline.exact import available_cores
from pipeline.tracking.errors import TrackingError, masked, tracking_errors
from pipeline.tracking.store import migrate, open_store, sqlite_file, tracking_uri

ROOT = Path(__file__).resolve().parents[2]
# Of its own: an experiment has its artifacts either in files or behind a server.
STORE = "sqlite:///mlruns/server.db"
ARTIFACTS = "server-artifacts"
# MLflow's own; a password in the environment is not in the list of processes.
STORE_VARIABLE = "MLFLOW_BACKEND_STORE_URI"
_ANY_HOST = ("0.0.0.0", "::")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Migrate the store, print what jobs need to use the server, and serve until interrupted.

    Arguments that are not ours go to `mlflow server`.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.tracking.server", description=main.__doc__
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument(
        "--store",
        default=os.environ.get(STORE_VARIABLE) or STORE,
        help=f"postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE, or in {STORE_VARIABLE}",
    )
    parser.add_argument(
        "--artifacts", type=Path, default=ROOT / "mlruns" / ARTIFACTS, help="default: %(default)s"
    )
    # A worker takes 0.3 GiB, and a core while jobs log; the jobs of this machine need cores too.
    workers = max(1, min(4, available_cores() // 2))
    parser.add_argument("--workers", type=int, default=workers, help="default: %(default)s")
    options, others = parser.parse_known_args(arguments)
    try:
        store = ready_store(options.store, ROOT)
    except TrackingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(announcement(options.host, options.port, store), flush=True)
    os.environ[STORE_VARIABLE] = store
    # The job runner serves GenAI evaluations only and takes 1.4 GB.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # MLflow's own use of a module that its web framework wants to be rid of.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:starlette.middleware.wsgi is deprecated")
    command = [sys.executable, "-m", "mlflow", "server", "--serve-artifacts"]
    command += ["--artifacts-destination", options.artifacts.resolve().as_uri()]
    command += ["--host", options.host, "--port", str(options.port)]
    command += ["--workers", str(options.workers)]
    if not any(other.endswith("-opts") for other in others):
        # Not a line a request: jobs make dozens of them.
        command += ["--uvicorn-opts", "--no-access-log"]
    command += others
    os.execv(sys.executable, command)


def ready_store(store: str, root: Path) -> str:
    """Return the URI of a database that exists and has MLflow's current schema.

    The server's workers would otherwise race to migrate it.

    Args:
        store: a database's URI; a relative SQLite path is taken from `root`.
        root: the repository root.

    Raises:
        TrackingError: if it is no database, cannot be reached or migrated, or lacks its driver.
    """
    uri = tracking_uri(store, root)
    if uri.startswith("http"):
        raise TrackingError(f"a server keeps its runs in a database, got {masked(uri)}")
    if uri.startswith("postgresql") and find_spec("psycopg") is None:
        raise TrackingError(
            f"{masked(uri)} needs psycopg: {sys.executable} -m pip install -c constraints.txt "
            "-e '.[server]'"
        )
    if sqlite_file(uri) is None:
        (root / "mlruns").mkdir(exist_ok=True)
        with tracking_errors("migrate the tracking store", uri):
            with FileLock(root / "mlruns" / "server.lock"):
                migrate(uri)
    open_store(uri)
    return uri


def announcement(host: str, port: int, store: str) -> str:
    """Return what jobs need to use the server, and a warning if others can.

    >>> print(announcement("127.0.0.1", 5000, "postgresql://lab:secret@db/runs"))
    Runs go to postgresql://lab:***@db/runs. Give jobs and sweeps
      tracking=server tracking.uri=http://127.0.0.1:5000
    """
    name = socket.gethostname() if host in _ANY_HOST else host
    lines = [
        f"Runs go to {masked(store)}. Give jobs and sweeps",
        f"  tracking=server tracking.uri=http://{f'[{name}]' if ':' in name else name}:{port}",
    ]
    if host not in _LOOPBACK:
        lines += [
            "Whoever reaches this address may read, change and delete all runs. Called by a name",
            "and not by a private IP address, it answers only if --allowed-hosts lists the name.",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
