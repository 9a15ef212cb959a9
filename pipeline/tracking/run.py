"""The life cycle of a tracked run: it always ends FINISHED, FAILED or KILLED, never RUNNING."""

from __future__ import annotations

import getpass
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.tracking.entries import Artifact, Batch, Created, Ended, Input, Module
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.flatten import MAX_TAG_LENGTH, cut, flat_params
from pipeline.tracking.git import git_tags
from pipeline.tracking.jobs import PARENT
from pipeline.tracking.journal import spool_folder
from pipeline.tracking.metric_entries import metric_entries
from pipeline.tracking.names import EXPERIMENT, TAG_ERROR, TAG_PROCESS, TAG_RUN_KEY
from pipeline.tracking.outbox import Outbox, new_key, opened_outbox
from pipeline.tracking.process import process_tag
from pipeline.tracking.reserve import ReservedSpace
from pipeline.tracking.signals import Terminated, sigterm_raises, uninterrupted
from pipeline.tracking.store import tracking_uri
from pipeline.tracking.upload import upload_if_reachable

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Metric
    from torch import nn

CONFIG_FILE = "config.yaml"
METRICS_PER_BATCH = 1000
PARAMS_PER_BATCH = 100
# The dashboard reads here which artifacts are tables.
_TABLES = "mlflow.loggedArtifacts"


