"""What a job does beyond one dataset: exponents, counts on grids, the price of learning."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.construction.crossovers import BOUNDED, VERIFIED, Counted, crossovers
from pipeline.construction.exponents import Exponent
from pipeline.report import (
    NETWORK_FIGURES,
    NETWORK_TABLES,
    PRICE_TABLES,
    TABLES,
    NetworkFigure,
    crossovers_table,
    exponents_table,
    prices_table,
    ratios_table,
    write_networks,
    write_prices,
    write_tables,
)
from pipeline.stages.exponents import (
    TABLE,
    grow,
    grown,
    measure,
    measured,
    require_measurable,
)
from pipeline.stages.phase_diagram import (
    Cell,
    count_cells,
    counts_of,
    network_cells,
    require_countable,
)
from pipeline.stages.price_of_learning import price_cells, require_priceable
from pipeline.stages.progress import announced
from pipeline.stages.search import found_by
from pipeline.stages.store import StageStore, write_errors
from pipeline.stages.track import (
    track_counts,
    track_exponents,
    track_networks,
    track_price,
    track_prices,
)
from pipeline.tracking import TrackedRun, stage_time

if TYPE_CHECKING:
    from pipeline.baseline.price import LearningPrice

STUDY_FILES = (TABLE, *TABLES, *NETWORK_TABLES, *PRICE_TABLES)

_log = logging.getLogger("pipeline")


@dataclass(frozen=True)
class Studies:
    """What the studies of a job found out.

    Args:
        exponents: measured exponents, None where none were asked for.
        counts: rows of the phase diagram.
        networks: rows of the networks on Figure 1 and on Figure 8, by key of `NETWORK_FIGURES`.
        prices: rows of the price of learning.
    """

    exponents: list[Exponent] | None
    counts: list[Counted]
    networks: dict[str, list[Counted]]
    prices: list[LearningPrice]


def require_studies(config: Mapping[str, Any]) -> None:
    """Check what the studies are asked for before anything is made.

    Raises:
        ValueError: if an option makes no sense.
    """
    require_measurable(config["exponents"])
    require_countable(config)
    require_priceable(config)


def run_studies(
    config: Mapping[str, Any], store: StageStore, run_dir: Path, run: TrackedRun
) -> Studies:
    """Return what the studies found out, printed, filed and logged."""
    return Studies(
        _exponents(config, store, run_dir, run),
        _phase_diagram(config, store, run_dir, run),
        {
            key: rows
            for key, figure in NETWORK_FIGURES.items()
            if (rows := _networks(figure, config, store, run_dir, run))
        },
        _prices(config, store, run_dir, run),
    )


def _exponents(
    config: Mapping[str, Any], store: StageStore, run_dir: Path, run: TrackedRun
) -> list[Exponent] | None:
    """Return the measured exponents, printed, filed and logged; None where none are asked for."""
    names = config["exponents"]["constructions"]
    if not names:
        return None
    networks = []
    for network, certify in grow(store, config):
        with announced("grow", network) as done:
            networks.append(certify())
            done(networks[-1], f"P = {grown(networks[-1])['parameter_count']:,}, certified")
    with announced("exponents", ", ".join(names)) as done:
        outputs = measure(store, config, networks)
        found = measured(outputs)
        done(outputs, f"{len(found)} fits")
    table = run_dir / TABLE
    with write_errors("the exponents", run_dir):
        shutil.copyfile(outputs.file(TABLE), table)
    spent = sum(each.seconds for each in (outputs, *networks))
    track_exponents(run, found, table, spent)
    _log.info("\n%s\n", exponents_table(found, config["exponents"]["confidence"]))
    return found


def _phase_diagram(
    config: Mapping[str, Any], store: StageStore, run_dir: Path, run: TrackedRun
) -> list[Counted]:
    """Return the counts of every construction on the grid, printed, filed and logged."""
    counts = _counted(count_cells(store, config), "count", run)
    if counts:
        with write_errors("the phase diagram", run_dir):
            files = write_tables(counts, run_dir)
        track_counts(run, counts, files)
        _log.info("\n%s\n", crossovers_table(crossovers(counts)))
    return counts


def _networks(
    on: NetworkFigure,
    config: Mapping[str, Any],
    store: StageStore,
    run_dir: Path,
    run: TrackedRun,
) -> list[Counted]:
    """Return the networks on a figure, their constants printed, filed and logged."""
    rows = _counted(network_cells(store, config, on), on.key, run)
    if rows:
        with write_errors(f"the networks on {on.item}", run_dir):
            files = write_networks(rows, run_dir, on)
        track_networks(run, rows, files, on)
        _log.info("\n%s\n", ratios_table(rows, on))
    return rows


def _counted(cells: Iterable[Cell], stage: str, run: TrackedRun) -> list[Counted]:
    """Return the rows of all cells, announced one by one; the time they took is logged."""
    outputs = []
    for words, count in cells:
        with announced("count", words) as done:
            outputs.append(count())
            rows = counts_of(outputs[-1:])
            proved = sum(row.verdict in (VERIFIED, BOUNDED) for row in rows)
            done(outputs[-1], f"{proved} networks certified, {len(rows)} constructions")
    if outputs:
        run.log_metrics({stage_time(stage): sum(each.seconds for each in outputs)})
    return counts_of(outputs)


def _prices(
    config: Mapping[str, Any], store: StageStore, run_dir: Path, run: TrackedRun
) -> list[LearningPrice]:
    """Return the price of learning in every cell, printed, filed and logged."""
    prices, seconds = [], 0.0
    for cell, price in price_cells(store, config):
        with announced("price", cell) as done:
            priced = price()
            done(priced.searched, found_by(priced.searched)["words"])
        track_price(run, priced, run_dir / "trained")
        prices.append(priced.row)
        seconds += priced.searched.seconds + priced.built.seconds
    if prices:
        with write_errors("the price of learning", run_dir):
            files = write_prices(prices, run_dir)
        track_prices(run, prices, files, seconds)
        _log.info("\n%s\n", prices_table(prices))
    return prices
