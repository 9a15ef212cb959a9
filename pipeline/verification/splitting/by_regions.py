"""Balls proved or refuted by exact regions, one after the other within a budget of time.

Serves the rule `exact`, where bounds in floats say nothing, and networks whose weights no float
holds. The files are read by the checker's own readers: what is searched is what is checked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.exact import DyadicArray, as_dyadic
from pipeline.verification.balls import radius_below
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import read_dataset, read_network
from pipeline.verification.splitting.exact_regions import ExactLeaf, ExactRegions, Explored
from pipeline.verification.splitting.proofs import Leaves, no_leaves
from pipeline.verification.splitting.prove import Budget
from pipeline.verification.splitting.proved import Proved, together
from pipeline.verification.splitting.question import Question
from pipeline.verification.verdicts import BallVerdict, Decision, confirmed_witnesses

METHOD = "exact_regions"
_log = logging.getLogger(__name__)
# Weights of all layers, zeros included, that are held as dense integer matrices.
_LARGEST_MATRICES = 1 << 24
# Slopes of all leaves in a file, one byte each, must fit into memory.
_LARGEST_ALPHA = 1 << 27


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
        budget: wall time for all of them, in equal shares; most regions of each.
        progress: whether to show a progress bar on standard error.
    """
    end, hidden = budget.end(), sum(question.network.hidden_widths)
    dense = sum(layer.inputs * layer.outputs for layer in question.network.layers)
    if dense > _LARGEST_MATRICES:
        _log.info(
            "%-9s  no exact regions: %s weights are too many to hold exactly", "", f"{dense:,}"
        )
    if not budget.nodes or dense > _LARGEST_MATRICES:
        return together([], question)
    power = question.dataset.radius_power(question.rho, question.p)
    claim = Claim(read_dataset(files["dataset"]), power, question.p)
    radius = radius_below(question.dataset, question.rho, question.p)
    search = ExactRegions(read_network(files["network"]), claim, radius, rule is Decision.NEAREST)
    leaves: dict[int, tuple[ExactLeaf, ...]] = {}
    witnesses: list[BallVerdict] = []
    nodes: dict[int, int] = {}
    most = Budget(budget.seconds, min(budget.nodes, _LARGEST_ALPHA // max(4 * hidden, 1)))
    with tqdm(total=len(balls), desc="regions", disable=None if progress else True) as bar:
        for ball, found in _explored(search, balls.tolist(), most, end):
            bar.update(ball not in nodes)
            nodes[ball] = found.regions
            if found.leaves is not None:
                leaves[ball] = found.leaves
            witnesses += _confirmed(question, rule, ball, found.suspects * radius)
            if sum(map(len, leaves.values())) * 2 * hidden > _LARGEST_ALPHA:
                _log.info("%-9s  exact regions end: their proofs fill the largest file", "")
                break
    return Proved(
        Leaves.joined([no_leaves(hidden), Leaves.affine(leaves, hidden)]),
        tuple(witnesses),
        {},
        nodes,
    )


def _explored(
    search: ExactRegions, balls: list[int], budget: Budget, end: float
) -> Iterator[tuple[int, Explored]]:
    """Yield what is found in each ball; those whose share of time was too short come again."""
    while balls:
        late = []
        for place, ball in enumerate(balls):
            left = end - time.monotonic()
            if left <= 0:
                return
            found = search.explore(ball, left / (len(balls) - place), budget.nodes)
            if found.late:
                late.append(ball)
            yield ball, found
        balls = late


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
