"""Projected gradient ascent on |f(x) - y| over the balls, in float64, confirmed exactly.

The network's weights are rounded to float64 and the gradient is only a guide: the best point of
each ball is put on a dyadic grid and decided by `confirmed_witnesses`. The attack stays at
mu (1 - 1e-9): projecting to mu itself puts up to a third of the points outside the open ball.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from math import inf

import numpy as np
import torch
from torch import nn

from pipeline.data import SeparatedDataset, generator
from pipeline.exact import parse_norm
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below, scaled_floats
from pipeline.verification.directions import on_sphere, towards
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.projected_steps import ascent_direction, projected, torch_threads
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    confirmed_witnesses,
    require_matching,
)

_SHARE = 1 - 1e-9
# Displacements on a grid of 2**-40 mu: finer than what the share leaves to the boundary.
_GRID_BITS = 40
_BALLS_A_BLOCK = 4096

_log = logging.getLogger(__name__)


def pgd_attack(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    decision: str | Decision = Decision.NEAREST,
    *,
    steps: int = 40,
    restarts: int = 4,
    balls: np.ndarray | None = None,
    seed: int = 0,
    workers: int | None = None,
    device: str | torch.device = "cpu",
) -> list[BallVerdict]:
    """Return the balls that projected gradient ascent falsifies, witnesses confirmed exactly.

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        decision: `exact` or `nearest`.
        steps: gradient steps a restart, of length 2.5 mu / steps.
        restarts: starting points a ball: half of them towards the nearest points of another
            label, the rest random.
        balls: indices attacked, all by default.
        seed: of the random starts.
        workers: threads of the exact evaluation.
        device: where gradients are computed.

    Raises:
        ValueError: if p is not 1, 2 or inf, or steps or restarts are below 1.
    """
    require_matching(network, dataset)
    p = parse_norm(p)
    if p not in (1, 2, inf):
        raise ValueError(f"the PGD attack needs p = 1, 2 or inf, got {p}")
    if steps < 1 or restarts < 1:
        raise ValueError(f"PGD needs steps and restarts >= 1, got {steps} and {restarts}")
    indices = np.arange(dataset.N) if balls is None else np.asarray(balls, dtype=np.int64)
    try:
        module = network.to_torch(torch.float64, device)
        centres = dataset.X[indices].nearest_float64()
    except OverflowError:
        _log.warning("PGD attack skipped: weights or points exceed the range of float64")
        return []
    radius = radius_below(dataset, rho, p)
    starts = _starts(dataset, indices, p, restarts, seed)
    best = np.zeros_like(centres)
    with torch_threads(1):
        for first in range(0, len(indices), _BALLS_A_BLOCK):
            part = slice(first, first + _BALLS_A_BLOCK)
            best[part] = _best_displacements(
                module.requires_grad_(False),
                torch.from_numpy(centres[part]).to(device),
                torch.from_numpy(dataset.y[indices[part]]).to(device, torch.float64),
                torch.from_numpy(starts[:, part]).to(device) * (radius * _SHARE),
                radius * _SHARE,
                p,
                steps,
            )
    points = displaced_points(dataset.X, indices, best, radius, _GRID_BITS)
    return confirmed_witnesses(network, dataset, rho, p, decision, indices, points, "pgd", workers)


def _starts(
    dataset: SeparatedDataset, indices: np.ndarray, p: int | float, restarts: int, seed: int
) -> np.ndarray:
    """Return unit displacements of shape (restarts, n, d)."""
    aimed = nearest_other_label(scaled_floats(dataset.X)[0], dataset.y, (restarts + 1) // 2)[
        indices
    ]
    random = generator(seed, "verify", "pgd")
    starts = [towards(dataset, indices, column, p) for column in aimed.T]
    while len(starts) < restarts:
        starts.append(on_sphere(random, len(indices), dataset.d, p))
    return np.stack(starts)


def _best_displacements(
    module: nn.Module,
    centres: torch.Tensor,
    labels: torch.Tensor,
    starts: torch.Tensor,
    radius: float,
    p: int | float,
    steps: int,
) -> np.ndarray:
    """Return for each ball the visited displacement with the largest |f - y|."""
    best = starts[0].clone()
    largest = torch.full_like(labels, -inf)
    for start in starts:
        # Norms of unit vectors round up: pull the start inside like every later step.
        delta = projected(start, radius, p)
        for step in range(steps + 1):
            delta = delta.detach().requires_grad_(step < steps)
            error = (module(centres + delta)[:, 0] - labels).abs()
            better = error.detach() > largest
            largest = torch.where(better, error.detach(), largest)
            best = torch.where(better[:, None], delta.detach(), best)
            if step == steps:
                break
            (gradient,) = torch.autograd.grad(error.sum(), delta)
            move = ascent_direction(gradient, p)
            delta = projected(delta.detach() + (2.5 * radius / steps) * move, radius, p)
    return best.cpu().numpy()
