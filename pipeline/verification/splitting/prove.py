"""Prove balls: many at once by linear bounds, the rest one by one by splits on all cores.

Every ball searched leaves a file in the journal at once, so a killed job that is run again searches
only the balls that are missing.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.exact import usable_cores
from pipeline.verification.splitting.journal import from_journal, to_journal
from pipeline.verification.splitting.proofs import Leaves
from pipeline.verification.splitting.proved import Proved, together
from pipeline.verification.splitting.question import Question, Witnesses
from pipeline.verification.splitting.search import Searched, SearchOptions

_BATCH = 256
# Less time than this decides little: rather some balls with enough time than all without.
_LEAST_SECONDS = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Budget:
    """What proving may cost.

    Args:
        seconds: wall time for all balls together, None for no limit. What is decided then depends
            on the machine; what is said of a ball is true all the same.
        nodes: most regions a ball is split into before it is given up.
        until_refuted: whether one refuted ball ends it all, the others left open.
    """

    seconds: float | None = 30.0
    nodes: int = 20_000
    until_refuted: bool = False

    def __post_init__(self) -> None:
        if self.nodes < 0 or (self.seconds is not None and not self.seconds >= 0):
            raise ValueError(f"a budget must not be negative, got {self}")

    def end(self) -> float:
        """Return the time on the monotonic clock at which it ends if it starts now."""
        return time.monotonic() + (math.inf if self.seconds is None else self.seconds)

    def until(self, end: float) -> Budget:
        """Return what is left of it, but never more than until `end`."""
        left = None if end == math.inf else max(end - time.monotonic(), 0.0)
        return replace(self, seconds=left)


def by_bounds(
    question: Question, balls: np.ndarray, budget: Budget, *, progress: bool = False
) -> Proved:
    """Return what linear bounds of whole balls prove, and find refuted.

    Args:
        question: network and balls.
        balls: indices of the balls, shape (n,).
        budget: what it may cost; nodes play no role.
        progress: whether to show a progress bar on standard error.
    """
    end, parts = budget.end(), []
    blocks = range(0, len(balls), _BATCH // 2)
    for start in tqdm(blocks, "bounds", disable=None if progress else True):
        left = end - time.monotonic()
        if left <= 0:
            break
        some = balls[start : start + _BATCH // 2]
        searched, found = question.search(some, SearchOptions(seconds=left, nodes=0, batch=_BATCH))
        parts.append(_proved(searched, found, some))
        if budget.until_refuted and parts[-1].witnesses:
            break
    return together(parts, question)


def by_splits(
    question: Question,
    lower: Mapping[int, float],
    budget: Budget,
    *,
    journal: Path | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> Proved:
    """Return what splits prove and refute, ball by ball, those closest to a proof first.

    Args:
        question: network and balls.
        lower: the balls to search, with the lower bounds so far.
        budget: what it may cost.
        journal: folder that keeps the balls searched; it must belong to this question alone.
        workers: processes, all cores by default.
        progress: whether to show a progress bar on standard error.
    """
    balls = sorted(lower, key=lambda ball: -lower[ball])
    if not balls or not budget.nodes:
        return together([], question)
    _log.info("%-9s  %d balls are left for splits, closest to a proof first", "", len(balls))
    return together(_searched(question, balls, budget, journal, workers, progress), question)


def _proved(searched: Searched, found: Witnesses, balls: np.ndarray) -> Proved:
    lower = searched.lower.min(axis=1)
    undecided = ~(searched.proved | searched.refuted)
    return Proved(
        Leaves.of(searched.leaves, balls),
        tuple(found.verdicts.values()),
        {int(balls[k]): float(lower[k]) for k in np.flatnonzero(undecided)},
        {int(ball): int(n) for ball, n in zip(balls, searched.nodes, strict=True)},
    )


def _searched(
    question: Question,
    balls: list[int],
    budget: Budget,
    journal: Path | None,
    workers: int | None,
    progress: bool,
) -> list[Proved]:
    """Return what searching the balls one by one finds out, from the journal where it is there."""
    done: dict[int, Proved] = {}
    if journal is not None:
        journal.mkdir(parents=True, exist_ok=True)
        for ball in balls:
            if (kept := from_journal(journal, ball, question)) is not None:
                done[ball] = kept
    missing = [ball for ball in balls if ball not in done]
    count = min(workers or usable_cores(), max(len(missing), 1))
    shown = None if progress else True
    with tqdm(total=len(balls), initial=len(done), desc="splits", disable=shown) as bar:
        for ball, found in _each(question, missing, budget, count):
            done[ball] = found
            if journal is not None:
                to_journal(journal, ball, found)
            bar.update()
            if budget.until_refuted and found.witnesses:
                break
    return [done[ball] for ball in balls if ball in done]


def _each(
    question: Question, balls: list[int], budget: Budget, count: int
) -> Iterator[tuple[int, Proved]]:
    """Yield the balls as they are decided or given up, an equal share of the time for each."""
    left, end = list(reversed(balls)), budget.end()

    def options() -> SearchOptions:
        rest = max(end - time.monotonic(), 0.0)
        share = min(max(rest * count / (len(left) + 1), _LEAST_SECONDS), rest)
        return SearchOptions(seconds=share, nodes=budget.nodes, batch=_BATCH)

    if count == 1:
        while left and time.monotonic() < end:
            ball = left.pop()
            yield ball, _one_ball(question, ball, options())
        return
    with ProcessPoolExecutor(count, get_context("spawn"), _prepare, (question,)) as pool:
        running: dict[Future[Proved], int] = {}
        while (left and time.monotonic() < end) or running:
            while left and len(running) < count and time.monotonic() < end:
                ball = left.pop()
                try:
                    running[pool.submit(_in_worker, ball, options())] = ball
                except BrokenExecutor as broken:
                    _log.error("%-9s  no more balls are searched: %r", "", broken)
                    return
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                ball, error = running.pop(future), future.exception()
                if error is None:
                    yield ball, future.result()
                else:
                    # What other balls gave is kept: this one alone stays undecided.
                    _log.error("%-9s  searching ball %d failed: %r", "", ball, error)
                if isinstance(error, BrokenExecutor):
                    return


_question: Question | None = None


def _prepare(question: Question) -> None:
    """Keep the question in a worker process: it is sent once, not with every ball."""
    global _question
    _question = question


def _in_worker(ball: int, options: SearchOptions) -> Proved:
    assert _question is not None
    return _one_ball(_question, ball, options)


def _one_ball(question: Question, ball: int, options: SearchOptions) -> Proved:
    balls = np.array([ball])
    return _proved(*question.search(balls, options), balls)
