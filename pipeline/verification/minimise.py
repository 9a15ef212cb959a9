"""Witnesses made simple for display: near the centre, equal to it where possible, of few bits.

A witness is replaced only by a point that `confirmed_witnesses` has confirmed in its turn: strictly
inside the open ball, exactly evaluated, wrong. So the result is a witness whatever is proposed, and
where nothing simpler is wrong it is the one given. Nothing is random.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, max_bit_length
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import stacked
from pipeline.verification.verdicts import BallVerdict, Decision, Verdict, confirmed_witnesses

# Halvings of the way to the centre: nearer than 1/32 of it to the least would cost bits.
_HALVINGS = 5
# Share of the evaluations kept for the last pass, which needs about log2(bits).
_FOR_BITS = 8
_WITNESSES_A_BLOCK = 4096
# All witnesses together take no more evaluations; where there are many, each gets fewer.
_EVALUATIONS = 1 << 18

# Yields points to try, shape (1, d), and is told whether each is a witness.
_Tries = Generator[DyadicArray, bool, None]


def minimised_witnesses(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    decision: str | Decision,
    verdicts: Iterable[BallVerdict],
    *,
    evaluations: int = 60,
    workers: int | None = None,
) -> list[BallVerdict]:
    """Return the verdicts with simpler witnesses, each confirmed exactly; none is ever lost.

    Three passes: towards the centre by bisection, coordinates set to the centre's in blocks that
    halve, the fewest fractional bits of the other coordinates by bisection.

    Args:
        network: scalar network.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        decision: `exact` or `nearest`.
        verdicts: at most one a ball; those that are not FALSIFIED stay as they are.
        evaluations: most exact evaluations a witness; 0 leaves all as they are.
        workers: threads of the evaluation; the result does not depend on it.

    Raises:
        ValueError: if evaluations is negative.
    """
    if evaluations < 0:
        raise ValueError(f"evaluations must be at least 0, got {evaluations}")
    found = list(verdicts)
    wrong = [at for at, verdict in enumerate(found) if verdict.verdict is Verdict.FALSIFIED]
    evaluations = min(evaluations, _EVALUATIONS // max(1, len(wrong)))

    def confirmed(points: dict[int, DyadicArray]) -> dict[int, BallVerdict]:
        rows = stacked(*points.values())
        passed = confirmed_witnesses(
            network, dataset, rho, p, decision, list(points), rows, "minimised", workers
        )
        return {verdict.index: verdict for verdict in passed}

    for start in range(0, len(wrong), _WITNESSES_A_BLOCK):
        block = wrong[start : start + _WITNESSES_A_BLOCK]
        tries = {at: _tries(dataset.X[found[at].index], found[at], evaluations) for at in block}
        answers: dict[int, bool | None] = dict.fromkeys(block)
        for _ in range(evaluations):
            points = {}
            for at, answer in answers.items():
                try:
                    points[at] = next(tries[at]) if answer is None else tries[at].send(answer)
                except StopIteration:
                    continue
            if not points:
                break
            passed = confirmed({found[at].index: point for at, point in points.items()})
            answers = {at: found[at].index in passed for at in points}
            for at in (at for at, better in answers.items() if better):
                new = passed[found[at].index]
                found[at] = replace(found[at], witness=new.witness, output=new.output)
    return found


def _tries(centre: DyadicArray, verdict: BallVerdict, evaluations: int) -> _Tries:
    """Yield the points to try for one witness; each answer shapes the next one."""
    witness = verdict.witness
    if witness is None:
        return
    exponent = min(centre.exponent, witness.exponent)
    origin = centre.at_exponent(exponent).astype(object)
    delta = witness.at_exponent(exponent).astype(object) - origin
    if (yield DyadicArray(origin[None], exponent)):
        return
    origin, delta, exponent = yield from _nearer(origin, delta, exponent)
    rest = evaluations - 1 - _HALVINGS - _FOR_BITS
    delta = yield from _sparser(origin, delta, exponent, rest)
    yield from _shorter(origin, delta, exponent)


def _nearer(
    origin: np.ndarray, delta: np.ndarray, exponent: int
) -> Generator[DyadicArray, bool, tuple[np.ndarray, np.ndarray, int]]:
    """Try shares of the displacement; return origin, displacement, exponent."""
    low, high, whole = 0, 1 << _HALVINGS, 1 << _HALVINGS
    origin, exponent = origin * whole, exponent - _HALVINGS
    for _ in range(_HALVINGS):
        middle = (low + high) // 2
        if (yield DyadicArray((origin + delta * middle)[None], exponent)):
            high = middle
        else:
            low = middle
    return origin, delta * high, exponent


def _sparser(
    origin: np.ndarray, delta: np.ndarray, exponent: int, budget: int
) -> Generator[DyadicArray, bool, np.ndarray]:
    """Try to leave coordinates at the centre's, the smallest displacements first."""
    moved = np.flatnonzero(delta != 0)
    order = moved[np.argsort(np.abs(delta[moved]), kind="stable")]
    # All at once is the centre, which is not wrong.
    blocks = list(np.array_split(order, 2)) if len(order) > 1 else []
    while blocks and budget > 0:
        block, *blocks = blocks
        trial = delta.copy()
        trial[block] = 0
        budget -= 1
        if trial.any() and (yield DyadicArray((origin + trial)[None], exponent)):
            delta = trial
        elif len(block) > 1:
            blocks += np.array_split(block, 2)
    return delta


def _shorter(origin: np.ndarray, delta: np.ndarray, exponent: int) -> _Tries:
    """Try to round the coordinates that differ from the centre's to fewer fractional bits."""
    point, moved = origin + delta, delta != 0
    # Dropping `enough` bits or fewer has gone well, `many` or more has not.
    enough, many = 0, max_bit_length(point) + 1
    while many - enough > 1:
        drop = (enough + many) // 2
        rounded = ((point >> (drop - 1)) + 1 >> 1) << drop
        if (yield DyadicArray(np.where(moved, rounded, point)[None], exponent)):
            enough = drop
        else:
            many = drop
