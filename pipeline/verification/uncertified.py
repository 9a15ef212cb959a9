"""Decide the balls of a network that comes without a certificate: attacks and proofs in turn.

Cheapest first: attacks that need no gradient, linear bounds of whole balls, PGD on what is left,
then splits (splitting/). For the rule f = y bounds are about what a network computes before it
rounds to a label (rounded_prefix.py). Where it does not, for bounds in floats say nothing of f = y,
and for weights that no float holds: attacks, then exact regions. A proof counts only once the
independent checker has followed it in a process of its own; a witness only once it has been
evaluated exactly.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.network import ReLUNetwork
from pipeline.verification.certify import Checked, checked
from pipeline.verification.falsify import falsify
from pipeline.verification.minimise import minimised_witnesses
from pipeline.verification.rounded_prefix import rounded_prefix
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
    from pipeline.verification.splitting.prove import Budget
    from pipeline.verification.splitting.proved import Proved
    from pipeline.verification.splitting.question import Question

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
        until_refuted: whether one refuted ball ends it all, the others left open.
    """

    proofs: Path
    seconds: float | None = 30.0
    nodes: int = 20_000
    journal: Path | None = None
    device: str = "cpu"
    until_refuted: bool = False


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


@dataclass(frozen=True)
class _Found:
    """What attacks and proofs found out.

    Args:
        question: what the proofs are about.
        refuted: FALSIFIED balls.
        sampling: the samples, None without.
        proved: the proofs.
    """

    question: Question
    refuted: dict[int, BallVerdict]
    sampling: SamplingResult | None
    proved: Proved


def can_be_proved(network: ReLUNetwork, p: int | float, rule: Decision) -> bool:
    """Return whether bounds or splits are for such networks, norms and rules."""
    relus = not any(network.thresholds(number).any() for number in range(network.depth - 1))
    return (relus or rule is Decision.EXACT) and network.depth > 1 and p in (1, 2, inf)


