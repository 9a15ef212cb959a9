"""Stage 4: verification."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.stages.store import StageOutputs, StageStore, stage_key

VERDICTS, DECISION, PROOFS = "verdicts.csv", "decision.json", "proofs.npz"


def verify(
    store: StageStore,
    config: Mapping[str, Any],
    files: Mapping[str, Path],
    decision: str = "nearest",
) -> StageOutputs:
    """Return the verdict of every ball and what decided it.

    Args:
        store: where outputs are kept.
        config: the job's configuration.
        files: "dataset", "network" and, where something is claimed of it, "certificate".
        decision: `exact` or `nearest`, what the network is held to, certificate or not.
    """
    options = dict(config["verification"])
    attacks = options.pop("on_constructed"), options.pop("on_trained")
    options |= {"attacks": list(attacks[0] if "certificate" in files else attacks[1])}
    options |= {"decision": decision}
    ratio, p = parse_ratio(config["rho"]), parse_norm(config["p"])
    identity = {"options": dict(options), "rho": str(ratio), "p": str(p), "seed": config["seed"]}
    seconds, nodes = options.pop("proof_seconds"), options.pop("proof_nodes")
    upstream = {role: digest_of_file(path) for role, path in files.items()}
    # Where a killed job goes on; its name holds all that the search depends on.
    journal = store.root / f"journal-{stage_key('verify', identity, upstream)}"

    def produce(folder: Path) -> None:
        from pipeline.verification.decide import decide
        from pipeline.verification.uncertified import Proving

        kept = journal if store.enabled else None
        options["proving"] = Proving(folder / PROOFS, seconds, nodes, kept)
        settings = {"seed": config["seed"], "workers": config["workers"], "progress": True}
        decided = decide(files, ratio, p, **options, **settings)
        (folder / VERDICTS).write_text(decided.table, encoding="utf-8")
        (folder / DECISION).write_text(json.dumps(decided.document) + "\n", encoding="utf-8")

    outputs = store.outputs("verify", identity, upstream, produce)
    shutil.rmtree(journal, ignore_errors=True)
    return outputs
