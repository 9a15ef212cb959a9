"""Stage 5: reporting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.figures import figure_1, figure_bytes, replace_file, save_figure
from pipeline.report import (
    NETWORK_FIGURES,
    DecidedBalls,
    RunDetails,
    exponents_summary,
    network_figures,
    phase_figures,
    price_figures,
    report_page,
    write_summary,
)
from pipeline.stages.outcome import Outcome
from pipeline.stages.studies import Studies
from pipeline.theory import bounds_table

# Of each curve in the page; the figures have them all.
_CURVE_POINTS = 60
CAPTION = "Figure 1: parameter bounds for this N and d, with this run's networks"


def report(
    outcomes: Sequence[Outcome],
    details: RunDetails,
    config: Mapping[str, Any],
    run_dir: Path,
    studies: Studies,
) -> list[Path]:
    """Return the files written: summary.json, every figure in every format, report.html."""
    rows = [each.row for each in outcomes]
    exponents, counts = studies.exponents, studies.counts
    numbers = None if exponents is None else exponents_summary(exponents)
    written = [write_summary(run_dir / "summary.json", rows, numbers)]
    pictures, table = {}, None
    # The curves are bounds for p = 2; points of another norm do not belong on them.
    if rows[0].p == "2":
        least = min(point.rho for point in (row.measured() for row in rows))
        table = bounds_table(rows[0].N, rows[0].d, rho_min=_left_end(rows[0].N, rows[0].d, least))
        figure = figure_1(table, [row.measured() for row in rows])
        written += save_figure(figure, run_dir / "figure1", config["report"]["formats"])
        pictures[CAPTION] = figure_bytes(figure, "svg").decode()
    drawings = phase_figures(counts) | price_figures(studies.prices)
    for key, networks in studies.networks.items():
        drawings |= network_figures(networks, config[key]["additive_d"], NETWORK_FIGURES[key])
    for stem, (caption, drawn) in drawings.items():
        written += save_figure(drawn, run_dir / stem, config["report"]["formats"])
        pictures[caption] = figure_bytes(drawn, "svg").decode()
    if config["report"]["html"]:
        balls = [each.balls for each in outcomes]
        page = report_page(
            rows,
            pictures,
            details,
            balls,
            exponents or (),
            counts,
            studies.prices,
            studies.networks,
            _decided(outcomes),
            None if table is None else table.iloc[:: max(len(table) // _CURVE_POINTS, 1)],
        )
        written.append(replace_file(run_dir / "report.html", page.encode()))
    return written


def _decided(outcomes: Sequence[Outcome]) -> list[DecidedBalls]:
    """Return the verdict tables of the networks that have one."""
    return [
        DecidedBalls.read(each.row.construction, each.files["verdicts"])
        for each in outcomes
        if "verdicts" in each.files
    ]


def _left_end(N: int, d: int, least: float) -> float:
    return min(0.1 / (N * d**0.5), least)
