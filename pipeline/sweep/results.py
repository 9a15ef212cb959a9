"""What a sweep adds to its run beyond the table of its jobs: what they found out together."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from pipeline.figures import figure_bytes, save_figure
from pipeline.sweep.pictures import networks_figure
from pipeline.sweep.studies import swept_studies
from pipeline.sweep.summary import JobRow
from pipeline.tracking import TrackedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger("pipeline")


def log_results(
    run: TrackedRun,
    client: MlflowClient,
    rows: Sequence[JobRow],
    folder: Path,
    config: Mapping[str, Any],
) -> dict[str, str | bytes]:
    """Return caption -> SVG of the sweep's figures, after all were filed and logged with tables.

    Args:
        run: of the sweep.
        client: of the store.
        rows: of the jobs.
        folder: of the sweep.
        config: what the jobs have in common; `report` says which figures are wanted.

    Raises:
        TrackingError: if the store fails.
        OSError: if a file cannot be written.
    """
    written: list[Path] = []
    drawings: dict[str, tuple[str, Figure]] = {}
    overview = networks_figure(rows)
    if overview is not None:
        drawings["networks"] = overview
    for name, study in swept_studies(client, run.uri, rows, folder, config).items():
        written += study.files
        run.log_table(study.frame, f"{Path(name).stem}_table.json")
        drawings |= study.figures
        _log.info("\n%s", study.text)
    if not (config["report"]["formats"] or config["report"]["html"]):
        drawings = {}
    for stem, (_, figure) in drawings.items():
        written += save_figure(figure, folder / stem, config["report"]["formats"])
    for path in written:
        run.log_artifact(path)
    return {caption: figure_bytes(figure, "svg").decode() for caption, figure in drawings.values()}
