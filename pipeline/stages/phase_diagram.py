"""Stage of `experiment=phase_diagram`: each construction counted, one output a cell (N, d, rho)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.construction import CONSTRUCTIONS
from pipeline.construction.candidates import candidates
from pipeline.construction.crossovers import Counted
from pipeline.data import generate_dataset
from pipeline.exact import parse_ratio
from pipeline.report import counted_json, counted_of_json
from pipeline.stages.store import StageOutputs, StageStore

ROWS = "counts.json"


def require_countable(options: Mapping[str, Any]) -> None:
    """Check the grid before anything is built.

    Raises:
        ValueError: if a size, ratio or construction makes no sense.
    """
    for size in (*options["sizes"], *options["planned_sizes"]):
        if len(size) != 2 or min(size) < 2:
            raise ValueError(f"phase_diagram sizes are pairs [N, d], both >= 2, got {size}")
    for rho in options["rho"]:
        parse_ratio(rho)
    if options["sizes"] or options["planned_sizes"]:
        candidates(CONSTRUCTIONS, options["constructions"])


def count_cells(
    store: StageStore, config: Mapping[str, Any]
) -> Iterator[tuple[str, Callable[[], StageOutputs]]]:
    """Yield each cell's words and the function that returns its rows, made or reused."""
    options = config["phase_diagram"]
    for kind, most in (("sizes", options["largest_build"]), ("planned_sizes", 0)):
        for N, d in options[kind]:
            for rho in options["rho"]:
                cell = {key: options[key] for key in ("family", "C", "constructions", "thresholds")}
                cell |= {"N": N, "d": d, "rho": str(parse_ratio(rho)), "seed": config["seed"]}
                cell |= {"largest_build": most}
                produce = partial(_produce, cell)
                words = f"N = {N:,}, d = {d:,}, rho = {cell['rho']}"
                yield words, partial(store.outputs, "count", cell, {}, produce)


def _produce(cell: Mapping[str, Any], folder: Path) -> None:
    from pipeline.verification.certified_counts import certified_counts

    sizes = {key: cell[key] for key in ("N", "d", "C", "seed")}
    data, _ = generate_dataset(cell["family"], **sizes)
    rows = certified_counts(
        data,
        parse_ratio(cell["rho"]),
        cell["constructions"],
        cell["largest_build"],
        cell["thresholds"],
        cell["seed"],
    )
    (folder / ROWS).write_text(counted_json(rows), encoding="utf-8")


def counts_of(outputs: Sequence[StageOutputs]) -> list[Counted]:
    """Return the rows that the stage filed."""
    texts = [each.file(ROWS).read_text(encoding="utf-8") for each in outputs]
    return [row for text in texts for row in counted_of_json(text)]
