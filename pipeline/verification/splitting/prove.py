"""Prove balls: many at once by linear bounds, the rest one by one by splits on all cores.

Every ball searched leaves a file in the journal at once, so a killed job that is run again searches
only the balls that are missing.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass, fields
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from pipeline.data import SeparatedDataset
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below
from pipeline.verification.bounds import Balls, RoundedNetwork
from pipeline.verification.projected_steps import torch_threads
from pipeline.verification.splitting.proofs import AFFINE, Leaves, no_leaves
from pipeline.verification.splitting.search import Search, Searched, SearchOptions
from pipeline.verification.verdict_table import dyadic_of_text, dyadic_text
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    confirmed_witness,
    confirmed_witnesses,
)

# Displacements on a grid of 2**-40 mu, as for other attacks.
_GRID_BITS = 40
_SPLITS = "branch_and_bound"
_BATCH = 256
_DAMAGED = (OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, ArithmeticError)
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
    """

    seconds: float | None = 30.0
    nodes: int = 20_000

    def __post_init__(self) -> None:
        if self.nodes < 0 or (self.seconds is not None and not self.seconds >= 0):
            raise ValueError(f"a budget must not be negative, got {self}")

    def end(self) -> float:
        """Return the time on the monotonic clock at which it ends if it starts now."""
        return time.monotonic() + (math.inf if self.seconds is None else self.seconds)

    def until(self, end: float) -> Budget:
        """Return what is left of it, but never more than until `end`."""
        return Budget(None if end == math.inf else max(end - time.monotonic(), 0.0), self.nodes)


@dataclass(frozen=True)
class Question:
    """Which balls of which network are to be proved, and what counts as right."""

    network: ReLUNetwork
    dataset: SeparatedDataset
    rho: Fraction
    p: int | float
    device: str = "cpu"

    @property
    def margin(self) -> float:
        """|f - y| < 1/2: rule `nearest`."""
        return 0.5

    def search(self, balls: np.ndarray, options: SearchOptions) -> tuple[Searched, _Witnesses]:
        """Return what a search over some balls finds out, with the witnesses confirmed exactly."""
        # Without splits a witness is the minimiser of a whole ball's linear bound.
        found = _Witnesses(self, balls, _SPLITS if options.nodes else "linear_bounds")
        with torch_threads(1):
            rounded = RoundedNetwork.of(self.network, self.device)
            regions = Balls.of(self.network, self.dataset, self.rho, self.p, balls, self.device)
            labels = torch.from_numpy(self.dataset.y[balls].astype(np.float64))
            search = Search(rounded, regions, labels.to(regions.first), found.confirm, options)
            return search.run(), found


class _Witnesses:
    """Witnesses of some balls, each confirmed in exact arithmetic."""

    def __init__(self, question: Question, balls: np.ndarray, method: str) -> None:
        self._question, self._balls, self._method = question, balls, method
        self._radius = radius_below(question.dataset, question.rho, question.p)
        self.verdicts: dict[int, BallVerdict] = {}

    def confirm(self, positions: np.ndarray, displacements: np.ndarray) -> set[int]:
        """Return the positions of balls that one of the displacements refutes."""
        at, indices = self._question, self._balls[positions]
        # After an overflow, or for a radius below 2^-1000, they may lie anywhere.
        displacements = np.nan_to_num(displacements).clip(-self._radius, self._radius)
        points = displaced_points(at.dataset.X, indices, displacements, self._radius, _GRID_BITS)
        for verdict in confirmed_witnesses(
            at.network, at.dataset, at.rho, at.p, Decision.NEAREST, indices, points, self._method, 1
        ):
            self.verdicts.setdefault(verdict.index, verdict)
        return {int(k) for k in positions.tolist() if int(self._balls[k]) in self.verdicts}


@dataclass(frozen=True, eq=False)
class Proved:
    """What is known about some balls.

    Args:
        leaves: proofs of balls.
        witnesses: FALSIFIED balls.
        lower: least proved lower bound of each ball's two claims where neither, by ball.
        nodes: regions bounded for each ball.
    """

    leaves: Leaves
    witnesses: tuple[BallVerdict, ...]
    lower: dict[int, float]
    nodes: dict[int, int]

    def methods(self) -> dict[int, str]:
        """Return how each ball was proved: crown, alpha_crown, branch_and_bound, exact_regions."""
        names: dict[int, str] = {}
        split = set(self.leaves.ball[self.leaves.path_length > 0].tolist())
        slopes = self.leaves.alpha
        plain = ((slopes == 0) | (slopes == 128)).all(axis=1)
        tuned = set(self.leaves.ball[~plain].tolist())
        for ball in set(self.leaves.ball.tolist()):
            names[ball] = "alpha_crown" if ball in tuned else "crown"
            if ball in split:
                names[ball] = _SPLITS
        exact = self.leaves.ball[self.leaves.kind == AFFINE]
        return names | dict.fromkeys(exact.tolist(), "exact_regions")


