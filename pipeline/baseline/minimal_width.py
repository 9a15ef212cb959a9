"""The smallest width at which training finds a certified network: an interval, never a point.

That a width fails means that none of its seeds succeeded, no more; only widths below the bound of
`pipeline.verification.necessary_width` are proved to be impossible. Success need not be monotone in
the width either, so the answer is a pair: the smallest width with a certified network, and the
largest width below it that was tried, or is impossible, and never succeeded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline.baseline.attempts import (
    CERTIFIED,
    DIVERGED,
    LEARNED,
    NOT_LEARNED,
    Attempt,
    Journal,
    decided,
)
from pipeline.baseline.problem import Problem
from pipeline.baseline.rule import Rule, rule_of
from pipeline.baseline.stack import NetworkSpec
from pipeline.baseline.train_baseline import restart_seeds
from pipeline.baseline.trainer import Recipe, Trainer
from pipeline.baseline.training import Trained
from pipeline.network import ReLUNetwork
from pipeline.verification.falsify import falsify
from pipeline.verification.verdicts import Verdict
from pipeline.verification.verify import verify

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WidthSearch:
    """Which widths are tried, and what deciding a network may cost.

    Args:
        depth: affine layers of every network.
        seeds: networks trained at each width.
        min_width: the smallest width of the first round, unless that is impossible.
        max_width: the largest width tried.
        grid: widths tried in a round after the first one.
        rounds: most rounds; the interval stays wider if they do not suffice. None for no limit.
        proof_seconds: wall time for proving one network, None for no limit.
        proof_nodes: most regions a ball is split into.

    Raises:
        ValueError: if an option is out of range.
    """

    depth: int = 3
    seeds: int = 4
    min_width: int = 1
    max_width: int = 32
    grid: int = 3
    rounds: int | None = None
    proof_seconds: float | None = 20.0
    proof_nodes: int = 20_000

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"a search over widths needs depth >= 2, got {self.depth}")
        for name in ("seeds", "min_width", "max_width", "grid"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rounds is not None and self.rounds < 1:
            raise ValueError(f"rounds must be at least 1 or none, got {self.rounds}")
        if self.min_width > self.max_width:
            raise ValueError(f"min_width {self.min_width} exceeds max_width {self.max_width}")

    def first_widths(self, least: int) -> list[int]:
        """Return the widths of the first round: doubling from the least possible or wanted one.

        >>> WidthSearch(max_width=20).first_widths(3)
        [3, 6, 12, 20]
        """
        least = max(least, self.min_width)
        doubled = (least << k for k in range(self.max_width.bit_length()))
        return [*(width for width in doubled if width < self.max_width), self.max_width]

    def next_widths(self, failed: int, succeeded: int) -> list[int]:
        """Return widths strictly between, evenly spread; none if there is none.

        >>> WidthSearch(grid=3).next_widths(8, 16), WidthSearch().next_widths(8, 9)
        ([10, 12, 14], [])
        """
        gap = succeeded - failed
        parts = min(self.grid + 1, gap)
        return sorted({failed + gap * k // parts for k in range(1, parts)})


@dataclass(frozen=True, eq=False)
class MinimalWidth:
    """What a search found out.

    Args:
        failed: largest width below `succeeded` that never succeeded, 0 if there is none.
        succeeded: smallest width with a certified network, None if there is none.
        impossible: largest width proved to be impossible for any network, at least 0.
        best: the certified attempt of least width, None if there is none.
        network: its network.
        folder: of its files: dataset.npz, network.npz, proofs.npz.
        attempts: all of them, by width and seed.
    """

    failed: int
    succeeded: int | None
    impossible: int
    best: Attempt | None
    network: ReLUNetwork | None
    folder: Path | None
    attempts: tuple[Attempt, ...]

    def __post_init__(self) -> None:
        if self.succeeded is not None and not self.impossible <= self.failed < self.succeeded:
            raise ValueError(
                f"a certified network of width {self.succeeded}, where width {self.failed} failed "
                f"and {self.impossible} is impossible: one of the proofs is wrong; keep the files "
                "and report it"
            )

    @property
    def words(self) -> str:
        """The interval in words.

        >>> MinimalWidth(4, 6, 2, None, None, None, ()).words
        'minimal width in (4, 6]'
        """
        if self.succeeded is None:
            return f"no certified network up to width {self.failed}"
        return f"minimal width in ({self.failed}, {self.succeeded}]"


def minimal_width(
    problem: Problem,
    recipe: Recipe,
    search: WidthSearch,
    journal: Path,
    *,
    decision: str = "nearest",
    impossible: int = 0,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> MinimalWidth:
    """Return the interval of the smallest width at which some seed is certified on every ball.

    A first round over doubling widths, then rounds between the largest failure and the smallest
    success until nothing is left in between. What is trained and decided is kept in the journal
    at once: called again after an interruption, with the same journal, it does what is missing.

    Args:
        problem: what is to be memorized, with the tolerance of the decision rule.
        recipe: how to train.
        search: which widths to try.
        journal: folder of this search alone.
        decision: `nearest` or `exact`.
        impossible: largest width proved to be impossible (`necessary_first_width`), tried never.
        seed: of everything random.
        workers: processes, all cores by default; what is trained does not depend on it.
        progress: whether to show a progress bar when standard error is a terminal.

    Raises:
        ValueError: if an option is out of range.
        BatchMemoryError: if a stack of networks does not fit into memory; the journal keeps the
            others.
    """
    with Trainer(problem, recipe, workers) as trainer:
        return _Search(
            problem, search, Journal(journal), rule_of(decision), trainer, seed, workers, progress
        ).run(impossible)


class _Search:
    """The state of one search."""

    def __init__(
        self,
        problem: Problem,
        search: WidthSearch,
        journal: Journal,
        rule: Rule,
        trainer: Trainer,
        seed: int,
        workers: int | None,
        progress: bool,
    ) -> None:
        self._problem, self._search, self._journal = problem, search, journal
        self._rule, self._trainer, self._workers = rule, trainer, workers
        self._seeds = restart_seeds(seed, search.seeds)
        self._attempts = journal.attempts()
        self._bar = tqdm(desc="widths", unit=" networks", disable=None if progress else True)

    def run(self, impossible: int) -> MinimalWidth:
        failed, succeeded = impossible, None
        if impossible >= self._search.max_width:
            return self._found(failed, None, impossible)
        widths, rounds = self._search.first_widths(impossible + 1), 0
        while widths:
            self._train(widths)
            for width in widths:
                if self._succeeds(width):
                    succeeded = width
                    break
                failed = width
            self._bar.set_postfix_str(f"width in ({failed}, {succeeded or '?'}]")
            rounds += 1
            widths = [] if succeeded is None else self._search.next_widths(failed, succeeded)
            if rounds == self._search.rounds:
                break
        self._bar.close()
        return self._found(failed, succeeded, impossible)

    def _train(self, widths: Iterable[int]) -> None:
        depth = self._search.depth
        specs = [NetworkSpec(w, depth, s) for w in widths for s in self._seeds]
        missing = [spec for spec in specs if (spec.width, spec.seed) not in self._attempts]
        self._trainer.trained(missing, self._keep)

    def _keep(self, trained: Trained) -> None:
        """File a trained network: those without an error in float arithmetic are to be decided."""
        spec, data, network = trained.spec, self._problem.dataset, trained.network
        count = spec.parameter_count(data.d) + self._rule.parameters_added(data.C)
        outcome = DIVERGED
        if network is not None:
            network = self._rule.finished(network, data.C)
            last = trained.curve[-1]
            faultless = last["clean_error"] == last["pgd_error"] == 0
            outcome = LEARNED if faultless else NOT_LEARNED
        attempt = Attempt(
            width=spec.width,
            seed=spec.seed,
            parameter_count=count,
            outcome=outcome,
            curve=trained.curve,
            steps=trained.steps,
            stopped=trained.stopped,
            reason=trained.reason,
        )
        if trained.reason:
            _log.warning("%-9s  %s", "", trained.reason)
        learned = network if outcome == LEARNED else None
        self._attempts[attempt.key] = self._journal.keep(attempt, learned)
        self._bar.update()

    def _succeeds(self, width: int) -> bool:
        """Decide the networks of a width, the most promising first, until one is certified."""
        ours = [self._attempts[width, seed] for seed in self._seeds]
        if any(attempt.outcome == CERTIFIED for attempt in ours):
            return True
        learned = [attempt for attempt in ours if attempt.outcome == LEARNED]
        learned.sort(key=lambda attempt: -attempt.curve[-1].get("certified", 0.0))
        with _quiet("pipeline.verification"):
            return any(self._decide(attempt).outcome == CERTIFIED for attempt in learned)

    def _decide(self, attempt: Attempt) -> Attempt:
        """Return the attempt decided: VERIFIED is what the checker follows, ball by ball.

        One wrong ball is enough, so PGD comes first, and proofs only where it finds none.
        """
        started, problem, rule = time.monotonic(), self._problem, self._rule.decision
        network, norm = self._journal.network(attempt), problem.p
        at = (network, problem.dataset, problem.rho, norm, rule)
        options: dict[str, Any] = {"seed": attempt.seed, "witness_evaluations": 0}
        options["workers"] = self._workers
        verdicts, _ = falsify(*at, attacks=("pgd",), pgd_restarts=10, **options)
        falsified = sum(v.verdict is Verdict.FALSIFIED for v in verdicts)
        counts = (0, falsified, len(verdicts) - falsified)
        if not falsified:
            budget, place = self._search.proof_seconds, self._journal.place(attempt)
            nodes = self._search.proof_nodes
            options |= {"nodes": nodes, "folder": place, "attacks": (), "until_refuted": True}
            table = verify(*at, budget, **options)
            verified, falsified, unknown = (int((table.verdict == v).sum()) for v in Verdict)
            counts = (verified, falsified, unknown)
        found = decided(attempt, counts, time.monotonic() - started)
        self._attempts[found.key] = self._journal.keep(found)
        return found

    def _found(self, failed: int, succeeded: int | None, impossible: int) -> MinimalWidth:
        attempts = tuple(self._attempts[key] for key in sorted(self._attempts))
        best = self._best(attempts, succeeded)
        network = None if best is None else self._journal.network(best)
        folder = None if best is None else self._journal.place(best)
        return MinimalWidth(failed, succeeded, impossible, best, network, folder, attempts)

    @staticmethod
    def _best(attempts: Sequence[Attempt], width: int | None) -> Attempt | None:
        certified = [a for a in attempts if a.outcome == CERTIFIED and a.width == width]
        return certified[0] if certified else None


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Hide what the deciding of one of many networks prints; warnings stay."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)
