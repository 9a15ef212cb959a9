"""Certified networks on the dataset of Proposition 3.2 among the runs of a tracking store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from math import nextafter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.exact import parse_norm, parse_ratio
from pipeline.tracking.cached_widths import COUNTS, DATASET, NETWORK, UnreadError
from pipeline.tracking.errors import tracking_errors
from pipeline.tracking.names import (
    DATA_C,
    DATA_D,
    DATA_N,
    NET_FIRST_HIDDEN_WIDTH,
    ROBUST_RHO,
    ROBUST_VERIFIED,
    TAG_CONSTRUCTION,
    TAG_DATASET,
    TAG_VERDICT,
    stage_time,
)
from pipeline.tracking.width_records import (
    HARD_WIDTH,
    WidthRecord,
    record_of_files,
    records_of_counts,
    rows_of_file,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Tables of counts among a job's artifacts: of the phase diagram, of Figures 1 and 8, of a price.
TABLES = ("certified.json", "figure1_networks.json", "figure8_networks.json", COUNTS)
_PARENT = "mlflow.parentRunId"
_PAGE = 1000


def tracked_records(client: MlflowClient, uri: str) -> Iterator[WidthRecord | UnreadError]:
    """Yield the records in a store, and why a certified network in it could not be examined.

    Runs of every experiment, nested ones and deleted ones too. Width and points are read from the
    artifacts where they are there, else from the metrics and the dataset's name.

    Args:
        client: what `open_store` returned for `uri`.
        uri: the store.

    Raises:
        TrackingError: if the store does not give its runs or their artifacts.
    """
    runs = {run.info.run_id: run for run in _all_runs(client, uri)}
    for run in runs.values():
        parent = runs.get(run.data.tags.get(_PARENT, ""))
        params = dict(parent.data.params if parent else {}) | run.data.params
        with tempfile.TemporaryDirectory() as folder:
            try:
                yield from _records(client, uri, run, params, Path(folder))
            except (ValueError, LookupError, TypeError) as error:
                yield UnreadError(f"run {run.info.run_id}: {error}")


def _all_runs(client: MlflowClient, uri: str) -> Iterator[Run]:
    from mlflow.entities import ViewType

    with tracking_errors("list the runs", uri):
        experiments = list(_paged(partial(client.search_experiments, view_type=ViewType.ALL)))
        for each in experiments:
            search = partial(client.search_runs, [each.experiment_id], run_view_type=ViewType.ALL)
            yield from _paged(search)


def _paged(search: Callable[..., Any]) -> Iterator[Any]:
    """Yield what a search returns page by page."""
    token: str | None = None
    while token != "":
        page = search(max_results=_PAGE, page_token=token)
        yield from page
        token = page.token or ""


def _records(
    client: MlflowClient, uri: str, run: Run, params: Mapping[str, str], folder: Path
) -> Iterator[WidthRecord]:
    certified = _is_certified(run)
    kept = _artifacts(client, uri, run) if certified or _has_counts(run) else []
    fetched = {}
    for name in kept:
        with tracking_errors(f"fetch the artifacts of run {run.info.run_id}", uri):
            fetched[name] = Path(client.download_artifacts(run.info.run_id, name, str(folder)))
    where = f"run {run.info.run_id[:12]}"
    named = run.data.tags.get(TAG_DATASET) == HARD_WIDTH
    for table in set(TABLES) & set(fetched):
        yield from records_of_counts(rows_of_file(fetched[table]), named, where)
    if not certified:
        return
    name = run.data.tags.get(TAG_CONSTRUCTION, "unnamed")
    balls = _ratio(run, params), parse_norm(params.get("p", "2"))
    networks = [path for name, path in fetched.items() if name.endswith(NETWORK)]
    if networks and DATASET in fetched:
        records = [
            record_of_files(fetched[DATASET], each, name, *balls, where) for each in networks
        ]
        yield from (record for record in records if record is not None)
    elif named:
        metrics = run.data.metrics
        N, d = int(metrics[DATA_N]), int(metrics[DATA_D])
        width = max(1, int(metrics[NET_FIRST_HIDDEN_WIDTH]))
        yield WidthRecord(name, N, d, *balls, width, where, (run.info.run_id,))


def _is_certified(run: Run) -> bool:
    """Return whether a run says that every ball is VERIFIED, on two classes as here."""
    if run.data.metrics.get(DATA_C, 2) != 2:
        return False
    verified = run.data.metrics.get(ROBUST_VERIFIED)
    return run.data.tags.get(TAG_VERDICT) == "VERIFIED" if verified is None else verified == 1


def _has_counts(run: Run) -> bool:
    timed = {stage_time(each) for each in ("count", "figure_1", "figure_8")} & set(run.data.metrics)
    return bool(timed) or run.data.tags.get(TAG_CONSTRUCTION) == "trained"


def _artifacts(client: MlflowClient, uri: str, run: Run) -> list[str]:
    """Return which of the artifacts that matter a run has: dataset, network, tables of counts."""
    name = run.data.tags.get(TAG_CONSTRUCTION)
    with tracking_errors(f"list the artifacts of run {run.info.run_id}", uri):
        paths = [each.path for each in client.list_artifacts(run.info.run_id)]
        if name in paths:
            paths += [each.path for each in client.list_artifacts(run.info.run_id, name)]
    wanted = {DATASET, NETWORK, f"{name}/{NETWORK}", *TABLES}
    return [path for path in paths if path in wanted]


def _ratio(run: Run, params: Mapping[str, str]) -> Fraction:
    """Return rho exactly: the job's own where the metric is its float, else the simplest such."""
    value = run.data.metrics.get(ROBUST_RHO)
    given = parse_ratio(params["rho"]) if "rho" in params or value is None else None
    if given is not None and (value is None or float(given) == value):
        return given
    assert value is not None
    simple = Fraction(value).limit_denominator(10**6)
    # Never above the true ratio, which would call a network too narrow that is not.
    return simple if float(simple) == value else Fraction(nextafter(value, 0))
