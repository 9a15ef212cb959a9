"""Stage of `experiment=phase_diagram`, `fig1`, `fig8`: constructions counted, an output a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from pipeline.construction import CONSTRUCTIONS, Claim
from pipeline.construction.candidates import candidates
from pipeline.construction.crossovers import Counted
from pipeline.data import FAMILIES, generate_dataset
from pipeline.exact import parse_ratio
from pipeline.report import NETWORK_FIGURES, NetworkFigure, counted_json, counted_of_json
from pipeline.stages.store import StageOutputs, StageStore

ROWS = "counts.json"
# What is printed of a cell, and the function that returns its outputs.
Cell = tuple[str, Callable[[], StageOutputs]]


def require_countable(config: Mapping[str, Any]) -> None:
    """Check both grids before anything is built.

    Raises:
        ValueError: if a size, ratio, family or construction makes no sense.
    """
    options = config["phase_diagram"]
    for size in (*options["sizes"], *options["planned_sizes"]):
        if len(size) != 2 or min(size) < 2:
            raise ValueError(f"phase_diagram sizes are pairs [N, d], both >= 2, got {size}")
    for rho in options["rho"]:
        parse_ratio(rho)
    if options["sizes"] or options["planned_sizes"]:
        candidates(CONSTRUCTIONS, options["constructions"])
    for figure in NETWORK_FIGURES.values():
        _require_drawable(config[figure.key], figure)


def _require_drawable(drawn: Mapping[str, Any], on: NetworkFigure) -> None:
    for rho in drawn["rho"]:
        parse_ratio(rho)
    for N in drawn["sizes"]:
        on.dimension(N)
    for family in drawn["families"]:
        if family not in FAMILIES:
            raise ValueError(f"{on.key} families must be among {', '.join(FAMILIES)}: {family!r}")
    if drawn["sizes"]:
        claims = (Claim.BALLS, Claim.ERROR) if drawn["error_bounds"] else (Claim.BALLS,)
        candidates(CONSTRUCTIONS, drawn["constructions"], claims)


def count_cells(store: StageStore, config: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield each cell of the phase diagram: its words, and how its rows are made or reused."""
    options = config["phase_diagram"]
    for kind, most in (("sizes", options["largest_build"]), ("planned_sizes", 0)):
        for N, d in options[kind]:
            for rho in options["rho"]:
                cell = {**_shared(options, config), "family": options["family"], "N": N, "d": d}
                cell |= {"rho": str(parse_ratio(rho)), "largest_build": most}
                words = f"N = {N:,}, d = {d:,}, rho = {cell['rho']}"
                yield words, _counted(store, cell | {"error_bounds": False})


def network_cells(
    store: StageStore, config: Mapping[str, Any], on: NetworkFigure
) -> Iterator[Cell]:
    """Yield each cell of the networks on a figure likewise, d as it follows from N there."""
    options = config[on.key]
    for family, N, rho in product(options["families"], options["sizes"], options["rho"]):
        d = on.dimension(N)
        cell = {**_shared(options, config), "family": family, "N": N, "d": d}
        cell |= {"rho": str(parse_ratio(rho))}
        cell |= {key: options[key] for key in ("largest_build", "error_bounds")}
        words = f"{family}, N = {N:,}, d = {d:,}, rho = {cell['rho']}"
        yield words, _counted(store, cell)


def _shared(options: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    cell = {key: options[key] for key in ("C", "constructions", "thresholds")}
    return cell | {"seed": config["seed"]}


def _counted(store: StageStore, cell: Mapping[str, Any]) -> Callable[[], StageOutputs]:
    return partial(store.outputs, "count", cell, {}, partial(_produce, cell))


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
        cell["error_bounds"],
    )
    (folder / ROWS).write_text(counted_json(rows), encoding="utf-8")


def counts_of(outputs: Sequence[StageOutputs]) -> list[Counted]:
    """Return the rows that the stage filed."""
    texts = [each.file(ROWS).read_text(encoding="utf-8") for each in outputs]
    return [row for text in texts for row in counted_of_json(text)]
