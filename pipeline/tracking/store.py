"""Where runs are kept: the SQLite store below mlruns/ or a server, ready before first use."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlparse
from urllib.request import urlopen

from filelock import FileLock

from pipeline.tracking.errors import TrackingError, Unreachable, masked, tracking_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

REACHABLE_WITHIN_S = 10
_SQLITE = "sqlite:///"
_SERVER_SCHEMES = ("http", "https")
_DATABASE_SCHEMES = ("postgresql", "mysql", "mssql")
_DEFAULT_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Bars for files of a few kilobytes.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own defaults wait four minutes before they report a server that went away.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def tracking_uri(uri: str | None, root: Path) -> str:
    """Return the absolute URI of the tracking store.

    Args:
        uri: `http(s)://...` for a server, `sqlite:///...` or another database, or None for
            `mlruns/mlflow.db` below `root`; a relative SQLite path is taken from `root`.
        root: the repository root.

    Raises:
        TrackingError: if the URI names no kind of store that can be used.

    >>> tracking_uri("sqlite:///runs.db", Path("/lab"))
    'sqlite:////lab/runs.db'
    """
    if uri is None or uri == "":
        return f"{_SQLITE}{root.resolve() / 'mlruns' / 'mlflow.db'}"
    if uri.startswith(_SQLITE) and len(uri) > len(_SQLITE):
        return f"{_SQLITE}{root.resolve() / uri.removeprefix(_SQLITE)}"
    scheme = uri.partition("://")[0].partition("+")[0]
    if "://" in uri and scheme in _SERVER_SCHEMES + _DATABASE_SCHEMES:
        return uri
    raise TrackingError(
        f"tracking.uri must be http(s)://..., sqlite:///FILE or another database URI, got {uri!r} "
        "(file stores are no longer supported by MLflow)"
    )


def open_store(uri: str) -> MlflowClient:
    """Return a client of a store that exists, has the current schema and answers.

    Args:
        uri: what `tracking_uri` returned.

    Raises:
        Unreachable: if a server does not answer.
        TrackingError: if a database cannot be opened or migrated, or a server refuses.
    """
    for name, value in _DEFAULT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # A traceback of a hundred lines before the error that `tracking_errors` names in one.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    if uri.startswith("http"):
        # Three lines a lost request, of retries that need not interest anybody.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        require_reachable(uri)
    from mlflow import MlflowClient

    database = sqlite_file(uri)
    if database is not None:
        _migrate_sqlite(uri, database)
    with tracking_errors("open the tracking store", uri):
        client = MlflowClient(tracking_uri=uri)
        if not uri.startswith("http"):
            client.search_experiments(max_results=1)
    return client


def sqlite_file(uri: str) -> Path | None:
    """Return the database file of a SQLite store, None for any other."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def require_reachable(uri: str, timeout_s: float = REACHABLE_WITHIN_S) -> None:
    """Check that a tracking server answers, whatever it answers.

    Raises:
        Unreachable: if nothing answers within `timeout_s` seconds.
    """
    try:
        with urlopen(f"{uri.rstrip('/')}/health", timeout=timeout_s):
            return
    except HTTPError as answer:
        # A server behind authentication refuses this page and is there all the same.
        answer.close()
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(f"tracking server {masked(uri)} is unreachable: {reason}") from error


