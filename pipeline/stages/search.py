"""Stage 3 with `baseline.search`: the smallest width of a certified network that training finds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.data import load_dataset
from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.network import save_network
from pipeline.stages.sizes import sizes_of_network
from pipeline.stages.store import StageOutputs, StageStore, stage_key

NETWORK, SIZES, CURVE = "network.npz", "sizes.json", "curve.json"
FOUND, PROOFS = "search.json", "proofs.npz"
_RECIPE = ("loss", "device", "threads")
_OTHER = ("name", "width", "depth", "restarts", "decision", "margin", "search")


def search(store: StageStore, config: Mapping[str, Any], dataset_file: Path) -> StageOutputs:
    """Return the interval of the least width, every attempt, and the network found, if any.

    What is trained and decided is kept at once beside the stage's outputs: a killed job that is
    run again trains what is missing.
    """
    options = {key: value for key, value in config["baseline"].items() if key != "name"}
    ratio, p = parse_ratio(config["rho"]), parse_norm(config["p"])
    identity = {"options": options, "rho": str(ratio), "p": str(p), "seed": config["seed"]}
    upstream = {"dataset": digest_of_file(dataset_file)}
    journal = store.root / f"journal-{stage_key('search', identity, upstream)}"

    def produce(folder: Path) -> None:
        from pipeline.baseline.minimal_width import WidthSearch, minimal_width
        from pipeline.baseline.problem import Problem
        from pipeline.baseline.rule import rule_of
        from pipeline.baseline.schedule import Schedule
        from pipeline.baseline.trainer import Recipe
        from pipeline.verification.necessary_width import necessary_first_width

        data = load_dataset(dataset_file)
        rule = rule_of(options["decision"])
        schedule = {k: v for k, v in options.items() if k not in (*_RECIPE, *_OTHER)}
        recipe = Recipe(schedule=Schedule(**schedule), **{key: options[key] for key in _RECIPE})
        impossible = necessary_first_width(data, ratio).width - 1 if p == 2 else 0
        found = minimal_width(
            Problem(data, ratio, p, rule.tolerance, options["margin"]),
            recipe,
            WidthSearch(depth=options["depth"], **options["search"]),
            journal if store.enabled else folder / "journal",
            decision=rule.decision,
            impossible=impossible,
            seed=config["seed"],
            workers=config["workers"],
            progress=True,
        )
        document = {
            "failed": found.failed,
            "succeeded": found.succeeded,
            "impossible": found.impossible,
            "words": found.words,
            "best": None if found.best is None else asdict(found.best),
            "attempts": [asdict(attempt) for attempt in found.attempts],
        }
        if found.best is not None and found.network is not None and found.folder is not None:
            save_network(folder / NETWORK, found.network)
            shutil.copyfile(found.folder / PROOFS, folder / PROOFS)
            notes = [("search over widths", found.words), ("seed", str(found.best.seed))]
            sizes = sizes_of_network(found.network) | {"notes": notes}
            (folder / SIZES).write_text(json.dumps(sizes) + "\n", encoding="utf-8")
            (folder / CURVE).write_text(json.dumps(found.best.curve) + "\n", encoding="utf-8")
        (folder / FOUND).write_text(json.dumps(document) + "\n", encoding="utf-8")
        shutil.rmtree(folder / "journal", ignore_errors=True)

    outputs = store.outputs("search", identity, upstream, produce)
    shutil.rmtree(journal, ignore_errors=True)
    return outputs


def found_by(outputs: StageOutputs) -> dict[str, Any]:
    """Return what the search filed: failed, succeeded, impossible, words, best, attempts."""
    document: dict[str, Any] = json.loads(outputs.file(FOUND).read_text(encoding="utf-8"))
    return document
