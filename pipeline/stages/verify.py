"""Stage 4: verification."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.stages.store import StageOutputs, StageStore

VERDICTS, DECISION = "verdicts.csv", "decision.json"


def verify(
    store: StageStore,
    config: Mapping[str, Any],
    files: Mapping[str, Path],
    constructed: bool = False,
) -> StageOutputs:
    """Return the verdict of every ball and what decided it.

    Args:
        store: where outputs are kept.
        config: the job's configuration.
        files: "dataset", "network" and, where something is claimed of it, "certificate".
        constructed: whether a construction made the network: f = y is then asked for, even where
            no certificate claims it.
    """
    options = dict(config["verification"])
    attacks = options.pop("on_constructed"), options.pop("on_trained")
    options |= {"attacks": list(attacks[0] if "certificate" in files else attacks[1])}
    options |= {"decision": "exact" if constructed else "nearest"}
    ratio, p = parse_ratio(config["rho"]), parse_norm(config["p"])
    identity = {"options": options, "rho": str(ratio), "p": str(p), "seed": config["seed"]}

    def produce(folder: Path) -> None:
        from pipeline.verification.decide import decide

        settings = {"seed": config["seed"], "workers": config["workers"], "progress": True}
        decided = decide(files, ratio, p, **options, **settings)
        (folder / VERDICTS).write_text(decided.table, encoding="utf-8")
        (folder / DECISION).write_text(json.dumps(decided.document) + "\n", encoding="utf-8")

    upstream = {role: digest_of_file(path) for role, path in files.items()}
    return store.outputs("verify", identity, upstream, produce)
