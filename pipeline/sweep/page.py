"""What the page of a sweep shows of each job."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pipeline.exact import parse_ratio
from pipeline.figures import replace_file
from pipeline.report.sweep_page import SweptJob, sweep_page
from pipeline.sweep.summary import JobRow, counts_text, labels
from pipeline.tracking.git import git_tags

# Of a row, what the page calls otherwise or shows in another way.
_OTHERWISE = ("overrides", "digest", "run_id", "p", "attempts", "trained")


def swept_jobs(rows: Sequence[JobRow]) -> list[SweptJob]:
    """Return the jobs of the page, named by what tells them apart."""
    jobs = []
    for row, label in zip(rows, labels(rows), strict=True):
        shown = {key: value for key, value in asdict(row).items() if key not in _OTHERWISE}
        ratio = float(parse_ratio(row.rho)) if row.rho else None
        jobs.append(SweptJob(job=label, run=row.run_id, ratio=ratio, **shown))
    return jobs


def write_sweep_page(
    path: Path,
    name: str,
    rows: Sequence[JobRow],
    root: Path,
    figures: Mapping[str, str | bytes] | None = None,
) -> None:
    """Write sweep.html.

    Args:
        path: of the file.
        name: of the sweep.
        rows: its jobs, in the order of the grid.
        root: the repository, whose commit the page names.
        figures: caption -> SVG text or PNG bytes of what the jobs found out together.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    commit = git_tags(root).get("git_commit")
    source = f"{now}, commit {commit}" if commit else now
    page = sweep_page(name, swept_jobs(rows), counts_text(rows), source, figures)
    replace_file(path, page.encode())