def by_bounds(
    question: Question, balls: np.ndarray, budget: Budget, *, progress: bool = False
) -> Proved:
    """Return what linear bounds of whole balls prove under the rule `nearest`, and find refuted.

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


def _proved(searched: Searched, found: _Witnesses, balls: np.ndarray) -> Proved:
    lower = searched.lower.min(axis=1)
    undecided = ~(searched.proved | searched.refuted)
    return Proved(
        Leaves.of(searched.leaves, balls),
        tuple(found.verdicts.values()),
        {int(balls[k]): float(lower[k]) for k in np.flatnonzero(undecided)},
        {int(ball): int(n) for ball, n in zip(balls, searched.nodes, strict=True)},
    )


def together(parts: Sequence[Proved], question: Question) -> Proved:
    """Return what all parts know; of lower bounds the best one."""
    hidden = sum(question.network.hidden_widths)
    lower: dict[int, float] = {}
    nodes: dict[int, int] = {}
    for part in parts:
        for ball, value in part.lower.items():
            lower[ball] = max(value, lower.get(ball, -np.inf))
        for ball, count in part.nodes.items():
            nodes[ball] = count + nodes.get(ball, 0)
    leaves = Leaves.joined([no_leaves(hidden), *[part.leaves for part in parts]])
    witnesses = tuple(v for part in parts for v in part.witnesses)
    decided = {v.index for v in witnesses} | set(leaves.ball.tolist())
    lower = {ball: value for ball, value in lower.items() if ball not in decided}
    return Proved(leaves, witnesses, lower, nodes)


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
            if (kept := _from_journal(journal, ball, question)) is not None:
                done[ball] = kept
    missing = [ball for ball in balls if ball not in done]
    count = min(workers or os.cpu_count() or 1, max(len(missing), 1))
    shown = None if progress else True
    with tqdm(total=len(balls), initial=len(done), desc="splits", disable=shown) as bar:
        for ball, found in _each(question, missing, budget, count):
            done[ball] = found
            if journal is not None:
                _to_journal(journal, ball, found)
            bar.update()
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


def _to_journal(folder: Path, ball: int, found: Proved) -> None:
    """Write what is known about a ball, all or nothing."""
    path = folder / f"ball_{ball}.npz"
    witness = found.witnesses[0].witness if found.witnesses else None
    note = {
        "witness": None if witness is None else dyadic_text(witness),
        "lower": found.lower.get(ball),
        "nodes": found.nodes.get(ball, 0),
    }
    temporary = path.with_name(path.name + ".partial")
    with open(temporary, "wb") as handle:
        arrays: dict[str, Any] = {f.name: getattr(found.leaves, f.name) for f in fields(Leaves)}
        np.savez(handle, note=np.array(json.dumps(note)), **arrays)
    os.replace(temporary, path)


def _from_journal(folder: Path, ball: int, question: Question) -> Proved | None:
    """Return what the journal says about a ball; None if it says nothing or is damaged."""
    path = folder / f"ball_{ball}.npz"
    if not path.exists():
        return None
    try:
        # Opened here, for np.load would leave a damaged file open.
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as data:
            note = json.loads(str(data["note"]))
            leaves = Leaves(*(data[f.name] for f in fields(Leaves)))
        return _entry(question, ball, note, leaves)
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error):
        _log.warning("%-9s  %s is damaged: the ball is searched again", "", path)
        return None


def _entry(question: Question, ball: int, note: dict[str, Any], leaves: Leaves) -> Proved:
    """Return what an entry of the journal says.

    Raises:
        ValueError: if its leaves are about another ball or network, or its witness refutes nothing.
    """
    fresh = no_leaves(sum(question.network.hidden_widths))
    kinds = [(getattr(each, f.name).dtype, getattr(each, f.name).shape[1:])
             for each in (leaves, fresh) for f in fields(Leaves)]  # fmt: skip
    if kinds[: len(kinds) // 2] != kinds[len(kinds) // 2 :] or set(leaves.ball.tolist()) - {ball}:
        raise ValueError(f"leaves of ball {ball} expected")
    witnesses: tuple[BallVerdict, ...] = ()
    if note["witness"] is not None:
        at, point = question, dyadic_of_text(note["witness"])
        verdict = confirmed_witness(
            at.network, at.dataset, at.rho, at.p, Decision.NEAREST, ball, point, _SPLITS
        )
        if verdict is None:
            raise ValueError(f"a point that refutes ball {ball} expected")
        witnesses = (verdict,)
    lower = {} if note["lower"] is None else {ball: float(note["lower"])}
    return Proved(leaves, witnesses, lower, {ball: int(note["nodes"])})
