"""What a job logs: one run a row of the table, its training curve, exponents, counts."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.construction.crossovers import Counted
from pipeline.construction.exponents import Exponent
from pipeline.data import SeparatedDataset
from pipeline.exact import parse_norm
from pipeline.network import ReLUNetwork, load_network
from pipeline.report import (
    NetworkFigure,
    counted_frame,
    exponents_frame,
    networks_frame,
    prices_frame,
)
from pipeline.stages.outcome import Outcome
from pipeline.stages.price_of_learning import ROWS, Priced, attempts_json, best_attempt
from pipeline.tracking import (
    TrackedRun,
    exponent_metric,
    row_metrics,
    run_name,
    stage_time,
    told_apart,
)

if TYPE_CHECKING:
    from pipeline.baseline.price import LearningPrice

_log = logging.getLogger("pipeline")


def track_row(run: TrackedRun, each: Outcome, data: SeparatedDataset, headline: bool) -> None:
    """Log one row: the first on the job's own run, the others on runs nested in it."""
    row = each.row
    name = run_name(row.dataset, row.d, row.N, row.rho, row.construction)
    if headline:
        _log_row(run, each, data)
    else:
        with run.child(told_apart(name, row.construction)) as child:
            _log_row(child, each, data)
    if each.curve:
        tags = {"construction": row.construction}
        with run.child(f"{row.construction} training curve", tags) as child:
            track_curve(child, each.curve)
            track_network(child, load_network(each.files["network"]), each.files["network"].parent)


def track_curve(run: TrackedRun, curve: Sequence[Mapping[str, float]]) -> None:
    """Log a training curve against the optimizer's steps."""
    if curve:
        steps = [int(point["step"]) for point in curve]
        columns = [key for key in curve[0] if key != "step"]
        run.log_curve({f"train/{key}": [point[key] for point in curve] for key in columns}, steps)


def track_network(run: TrackedRun, network: ReLUNetwork, folder: Path) -> None:
    """Log a trained network so that the dashboard shows and loads it, and as ONNX in float64.

    A network whose weights no float64 holds is kept as its exact file alone.
    """
    from pipeline.exchange import write_onnx

    try:
        module = network.to_torch()
        path = folder / "network.onnx"
        write_onnx(network, path)
    except (OverflowError, ValueError) as error:
        _log.warning("%-9s  no float model is logged: %s", "", error)
        return
    run.log_artifact(path)
    run.log_model(module)


def track_price(run: TrackedRun, priced: Priced, folder: Path) -> None:
    """Log one cell as a nested run: its numbers, the found network, its curve, all attempts."""
    row, outputs = priced.row, priced.searched
    name = run_name(row.dataset, row.d, row.N, row.rho, "trained")
    verdict = "UNKNOWN" if row.succeeded is None else "VERIFIED"
    tags = {"construction": "trained", "dataset": row.dataset, "verdict": verdict}
    with run.child(name, tags) as child:
        numbers = {
            "price/width_failed": row.failed,
            "price/width": row.succeeded,
            "price/width_impossible": row.impossible,
            "price/params_failed": row.parameters_failed,
        }
        child.log_metrics({key: value for key, value in numbers.items() if value is not None})
        child.log_metrics(
            row_metrics(
                parameter_count=row.parameters,
                lower_bound=row.lower_bound,
                # All hidden layers of a network of the search have one width.
                first_hidden_width=row.succeeded,
                N=row.N,
                d=row.d,
                C=row.C,
                rho=float(Fraction(row.rho)),
                verified=None if row.succeeded is None else row.N,
            )
        )
        child.log_text(attempts_json(outputs), "attempts.json")
        child.log_artifact(priced.dataset)
        child.log_artifact(priced.built.file(ROWS))
        best = best_attempt(outputs)
        if best is not None:
            track_curve(child, best["curve"])
            place = folder / f"{row.dataset}_rho{row.rho.replace('/', '_')}"
            place.mkdir(parents=True, exist_ok=True)
            for file in ("network.npz", "proofs.npz"):
                shutil.copyfile(outputs.file(file), place / file)
            shutil.copyfile(priced.dataset, place / "dataset.npz")
            for file in ("network.npz", "proofs.npz"):
                child.log_artifact(place / file)
            track_network(child, load_network(place / "network.npz"), place)


def track_prices(
    run: TrackedRun, rows: Sequence[LearningPrice], files: Sequence[Path], seconds: float
) -> None:
    """Log the price of learning as a table, its files, and the seconds it took."""
    run.log_metrics({stage_time("price"): seconds})
    _track_frame(run, prices_frame(rows), files, "price_of_learning_table.json")


def _log_row(run: TrackedRun, each: Outcome, data: SeparatedDataset) -> None:
    row = each.row
    tags = {
        "construction": row.construction,
        "dataset": row.dataset,
        "verdict": each.verdict,
        "claim": row.claim,
        "paper_item": each.paper_item,
    }
    run.log(
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
        ),
        tags,
    )
    for role, path in each.files.items():
        run.log_artifact(path, None if role == "dataset" else row.construction)


def track_exponents(
    run: TrackedRun, found: Sequence[Exponent], table: Path, seconds: float
) -> None:
    """Log every fitted exponent as a metric, the points as CSV and table, the seconds it took."""
    slopes = {exponent_metric(each.construction, each.variable): each.fit.slope for each in found}
    run.log_metrics({**slopes, stage_time("exponents"): seconds})
    run.log_artifact(table)
    run.log_table(exponents_frame(found), "exponents.json")


def track_counts(run: TrackedRun, rows: Sequence[Counted], files: Sequence[Path]) -> None:
    """Log the counts of the phase diagram as a table, and their files."""
    _track_frame(run, counted_frame(rows), files, "phase_diagram.json")


def track_networks(
    run: TrackedRun, rows: Sequence[Counted], files: Sequence[Path], on: NetworkFigure
) -> None:
    """Log the networks on a figure with their constants as a table, and their files."""
    _track_frame(run, networks_frame(rows, on), files, f"{on.stem}_table.json")


def _track_frame(run: TrackedRun, frame: pd.DataFrame, files: Sequence[Path], name: str) -> None:
    for path in files:
        run.log_artifact(path)
    run.log_table(frame, name)
