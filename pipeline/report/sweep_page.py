"""sweep.html: the jobs of a sweep in one file that opens offline, with filters and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.report.explorer import Bars, Column, Explorer, Scatter, page_script
from pipeline.report.page import inline_figure, page_template

# A page of more jobs takes long to open; sweep.csv beside it has all of them.
MOST_JOBS = 20_000
_FILTERS = (
    ("dataset", "dataset"),
    ("regime", "regime"),
    ("verdict", "verdict"),
    ("construction", "construction"),
    ("status", "job status"),
)
_COLUMNS = (
    Column("job", "job"),
    Column("status", "status"),
    Column("verdict", "verdict", "verdict"),
    Column("construction", "construction"),
    Column("dataset", "dataset"),
    Column("N", "N", "whole"),
    Column("d", "d", "whole"),
    Column("ratio", "ρ", shown="rho"),
    Column("regime", "regime"),
    Column("parameter_count", "P", "whole"),
    Column("times", "P / lower", "short"),
    Column("first_hidden_width", "first width", "whole"),
    Column("verified", "verified", "share"),
    Column("seconds", "seconds", "seconds"),
    Column("run", "run", "code"),
)
_PLOTS = (
    Scatter(
        "sizes",
        "ratio",
        "parameter_count",
        "robustness ratio ρ",
        "parameters P",
        "Parameters P (zeros counted, Eq. 3) against the robustness ratio ρ, both axes "
        "logarithmic. Dashes: leading term of Theorem 3.1, constants omitted; it bounds the worst "
        "dataset of these sizes.",
        bound="lower_bound",
    ),
    Bars(
        "shares",
        "verified",
        "job",
        ("construction", "dataset"),
        "fraction of balls verified",
        "Fraction of the balls VERIFIED: proved on all of the ball. What is missing was falsified "
        "or left undecided, and counts for nothing.",
    ),
)


@dataclass(frozen=True)
class SweptJob:
    """One job of a sweep as its page shows it.

    Args:
        job: what tells it from the others, in words.
        status: of the job, FINISHED or what became of it.
        verdict: of its first network, empty without one.
        construction: its name.
        dataset: the dataset's name.
        N: number of points, None if unknown like all that follows.
        d: input dimension.
        rho: robustness ratio as text.
        ratio: rho rounded to float.
        regime: small, moderate or large.
        parameter_count: P.
        lower_bound: leading term of Theorem 3.1.
        first_hidden_width: width of the first hidden layer.
        verified: share of balls VERIFIED.
        seconds: from the run's start to its end.
        run: id of its run.
        reason: why it failed.
    """

    job: str
    status: str
    verdict: str = ""
    construction: str = ""
    dataset: str = ""
    N: int | None = None
    d: int | None = None
    rho: str = ""
    ratio: float | None = None
    regime: str = ""
    parameter_count: int | None = None
    lower_bound: float | None = None
    first_hidden_width: int | None = None
    verified: float | None = None
    seconds: float | None = None
    run: str = ""
    reason: str = ""


def sweep_page(
    name: str,
    jobs: Sequence[SweptJob],
    counts: str,
    source: str,
    figures: Mapping[str, str | bytes] | None = None,
) -> str:
    """Return the page; it loads nothing, and no script but its own runs.

    Args:
        name: of the sweep.
        jobs: in the order of the grid.
        counts: what became of them, in words.
        source: date and commit, in words.
        figures: caption -> SVG text or PNG bytes, shown below the jobs.

    Raises:
        ValueError: if a figure is neither SVG nor PNG.
    """
    script, digest = page_script()
    if len(jobs) > MOST_JOBS:
        counts += f". The first {MOST_JOBS:,} are here, all are in sweep.csv"
    return page_template("sweep.html.jinja").render(
        name=name,
        counts=counts,
        source=source,
        jobs=Explorer(
            "jobs", "jobs", _COLUMNS, _FILTERS, [_row(job) for job in jobs[:MOST_JOBS]], _PLOTS
        ),
        figures=[
            (caption, inline_figure(picture, caption, f"figure-{number}"))
            for number, (caption, picture) in enumerate((figures or {}).items(), start=1)
        ],
        script=script,
        script_digest=digest,
    )


def _row(job: SweptJob) -> dict[str, Any]:
    times = None
    if job.parameter_count is not None and job.lower_bound:
        times = job.parameter_count / job.lower_bound
    return asdict(job) | {"times": times}
