"""The tracking vocabulary (docs/tracking.md): names of metrics, tags and runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

EXPERIMENT = "robust-memorization"

TAG_CLAIM = "claim"
TAG_CONFIG_DIGEST = "config_digest"
TAG_CONSTRUCTION = "construction"
TAG_DATASET = "dataset"
TAG_ERROR = "error"
TAG_GIT_COMMIT = "git_commit"
TAG_GIT_DIRTY = "git_dirty"
TAG_JOB_DIGEST = "job_digest"
TAG_PAPER_ITEM = "paper_item"
TAG_PROCESS = "process"
TAG_RUN_KEY = "run_key"
TAG_SWEEP = "sweep"
TAG_VERDICT = "verdict"

PARAMS_TOTAL = "params/total"
PARAMS_NONZERO = "params/nonzero"
PARAMS_LOWER_BOUND = "params/lower_bound"
PARAMS_UPPER_BOUND = "params/upper_bound"
PARAMS_PAPER_PLAN = "params/paper_plan"
PARAMS_RATIO_TO_LOWER = "params/ratio_to_lower"
NET_DEPTH = "net/depth"
NET_WIDTH = "net/width"
NET_FIRST_HIDDEN_WIDTH = "net/first_hidden_width"
NET_BITS = "net/bits"
DATA_N = "data/N"
DATA_D = "data/d"
DATA_C = "data/C"
DATA_SEPARATION = "data/separation"
ROBUST_RHO = "robust/rho"
ROBUST_LOG_RHO = "robust/log2_rho"
ROBUST_VERIFIED = "robust/verified"
ROBUST_FALSIFIED = "robust/falsified"
ROBUST_UNKNOWN = "robust/unknown"
ROBUST_ERROR_UPPER = "robust/error_upper"
ROBUST_ERROR_BOUND = "robust/error_bound"
ROBUST_ERROR_ESTIMATE = "robust/error_estimate"


def run_name(dataset: str, d: int, N: int, rho: str, method: str) -> str:
    """Return a run's name; what tells runs apart comes first, the dashboard cuts names short.

    >>> run_name("digits", 64, 1797, "1/2", "parallel_balls")
    'digits rho1/2 N1797 d64 parallel_balls'
    """
    return f"{dataset} rho{rho} N{N} d{d} {method}"


def told_apart(name: str, label: str) -> str:
    """Return a run's name with the words first that tell it from its siblings.

    Args:
        name: of the run.
        label: words separated by spaces, of the name or not; empty for none.

    >>> told_apart("cube rho1/2 N9 d4 voting", "N9 rho1/2 seed3")
    'N9 rho1/2 seed3 cube d4 voting'
    """
    first = label.split()
    return " ".join([*first, *(word for word in name.split() if word not in first)])


def stage_time(stage: str) -> str:
    """Return the metric that holds a stage's wall time in seconds.

    >>> stage_time("construct")
    'time/construct_s'
    """
    return f"time/{stage}_s"


def exponent_metric(construction: str, variable: str) -> str:
    """Return the metric that holds a measured exponent of a construction's size.

    >>> exponent_metric("thm_4_2_iii", "rho")
    'exponents/thm_4_2_iii/rho'
    """
    return f"exponents/{construction}/{variable}"


def row_metrics(
    *,
    parameter_count: int | None = None,
    nonzero_count: int | None = None,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    paper_plan: int | None = None,
    depth: int | None = None,
    width: int | None = None,
    first_hidden_width: int | None = None,
    bit_complexity: int | None = None,
    N: int | None = None,
    d: int | None = None,
    C: int | None = None,
    separation: float | None = None,
    rho: float | None = None,
    verified: int | None = None,
    falsified: int | None = None,
    unknown: int | None = None,
    error_upper: float | None = None,
    error_bound: float | None = None,
    error_estimate: float | None = None,
    seconds: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return the metrics of one row of the results table, without those that do not apply.

    Args:
        parameter_count: parameters, zeros counted (Eq. 3).
        nonzero_count: parameters that are not zero.
        lower_bound: Theorem 3.1's leading term, constants omitted.
        upper_bound: Theorem 4.2's leading term, constants omitted; absent for p other than 2.
        paper_plan: parameters of the plan of Theorem 4.2's part that rho falls in.
        depth: number of affine layers.
        width: largest layer width.
        first_hidden_width: width of the first hidden layer.
        bit_complexity: bits of the longest parameter.
        N: number of points.
        d: input dimension.
        C: number of classes.
        separation: eps_D, rounded to float.
        rho: robustness ratio, rounded to float.
        verified: number of balls VERIFIED; the metric is the fraction of N.
        falsified: number of balls FALSIFIED.
        unknown: number of balls UNKNOWN.
        error_upper: Clopper-Pearson upper bound of the robust memorization error.
        error_bound: proved upper bound of it, rounded to float.
        error_estimate: largest share of wrong samples of a ball.
        seconds: wall time of each stage.

    Raises:
        ValueError: if balls are counted without N, or their counts do not add up to N.
    """
    if any(count is not None for count in (verified, falsified, unknown)):
        counted = sum(count or 0 for count in (verified, falsified, unknown))
        if counted != N:
            raise ValueError(f"every ball needs one verdict: {counted} verdicts for N = {N}")
    metrics: dict[str, float | None] = {
        PARAMS_TOTAL: parameter_count,
        PARAMS_NONZERO: nonzero_count,
        PARAMS_LOWER_BOUND: lower_bound,
        PARAMS_UPPER_BOUND: upper_bound,
        PARAMS_PAPER_PLAN: paper_plan,
        PARAMS_RATIO_TO_LOWER: _ratio(parameter_count, lower_bound),
        NET_DEPTH: depth,
        NET_WIDTH: width,
        NET_FIRST_HIDDEN_WIDTH: first_hidden_width,
        NET_BITS: bit_complexity,
        DATA_N: N,
        DATA_D: d,
        DATA_C: C,
        DATA_SEPARATION: separation,
        ROBUST_RHO: rho,
        ROBUST_LOG_RHO: math.log2(rho) if rho else None,
        ROBUST_VERIFIED: _ratio(verified, N),
        ROBUST_FALSIFIED: _ratio(falsified, N),
        ROBUST_UNKNOWN: _ratio(unknown, N),
        ROBUST_ERROR_UPPER: error_upper,
        ROBUST_ERROR_BOUND: error_bound,
        ROBUST_ERROR_ESTIMATE: error_estimate,
        **{stage_time(stage): spent for stage, spent in (seconds or {}).items()},
    }
    return {name: value for name, value in metrics.items() if value is not None}


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
