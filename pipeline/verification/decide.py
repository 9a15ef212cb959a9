"""One verdict a ball from files alone: the checker first, attacks against whatever it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.data import SeparatedDataset, load_dataset
from pipeline.network import load_network
from pipeline.verification.certify import Checked, checked
from pipeline.verification.falsify import falsify
from pipeline.verification.sampling import SamplingResult
from pipeline.verification.verdict_table import verdict_counts, verdict_csv
from pipeline.verification.verdicts import BallVerdict, Decision, Verdict


class ContradictionError(ArithmeticError):
    """A ball was proved right and a point of it was shown to be wrong: the software is at fault."""


@dataclass(frozen=True)
class Decided:
    """Verdicts as they are filed.

    Args:
        table: CSV, one row a ball.
        document: counts, bounds, reasons, JSON values only.
    """

    table: str
    document: dict[str, Any]


def decide(
    files: Mapping[str, Path],
    rho: Fraction,
    p: int | float,
    *,
    attacks: Sequence[str],
    **options: Any,
) -> Decided:
    """Return the verdict of every ball of a network.

    With a certificate the rule is f = y and only the checker's own process verifies; the attacks
    run all the same and must find nothing. Without one the rule is |f - y| < 1/2, and what no
    attack falsifies is UNKNOWN.

    Args:
        files: "dataset", "network" and perhaps "certificate".
        rho: robustness ratio.
        p: norm of the balls.
        attacks: names of the attacks to run (`pipeline.verification.falsify`).
        **options: of the attacks.

    Raises:
        ContradictionError: if an attack refutes a verified ball.
        ValueError: if the certificate is about another rho or p.
    """
    dataset, network = load_dataset(files["dataset"]), load_network(files["network"])
    check = checked(files) if "certificate" in files else None
    rule = Decision.NEAREST if check is None else Decision.EXACT
    attacked, sampling = falsify(network, dataset, rho, p, rule, attacks=attacks, **options)
    verdicts = attacked if check is None else _merged(check, attacked, rho, p)
    counts = verdict_counts(verdicts)
    document: dict[str, Any] = {
        "decision": rule.value,
        "attacks": list(attacks),
        "verified": counts["verified"],
        "falsified": counts["falsified"],
        "unknown": counts["unknown"],
        "methods": _methods(verdicts),
        "error_upper": _error_upper(dataset, counts, sampling),
    }
    if sampling is not None:
        document["sampling"] = {
            "samples": sampling.samples,
            "confidence": sampling.confidence,
            "ball_upper": [float(v) for v in sampling.ball_upper],
        }
    if check is not None:
        document["check"] = check.document
        document["printed"] = check.printed
    return Decided(verdict_csv(dataset, verdicts), document)


def _proved(check: Checked, N: int, rho: Fraction, p: int | float) -> set[int]:
    """Return the balls that the checker proved, none where it gave up before the balls.

    Raises:
        ValueError: if its verdict is about another claim, or its counts do not add up.
    """
    document = check.document
    if not check.verified and "unproved" not in document:
        return set()
    claim = {"rho": str(rho), "p": str(p), "N": N}
    found = {key: document.get(key) for key in claim}
    if found != claim:
        raise ValueError(f"the certificate must be about {claim}, it is about {found}")
    proved = set(range(N)) - set(document["unproved"])
    complete = check.verified == (len(proved) == N) or document.get("claim", "balls") != "balls"
    if len(proved) != document["verified"] or not complete:
        raise ValueError(
            f"the checker's counts do not add up: {document['verdict']}, "
            f"{document['verified']} verified, {len(document['unproved'])} unproved of {N}"
        )
    return proved


def _merged(
    check: Checked, attacked: Sequence[BallVerdict], rho: Fraction, p: int | float
) -> list[BallVerdict]:
    proved = _proved(check, len(attacked), rho, p)
    slack = check.document.get("slack", [None] * len(attacked))
    merged = []
    for verdict in attacked:
        if verdict.index not in proved:
            merged.append(verdict)
            continue
        if verdict.verdict is Verdict.FALSIFIED:
            raise ContradictionError(
                f"ball {verdict.index} is VERIFIED by the checker and FALSIFIED by "
                f"{verdict.method}: one of the two is wrong; keep the files and report it"
            )
        margin = slack[verdict.index]
        text = None if margin is None else repr(margin)
        merged.append(BallVerdict(verdict.index, Verdict.VERIFIED, "certificate", text))
    return merged


def _methods(verdicts: Sequence[BallVerdict]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict.method] = counts.get(verdict.method, 0) + 1
    return counts


def _error_upper(
    dataset: SeparatedDataset, counts: Mapping[str, int], sampling: SamplingResult | None
) -> float | None:
    """Return an upper bound on L_rho: 0 where every ball is proved, else the sampled one."""
    if counts["verified"] == dataset.N:
        return 0.0
    return None if sampling is None else float(sampling.error_upper)
