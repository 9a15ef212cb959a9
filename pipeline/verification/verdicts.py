"""Verdicts of balls, decision rules, and the only way to a FALSIFIED: an exact witness.

A witness is a dyadic point strictly inside the OPEN ball B(x_i, mu) (Definition 2.2) at which the
exact output breaks the decision rule. Attacks propose points; `confirmed_witnesses` decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import strictly_inside


class ContradictionError(ArithmeticError):
    """A proof and an attack or a sample exclude each other: the software is at fault."""


class Verdict(StrEnum):
    """What is known about one ball."""

    VERIFIED = "VERIFIED"
    FALSIFIED = "FALSIFIED"
    UNKNOWN = "UNKNOWN"


class Decision(StrEnum):
    """When an output counts as the label: `exact` f = y, `nearest` |f - y| < 1/2."""

    EXACT = "exact"
    NEAREST = "nearest"


@dataclass(frozen=True, eq=False)
class BallVerdict:
    """Verdict of the ball of point `index`.

    Args:
        index: row of the point in the dataset.
        verdict: VERIFIED, FALSIFIED or UNKNOWN.
        method: what decided, for example "null_space"; "none" for UNKNOWN.
        margin: a description of the margin of a proof, if there is one.
        witness: for FALSIFIED the point, shape (d,), exact.
        output: for FALSIFIED the exact output there.

    Raises:
        ValueError: if a witness is missing from FALSIFIED or present elsewhere.
    """

    index: int
    verdict: Verdict
    method: str
    margin: str | None = None
    witness: DyadicArray | None = None
    output: Fraction | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.verdict))
        falsified = self.verdict is Verdict.FALSIFIED
        if falsified != (self.witness is not None) or falsified != (self.output is not None):
            raise ValueError(
                f"FALSIFIED needs a witness and its output and nothing else has them, "
                f"got {self.verdict.value} for ball {self.index}"
            )


def unknown(index: int) -> BallVerdict:
    """Return the verdict of a ball that nothing has decided."""
    return BallVerdict(index, Verdict.UNKNOWN, "none")


def parse_decision(rule: str | Decision) -> Decision:
    """Return the decision rule of that name.

    Raises:
        ValueError: if the name is neither `exact` nor `nearest`.
    """
    try:
        return Decision(rule)
    except ValueError:
        raise ValueError(f"decision must be exact or nearest, got {rule!r}") from None


def are_correct(outputs: DyadicArray, labels: np.ndarray, rule: str | Decision) -> np.ndarray:
    """Return for every exact output whether the rule reads it as its label.

    Args:
        outputs: shape (n,).
        labels: integers, shape (n,).
        rule: `exact` (f = y) or `nearest` (|f - y| < 1/2, strictly).
    """
    decision = parse_decision(rule)
    exponent = min(outputs.exponent, -1)
    values = outputs.at_exponent(exponent).astype(object)
    error = abs(values - np.asarray(labels).astype(object) * (1 << -exponent))
    bound = 1 if decision is Decision.EXACT else 1 << (-exponent - 1)
    return np.asarray(error < bound, dtype=bool).reshape(len(outputs))


def confirmed_witnesses(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    decision: str | Decision,
    indices: Sequence[int] | np.ndarray,
    points: DyadicArray,
    method: str,
    workers: int | None = None,
) -> list[BallVerdict]:
    """Return FALSIFIED for each ball that one of the points refutes, all in exact arithmetic.

    A point is dropped unless its distance to its own centre is strictly below mu; what is left is
    evaluated in one exact call. Of several witnesses of a ball the first one is kept.

    Args:
        network: scalar network.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        decision: `exact` or `nearest`.
        indices: ball of each point, shape (n,).
        points: shape (n, d).
        method: recorded in the verdicts.
        workers: threads of the evaluation.

    Raises:
        ValueError: if the network does not map R^d to R.
    """
    require_matching(network, dataset)
    rows = np.asarray(indices, dtype=np.int64)
    inside = strictly_inside(dataset.X, rows, points, dataset.radius_power(rho, p), p)
    rows, kept = rows[inside], points[inside]
    outputs = network.evaluate_exact(kept, workers)[:, 0]
    wrong = np.flatnonzero(~are_correct(outputs, dataset.y[rows], decision))
    verdicts: dict[int, BallVerdict] = {}
    for place in wrong.tolist():
        ball = int(rows[place])
        if ball not in verdicts:
            output = Fraction(int(outputs.numerators[place])) * Fraction(2) ** outputs.exponent
            witness = kept[place].normalized()
            verdicts[ball] = BallVerdict(ball, Verdict.FALSIFIED, method, None, witness, output)
    return [verdicts[ball] for ball in sorted(verdicts)]


def confirmed_witness(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    decision: str | Decision,
    index: int,
    point: DyadicArray,
    method: str = "witness",
) -> BallVerdict | None:
    """Return FALSIFIED if `point` (shape (d,)) refutes the ball of point `index`, else None."""
    row = DyadicArray(point.numerators.reshape(1, -1), point.exponent)
    found = confirmed_witnesses(network, dataset, rho, p, decision, [index], row, method, 1)
    return found[0] if found else None


def require_matching(network: ReLUNetwork, dataset: SeparatedDataset) -> None:
    """Check that the network maps R^d to R.

    Raises:
        ValueError: if it does not.
    """
    if network.inputs != dataset.d or network.outputs != 1:
        raise ValueError(
            f"the network must map R^{dataset.d} to R, got R^{network.inputs} to "
            f"R^{network.outputs} (Section 2.3)"
        )
