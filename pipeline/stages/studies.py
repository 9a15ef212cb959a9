"""What a job does beyond one dataset: exponents, the phase diagram, the price of learning."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.construction.crossovers import Counted, crossovers
from pipeline.construction.exponents import Exponent
from pipeline.report import (
    PRICE_TABLES,
    TABLES,
    crossovers_table,
    exponents_table,
    prices_table,
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
from pipeline.stages.phase_diagram import count_cells, counts_of, require_countable
from pipeline.stages.price_of_learning import price_cells, require_priceable
from pipeline.stages.progress import announced
from pipeline.stages.search import found_by
from pipeline.stages.store import StageStore, write_errors
from pipeline.stages.track import track_counts, track_exponents, track_price, track_prices
from pipeline.tracking import TrackedRun

if TYPE_CHECKING:
    from pipeline.baseline.price import LearningPrice

STUDY_FILES = (TABLE, *TABLES, *PRICE_TABLES)

_log = logging.getLogger("pipeline")


@dataclass(frozen=True)
class Studies:
    """What the studies of a job found out.

    Args:
        exponents: measured exponents, None where none were asked for.
        counts: rows of the phase diagram.
        prices: rows of the price of learning.
    """

    exponents: list[Exponent] | None
    counts: list[Counted]
    prices: list[LearningPrice]


def require_studies(config: Mapping[str, Any]) -> None:
    """Check what the studies are asked for before anything is made.

    Raises:
        ValueError: if an option makes no sense.
    """
    require_measurable(config["exponents"])
    require_countable(config["phase_diagram"])
    require_priceable(config)


def run_studies(
    config: Mapping[str, Any], store: StageStore, run_dir: Path, run: TrackedRun
) -> Studies:
    """Return what the studies found out, printed, filed and logged."""
    return Studies(
        _exponents(config, store, run_dir, run),
        _phase_diagram(config, store, run_dir, run),
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
    outputs = []
    for cell, count in count_cells(store, config):
        with announced("count", cell) as done:
            outputs.append(count())
            rows = counts_of(outputs[-1:])
            proved = sum(row.verdict == "verified" for row in rows)
            done(outputs[-1], f"{proved} networks certified, {len(rows)} constructions")
    counts = counts_of(outputs)
    if counts:
        with write_errors("the phase diagram", run_dir):
            files = write_tables(counts, run_dir)
        track_counts(run, counts, files, sum(each.seconds for each in outputs))
        _log.info("\n%s\n", crossovers_table(crossovers(counts)))
    return counts


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
