"""One verdict a ball from files alone: the checker first, attacks against whatever it says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

from pipeline.data import SeparatedDataset, load_dataset
from pipeline.network import ReLUNetwork, load_network
from pipeline.verification.certify import Checked, checked
from pipeline.verification.falsify import falsify
from pipeline.verification.forced_width import require_possible_width
from pipeline.verification.sampling import SamplingResult, clopper_pearson_lower
from pipeline.verification.uncertified import Proving, Uncertified, can_be_proved
from pipeline.verification.verdict_table import verdict_counts, verdict_csv
from pipeline.verification.verdicts import (
    BallVerdict,
    ContradictionError,
    Decision,
    Verdict,
    are_correct,
    parse_decision,
)

# Sampling may contradict a proof by chance alone: with this probability in a run, not 1 in 20.
_FALSE_ALARM = 1e-9
# The checker prints nine digits of its bound, rounded up.
_PRINTED = Fraction(1, 10**8)


@dataclass(frozen=True)
class Decided:
    """Verdicts as they are filed.

    Args:
        table: CSV, one row a ball.
        document: claim, counts, bounds, reasons, JSON values only.
    """

    table: str
    document: dict[str, Any]


@dataclass(frozen=True)
class _Claimed:
    """What the certificate claims: "balls", "error" (at most eta), "points"; "none" without one."""

    kind: str
    eta: Fraction | None = None


def decide(
    files: Mapping[str, Path],
    rho: Fraction,
    p: int | float,
    *,
    attacks: Sequence[str],
    decision: str | Decision = Decision.NEAREST,
    proving: Proving | None = None,
    **options: Any,
) -> Decided:
    """Return the verdict of every ball of a network, and whether its certificate's claim holds.

    With a certificate the rule is f = y and only the checker's own process verifies; the attacks
    run all the same and must find nothing that the checker's findings exclude. Where the claim is
    a robust memorization error, the balls are sampled too. Without a certificate, balls are proved
    by bounds and splits if `proving` says how, those of f = y by exact regions, and the checker
    follows every proof. Where it proved every ball, `attacked_balls` of them, drawn from all, are
    attacked at adversarial points: that controls the software, not the proof.

    Args:
        files: "dataset", "network" and perhaps "certificate".
        rho: robustness ratio.
        p: norm of the balls.
        attacks: names of the attacks to run (`pipeline.verification.falsify`).
        decision: rule for a network without a certificate: `nearest`, or `exact` where it was
            constructed.
        proving: how to prove balls where there is no certificate.
        **options: of the attacks.

    Raises:
        ContradictionError: if an attack or the samples refute what the checker proved, or all
            balls are proved on a network narrower than every network must be.
        ValueError: if the certificate is about another rho, p, claim or rule than the checker says.
    """
    dataset, network = load_dataset(files["dataset"]), load_network(files["network"])
    claimed = _claimed(files)
    check = checked(files) if "certificate" in files else None
    rule = parse_decision(decision) if check is None else Decision.EXACT
    if claimed.kind == "error" and "sampling" not in attacks and p in (1, 2, inf):
        attacks = (*attacks, "sampling")
    # Where every ball is proved right, attacks are a control of the software: a sample is enough.
    if check is None or not check.verified or claimed.kind != "balls":
        options["attacked_balls"] = None
    suspects = [] if check is None else check.document.get("unproved", [])
    options["suspects"] = suspects
    lower: Mapping[int, float] = {}
    if check is None and proving is not None and can_be_proved(network, p, rule):
        at = files, network, dataset, rho, p, rule, proving
        settled = Uncertified(*at, attacks, options).settled()
        verdicts, sampling, lower = settled.verdicts, settled.sampling, settled.lower
        proofs = settled.check
    else:
        attacked, sampling = falsify(network, dataset, rho, p, rule, attacks=attacks, **options)
        verdicts = attacked if check is None else _merged(check, claimed, attacked, rho, p)
        proofs = None
    counts = verdict_counts(verdicts)
    document: dict[str, Any] = {
        "decision": rule.value,
        "attacks": list(attacks),
        "attacked_balls": min(options.get("attacked_balls") or dataset.N, dataset.N),
        "claim": claimed.kind,
        "holds": None if check is None else check.verified,
        **_findings(check, dataset.N, counts),
        "verified": counts["verified"],
        "falsified": counts["falsified"],
        "unknown": counts["unknown"],
        "methods": _methods(verdicts),
        "error_upper": _error_upper(dataset, counts, sampling),
        "error_estimate": None if sampling is None else sampling.estimate,
        "error_lower": None if sampling is None else sampling.error_lower,
    }
    _require_agreement(document, dataset, network, sampling, options.get("workers"))
    if counts["verified"] == dataset.N:
        require_possible_width(network, dataset, rho, p)
    if sampling is not None:
        document["sampling"] = {
            "samples": sampling.samples,
            "looks": sampling.looks,
            "confidence": sampling.confidence,
            "ball_upper": [float(v) for v in sampling.ball_upper],
            "ball_lower": [float(v) for v in sampling.ball_lower],
        }
    if (shown := check or proofs) is not None:
        document["check"] = shown.document
        document["printed"] = shown.printed
    if lower:
        document["undecided_lower"] = {str(ball): value for ball, value in sorted(lower.items())}
    return Decided(verdict_csv(dataset, verdicts), document)


def _claimed(files: Mapping[str, Path]) -> _Claimed:
    """Return the certificate's claim; one that cannot be read is rejected by the checker."""
    if "certificate" not in files:
        return _Claimed("none")
    try:
        document = json.loads(files["certificate"].read_text(encoding="utf-8"))
        kind, eta = str(document["claim"]), document["eta"]
        return _Claimed(kind, None if eta is None else Fraction(eta))
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError):
        return _Claimed("balls")


