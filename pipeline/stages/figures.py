"""Stage of `make figures`: every figure and Table 1, filed, on one page, tracked as one run."""

from __future__ import annotations

import datetime
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.figures import replace_file, save_figure
from pipeline.figures.catalogue import FIGURES, PaperFigure, Sizes
from pipeline.figures.table1 import table_1_latex, table_1_markdown
from pipeline.report.gallery import GalleryEntry, gallery_page
from pipeline.stages.store import write_errors
from pipeline.theory import table_1
from pipeline.tracking import config_digest, stage_time, tracked_run
from pipeline.tracking.git import git_tags

_log = logging.getLogger("pipeline")
PAGE, REFERENCES, COMMANDS = "figures.html", "references.bib", "commands.json"


def draw_figures(config: Mapping[str, Any], root: Path) -> list[Path]:
    """Return the files written: pictures, tables, the gallery; all logged to one run.

    Args:
        config: resolved configuration (`pipeline.config.FiguresConfig`) as plain values.
        root: the repository, below which the tracking store lies.

    Raises:
        ValueError: if a figure is asked for that does not exist, or a size makes no sense.
        OSError: if a file cannot be written.
        TrackingError: if the tracking store fails.
    """
    chosen, folder = _chosen(config["figures"]), Path(config["folder"])
    sizes = Sizes(config["N"], config["d"], config["seed"])
    with tracked_run(
        "figures",
        root=root,
        uri=config["tracking"]["uri"],
        experiment=config["tracking"]["experiment"],
        tags={"config_digest": config_digest(config), "paper_item": "Figures 1-8, Table 1"},
        params=config,
        spool=Path(config["tracking"]["spool"]) if config["tracking"]["spool"] else None,
    ) as run:
        written: list[Path] = []
        with write_errors("the figures", folder):
            folder.mkdir(parents=True, exist_ok=True)
            for figure in chosen:
                started = time.monotonic()
                written += _drawn(figure, sizes, folder)
                seconds = time.monotonic() - started
                run.log_metrics({stage_time(figure.stem): seconds})
                _log.info("%-15s  %-30s  %5.1f s", figure.stem, figure.item, seconds)
            written += _tables(folder, root)
            written.append(_noted(chosen, config, folder))
            written.append(_gallery(folder, root))
        for path in written:
            run.log_artifact(path)
    _log.info("\n%d files, gallery  %s   (%s)", len(written), written[-1], run.place)
    return written


def _chosen(names: Sequence[str] | None) -> list[PaperFigure]:
    """Return the figures asked for, all of them by default.

    Raises:
        ValueError: if one does not exist.
    """
    known = {figure.stem: figure for figure in FIGURES}
    strangers = [name for name in names or () if name not in known]
    if strangers:
        raise ValueError(f"figures must be among {', '.join(known)}, got {strangers[0]!r}")
    return [known[name] for name in names] if names else list(FIGURES)


def _drawn(figure: PaperFigure, sizes: Sizes, folder: Path) -> list[Path]:
    """Return the files of one figure: a picture in every format, and its table."""
    table = figure.table(sizes)
    csv = table.to_csv(index=False, lineterminator="\n")
    pictures = save_figure(figure.draw(table), folder / figure.stem)
    return [*pictures, replace_file(folder / f"{figure.stem}.csv", csv.encode())]


def _tables(folder: Path, root: Path) -> list[Path]:
    """Return Table 1 in three formats, and the sources it cites."""
    table = table_1()
    texts = {
        "table1.csv": table.to_csv(index=False, lineterminator="\n"),
        "table1.md": table_1_markdown(table),
        "table1.tex": table_1_latex(table),
        REFERENCES: (root / "docs" / REFERENCES).read_text(encoding="utf-8"),
    }
    return [replace_file(folder / name, text.encode()) for name, text in texts.items()]


def _noted(chosen: Sequence[PaperFigure], config: Mapping[str, Any], folder: Path) -> Path:
    """Return the file of the command that draws each figure again, old ones kept."""
    path = folder / COMMANDS
    commands = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    given = {key: config[key] for key in ("N", "d") if config[key] is not None}
    given |= {"seed": config["seed"]} if config["seed"] else {}
    options = "".join(f" {key}={value}" for key, value in given.items())
    for figure in chosen:
        commands[figure.stem] = f'make figures ARGS="figures=[{figure.stem}]{options}"'
    return replace_file(path, (json.dumps(commands, indent=1) + "\n").encode())


def _gallery(folder: Path, root: Path) -> Path:
    """Return the page of all figures in the folder, drawn now or before."""
    entries = []
    commands = json.loads((folder / COMMANDS).read_text(encoding="utf-8"))
    for figure in FIGURES:
        files = [folder / f"{figure.stem}.{form}" for form in ("svg", "csv")]
        if figure.stem in commands and all(path.is_file() for path in files):
            svg, csv = (path.read_text(encoding="utf-8") for path in files)
            entries.append(
                GalleryEntry(
                    figure.stem,
                    figure.item,
                    figure.title,
                    figure.caption,
                    commands[figure.stem],
                    svg,
                    csv,
                )
            )
    commit = git_tags(root).get("git_commit", "unknown")
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = gallery_page(entries, table_1(), f"Commit {commit[:12]}, {date}.")
    return replace_file(folder / PAGE, page.encode())
