"""How many balls of a network in training linear bounds prove already: a point of its curve."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.baseline.problem import Problem
from pipeline.network import ReLUNetwork
from pipeline.verification.bounds import Balls, Claims, RoundedNetwork, crown_lower

_BALLS = 1024


def certified_share(network: ReLUNetwork, problem: Problem, most: int | None = None) -> float:
    """Return the share of balls on which rigorous CROWN bounds prove |f - y| < tolerance.

    The bounds hold in exact arithmetic (docs/soundness.md); 0 where no float64 holds the weights.
    A network without a hidden layer has nothing to relax and counts 0 as well.

    Args:
        network: from raw inputs to labels.
        problem: the balls and the tolerance.
        most: so many balls, drawn evenly, None for all.
    """
    if network.depth < 2:
        return 0.0
    data, proved = problem.dataset, 0
    count = data.N if most is None else min(most, data.N)
    drawn = np.arange(count) * data.N // count
    try:
        rounded = RoundedNetwork.of(network, "cpu")
        for start in range(0, count, _BALLS):
            balls = drawn[start : start + _BALLS]
            regions = Balls.of(network, data, problem.rho, problem.p, balls, "cpu")
            labels = torch.from_numpy(data.y[balls].astype(np.float64))
            claims = Claims.of(rounded, labels, problem.tolerance)
            lower = crown_lower(rounded, regions, claims)
            proved += int((lower > 0).all(dim=1).sum())
    except OverflowError:
        return 0.0
    return proved / count