def _proved(check: Checked, claimed: _Claimed, N: int, rho: Fraction, p: int | float) -> set[int]:
    """Return the balls that the checker proved, none where it gave up before the balls.

    Raises:
        ValueError: if its verdict is about another claim or rule, or its counts do not add up.
    """
    document = check.document
    if not check.verified and "unproved" not in document:
        return set()
    # Proofs under the rule `nearest`, handed over as a certificate, do not say f = y.
    rule = Decision.EXACT.value
    claim = {"rho": str(rho), "p": str(p), "decision": rule, "N": N, "claim": claimed.kind}
    found = {key: document.get(key, "balls" if key == "claim" else None) for key in claim}
    if found != claim:
        raise ValueError(f"the certificate must be about {claim}, it is about {found}")
    proved = set(range(N)) - set(document["unproved"])
    if len(proved) != document["verified"] or not _adds_up(check, claimed, len(proved), N):
        raise ValueError(
            f"the checker's counts do not add up: {document['verdict']}, "
            f"{document['verified']} verified, {len(document['unproved'])} unproved of {N}, "
            f"{document.get('points')} points, error at most {document.get('error_upper')}"
        )
    return proved


def _adds_up(check: Checked, claimed: _Claimed, proved: int, N: int) -> bool:
    """Return whether the checker's verdict on the claim is the one its own findings give."""
    if claimed.kind == "points":
        return check.verified == (check.document.get("points") == N)
    if claimed.kind == "error":
        bound = check.document.get("error_upper")
        if not check.verified or bound is None or claimed.eta is None:
            return not check.verified
        return Fraction(bound) <= claimed.eta * (1 + _PRINTED)
    return check.verified == (proved == N)


def _findings(check: Checked | None, N: int, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the proved bound on L_rho as decimal text and the number of memorized points."""
    if check is None:
        return {"error_bound": None, "points": None}
    if counts["verified"] == N:
        return {"error_bound": "0", "points": N}
    return {
        "error_bound": check.document.get("error_upper"),
        "points": check.document.get("points"),
    }


def _require_agreement(
    document: Mapping[str, Any],
    dataset: SeparatedDataset,
    network: ReLUNetwork,
    sampling: SamplingResult | None,
    workers: int | None,
) -> None:
    """Check the proved bound against the samples, and memorized points against the network.

    Raises:
        ContradictionError: if they exclude each other.
    """
    bound = document["error_bound"]
    if bound is not None and sampling is not None:
        # Shared over balls and over the looks at which sampling could have stopped.
        level = _FALSE_ALARM / (dataset.N * sampling.looks * (sampling.looks + 1))
        lower = clopper_pearson_lower(sampling.errors, sampling.samples, level)
        worst = int(lower.argmax())
        if Fraction(float(lower[worst])) > Fraction(bound):
            raise ContradictionError(
                f"the error is at most {bound} on every ball by the checker, and ball {worst} is "
                f"wrong at {int(sampling.errors[worst])} of {sampling.samples} samples: one of the "
                "two is wrong; keep the files and report it"
            )
    if document["claim"] == "points" and document["holds"]:
        outputs = network.evaluate_exact(dataset.X, workers)[:, 0]
        wrong = (~are_correct(outputs, dataset.y, Decision.EXACT)).nonzero()[0]
        if len(wrong):
            raise ContradictionError(
                f"f = y at every point by the checker, and evaluation gives another value at point "
                f"{wrong[0]}: one of the two is wrong; keep the files and report it"
            )


def _merged(
    check: Checked,
    claimed: _Claimed,
    attacked: Sequence[BallVerdict],
    rho: Fraction,
    p: int | float,
) -> list[BallVerdict]:
    proved = _proved(check, claimed, len(attacked), rho, p)
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
