"""Stage 2: construction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.construction import build, construction, plan_instead
from pipeline.data import load_dataset
from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.network import save_network
from pipeline.stages.sizes import sizes_of_network, sizes_of_plan
from pipeline.stages.store import StageOutputs, StageStore
from pipeline.stages.user_code import construction_options, digest_of_target, user_code

NETWORK, CERTIFICATE, SIZES = "network.npz", "certificate.json", "sizes.json"


def construct(
    store: StageStore, name: str, config: Mapping[str, Any], dataset_file: Path
) -> StageOutputs:
    """Return network, certificate and sizes of a construction, or the sizes of its plan."""
    options, seed = construction_options(name, config["construction"][name]), config["seed"]
    ratio, p, target = parse_ratio(config["rho"]), parse_norm(config["p"]), options.get("target")
    identity = {"name": name, "options": options, "rho": str(ratio), "p": str(p), "seed": seed}
    upstream = {"dataset": digest_of_file(dataset_file)}
    upstream |= {"target": digest_of_target(target)} if target else {}

    def produce(folder: Path) -> None:
        data, built = load_dataset(dataset_file), None
        with user_code(name, target):
            known = construction(name, options)
            planned = plan_instead(name, data, ratio, p, options, seed)
            built = build(name, data, ratio, p, options, seed) if planned is None else None
        sizes = {} if planned is None else sizes_of_plan(planned)
        if built is not None:
            save_network(folder / NETWORK, built.network)
            sizes = sizes_of_network(built.network) | {"notes": built.notes}
        if built is not None and built.certificate is not None:
            digests = digest_of_file(dataset_file), digest_of_file(folder / NETWORK)
            with user_code(name, target):
                text = built.certificate.to_json(*digests)
            (folder / CERTIFICATE).write_text(text, encoding="utf-8")
        sizes |= {"source": known.paper_item, "claim": known.claim.value}
        (folder / SIZES).write_text(json.dumps(sizes) + "\n", encoding="utf-8")

    return store.outputs("construct", identity, upstream, produce)
