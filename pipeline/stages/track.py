"""What a job logs: one run a row of the table, its training curve, exponents, counts."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from pipeline.construction.crossovers import Counted
from pipeline.construction.exponents import Exponent
from pipeline.data import SeparatedDataset
from pipeline.exact import parse_norm
from pipeline.report import counted_frame, exponents_frame
from pipeline.stages.outcome import Outcome
from pipeline.tracking import TrackedRun, exponent_metric, row_metrics, run_name


def track_row(run: TrackedRun, each: Outcome, data: SeparatedDataset, headline: bool) -> None:
    """Log one row: the first on the job's own run, the others on runs nested in it."""
    row = each.row
    name = run_name(row.dataset, row.d, row.N, row.rho, row.construction)
    if headline:
        _log_row(run, each, data)
    else:
        with run.child(name) as child:
            _log_row(child, each, data)
    if each.curve:
        tags = {"construction": row.construction}
        with run.child(f"{row.construction} training curve", tags) as child:
            columns = [key for key in each.curve[0] if key != "step"]
            child.log_curve(
                {f"train/{key}": [point[key] for point in each.curve] for key in columns}
            )


def _log_row(run: TrackedRun, each: Outcome, data: SeparatedDataset) -> None:
    row = each.row
    run.set_tags(
        {
            "construction": row.construction,
            "dataset": row.dataset,
            "verdict": each.verdict,
            "claim": row.claim,
            "paper_item": each.paper_item,
        }
    )
    run.log_metrics(
        row_metrics(
            parameter_count=row.parameter_count,
            nonzero_count=row.nonzero_count,
            lower_bound=row.lower_bound,
            upper_bound=each.upper_bound,
            paper_plan=each.paper_plan,
            depth=row.depth,
            width=row.width,
            first_hidden_width=row.first_hidden_width,
            bit_complexity=row.bit_complexity,
            N=row.N,
            d=row.d,
            C=row.C,
            separation=data.separation(parse_norm(row.p)).nearest_float64,
            rho=float(Fraction(row.rho)),
            verified=row.verified,
            falsified=row.falsified,
            unknown=row.unknown,
            error_upper=row.error_upper,
            error_bound=None if row.error_bound is None else float(row.error_bound),
            error_estimate=row.error_estimate,
            seconds=row.seconds,
        )
    )
    for role, path in each.files.items():
        run.log_artifact(path, None if role == "dataset" else row.construction)


def track_exponents(run: TrackedRun, found: Sequence[Exponent], table: Path) -> None:
    """Log every fitted exponent as a metric, and the points as CSV and as a table."""
    run.log_metrics(
        {exponent_metric(each.construction, each.variable): each.fit.slope for each in found}
    )
    run.log_artifact(table)
    columns = exponents_frame(found).to_dict(orient="list")
    run.log_table({str(name): values for name, values in columns.items()}, "exponents.json")


def track_counts(run: TrackedRun, rows: Sequence[Counted], files: Sequence[Path]) -> None:
    """Log the counts of the phase diagram as a table, and their files."""
    for path in files:
        run.log_artifact(path)
    columns = counted_frame(rows).astype(object).where(lambda frame: frame.notna(), None)
    table = columns.to_dict(orient="list")
    run.log_table({str(name): values for name, values in table.items()}, "phase_diagram.json")
