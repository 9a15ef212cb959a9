"""Tracking in MLflow: run life cycle, names, stores. MLflow itself is imported on first use."""

from pipeline.tracking.digests import canonical_json, config_digest
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.names import (
    EXPERIMENT,
    exponent_metric,
    row_metrics,
    run_name,
    stage_time,
    told_apart,
)
from pipeline.tracking.run import TrackedRun, tracked_run
from pipeline.tracking.signals import Terminated
from pipeline.tracking.store import dashboard_url, open_store, tracking_uri

__all__ = [
    "EXPERIMENT",
    "Terminated",
    "TrackedRun",
    "TrackingError",
    "canonical_json",
    "config_digest",
    "dashboard_url",
    "exponent_metric",
    "open_store",
    "row_metrics",
    "run_name",
    "stage_time",
    "told_apart",
    "tracked_run",
    "tracking_uri",
]
