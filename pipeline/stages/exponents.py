"""Stage of `experiment=exponents`: exponents of the constructions' sizes, measured and fitted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.construction.exponents import Exponent, Fit, Sizes, exponents
from pipeline.report import exponents_csv
from pipeline.stages.store import StageOutputs, StageStore

TABLE, FITS = "exponents.csv", "exponents.json"


def measure(store: StageStore, config: Mapping[str, Any]) -> StageOutputs:
    """Return the table of measured sizes and the fits."""
    options = dict(config["exponents"]) | {"seed": config["seed"]}
    names = options["constructions"]
    sizes = {key: value for key, value in options.items() if key != "constructions"}
    sizes |= {key: tuple(sizes[key]) for key in ("built_N", "planned_N", "groups")}

    def produce(folder: Path) -> None:
        found = exponents(names, Sizes(**sizes))
        (folder / TABLE).write_text(exponents_csv(found), encoding="utf-8")
        text = json.dumps([asdict(each) for each in found])
        (folder / FITS).write_text(text + "\n", encoding="utf-8")

    return store.outputs("exponents", options, {}, produce)


def measured(outputs: StageOutputs) -> list[Exponent]:
    """Return the exponents that the stage filed."""
    read = json.loads(outputs.file(FITS).read_text(encoding="utf-8"))
    return [
        Exponent(**each | {"fit": Fit(**each["fit"]), "points": tuple(map(tuple, each["points"]))})
        for each in read
    ]