def experiment_id(client: MlflowClient, uri: str, name: str, root: Path) -> str:
    """Return the id of the experiment, created if it is new.

    Args:
        client: what `open_store` returned for `uri`.
        uri: the store.
        name: the experiment's name.
        root: the repository root; a database elsewhere than in a file has its artifacts in
            `mlruns/artifacts` below it, a SQLite store beside its file, a server where it likes.

    Raises:
        TrackingError: if the experiment was deleted or the store refuses.
    """
    with tracking_errors(f"open experiment {name!r}", uri):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            # Two first runs may both find it missing; the loser of the race takes the winner's.
            with contextlib.suppress(_refusal()):
                client.create_experiment(name, artifact_location=_artifact_location(uri, root))
            experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise TrackingError(f"cannot create experiment {name!r} in {masked(uri)}")
    if experiment.lifecycle_stage == "deleted":
        raise TrackingError(
            f"experiment {name!r} was deleted in {masked(uri)}; restore it with "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}` "
            "or choose another name"
        )
    _require_artifacts(name, experiment.artifact_location, uri)
    return str(experiment.experiment_id)


def dashboard_url(experiment: str, host: str = "127.0.0.1", port: int = 5000) -> str:
    """Return the dashboard's address of an experiment, by id, in the mode that shows training runs.

    >>> dashboard_url("1")
    'http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning'
    """
    return f"http://{host}:{port}/#/experiments/{experiment}/runs?workflowType=machine_learning"


def _artifact_location(uri: str, root: Path) -> str | None:
    if uri.startswith("http"):
        return None
    database = sqlite_file(uri)
    return ((database.parent if database else root.resolve() / "mlruns") / "artifacts").as_uri()


def _require_artifacts(name: str, location: str, uri: str) -> None:
    """Check that the artifacts of an experiment can be written from here.

    Raises:
        TrackingError: if they are behind a server and the store is not, or the reverse.
    """
    served = location.startswith("mlflow-artifacts:")
    local = (
        location.startswith("file:") and not Path(unquote(urlparse(location).path)).parent.is_dir()
    )
    if served and not uri.startswith("http"):
        raise TrackingError(
            f"experiment {name!r} of {masked(uri)} keeps artifacts behind its server: give "
            "tracking.uri=http://... or another tracking.experiment"
        )
    if local and uri.startswith("http"):
        raise TrackingError(
            f"experiment {name!r} of {masked(uri)} keeps artifacts in {location}, which is not on "
            "this machine: give another tracking.experiment"
        )


def _refusal() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    return MlflowException


def _migrate_sqlite(uri: str, database: Path) -> None:
    """Bring a SQLite store to MLflow's current schema, one process at a time.

    MLflow migrates on first use without a lock, and of processes that start together on a new
    database all but one crash.
    """
    with tracking_errors("create or migrate the tracking store", uri):
        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{database}.lock"):
            if not database.exists() or database.stat().st_size == 0:
                _create(database)
            elif _schema_of(database) != _current_schema():
                # MLflow asks for a backup: its migrations are not transactional.
                _copy(database, Path(f"{database}.before-{_schema_of(database)}"))
                migrate(uri)


def _create(database: Path) -> None:
    """Migrate under another name first: a process killed half-way leaves no half database."""
    unfinished = database.with_name(f".{database.name}.{uuid.uuid4().hex}")
    try:
        migrate(f"{_SQLITE}{unfinished}")
        os.replace(unfinished, database)
    finally:
        unfinished.unlink(missing_ok=True)


def migrate(uri: str) -> None:
    """Bring a database to MLflow's current schema; one process at a time may do so.

    Raises:
        TrackingError: if this MLflow cannot.
    """
    from mlflow.db import upgrade

    if upgrade.callback is None:
        raise TrackingError("this MLflow has no `mlflow db upgrade`")
    with _quiet_migration():
        upgrade.callback(uri)


def _copy(database: Path, backup: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(backup)) as target,
    ):
        source.backup(target)


def _schema_of(database: Path) -> str:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if ("alembic_version",) not in tables.fetchall():
            return "none"
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else "none"


@functools.cache
def _current_schema() -> str | None:
    import mlflow.store
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(mlflow.store.__path__[0]) / "db_migrations")).get_current_head()


@contextlib.contextmanager
def _quiet_migration() -> Iterator[None]:
    """Silence the some sixty lines that a migration reports at level INFO."""
    loggers = [logging.getLogger(name) for name in ("alembic", "mlflow.store.db.utils")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
