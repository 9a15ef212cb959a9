"""sweep.html: the jobs of a sweep in one file that opens offline, with filters and plots."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.report.page import page_template

# A page of more jobs takes long to open; sweep.csv beside it has all of them.
MOST_JOBS = 20_000
_FILTERS = (
    ("dataset", "dataset"),
    ("regime", "regime"),
    ("verdict", "verdict"),
    ("construction", "construction"),
    ("status", "job status"),
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


def sweep_page(name: str, jobs: Sequence[SweptJob], counts: str, source: str) -> str:
    """Return the page; it loads nothing, and no script but its own runs.

    Args:
        name: of the sweep.
        jobs: in the order of the grid.
        counts: what became of them, in words.
        source: date and commit, in words.
    """
    script = (Path(__file__).parent / "sweep.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    if len(jobs) > MOST_JOBS:
        counts += f". The first {MOST_JOBS:,} are here, all are in sweep.csv"
    return page_template("sweep.html.jinja").render(
        name=name,
        counts=counts,
        source=source,
        filters=_FILTERS,
        data=_json(jobs[:MOST_JOBS]),
        script=Markup(script),
        # In base64, of which HTML would escape the plus signs.
        script_digest=Markup(digest),
    )


def _json(jobs: Sequence[SweptJob]) -> Markup:
    """Return the jobs as JSON that ends no element, whatever their texts are."""
    names = [each.name for each in fields(SweptJob)]
    rows: list[list[Any]] = [[getattr(job, name) for name in names] for job in jobs]
    text = json.dumps({"names": names, "rows": rows}, ensure_ascii=True, allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)
