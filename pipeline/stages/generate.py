"""Stage 1: data generation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.data import generate_dataset, save_dataset
from pipeline.exact import digest_of_file
from pipeline.stages.store import StageOutputs, StageStore

DATASET = "dataset.npz"
NOTES = "notes.json"


def generate(store: StageStore, config: Mapping[str, Any]) -> StageOutputs:
    """Return the dataset file of a job and the notes on how the data came about."""
    options = dict(config["dataset"])
    if options["name"] == "shattering" and options["k"] is None:
        options["rho"] = config["rho"]
    path = options["path"]
    # A user's file is read again when its content changes, whatever its name.
    upstream = {"file": digest_of_file(path)} if path and Path(path).is_file() else {}

    def produce(folder: Path) -> None:
        dataset, notes = generate_dataset(seed=config["seed"], **options)
        save_dataset(folder / DATASET, dataset)
        (folder / NOTES).write_text(json.dumps(notes, default=str) + "\n", encoding="utf-8")

    return store.outputs("generate", {**options, "seed": config["seed"]}, upstream, produce)
