"""What is known about some balls: proofs, witnesses, bounds so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.verification.splitting.proofs import AFFINE, Leaves, no_leaves
from pipeline.verification.splitting.question import SPLITS, Question
from pipeline.verification.verdicts import BallVerdict


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
                names[ball] = SPLITS
        exact = self.leaves.ball[self.leaves.kind == AFFINE]
        return names | dict.fromkeys(exact.tolist(), "exact_regions")


def together(parts: Sequence[Proved], question: Question) -> Proved:
    """Return what all parts know; of lower bounds the best one."""
    hidden = sum(question.bounded.hidden_widths)
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
