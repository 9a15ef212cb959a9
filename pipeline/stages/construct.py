"""Stage 2: construction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.construction import build, plan_instead
from pipeline.data import load_dataset
from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.network import save_network
from pipeline.stages.sizes import sizes_of_network, sizes_of_plan
from pipeline.stages.store import StageOutputs, StageStore

NETWORK, CERTIFICATE, SIZES = "network.npz", "certificate.json", "sizes.json"


def construct(
    store: StageStore, name: str, config: Mapping[str, Any], dataset_file: Path
) -> StageOutputs:
    """Return network, certificate and sizes of a construction, or the sizes of its plan."""
    options, seed = dict(config["construction"][name]), config["seed"]
    ratio, p = parse_ratio(config["rho"]), parse_norm(config["p"])
    identity = {"name": name, "options": options, "rho": str(ratio), "p": str(p), "seed": seed}

    def produce(folder: Path) -> None:
        data = load_dataset(dataset_file)
        planned = plan_instead(name, data, ratio, p, options, seed)
        if planned is not None:
            sizes = sizes_of_plan(planned)
        else:
            built = build(name, data, ratio, p, options, seed)
            save_network(folder / NETWORK, built.network)
            digests = digest_of_file(dataset_file), digest_of_file(folder / NETWORK)
            (folder / CERTIFICATE).write_text(built.certificate.to_json(*digests), "utf-8")
            sizes = sizes_of_network(built.network) | {"notes": built.notes}
        (folder / SIZES).write_text(json.dumps(sizes) + "\n", encoding="utf-8")

    return store.outputs("construct", identity, {"dataset": digest_of_file(dataset_file)}, produce)
