"""Stage of `experiment=price_of_learning`: trained, built and necessary counts, cell by cell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.construction import CONSTRUCTIONS
from pipeline.construction.candidates import candidates
from pipeline.construction.crossovers import VERIFIED
from pipeline.data import SeparatedDataset, load_dataset
from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.report import counted_json, counted_of_json
from pipeline.stages.generate import DATASET, generate
from pipeline.stages.paper_plan import paper_bounds
from pipeline.stages.search import found_by, search
from pipeline.stages.store import StageOutputs, StageStore
from pipeline.theory import theorem_3_1
from pipeline.theory.project_bounds import ours

if TYPE_CHECKING:
    from pipeline.baseline.price import LearningPrice

ROWS = "counts.json"


@dataclass(frozen=True, eq=False)
class Priced:
    """One cell: its row, and the files behind it.

    Args:
        row: what is reported.
        searched: outputs of the search over widths.
        dataset: the dataset's file.
        built: outputs with the counts of the constructions.
    """

    row: LearningPrice
    searched: StageOutputs
    dataset: Path
    built: StageOutputs


def require_priceable(config: Mapping[str, Any]) -> None:
    """Check the cells before anything is trained.

    Raises:
        ValueError: if a ratio, a construction or the baseline makes no sense.
    """
    options = config["price_of_learning"]
    for rho in (*options["rho"], *(r for each in options["datasets"] for r in each["rho"] or ())):
        parse_ratio(rho)
    if not options["datasets"]:
        return
    candidates(CONSTRUCTIONS, options["constructions"])
    if config["baseline"]["search"] is None:
        raise ValueError("price_of_learning searches over widths: it needs baseline=minimal")
    if parse_norm(config["p"]) != 2:
        raise ValueError(f"price_of_learning is about l2 balls, got p = {config['p']}")


def price_cells(
    store: StageStore, config: Mapping[str, Any]
) -> Iterator[tuple[str, Callable[[], Priced]]]:
    """Yield each cell's words and the function that returns it, made or reused."""
    for dataset in config["price_of_learning"]["datasets"]:
        for rho in dataset["rho"] or config["price_of_learning"]["rho"]:
            cell = _cell_config(config, dataset, rho)
            yield f"{dataset['name']}, rho = {cell['rho']}", partial(_priced, store, cell)


def _cell_config(config: Mapping[str, Any], dataset: Mapping[str, Any], rho: str) -> dict[str, Any]:
    """Return the configuration of one cell: its dataset, its ratio, its own training options."""
    empty = dict.fromkeys(config["dataset"])
    sizes = {key: dataset[key] for key in ("name", "N", "d", "C")}
    baseline = dict(config["baseline"])
    widths = {k: dataset[k] for k in ("min_width", "max_width") if dataset[k] is not None}
    baseline["search"] = {**baseline["search"], **widths}
    if dataset["max_steps"] is not None:
        baseline["max_steps"] = dataset["max_steps"]
    own = {"dataset": empty | sizes, "rho": str(parse_ratio(rho)), "baseline": baseline}
    return {**config, **own}


def _priced(store: StageStore, config: Mapping[str, Any]) -> Priced:
    file = generate(store, config).file(DATASET)
    built = _built(store, config, file)
    searched = search(store, config, file)
    row = _row(config, load_dataset(file), found_by(searched), built, searched.seconds)
    return Priced(row, searched, file, built)


def _built(store: StageStore, config: Mapping[str, Any], file: Path) -> StageOutputs:
    """Return the counts of the constructions on a dataset, each certified where it is built."""
    options = config["price_of_learning"]
    identity = {key: options[key] for key in ("constructions", "largest_build")}
    identity |= {"rho": config["rho"], "seed": config["seed"]}

    def produce(folder: Path) -> None:
        from pipeline.verification.certified_counts import certified_counts

        rows = certified_counts(
            load_dataset(file),
            parse_ratio(config["rho"]),
            options["constructions"],
            options["largest_build"],
            seed=config["seed"],
        )
        (folder / ROWS).write_text(counted_json(rows), encoding="utf-8")

    return store.outputs("price_built", identity, {"dataset": digest_of_file(file)}, produce)


def _row(
    config: Mapping[str, Any],
    data: SeparatedDataset,
    found: Mapping[str, Any],
    built: StageOutputs,
    seconds: float,
) -> LearningPrice:
    from pipeline.baseline.price import LearningPrice, necessary_parameters
    from pipeline.baseline.rule import rule_of
    from pipeline.baseline.stack import NetworkSpec

    ratio, options = parse_ratio(config["rho"]), config["baseline"]
    added = rule_of(options["decision"]).parameters_added(data.C)

    def parameters(width: int) -> int:
        return NetworkSpec(width, options["depth"], 0).parameter_count(data.d) + added

    counts = counted_of_json(built.file(ROWS).read_text(encoding="utf-8"))
    certified = {c.construction: c.parameter_count for c in counts if c.verdict == VERIFIED}
    lower = float(theorem_3_1(data.N, data.d, ratio))
    succeeded, least = found["succeeded"], found["impossible"] + 1
    return LearningPrice(
        dataset=data.name,
        N=data.N,
        d=data.d,
        C=data.C,
        rho=str(ratio),
        depth=options["depth"],
        decision=options["decision"],
        seeds=options["search"]["seeds"],
        impossible=found["impossible"],
        failed=found["failed"],
        succeeded=succeeded,
        parameters_failed=parameters(found["failed"]) if found["failed"] else 0,
        parameters=None if succeeded is None else parameters(succeeded),
        necessary=necessary_parameters(least, data.d),
        lower_bound=lower,
        upper_bound=paper_bounds(data, ratio, 2)[0],
        # Leading terms omit constants: an upper bound below the lower one would mean nothing.
        ours=max(float(ours(data.N, data.d, float(ratio))), lower),
        built={name: int(count) for name, count in certified.items() if count is not None},
        attempts=dict(Counter(attempt["outcome"] for attempt in found["attempts"])),
        seconds=seconds,
    )


def best_attempt(outputs: StageOutputs) -> dict[str, Any] | None:
    """Return the certified attempt of least width, the one whose network is filed."""
    best: dict[str, Any] | None = found_by(outputs)["best"]
    return best


def attempts_json(outputs: StageOutputs) -> str:
    """Return every attempt of a search as JSON text."""
    return json.dumps(found_by(outputs)["attempts"], indent=1) + "\n"
