"""Stage 3: training baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.data import load_dataset
from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.network import save_network
from pipeline.stages.search import CURVE, NETWORK, SIZES, found_by, search
from pipeline.stages.sizes import sizes_of_network
from pipeline.stages.store import StageOutputs, StageStore


def train(store: StageStore, config: Mapping[str, Any], dataset_file: Path) -> StageOutputs:
    """Return a trained network with its sizes and its training curve.

    With `baseline.search` that is the certified network of the smallest width found.

    Raises:
        ValueError: if the search found none.
    """
    if config["baseline"]["search"] is not None:
        outputs = search(store, config, dataset_file)
        if NETWORK not in outputs.digests:
            raise ValueError(
                f"{found_by(outputs)['words']} (depth {config['baseline']['depth']}); "
                "baseline.search.max_width, .seeds and baseline.max_steps may be raised"
            )
        return outputs
    dropped = ("name", "search")
    options = {key: value for key, value in config["baseline"].items() if key not in dropped}
    ratio, p = parse_ratio(config["rho"]), parse_norm(config["p"])
    identity = {"options": options, "rho": str(ratio), "p": str(p), "seed": config["seed"]}

    def produce(folder: Path) -> None:
        from pipeline.baseline import train_baseline

        result = train_baseline(
            load_dataset(dataset_file),
            ratio,
            p,
            seed=config["seed"],
            workers=config["workers"],
            **options,
        )
        save_network(folder / NETWORK, result.network)
        last = result.curve[-1] if result.curve else {}
        notes = [("training steps", f"{result.steps:,}"), ("stopped by", result.stopped)]
        notes += [("restarts", str(len(result.others) + 1))] if result.others else []
        names = {"step": "", "certified": "last share of the balls tried that bounds prove"}
        labels = {key: names.get(key, f"last {key} (floating point)") for key in last}
        notes += [(labels[key], f"{last[key]:.4g}") for key in last if labels[key]]
        sizes = sizes_of_network(result.network) | {"notes": notes}
        (folder / SIZES).write_text(json.dumps(sizes) + "\n", encoding="utf-8")
        (folder / CURVE).write_text(json.dumps(result.curve) + "\n", encoding="utf-8")

    return store.outputs("train", identity, {"dataset": digest_of_file(dataset_file)}, produce)
