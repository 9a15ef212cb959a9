"""The view that the dashboard opens on: the columns, the charts and the order of the runs.

MLflow keeps shared views as tags of an experiment in a format that it does not document; the one
written here was read from MLflow 3.17, and `make ui-test` opens it in a browser.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from typing import TYPE_CHECKING, Any

from pipeline.tracking.errors import tracking_errors
from pipeline.tracking.names import (
    DATA_D,
    DATA_N,
    PARAMS_RATIO_TO_LOWER,
    PARAMS_TOTAL,
    ROBUST_LOG_RHO,
    ROBUST_RHO,
    ROBUST_VERIFIED,
    TAG_CONSTRUCTION,
    TAG_DATASET,
    TAG_ERROR,
    TAG_SWEEP,
    TAG_VERDICT,
)
from pipeline.tracking.store import dashboard_url

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "results"
TAG = f"mlflow.sharedViewState.{KEY}"
TITLE = "Robust memorization: results"
_PACKED = "deflate;"
# Column -> pixels, in the order of the table.
COLUMNS = {
    f"tags.`{TAG_VERDICT}`": 105,
    f"tags.`{TAG_CONSTRUCTION}`": 125,
    f"tags.`{TAG_DATASET}`": 100,
    f"metrics.`{ROBUST_RHO}`": 85,
    f"metrics.`{PARAMS_TOTAL}`": 100,
    f"metrics.`{PARAMS_RATIO_TO_LOWER}`": 145,
    f"metrics.`{ROBUST_VERIFIED}`": 110,
    f"tags.`{TAG_SWEEP}`": 100,
    f"tags.`{TAG_ERROR}`": 220,
}
# Name, start with the status, duration: columns of every table.
_FIXED = {"attributes.`Run Name`": 270, "runDateAndNestInfo": 130, "duration": 70}
_RESULTS = "results"
# Every metric has a chart by default, in a section named by what precedes its slash.
_SECTIONS = {"train": True} | dict.fromkeys(
    ("params", "robust", "net", "data", "price", "exponents", "sweep", "time"), False
)
# Runs have one source, so that this leaves them newest first; any sorting but the one by the start
# puts nested runs beside the others, where the charts see them.
_ORDER = "tags.`mlflow.source.name`"
_MOST_RUNS = 100


def prepared_state() -> dict[str, Any]:
    """Return the view: verdicts beside sizes, P against rho on log axes, verified fractions."""
    return {
        "orderByKey": _ORDER,
        "orderByAsc": True,
        "selectedColumns": list(COLUMNS),
        "columnOrder": [*_FIXED, *COLUMNS],
        "columnWidths": _FIXED | COLUMNS,
        "runsHiddenMode": "SHOW_ALL",
        "isAccordionReordered": True,
        "compareRunSections": [
            _section(_RESULTS, "Results", True) | {"columns": 2, "cardHeight": 420},
            *(_section(name, name, shown) for name, shown in _SECTIONS.items()),
        ],
        "compareRunCharts": _charts(),
    }


def _charts() -> list[dict[str, Any]]:
    """Return the charts.

    Of MLflow's, the scatter has no log axes; the line keeps a linear x for metrics, whatever its
    xAxisScaleType, so that the logarithm of rho is a metric.
    """
    rho_against_size = {
        "metricKey": PARAMS_TOTAL,
        "selectedMetricKeys": [PARAMS_TOTAL],
        "xAxisKey": "metric",
        "selectedXAxisMetricKey": ROBUST_LOG_RHO,
        "useGlobalXaxisKey": False,
        "scaleType": "log",
        "xAxisScaleType": "linear",
        "displayPoints": True,
        "lineSmoothness": 0,
        "useGlobalLineSmoothing": False,
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "range": {},
    }
    # The last axis colours the lines; with the verified fraction there, MLflow draws NaN at first.
    axes = [
        ROBUST_VERIFIED,
        ROBUST_RHO,
        DATA_N,
        DATA_D,
        PARAMS_TOTAL,
        PARAMS_RATIO_TO_LOWER,
    ]
    ratio_against_rho = {
        "xaxis": {"key": ROBUST_RHO, "type": "METRIC"},
        "yaxis": {"key": PARAMS_RATIO_TO_LOWER, "type": "METRIC"},
    }
    return [
        _chart("LINE", rho_against_size),
        _chart("BAR", {"metricKey": ROBUST_VERIFIED}),
        _chart("PARALLEL", {"selectedParams": [], "selectedMetrics": axes, "showAllRuns": False}),
        _chart("SCATTER", ratio_against_rho),
    ]


def _chart(kind: str, own: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": f"{_RESULTS}-{kind.lower()}",
        "metricSectionId": _RESULTS,
        "runsCountToCompare": _MOST_RUNS,
        "deleted": False,
        "isGenerated": False,
        **own,
    }


def _section(key: str, name: str, shown: bool) -> dict[str, Any]:
    flags = {"isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": key, "name": name, "display": shown, **flags}


def view_tag(state: dict[str, Any], created: int, updated: int) -> str:
    """Return the tag's value; times in milliseconds since 1970."""
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    entry = {"name": TITLE, "createdAt": created, "updatedAt": updated, "state": _PACKED + packed}
    return json.dumps(entry)


def read_view(value: str) -> tuple[dict[str, Any], int]:
    """Return the state and the time of creation that a tag's value holds.

    Raises:
        ValueError: if it holds none.
    """
    try:
        entry = json.loads(value)
        packed = base64.b64decode(entry["state"].removeprefix(_PACKED), validate=True)
        return dict(json.loads(zlib.decompress(packed))), int(entry["createdAt"])
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"not a view: {value[:60]!r}") from error


def write_view(client: MlflowClient, uri: str, experiment: str) -> bool:
    """Return whether the experiment's view was written; one that is there already is left alone.

    Args:
        client: of the store.
        uri: the store.
        experiment: the experiment's id.

    Raises:
        TrackingError: if the store fails.
    """
    now = int(time.time() * 1000)
    state, created = prepared_state(), now
    with tracking_errors("write the dashboard's view", uri):
        kept = client.get_experiment(experiment).tags.get(TAG)
        if kept is not None:
            try:
                before, created = read_view(kept)
            except ValueError:
                before = {}
            if before == state:
                return False
        client.set_experiment_tag(experiment, TAG, view_tag(state, created, now))
    return True


def view_url(
    experiment: str, *, charts: bool = False, host: str = "127.0.0.1", port: int = 5000
) -> str:
    """Return the address of the view, of its table or of its charts.

    >>> view_url("1").partition("?")[2]
    'workflowType=machine_learning&viewStateShareKey=results&compareRunsMode=TABLE'
    """
    mode = "CHART" if charts else "TABLE"
    return f"{dashboard_url(experiment, host, port)}&viewStateShareKey={KEY}&compareRunsMode={mode}"