class TrackedRun:
    """A run in the tracking store; every method raises `TrackingError` if the store fails.

    A server that is unreachable is no failure: what is logged then is spooled (docs/tracking.md).

    Args:
        outbox: takes what is logged.
        key: the run's key in it.
        reserve: disk space given back when the run fails.
    """

    def __init__(self, outbox: Outbox, key: str, reserve: ReservedSpace) -> None:
        self._outbox = outbox
        self._key = key
        self._reserve = reserve
        self._tables: list[dict[str, str]] = []

    @property
    def uri(self) -> str:
        """The store."""
        return self._outbox.uri

    @property
    def experiment(self) -> str:
        """The experiment's id, empty if the store was never reached."""
        return self._outbox.experiment

    @property
    def run_id(self) -> str:
        """The run's id, a key of our own if the store was not reached when it began."""
        return self._outbox.run_id(self._key)

    @property
    def place(self) -> str:
        """Where the run is, in words."""
        folder = self._outbox.folder
        return f"spooled to {folder}, upload with make sync" if folder else f"run {self.run_id}"

    def log(
        self,
        metrics: Mapping[str, float],
        tags: Mapping[str, str | None] | None = None,
        step: int | None = None,
    ) -> None:
        """Log metrics and tags in one request.

        MLflow stores infinity as 1.8e308, a number that nobody measured: an infinite or too large
        value becomes a tag instead.
        """
        entries, beyond = metric_entries(metrics, step or 0)
        self._log_batches(entries, {**(tags or {}), **beyond})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics in one request; an infinite or too large value becomes a tag instead."""
        self.log(metrics, step=step)

    def log_curve(
        self, columns: Mapping[str, Sequence[float]], steps: Sequence[int] | None = None
    ) -> None:
        """Log whole curves in requests of 1000 values, position i as step i or as steps[i]."""
        entries: list[Metric] = []
        beyond: dict[str, str] = {}
        for name, values in columns.items():
            for place, value in enumerate(values):
                step = place if steps is None else steps[place]
                entry, tag = metric_entries({name: value}, step)
                entries += entry
                beyond = tag | beyond
        self._log_batches(entries, beyond)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log a nested configuration as flat parameters, long values cut visibly."""
        entries = list(flat_params(params).items())
        for start in range(0, len(entries), PARAMS_PER_BATCH):
            chunk = dict(entries[start : start + PARAMS_PER_BATCH])
            self._outbox.write(Batch(self._key, params=chunk), "log parameters")

    def log_config(self, config: Mapping[str, Any]) -> None:
        """Log a resolved configuration: flat parameters, and all of it as config.yaml."""
        self.log_params(config)
        self.log_text(yaml.safe_dump(dict(config), sort_keys=False), CONFIG_FILE)

    def set_tags(self, tags: Mapping[str, str | None]) -> None:
        """Set tags; None is skipped, a long value is cut visibly."""
        self._log_batches([], tags)

    def log_artifact(self, path: Path | str, folder: str | None = None) -> None:
        """Keep a copy of a file, or of a folder's files, with the run."""
        entry = Artifact(self._key, str(path), folder)
        self._outbox.write(entry, f"keep {Path(path).name}")

    def log_text(self, text: str, file: str) -> None:
        """Keep a text with the run as the named file."""
        place = PurePosixPath(file)
        folder = str(place.parent) if place.parent.name else None
        with self._text_file(text, place.name) as path:
            self._outbox.write(Artifact(self._key, str(path), folder), f"keep {file}")

    def log_model(self, module: nn.Module, name: str = "model") -> None:
        """Keep a torch module so that the dashboard shows it and `mlflow.pytorch` loads it."""
        self._outbox.write(Module(self._key, name, module=module), f"keep the model {name!r}")

    def log_table(self, columns: Mapping[str, Sequence[Any]] | pd.DataFrame, file: str) -> None:
        """Keep a table with the run as the named JSON file, which the dashboard shows."""
        import pandas as pd

        if not isinstance(columns, pd.DataFrame):
            columns = pd.DataFrame({name: list(values) for name, values in columns.items()})
        # Counts stay whole numbers where some are missing.
        table = columns.astype(object).where(columns.notna(), None)
        # Not by MLflow's log_table, which appends to a table that it finds there.
        self.log_text(table.to_json(orient="split", index=False, date_format="iso"), file)
        self._tables.append({"path": file, "type": "table"})
        self.set_tags({_TABLES: json.dumps(self._tables)})

    def log_input(
        self,
        name: str,
        digest: str,
        source: str,
        profile: Mapping[str, Any] | None = None,
        context: str = "memorization",
    ) -> None:
        """Log the dataset that the run reads.

        Args:
            name: the dataset's name.
            digest: SHA-256 of its file, in hexadecimal.
            source: path or URL it was read from.
            profile: sizes such as N, d and C.
            context: what the run uses it for.
        """
        entry = Input(self._key, name, digest, source, dict(profile or {}), context)
        self._outbox.write(entry, "log the dataset")

    @contextmanager
    def child(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[TrackedRun]:
        """Open a run nested in this one, for a row of the table or a training curve."""
        with _life_cycle(self._outbox, self._reserve, name, tags or {}, self._key) as run:
            if params:
                run.log_config(params)
            yield run

    def _log_batches(self, metrics: Sequence[Metric], tags: Mapping[str, str | None]) -> None:
        """Log metrics in requests as large as MLflow allows, the tags with the last of them."""
        texts = {k: cut(str(v), MAX_TAG_LENGTH) for k, v in tags.items() if v is not None}
        values = [(each.key, each.value, each.timestamp, each.step) for each in metrics]
        # A request holds 1000 metrics and tags in all.
        while len(values) > METRICS_PER_BATCH - len(texts):
            chunk, values = values[:METRICS_PER_BATCH], values[METRICS_PER_BATCH:]
            self._outbox.write(Batch(self._key, tuple(chunk)), "log metrics")
        if values or texts:
            doing = "log metrics" if values else "set tags"
            self._outbox.write(Batch(self._key, tuple(values), tags=texts), doing)

    @contextmanager
    def _text_file(self, text: str, name: str) -> Iterator[Path]:
        """Yield a temporary file of that name.

        Raises:
            TrackingError: if there is no room for it.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise TrackingError(f"cannot keep {name} in {self.uri}: {error}") from error
            yield path


@contextmanager
def tracked_run(
    name: str,
    *,
    root: Path,
    uri: str | None = None,
    experiment: str = EXPERIMENT,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    parent: str | None = None,
    spool: Path | None = None,
) -> Iterator[TrackedRun]:
    """Open a run that ends with the block: FINISHED, FAILED on an exception, KILLED on a signal.

    Args:
        name: the run's name, see `run_name`.
        root: the repository root.
        uri: the tracking store, None for the local one.
        experiment: the experiment's name.
        tags: tags set from the start.
        params: the resolved configuration.
        parent: id of the run it is nested in, a sweep's.
        spool: where a job that cannot reach its server keeps what it logs; None for `mlruns/spool`.

    Raises:
        TrackingError: if the store refuses, or neither it nor the spool can be written.
    """
    resolved, place = tracking_uri(uri, root), spool or spool_folder(root)
    own = {**git_tags(root), **(tags or {}), **({PARENT: parent} if parent else {})}
    with opened_outbox(resolved, experiment, place, root) as outbox:
        with sigterm_raises(), ReservedSpace(resolved) as reserve:
            with _life_cycle(outbox, reserve, name, own) as run:
                if params:
                    run.log_config(params)
                yield run
    if outbox.folder is not None:
        uploaded = upload_if_reachable(outbox.folder, resolved, root)
        if uploaded is not None:
            outbox.delivered(uploaded)


@contextmanager
def _life_cycle(
    outbox: Outbox,
    reserve: ReservedSpace,
    name: str,
    tags: Mapping[str, str],
    parent: str | None = None,
) -> Iterator[TrackedRun]:
    run: TrackedRun | None = None
    try:
        with uninterrupted():
            key = _created(outbox, name, tags, parent)
            run = TrackedRun(outbox, key, reserve)
        yield run
        with uninterrupted():
            _end(run, "FINISHED")
    except BaseException as error:
        if run is not None:
            _end_after(run, error)
        raise


def _created(outbox: Outbox, name: str, tags: Mapping[str, str], parent: str | None) -> str:
    key = new_key()
    own = {
        "mlflow.user": _user(),
        "mlflow.source.name": "pipeline",
        "mlflow.source.type": "LOCAL",
        TAG_PROCESS: process_tag(),
        # Only a server can be lost between its work and its answer, and be asked for the run later.
        **({TAG_RUN_KEY: key} if outbox.uri.startswith("http") else {}),
        **{key: cut(str(value), MAX_TAG_LENGTH) for key, value in tags.items()},
    }
    outbox.write(Created(key, name, own, _now(), parent), "create a run")
    return key


def _end_after(run: TrackedRun, error: BaseException) -> None:
    """End a run whose block raised; a store that fails here too must not hide the first error."""
    status = _status_after(error)
    with uninterrupted():
        run._reserve.release()
        try:
            if status != "FINISHED":
                run.set_tags({TAG_ERROR: f"{type(error).__name__}: {error}"})
        except TrackingError as second:
            error.add_note(str(second))
        try:
            _end(run, status)
        except TrackingError as second:
            error.add_note(f"{second}; run {run.run_id} may still read RUNNING")


def _end(run: TrackedRun, status: str) -> None:
    entry = Ended(run._key, status, _now())
    run._outbox.write(entry, f"end run {run.run_id} as {status}")


def _status_after(error: BaseException) -> str:
    # A signal between the block and this generator abandons it: Python then sends GeneratorExit.
    if isinstance(error, KeyboardInterrupt | Terminated | GeneratorExit):
        return "KILLED"
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return "FINISHED"
    return "FAILED"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user id need not have a name.
        return "unknown"


def _now() -> int:
    """Return milliseconds since 1970, MLflow's clock."""
    return int(time.time() * 1000)
