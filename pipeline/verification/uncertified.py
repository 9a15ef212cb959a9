"""Decide the balls of a network that comes without a certificate: attacks and proofs in turn.

Cheapest first: attacks that need no gradient, linear bounds of whole balls, PGD on what is left,
then splits (splitting/). For the rule f = y, of which bounds in floats say nothing, and for weights
that no float holds: attacks, then exact regions. A proof counts only once the independent checker
has followed it in a process of its own; a witness only once it has been evaluated exactly.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.network import ReLUNetwork
from pipeline.verification.certify import Checked, checked
from pipeline.verification.falsify import falsify
from pipeline.verification.sampling import SamplingResult
from pipeline.verification.verdicts import (
    BallVerdict,
    ContradictionError,
    Decision,
    Verdict,
    unknown,
)

if TYPE_CHECKING:
    from pipeline.verification.splitting.proofs import Leaves

_LATE = ("pgd", "sampling")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proving:
    """Whether and how to prove balls.

    Args:
        proofs: file the proofs are written to.
        seconds: wall time of bounds and splits together, None for no limit.
        nodes: most regions a ball is split into; 0 for bounds of whole balls alone.
        journal: folder that keeps what is searched, so that a killed job goes on where it was.
        device: where bounds are computed.
    """

    proofs: Path
    seconds: float | None = 30.0
    nodes: int = 20_000
    journal: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Settled:
    """What was found out about every ball.

    Args:
        verdicts: one a ball, by index.
        sampling: the samples, None without.
        check: the checker's verdict on the proofs, None without a proof.
        lower: for undecided balls the best proved lower bound of the margin, by ball.
    """

    verdicts: list[BallVerdict]
    sampling: SamplingResult | None
    check: Checked | None
    lower: Mapping[int, float]


def can_be_proved(network: ReLUNetwork, p: int | float, rule: Decision) -> bool:
    """Return whether bounds or splits are for such networks, norms and rules."""
    relus = not any(network.thresholds(number).any() for number in range(network.depth - 1))
    return (relus or rule is Decision.EXACT) and network.depth > 1 and p in (1, 2, inf)


def settle_exactly(
    files: Mapping[str, Path],
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    proving: Proving,
    *,
    attacks: Sequence[str],
    **options: Any,
) -> Settled:
    """Return verdicts of all balls under the rule `exact`.

    Args and errors are those of `settle`; the time of `proving` begins after the attacks.
    """
    from pipeline.verification.splitting.by_regions import by_exact_regions
    from pipeline.verification.splitting.prove import Budget, Question

    rule = Decision.EXACT
    found, sampling = falsify(network, dataset, rho, p, rule, attacks=attacks, **options)
    refuted = {v.index: v for v in found if v.verdict is Verdict.FALSIFIED}
    proved = by_exact_regions(
        Question(network, dataset, rho, p),
        files,
        rule,
        np.array([i for i in range(dataset.N) if i not in refuted], dtype=np.int64),
        Budget(proving.seconds, proving.nodes),
        progress=bool(options.get("progress")),
    )
    refuted |= {v.index: v for v in proved.witnesses}
    check = _checked_proofs(proved.leaves, files, rho, p, rule, proving)
    return Settled(_verdicts(dataset.N, refuted, proved.methods(), check), sampling, check, {})


def settle(
    files: Mapping[str, Path],
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    proving: Proving,
    *,
    attacks: Sequence[str],
    **options: Any,
) -> Settled:
    """Return verdicts of all balls under the rule `nearest`.

    Args:
        files: "dataset" and "network", the files that the proofs are about.
        network: the network in its file.
        dataset: the dataset in its file.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        proving: how to prove.
        attacks: names of the attacks to run.
        **options: of the attacks (`pipeline.verification.falsify`).

    Raises:
        ContradictionError: if an attack falsifies what the checker proves.
    """
    # torch takes a second to import; nothing that comes with a certificate needs it.
    from pipeline.verification.splitting.by_regions import by_exact_regions
    from pipeline.verification.splitting.prove import (
        Budget,
        Question,
        by_bounds,
        by_splits,
        together,
    )

    at = network, dataset, rho, p, Decision.NEAREST
    early = [attack for attack in attacks if attack not in _LATE]
    found, _ = falsify(*at, attacks=early, **options)
    refuted = {v.index: v for v in found if v.verdict is Verdict.FALSIFIED}
    question = Question(network, dataset, rho, p, proving.device)
    workers, progress = options.get("workers"), bool(options.get("progress"))
    budget = Budget(proving.seconds, proving.nodes)
    end = budget.end()
    rest = np.array([i for i in range(dataset.N) if i not in refuted], dtype=np.int64)
    try:
        bounded = by_bounds(question, rest, budget, progress=progress)
        in_floats = True
    except OverflowError:
        _log.warning("%-9s  no bounds: a weight exceeds the range of float64", "")
        bounded, in_floats = together([], question), False
    _log.info("%-9s  bounds prove %d balls", "", len(set(bounded.leaves.ball.tolist())))
    refuted |= {v.index: v for v in bounded.witnesses}
    settled = [*refuted, *bounded.methods()]
    late = [attack for attack in attacks if attack in _LATE]
    found, sampling = falsify(*at, attacks=late, settled=settled, **options)
    refuted = {v.index: v for v in found if v.verdict is Verdict.FALSIFIED} | refuted
    undecided = {ball: v for ball, v in bounded.lower.items() if ball not in refuted}
    if in_floats:
        split = by_splits(
            question,
            undecided,
            budget.until(end),
            journal=proving.journal,
            workers=workers,
            progress=progress,
        )
    else:
        rest = np.array([i for i in rest.tolist() if i not in refuted], dtype=np.int64)
        split = by_exact_regions(
            question, files, Decision.NEAREST, rest, budget.until(end), progress=progress
        )
    proved = together([bounded, split], question)
    refuted |= {v.index: v for v in split.witnesses}
    check = _checked_proofs(proved.leaves, files, rho, p, Decision.NEAREST, proving)
    verdicts = _verdicts(dataset.N, refuted, proved.methods(), check)
    lower = {ball: value for ball, value in proved.lower.items() if ball not in refuted}
    return Settled(verdicts, sampling, check, lower)


def _checked_proofs(
    leaves: Leaves,
    files: Mapping[str, Path],
    rho: Fraction,
    p: int | float,
    rule: Decision,
    proving: Proving,
) -> Checked | None:
    """Write the proofs and return what the checker says of them, None if there are none."""
    from pipeline.verification.splitting.proofs import save_proofs

    if not len(leaves):
        return None
    save_proofs(
        proving.proofs,
        leaves,
        dataset=files["dataset"],
        network=files["network"],
        rho=rho,
        p=p,
        decision=rule,
    )
    return checked({**files, "certificate": proving.proofs})


def _verdicts(
    N: int, refuted: Mapping[int, BallVerdict], methods: Mapping[int, str], check: Checked | None
) -> list[BallVerdict]:
    """Return the verdicts; VERIFIED is what the checker says, whatever the prover thinks.

    Raises:
        ContradictionError: if a ball is both proved and refuted.
    """
    document = {} if check is None else check.document
    confirmed: set[int] = set()
    if document.get("N") == N:
        confirmed = set(range(N)) - set(document["unproved"])
    for ball in sorted(set(methods) - confirmed):
        _log.warning("%-9s  the checker does not follow the proof of ball %d", "", ball)
    slack = document.get("slack", [])
    verdicts = []
    for ball in range(N):
        if ball in confirmed and ball in refuted:
            raise ContradictionError(
                f"ball {ball} is VERIFIED by the checker and FALSIFIED by {refuted[ball].method}: "
                "one of the two is wrong; keep the files and report it"
            )
        if ball in confirmed:
            margin = None if slack[ball] is None else repr(slack[ball])
            method = methods.get(ball, "certificate")
            verdicts.append(BallVerdict(ball, Verdict.VERIFIED, method, margin))
        else:
            verdicts.append(refuted.get(ball) or unknown(ball))
    return verdicts
