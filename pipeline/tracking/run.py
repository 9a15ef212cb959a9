"""The life cycle of a tracked run: it always ends FINISHED, FAILED or KILLED, never RUNNING."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.tracking.dataset_input import dataset_input, log_dataset
from pipeline.tracking.errors import TrackingError, tracking_errors
from pipeline.tracking.flatten import MAX_TAG_LENGTH, cut, flat_params
from pipeline.tracking.git import git_tags
from pipeline.tracking.metric_entries import metric_entries
from pipeline.tracking.model import log_torch_model
from pipeline.tracking.names import EXPERIMENT, TAG_ERROR, TAG_PROCESS
from pipeline.tracking.process import process_tag
from pipeline.tracking.reserve import ReservedSpace
from pipeline.tracking.signals import Terminated, sigterm_raises, uninterrupted
from pipeline.tracking.store import experiment_id, open_store, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from torch import nn

CONFIG_FILE = "config.yaml"
METRICS_PER_BATCH = 1000
PARAMS_PER_BATCH = 100


class TrackedRun:
    """A run in the tracking store; every method raises `TrackingError` if the store fails.

    Args:
        client: a client of the store.
        uri: the store.
        experiment: the experiment's id.
        run_id: the run's id.
        reserve: disk space given back when the run fails.
    """

    def __init__(
        self,
        client: MlflowClient,
        uri: str,
        experiment: str,
        run_id: str,
        reserve: ReservedSpace,
    ) -> None:
        self.uri = uri
        self.experiment = experiment
        self.run_id = run_id
        self._client = client
        self._reserve = reserve

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics in one request; an infinite or too large value becomes a tag instead.

        MLflow stores infinity as 1.8e308, a number that nobody measured.
        """
        entries, beyond = metric_entries(metrics, step or 0)
        self._logmetric_entries(entries)
        self.set_tags(beyond)

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
        self._logmetric_entries(entries)
        self.set_tags(beyond)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log a nested configuration as flat parameters, long values cut visibly."""
        from mlflow.entities import Param

        entries = [Param(name, value) for name, value in flat_params(params).items()]
        with self._errors("log parameters"):
            for start in range(0, len(entries), PARAMS_PER_BATCH):
                self._client.log_batch(
                    self.run_id, params=entries[start : start + PARAMS_PER_BATCH], synchronous=True
                )

    def log_config(self, config: Mapping[str, Any]) -> None:
        """Log a resolved configuration: flat parameters, and all of it as config.yaml."""
        self.log_params(config)
        self.log_text(yaml.safe_dump(dict(config), sort_keys=False), CONFIG_FILE)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; None is skipped, a long value is cut visibly."""
        from mlflow.entities import RunTag

        entries = [RunTag(k, cut(str(v), MAX_TAG_LENGTH)) for k, v in tags.items() if v is not None]
        if entries:
            with self._errors("set tags"):
                self._client.log_batch(self.run_id, tags=entries, synchronous=True)

    def log_artifact(self, path: Path | str, folder: str | None = None) -> None:
        """Keep a copy of a file, or of a folder's files, with the run."""
        with self._errors(f"keep {Path(path).name}"):
            if Path(path).is_dir():
                self._client.log_artifacts(self.run_id, str(path), folder)
            else:
                self._client.log_artifact(self.run_id, str(path), folder)

    def log_text(self, text: str, file: str) -> None:
        """Keep a text with the run as the named file."""
        with self._errors(f"keep {file}"):
            self._client.log_text(self.run_id, text, file)

    def log_model(self, module: nn.Module, name: str = "model") -> None:
        """Keep a torch module so that the dashboard shows it and `mlflow.pytorch` loads it."""
        with self._errors(f"keep the model {name!r}"):
            log_torch_model(self.uri, self.run_id, module, name)

    def log_table(self, columns: Mapping[str, Sequence[Any]], file: str) -> None:
        """Keep a table with the run as the named JSON file, which the dashboard shows."""
        import pandas as pd

        # MLflow looks for pictures among objects; pandas warns where it meets texts there instead.
        table = pd.DataFrame({name: list(values) for name, values in columns.items()}, dtype=object)
        with self._errors(f"keep {file}"):
            self._client.log_table(self.run_id, table, file)

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
        entry = dataset_input(name, digest, source, profile or {}, context)
        with self._errors("log the dataset"):
            log_dataset(self._client, self.run_id, entry)

    @contextmanager
    def child(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[TrackedRun]:
        """Open a run nested in this one, for a row of the table or a training curve."""
        own = {"mlflow.parentRunId": self.run_id, **(tags or {})}
        where = (self._client, self.uri, self.experiment, self._reserve)
        with _life_cycle(*where, name, own) as run:
            if params:
                run.log_config(params)
            yield run

    def _logmetric_entries(self, entries: list[Metric]) -> None:
        with self._errors("log metrics"):
            for start in range(0, len(entries), METRICS_PER_BATCH):
                self._client.log_batch(
                    self.run_id,
                    metrics=entries[start : start + METRICS_PER_BATCH],
                    synchronous=True,
                )

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return tracking_errors(doing, self.uri)


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

    Raises:
        TrackingError: if the store cannot be opened, written or closed.
    """
    resolved = tracking_uri(uri, root)
    client = open_store(resolved)
    experiment_key = experiment_id(client, resolved, experiment, root)
    own = {**git_tags(root), **(tags or {}), **({"mlflow.parentRunId": parent} if parent else {})}
    with sigterm_raises(), ReservedSpace(resolved) as reserve:
        with _life_cycle(client, resolved, experiment_key, reserve, name, own) as run:
            if params:
                run.log_config(params)
            yield run


@contextmanager
def _life_cycle(
    client: MlflowClient,
    uri: str,
    experiment: str,
    reserve: ReservedSpace,
    name: str,
    tags: Mapping[str, str],
) -> Iterator[TrackedRun]:
    run: TrackedRun | None = None
    try:
        with uninterrupted():
            run_id = _created(client, uri, experiment, name, tags)
            run = TrackedRun(client, uri, experiment, run_id, reserve)
        yield run
        with uninterrupted():
            _end(run, "FINISHED")
    except BaseException as error:
        if run is not None:
            _end_after(run, error)
        raise


def _created(
    client: MlflowClient, uri: str, experiment: str, name: str, tags: Mapping[str, str]
) -> str:
    own = {
        "mlflow.user": _user(),
        "mlflow.source.name": "pipeline",
        "mlflow.source.type": "LOCAL",
        TAG_PROCESS: process_tag(),
        **{key: cut(str(value), MAX_TAG_LENGTH) for key, value in tags.items()},
    }
    with tracking_errors("create a run", uri):
        return str(client.create_run(experiment, tags=own, run_name=name).info.run_id)


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
    with tracking_errors(f"end run {run.run_id} as {status}", run.uri):
        run._client.set_terminated(run.run_id, status)


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
