"""What the jobs of a sweep found out together: their tables in one, with its figures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure

from pipeline.construction.crossovers import (
    BOUNDED,
    PLANNED,
    REFUSED,
    REJECTED,
    VERIFIED,
    Counted,
    crossovers,
    published,
)
from pipeline.figures import replace_file
from pipeline.report import (
    NETWORK_FIGURES,
    PRICE_TABLES,
    TABLES,
    NetworkFigure,
    counted_frame,
    counted_of_json,
    crossovers_table,
    exponents_csv,
    exponents_frame,
    exponents_of_csv,
    exponents_table,
    network_figures,
    networks_frame,
    phase_figures,
    price_figures,
    prices_frame,
    prices_table,
    ratios_table,
    write_networks,
    write_prices,
    write_tables,
)
from pipeline.report.price_of_learning import prices_of_json
from pipeline.stages.exponents import TABLE
from pipeline.sweep.summary import JobRow
from pipeline.tracking import TrackingError
from pipeline.tracking.errors import Unreachable, tracking_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger("pipeline")


@dataclass(frozen=True)
class Study:
    """One study of all jobs of a sweep.

    Args:
        frame: its rows, none twice.
        files: written from them.
        figures: stem -> caption and figure.
        text: for the console.
    """

    frame: pd.DataFrame
    files: Sequence[Path]
    figures: Mapping[str, tuple[str, Figure]] = field(default_factory=dict)
    text: str = ""


# What is made of the texts of all jobs, in a folder, with the options that the jobs share.
Gather = Callable[[Sequence[str], Path, Mapping[str, Any]], Study]


def swept_studies(
    client: MlflowClient,
    uri: str,
    rows: Sequence[JobRow],
    folder: Path,
    config: Mapping[str, Any],
) -> dict[str, Study]:
    """Return by the file that jobs keep it in every study of the sweep's finished jobs.

    Which studies there are is what the first finished job has kept; a job that has not kept one, or
    whose file cannot be read, is left out with a warning.

    Args:
        client: of the store.
        uri: the store.
        rows: of the jobs.
        folder: of the sweep, for the files.
        config: what the jobs have in common.

    Raises:
        Unreachable: if the tracking server is.
        OSError: if a file cannot be written.
    """
    done = [row.run_id for row in rows if row.done and row.run_id]
    if not done:
        return {}
    with tracking_errors(f"list the artifacts of run {done[0]}", uri):
        kept = {each.path for each in client.list_artifacts(done[0])}
    studies = {}
    for name in _STUDIES:
        texts = _texts(client, uri, done, name) if name in kept else []
        if texts:
            studies[name] = _STUDIES[name](texts, folder, config)
    return studies


def _texts(client: MlflowClient, uri: str, runs: Iterable[str], name: str) -> list[str]:
    """Return the file of this name of every run that has it.

    Raises:
        Unreachable: if the tracking server is.
    """
    texts, unread = [], 0
    for run_id in runs:
        with tempfile.TemporaryDirectory() as folder:
            try:
                with tracking_errors(f"fetch {name} of run {run_id}", uri):
                    path = Path(client.download_artifacts(run_id, name, folder))
                texts.append(path.read_text(encoding="utf-8"))
            except Unreachable:
                raise
            except (TrackingError, OSError):
                unread += 1
    if unread:
        _log.warning(
            "%d finished jobs have no %s that can be read; it is drawn without", unread, name
        )
    return texts


def _counted(texts: Sequence[str]) -> list[Counted]:
    """Return the rows of all texts, those of one construction and cell once.

    Of several seeds, whose datasets differ, the one that does least: refused, rejected, or with
    the most parameters.
    """
    cells: dict[tuple[str, str, int, int, str], Counted] = {}
    for row in (row for text in texts for row in counted_of_json(text)):
        place = (row.construction, row.dataset, row.N, row.d, row.rho)
        cells[place] = max(cells.get(place, row), row, key=_does_less)
    return list(cells.values())


def _does_less(row: Counted) -> tuple[int, int]:
    order = (VERIFIED, BOUNDED, PLANNED, REJECTED, REFUSED)
    return order.index(row.verdict), row.parameter_count or 0


def _phase_diagram(texts: Sequence[str], folder: Path, _: Mapping[str, Any]) -> Study:
    rows = _counted(texts)
    figures = phase_figures(rows)
    # The same whatever the jobs have found.
    figures.pop("exponents_map", None)
    text = crossovers_table(crossovers(rows))
    alone = crossovers(published(rows))
    if alone:
        text += f"\n\nof the paper and earlier work alone\n{crossovers_table(alone)}"
    return Study(counted_frame(rows), write_tables(rows, folder), figures, text)


def _networks(
    on: NetworkFigure, texts: Sequence[str], folder: Path, config: Mapping[str, Any]
) -> Study:
    rows = _counted(texts)
    figures = network_figures(rows, config[on.key]["additive_d"], on)
    files = write_networks(rows, folder, on)
    return Study(networks_frame(rows, on), files, figures, ratios_table(rows, on))


def _prices(texts: Sequence[str], folder: Path, _: Mapping[str, Any]) -> Study:
    rows = [row for text in texts for row in prices_of_json(text)]
    rows = list({(row.dataset, row.N, row.d, row.rho): row for row in rows}.values())
    files = write_prices(rows, folder)
    return Study(prices_frame(rows), files, price_figures(rows), prices_table(rows))


def _exponents(texts: Sequence[str], folder: Path, config: Mapping[str, Any]) -> Study:
    found = [each for text in texts for each in exponents_of_csv(text)]
    found = list({(each.construction, each.variable): each for each in found}.values())
    files = [replace_file(folder / TABLE, exponents_csv(found).encode())]
    text = exponents_table(found, config["exponents"]["confidence"])
    return Study(exponents_frame(found), files, text=text)


_STUDIES: dict[str, Gather] = {
    TABLES[1]: _phase_diagram,
    **{on.tables[1]: partial(_networks, on) for on in NETWORK_FIGURES.values()},
    PRICE_TABLES[1]: _prices,
    TABLE: _exponents,
}
