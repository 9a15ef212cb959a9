"""Stages of `experiment=exponents`: exponents of the constructions' sizes, measured and fitted.

Networks that must be certified before they count are one output each; the fits read these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.construction.exponents import MEASURED as PLANNED
from pipeline.construction.exponents import Exponent, Fit, Sizes, exponents
from pipeline.exact import parse_ratio
from pipeline.report import exponents_csv
from pipeline.stages.store import StageOutputs, StageStore
from pipeline.verification.certified_exponents import (
    CERTIFIED,
    certified_count,
    certified_exponent,
)

TABLE, FITS = "exponents.csv", "exponents.json"
COUNT = "count.json"
MEASURED = (*PLANNED, *CERTIFIED)


def require_measurable(options: Mapping[str, Any]) -> None:
    """Check the sizes of the certified networks before anything is built.

    Raises:
        ValueError: if a fit could not be made of them.
    """
    if not set(options["constructions"]) & set(CERTIFIED):
        return
    given = options["certified_N"]
    if len(set(given)) < 3 or len(set(given)) < len(given) or min(given) < 2:
        raise ValueError(
            f"exponents.certified_N must be three numbers of points or more, >= 2, none twice, "
            f"got {list(given)}"
        )
    if options["certified_d"] < 1:
        raise ValueError(f"exponents.certified_d must be >= 1, got {options['certified_d']}")
    parse_ratio(options["certified_rho"])


def grow(
    store: StageStore, config: Mapping[str, Any]
) -> Iterator[tuple[str, Callable[[], StageOutputs]]]:
    """Yield each network's words and the function that returns its count, made or reused."""
    options = config["exponents"]
    for name in CERTIFIED:
        if name not in options["constructions"]:
            continue
        for N in options["certified_N"]:
            point = {"construction": name, "N": N, "d": options["certified_d"]}
            point |= {"rho": str(parse_ratio(options["certified_rho"])), "seed": config["seed"]}
            words = f"{name}, N = {N:,}, d = {point['d']}, rho = {point['rho']}"
            yield words, partial(store.outputs, "grow", point, {}, partial(_certify, point))


def _certify(point: Mapping[str, Any], folder: Path) -> None:
    P = certified_count(
        point["construction"], point["N"], point["d"], parse_ratio(point["rho"]), point["seed"]
    )
    text = json.dumps({**point, "parameter_count": P})
    (folder / COUNT).write_text(text + "\n", encoding="utf-8")


def grown(outputs: StageOutputs) -> dict[str, Any]:
    """Return what was certified, and its "parameter_count"."""
    read: dict[str, Any] = json.loads(outputs.file(COUNT).read_text(encoding="utf-8"))
    return read


def measure(
    store: StageStore, config: Mapping[str, Any], networks: Sequence[StageOutputs] = ()
) -> StageOutputs:
    """Return the table of measured sizes and the fits.

    Args:
        store: of the outputs.
        config: resolved configuration.
        networks: of `grow`.
    """
    options = dict(config["exponents"]) | {"seed": config["seed"]}
    names = options["constructions"]
    elsewhere = ("constructions", "certified_N", "certified_d", "certified_rho")
    sizes = {key: value for key, value in options.items() if key not in elsewhere}
    sizes |= {key: tuple(sizes[key]) for key in ("built_N", "planned_N", "groups")}

    def produce(folder: Path) -> None:
        found = exponents([name for name in names if name in PLANNED], Sizes(**sizes))
        found += _certified(networks, options["confidence"])
        (folder / TABLE).write_text(exponents_csv(found), encoding="utf-8")
        text = json.dumps([asdict(each) for each in found])
        (folder / FITS).write_text(text + "\n", encoding="utf-8")

    upstream = {f"network {k}": each.digests[COUNT] for k, each in enumerate(networks)}
    return store.outputs("exponents", options, upstream, produce)


def _certified(networks: Sequence[StageOutputs], confidence: float) -> list[Exponent]:
    """Return one fit a construction."""
    of: dict[str, list[dict[str, Any]]] = {}
    for point in map(grown, networks):
        of.setdefault(point["construction"], []).append(point)
    return [
        certified_exponent(
            name,
            [(point["N"], point["parameter_count"]) for point in points],
            points[0]["d"],
            parse_ratio(points[0]["rho"]),
            confidence,
        )
        for name, points in of.items()
    ]


def measured(outputs: StageOutputs) -> list[Exponent]:
    """Return the exponents that the stage filed."""
    read = json.loads(outputs.file(FITS).read_text(encoding="utf-8"))
    return [
        Exponent(**each | {"fit": Fit(**each["fit"]), "points": tuple(map(tuple, each["points"]))})
        for each in read
    ]
