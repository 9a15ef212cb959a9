"""Balls proved or refuted by exact regions, one after the other within a budget of time.

Serves the rule `exact`, where bounds in floats say nothing, and networks whose weights no float
holds. The files are read by the checker's own readers: what is searched is what is checked.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.exact import DyadicArray, as_dyadic
from pipeline.verification.balls import radius_below
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import read_dataset, read_network
from pipeline.verification.splitting.exact_regions import ExactLeaf, ExactRegions
from pipeline.verification.splitting.proofs import Leaves, no_leaves
from pipeline.verification.splitting.prove import Budget, Proved, Question
from pipeline.verification.verdicts import BallVerdict, Decision, confirmed_witnesses

METHOD = "exact_regions"
# Slopes of all leaves in a file, one byte each, must fit into memory.
_LARGEST_ALPHA = 1 << 28


def by_exact_regions(
    question: Question,
    files: Mapping[str, Path],
    rule: Decision,
    balls: np.ndarray,
    budget: Budget,
    *,
    progress: bool = False,
) -> Proved:
    """Return what cutting balls into exact regions proves and refutes.

    Args:
        question: network, dataset, rho and p.
        files: "dataset" and "network", from which the question's were loaded.
        rule: what counts as right.
        balls: indices of the balls, shape (n,).
        budget: wall time for all of them, an equal share for each; most regions of each.
        progress: whether to show a progress bar on standard error.
    """
    end, hidden = budget.end(), sum(question.network.hidden_widths)
    power = question.dataset.radius_power(question.rho, question.p)
    claim = Claim(read_dataset(files["dataset"]), power, question.p)
    radius = radius_below(question.dataset, question.rho, question.p)
    search = ExactRegions(read_network(files["network"]), claim, radius, rule is Decision.NEAREST)
    leaves: dict[int, tuple[ExactLeaf, ...]] = {}
    witnesses: list[BallVerdict] = []
    nodes: dict[int, int] = {}
    room = _LARGEST_ALPHA // max(2 * hidden, 1)
    for place, ball in enumerate(tqdm(balls.tolist(), "regions", disable=not progress or None)):
        left = end - time.monotonic()
        if left <= 0 or room <= 0:
            break
        most = min(budget.nodes, room)
        found = search.explore(ball, left / (len(balls) - place), most)
        nodes[ball] = found.regions
        if found.leaves is not None:
            leaves[ball] = found.leaves
            room -= len(found.leaves)
        witnesses += _confirmed(question, rule, ball, found.suspects * radius)
    return Proved(
        Leaves.joined([no_leaves(hidden), Leaves.affine(leaves, hidden)]),
        tuple(witnesses),
        {},
        nodes,
    )


def _confirmed(
    question: Question, rule: Decision, ball: int, displacements: np.ndarray
) -> list[BallVerdict]:
    """Return FALSIFIED if f is wrong at one of the points, evaluated exactly."""
    if not len(displacements):
        return []
    at = question
    moved = as_dyadic(displacements)
    centre = at.dataset.X[np.full(len(displacements), ball)]
    exponent = min(moved.exponent, centre.exponent)
    points = DyadicArray(
        moved.at_exponent(exponent).astype(object) + centre.at_exponent(exponent).astype(object),
        exponent,
    )
    return confirmed_witnesses(
        at.network, at.dataset, at.rho, at.p, rule, [ball] * len(points), points, METHOD, 1
    )
