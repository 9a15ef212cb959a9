"""The one call: every ball of a network decided, cheapest method first."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.construction import Certificate
from pipeline.data import SeparatedDataset, save_dataset
from pipeline.exact import digest_of_file, parse_norm, parse_ratio
from pipeline.network import ReLUNetwork, save_network
from pipeline.verification.decide import decide
from pipeline.verification.falsify import ATTACKS
from pipeline.verification.uncertified import Proving
from pipeline.verification.verdicts import Decision, parse_decision


def verify(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction | str,
    p: int | float | str = 2,
    decision: str | Decision = Decision.NEAREST,
    budget: float | None = 60.0,
    *,
    nodes: int = 20_000,
    folder: Path | None = None,
    certificate: Certificate | None = None,
    attacks: tuple[str, ...] = ("null_space", "adversarial_points", "pgd"),
    until_refuted: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Return the verdict table: VERIFIED, FALSIFIED with a witness, or UNKNOWN for every ball.

    Attacks without gradients, linear bounds of whole balls, PGD, then splits; with a certificate
    the checker, then attacks. VERIFIED is only what the independent checker proves from files, a
    witness is evaluated exactly (docs/soundness.md). Called again with the same folder and
    budget, it goes on where it was killed.

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio in (0, 1).
        p: norm of the balls.
        decision: `nearest`, |f - y| < 1/2, or `exact`, f = y.
        budget: seconds of bounds and splits for all balls together, None for no limit.
        nodes: most regions a ball is split into.
        folder: keeps dataset.npz, network.npz, proofs.npz and the search's journal for the checker
            and for a later call; a temporary one by default.
        certificate: what a construction claims of the network; the rule is then `exact`.
        attacks: which attacks to run.
        until_refuted: whether one refuted ball ends it all, the others left UNKNOWN.
        **options: of the attacks (`pipeline.verification.falsify`), among them workers, seed,
            progress, device.

    Returns:
        One row a ball: index, label, verdict, method, margin, witness, output.

    Raises:
        ValueError: if an argument is out of range, or the network does not map R^d to R.
        ContradictionError: if a proof and an attack exclude each other.
    """
    if strangers := sorted(set(attacks) - set(ATTACKS)):
        raise ValueError(f"attacks must be among {', '.join(ATTACKS)}, got {strangers[0]!r}")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) if folder is None else Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        files = {"dataset": place / "dataset.npz", "network": place / "network.npz"}
        save_dataset(files["dataset"], dataset)
        save_network(files["network"], network)
        ratio, norm = parse_ratio(rho), parse_norm(p)
        digests = [digest_of_file(path) for path in files.values()]
        if certificate is not None:
            files["certificate"] = place / "certificate.json"
            files["certificate"].write_text(certificate.to_json(*digests), encoding="utf-8")
        question = [digest[:16] for digest in digests]
        question += [parse_decision(decision).value, str(ratio).replace("/", "_"), str(norm)]
        question += [str(budget), str(nodes)]
        journal = place / "-".join(["journal", *question])
        device = options.get("device", "cpu")
        proving = Proving(place / "proofs.npz", budget, nodes, journal, device, until_refuted)
        decided = decide(
            files, ratio, norm, attacks=attacks, decision=decision, proving=proving, **options
        )
        return pd.read_csv(StringIO(decided.table), keep_default_na=False)
