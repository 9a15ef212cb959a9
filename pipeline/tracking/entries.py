"""What a job logs, as data: sent to the store at once, or written down and sent later.

Each entry is one request (a folder of artifacts, one a file), and sending it twice leaves what
sending it once leaves: a server that was lost may have done what it did not acknowledge.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.tracking.dataset_input import dataset_input, log_dataset
from pipeline.tracking.jobs import PARENT
from pipeline.tracking.model import log_pickled_model, log_torch_model
from pipeline.tracking.names import TAG_RUN_KEY

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from torch import nn


_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


@dataclass(frozen=True)
class Created:
    """A run begins.

    Args:
        run: its key: the entries of a process name runs by keys, for a run that no server has yet
            has no id.
        name: its name.
        tags: set from the start.
        started: milliseconds since 1970.
        parent: key of the run it is nested in; None for the job's own run.
        run_id: its id where the store has it already.
    """

    run: str
    name: str
    tags: Mapping[str, str]
    started: int
    parent: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Batch:
    """Metrics, parameters and tags within the limits of one request.

    Args:
        run: key of the run.
        metrics: (name, value, milliseconds since 1970, step).
        params: name -> value.
        tags: name -> value.
    """

    run: str
    metrics: tuple[tuple[str, float, int, int], ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A file, or all files of a folder.

    Args:
        run: key of the run.
        path: of the file or folder; in a journal, relative to it.
        folder: among the artifacts, None for their root.
    """

    run: str
    path: str
    folder: str | None = None


@dataclass(frozen=True)
class Input:
    """A dataset that the run reads, as `dataset_input` takes it."""

    run: str
    name: str
    digest: str
    source: str
    profile: Mapping[str, Any]
    context: str


@dataclass(frozen=True)
class Module:
    """A torch module.

    Args:
        run: key of the run.
        name: what the dashboard calls it.
        path: of the pickled module, relative to a journal; empty if `module` is there.
        module: the module itself; a journal has its file.
    """

    run: str
    name: str
    path: str = ""
    module: nn.Module | None = None


@dataclass(frozen=True)
class Ended:
    """A run has ended.

    Args:
        run: its key.
        status: FINISHED, FAILED or KILLED.
        at: milliseconds since 1970.
    """

    run: str
    status: str
    at: int


Entry = Created | Batch | Artifact | Input | Module | Ended
_KINDS = {kind.__name__: kind for kind in (Created, Batch, Artifact, Input, Module, Ended)}


def entry_json(entry: Entry) -> str:
    """Return an entry as one line of JSON."""
    if isinstance(entry, Module):
        entry = replace(entry, module=None)
    return json.dumps({"kind": type(entry).__name__, **asdict(entry)})


def entry_of(line: str | bytes) -> Entry:
    """Return the entry of a line of JSON.

    Raises:
        ValueError: if it is none.
    """
    try:
        values = json.loads(line)
        kind = _KINDS[values.pop("kind")]
        if kind is Batch:
            values["metrics"] = tuple(tuple(metric) for metric in values["metrics"])
        return kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no journal entry: {error!r}") from None


def create(client: MlflowClient, experiment: str, entry: Created, parent: str | None) -> str:
    """Return the id of a new run; a request that gets no answer is not repeated.

    Of two requests the server would make two runs: look with `created_before` first.

    Args:
        client: of the store.
        experiment: the experiment's id.
        entry: what the run begins with.
        parent: id of the run it is nested in.
    """
    tags = {**entry.tags, **({PARENT: parent} if parent else {})}
    with _asked_once():
        run = client.create_run(experiment, entry.started, tags, entry.name)
    return str(run.info.run_id)


def created_before(client: MlflowClient, experiment: str, entry: Created) -> str | None:
    """Return the id of the run that an earlier attempt created, None if there is none."""
    found: list[Run] = client.search_runs([experiment], f"tags.{TAG_RUN_KEY} = '{entry.run}'")
    return str(found[0].info.run_id) if found else None


@contextmanager
def _asked_once() -> Iterator[None]:
    """Keep MLflow from repeating a request by itself."""
    before = os.environ.get(_RETRIES)
    os.environ[_RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_RETRIES]
        else:
            os.environ[_RETRIES] = before


def send(client: MlflowClient, uri: str, run_id: str, entry: Entry, folder: Path = Path()) -> None:
    """Send what a run logs; `create` sends its beginning.

    Args:
        client: of the store.
        uri: the store.
        run_id: of the run.
        entry: anything but `Created`.
        folder: what paths are relative to.
    """
    from mlflow.entities import Metric, Param, RunTag

    match entry:
        case Batch():
            client.log_batch(
                run_id,
                metrics=[Metric(*metric) for metric in entry.metrics],
                params=[Param(*param) for param in entry.params.items()],
                tags=[RunTag(*tag) for tag in entry.tags.items()],
                synchronous=True,
            )
        case Artifact():
            path = folder / entry.path
            keep = client.log_artifacts if path.is_dir() else client.log_artifact
            keep(run_id, str(path), entry.folder)
        case Input():
            dataset = dataset_input(
                entry.name, entry.digest, entry.source, entry.profile, entry.context
            )
            log_dataset(client, run_id, dataset)
        case Module():
            if entry.module is None:
                log_pickled_model(client, uri, run_id, folder / entry.path, entry.name)
            else:
                log_torch_model(client, uri, run_id, entry.module, entry.name)
        case Ended():
            client.set_terminated(run_id, entry.status, entry.at)
