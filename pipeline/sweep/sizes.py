"""What a run says of the sizes of its job, and the part of Theorem 4.2 that they fall in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.exact import parse_norm, parse_ratio
from pipeline.theory import regime
from pipeline.tracking.names import (
    DATA_D,
    DATA_N,
    NET_FIRST_HIDDEN_WIDTH,
    PARAMS_LOWER_BOUND,
    TAG_CONSTRUCTION,
    TAG_DATASET,
)

if TYPE_CHECKING:
    from mlflow.entities import Run


def job_sizes(run: Run) -> dict[str, Any]:
    """Return the columns of a job that its run's metrics, tags and parameters hold."""
    metrics, params = run.data.metrics, run.data.params
    whole = {
        name: int(metrics[metric]) if metric in metrics else None
        for name, metric in (
            ("N", DATA_N),
            ("d", DATA_D),
            ("first_hidden_width", NET_FIRST_HIDDEN_WIDTH),
        )
    }
    rho, p = _ratio(params.get("rho", "")), params.get("p", "2")
    return {
        **whole,
        "dataset": run.data.tags.get(TAG_DATASET, ""),
        "rho": rho,
        "p": p,
        "lower_bound": metrics.get(PARAMS_LOWER_BOUND),
        "trained": run.data.tags.get(TAG_CONSTRUCTION) == params.get("baseline.name", ""),
        "regime": regime_of(whole["N"], whole["d"], rho, p),
    }


def regime_of(N: int | None, d: int | None, rho: str, p: str) -> str:
    """Return the part of Theorem 4.2 that rho falls in, empty where a size is unknown.

    >>> regime_of(100, 4, "1/20", "2"), regime_of(None, None, "1/2", "2")
    ('moderate', '')
    """
    if N is None or d is None or not rho:
        return ""
    return str(regime(N, d, parse_ratio(rho), parse_norm(p)))


def _ratio(text: str) -> str:
    """Return the ratio as it was given, empty if it is none: such a job failed."""
    try:
        parse_ratio(text)
    except ValueError:
        return ""
    return text