@dataclass(frozen=True)
class Uncertified:
    """A network without a certificate, and all that decides its balls.

    Args:
        files: "dataset" and "network", the files that the proofs are about.
        network: the network in its file.
        dataset: the dataset in its file.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        rule: the decision rule.
        proving: how to prove.
        attacks: names of the attacks to run.
        options: of the attacks (`pipeline.verification.falsify`).
    """

    files: Mapping[str, Path]
    network: ReLUNetwork
    dataset: SeparatedDataset
    rho: Fraction
    p: int | float
    rule: Decision
    proving: Proving
    attacks: Sequence[str]
    options: Mapping[str, Any]

    def settled(self) -> Settled:
        """Return verdicts of all balls.

        Raises:
            ContradictionError: if an attack falsifies what the checker proves.
        """
        question = self._question()
        if self.rule is Decision.EXACT and question.prefix is None:
            refuted, sampling = self._refuted(self.attacks, {})
            found = _Found(question, refuted, sampling, self._by_regions(refuted, self._budget()))
        else:
            found = self._in_turn(question)
        refuted, proved = found.refuted, found.proved
        check = self._checked(proved.leaves, found.question.prefix_layers)
        verdicts = _verdicts(self.dataset.N, refuted, proved.methods(), check)
        lower = {ball: value for ball, value in proved.lower.items() if ball not in refuted}
        return Settled(verdicts, found.sampling, check, lower)

    def _in_turn(self, question: Question) -> _Found:
        """Attack, bound, attack and split in turn; return what is refuted, sampled and proved."""
        # torch takes a second to import; nothing that comes with a certificate needs it.
        from pipeline.verification.splitting.prove import Budget, by_bounds, by_splits
        from pipeline.verification.splitting.proved import together

        budget, progress = self._budget(), self._progress
        end = budget.end()
        refuted, _ = self._refuted([a for a in self.attacks if a not in _LATE], {})
        try:
            bounded = by_bounds(question, self._rest(refuted), budget, progress=progress)
            in_floats = True
        except OverflowError:
            _log.warning("%-9s  no bounds: a weight exceeds the range of float64", "")
            # Exact regions are of the whole network.
            question, in_floats = replace(question, prefix=None), False
            bounded = together([], question)
        methods = bounded.methods()
        counts = len(methods), len(bounded.witnesses)
        _log.info("%-9s  bounds prove %d balls, refute %d", "", *counts)
        refuted |= self._simple(bounded.witnesses)
        late = [attack for attack in self.attacks if attack in _LATE]
        refuted, sampling = self._refuted(late, refuted, settled=[*refuted, *methods])
        left = budget.until(end)
        if left.until_refuted and refuted:
            left = Budget(0.0, 0)
        if in_floats:
            undecided = {ball: v for ball, v in bounded.lower.items() if ball not in refuted}
            workers, journal = self.options.get("workers"), self.proving.journal
            split = by_splits(
                question, undecided, left, journal=journal, workers=workers, progress=progress
            )
            refuted |= self._simple(split.witnesses)
            if undecided:
                reached = len(split.nodes), len(split.methods()), len(split.witnesses)
                _log.info("%-9s  splits reach %d of them, prove %d, refute %d", "", *reached)
        else:
            split = self._by_regions(refuted, left)
        return _Found(question, refuted, sampling, together([bounded, split], question))

    def _by_regions(self, refuted: dict[int, BallVerdict], budget: Budget) -> Proved:
        """Return what exact regions prove; note what they refute."""
        from pipeline.verification.splitting.by_regions import by_exact_regions

        question, rest = replace(self._question(), prefix=None), self._rest(refuted)
        proved = by_exact_regions(
            question, self.files, self.rule, rest, budget, progress=self._progress
        )
        refuted |= self._simple(proved.witnesses)
        return proved

    def _refuted(
        self,
        attacks: Sequence[str],
        known: Mapping[int, BallVerdict],
        settled: Sequence[int] = (),
    ) -> tuple[dict[int, BallVerdict], SamplingResult | None]:
        """Return the balls that attacks falsify or that are known to be, and the samples."""
        found, sampling = falsify(*self._at, attacks=attacks, settled=settled, **dict(self.options))
        fresh = {v.index: v for v in found if v.verdict is Verdict.FALSIFIED}
        return fresh | dict(known), sampling

    def _simple(self, witnesses: Sequence[BallVerdict]) -> dict[int, BallVerdict]:
        evaluations = self.options.get("witness_evaluations", 60)
        workers = self.options.get("workers")
        simple = minimised_witnesses(*self._at, witnesses, evaluations=evaluations, workers=workers)
        return {v.index: v for v in simple}

    def _checked(self, leaves: Leaves, prefix_layers: int | None) -> Checked | None:
        """Write the proofs and return what the checker says of them, None if there are none."""
        from pipeline.verification.splitting.proofs import save_proofs

        if not len(leaves):
            return None
        save_proofs(
            self.proving.proofs,
            leaves,
            dataset=self.files["dataset"],
            network=self.files["network"],
            rho=self.rho,
            p=self.p,
            decision=self.rule,
            prefix_layers=prefix_layers,
        )
        return checked({**self.files, "certificate": self.proving.proofs})

    def _question(self) -> Question:
        from pipeline.verification.splitting.question import Question

        exact = self.rule is Decision.EXACT
        prefix = rounded_prefix(self.network, self.dataset.C) if exact else None
        at = self.network, self.dataset, self.rho, self.p, self.proving.device
        return Question(*at, self.rule, prefix)

    def _budget(self) -> Budget:
        from pipeline.verification.splitting.prove import Budget

        return Budget(self.proving.seconds, self.proving.nodes, self.proving.until_refuted)

    def _rest(self, refuted: Mapping[int, BallVerdict]) -> np.ndarray:
        return np.array([i for i in range(self.dataset.N) if i not in refuted], dtype=np.int64)

    @property
    def _at(self) -> tuple[ReLUNetwork, SeparatedDataset, Fraction, int | float, Decision]:
        return self.network, self.dataset, self.rho, self.p, self.rule

    @property
    def _progress(self) -> bool:
        return bool(self.options.get("progress"))


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
