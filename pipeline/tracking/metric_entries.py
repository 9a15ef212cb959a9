"""Metrics as MLflow's entities; what a float cannot hold goes to tags, not to a wrong number."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Metric


def metric_entries(metrics: Mapping[str, float], step: int) -> tuple[list[Metric], dict[str, str]]:
    """Return the entities of finite (or NaN) metrics, and tags for infinite or too large ones.

    MLflow stores infinity as 1.8e308, a number that nobody measured.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    entries: list[Metric] = []
    beyond: dict[str, str] = {}
    for name, value in metrics.items():
        try:
            number, text = float(value), str(value)
        except OverflowError:
            # Python refuses to print integers of more than 4300 digits.
            number, text = math.inf, f"an integer of {int(value).bit_length()} bits"
        if math.isinf(number):
            beyond[f"infinite/{name}"] = f"{text} at step {step}"
        else:
            entries.append(Metric(name, number, now, step))
    return entries, beyond
