"""Projected gradient ascent on the error over the balls, in float64, confirmed exactly.

The network's weights are rounded to float64 and the gradient is only a guide: the best point of
each ball is put on a dyadic grid and decided by `confirmed_witnesses`. The attack stays at
mu (1 - 1e-9): projecting to mu itself puts up to a third of the points outside the open ball.

All restarts of many balls are one batch. Half of a ball's restarts ascend f - y and half y - f
(|f - y| changes sides on the way and wastes steps), steps shrink by a cosine, and a ball leaves the
batch once a point is wrong in floats. Of a network that ends in a rounding (`rounded_prefix.py`),
whose own gradient is 0 almost everywhere, the prefix is ascended, for the rule `exact` out of the
interval that is rounded to the label. A few restarts come first; what they leave gets as many more
as the budget of work allows: restarts matter more than steps or the kind of attack.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from math import cos, inf, pi

import numpy as np
import torch
from torch import nn

from pipeline.data import SeparatedDataset, generator
from pipeline.exact import parse_norm, usable_cores
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below, scaled_floats
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.pgd_starts import Start, planned_starts, starts_of_balls
from pipeline.verification.projected_steps import ascent_direction, projected, torch_threads
from pipeline.verification.rounded_prefix import rounded_prefix
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    confirmed_witnesses,
    parse_decision,
    require_matching,
)

_SHARE = 1 - 1e-9
# Displacements on a grid of 2**-40 mu: finer than what the share leaves to the boundary.
_GRID_BITS = 40
_FIRST_RESTARTS = 4
# The first wave takes so few steps, and others no fewer: twice the restarts beat twice the steps.
_FEW_STEPS = 20
# Larger batches leave the caches.
_ROWS_A_BATCH = 1024
# Longest step against the radius (see `_ascended`).
_FIRST_STEP = 1.0
# A float error so far beyond the rule's bound ends the attack on a ball.
_CLEARLY = 2.0**-10

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Ascent:
    """What all batches share: the float network, radius, norm, steps, and |f - y| that is enough.

    Args:
        module: the network on torch, weights without gradients.
        radius: largest length of a displacement.
        p: norm, 1, 2 or inf.
        steps: gradient steps.
        enough: errors above it end the attack on a ball.
        wrong_sides: whether values far below and far above each label are wrong, shape (C, 2).
    """

    module: nn.Module
    radius: float
    p: int | float
    steps: int
    enough: float
    wrong_sides: np.ndarray


@dataclass(frozen=True, eq=False)
class _Targets:
    """The balls attacked, and where and with how many threads.

    Args:
        dataset: all balls.
        balls: indices of those attacked, shape (n,).
        centres: their centres in float64, shape (n, d).
        seed: of the random starts.
        device: where gradients are computed.
        threads: batches at a time.
    """

    dataset: SeparatedDataset
    balls: np.ndarray
    centres: np.ndarray
    seed: int
    device: torch.device
    threads: int


def pgd_attack(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    decision: str | Decision = Decision.NEAREST,
    *,
    steps: int = 100,
    restarts: int = 30,
    work: float | None = 2.0**36,
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
        steps: most gradient steps a restart; their lengths fall from mu to 0 by a cosine.
        restarts: most starting points a ball: towards the nearest points of another label, on the
            boundary, in the ball, the centre. Of more than four, four take at most 20 steps.
        work: balls x restarts x steps x weights for the restarts after the first four together.
            Where it is short, steps fall to 20 first, then restarts; None for no limit.
        balls: indices attacked, all by default.
        seed: of the random starts.
        workers: threads; the result does not depend on it.
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
        ascended, bound, sides = _ascended_network(network, dataset.C, parse_decision(decision))
        module = ascended.to_torch(torch.float64, device).requires_grad_(False)
        centres = dataset.X[indices].nearest_float64()
    except OverflowError:
        _log.warning("PGD attack skipped: weights or points exceed the range of float64")
        return []
    radius = radius_below(dataset, rho, p)
    weights = sum(layer.outputs * layer.inputs for layer in network.layers)
    ascent = _Ascent(module, radius * _SHARE, p, steps, bound + _CLEARLY, sides)
    limit = inf if work is None else work / weights
    threads = workers or usable_cores()
    targets = _Targets(dataset, indices, centres, seed, torch.device(device), threads)
    best = _best_displacements(ascent, targets, planned_starts(restarts), limit)
    points = displaced_points(dataset.X, indices, best, radius, _GRID_BITS)
    return confirmed_witnesses(network, dataset, rho, p, decision, indices, points, "pgd", workers)


def _ascended_network(
    network: ReLUNetwork, C: int, rule: Decision
) -> tuple[ReLUNetwork, float, np.ndarray]:
    """Return the network to ascend, the |f - y| that are wrong, and on which sides of y they are.

    Returns:
        The network, a bound, and a boolean array (C, 2): far below and far above each label.
    """
    wrong = np.ones((C, 2), dtype=bool)
    prefix = rounded_prefix(network, C) if rule is Decision.EXACT else None
    if prefix is None:
        return network, 0.0 if rule is Decision.EXACT else 0.5, wrong
    labels = np.arange(1, C + 1)
    reach = np.stack([labels - prefix.low, prefix.high - labels], axis=1)
    wrong = np.isfinite(reach)
    return prefix.network, float(reach[wrong].max(initial=0.0)), wrong


def _best_displacements(
    ascent: _Ascent, targets: _Targets, plan: Sequence[Start], limit: float
) -> np.ndarray:
    """Return for each ball the visited displacement with the largest |f - y|, shape (n, d).

    Args:
        ascent: what all batches share.
        targets: the balls.
        plan: kinds of the restarts.
        limit: most gradients after the first wave, all balls together.
    """
    count = len(targets.balls)
    best, errors = np.zeros_like(targets.centres), np.zeros(count)
    aimed = plan.count(Start.AIMED)
    coordinates = scaled_floats(targets.dataset.X)[0]
    partners = nearest_other_label(coordinates, targets.dataset.y, aimed, targets.balls)
    for first, last in ((0, _FIRST_RESTARTS), (_FIRST_RESTARTS, len(plan))):
        rest = np.flatnonzero(errors <= ascent.enough)
        kinds = plan[first:last]
        steps = min(ascent.steps, _FEW_STEPS) if len(plan) > _FIRST_RESTARTS else ascent.steps
        if first and len(rest):
            share = min(limit / len(rest), ascent.steps * len(plan))
            steps = int(np.clip(share // max(1, len(kinds)), steps, ascent.steps))
            kinds = kinds[: int(share // steps)]
        if not kinds or not len(rest):
            break
        fresh = partners[:, plan[:first].count(Start.AIMED) :]
        for rows, moves, sizes in _wave(
            replace(ascent, steps=steps), targets, rest, kinds, fresh, f"{first}"
        ):
            better = sizes > errors[rows]
            best[rows[better]], errors[rows[better]] = moves[better], sizes[better]
    return best


def _wave(
    ascent: _Ascent,
    targets: _Targets,
    rest: np.ndarray,
    kinds: Sequence[Start],
    partners: np.ndarray,
    name: str,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield rows of `targets`, their best displacements and their errors, batch by batch."""
    size = max(1, _ROWS_A_BATCH // len(kinds))
    batches = [rest[start : start + size] for start in range(0, len(rest), size)]

    def attacked(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _attacked(ascent, targets, rows, kinds, partners[rows], name)

    threads = min(targets.threads, len(batches))
    with torch_threads(1), ThreadPoolExecutor(threads, initializer=_one_thread) as pool:
        for rows, (moves, sizes) in zip(batches, pool.map(attacked, batches), strict=True):
            yield rows, moves, sizes


def _one_thread() -> None:
    # The setting is each thread's own; one thread an operation fixes the order of sums.
    torch.set_num_threads(1)


def _attacked(
    ascent: _Ascent,
    targets: _Targets,
    rows: np.ndarray,
    kinds: Sequence[Start],
    partners: np.ndarray,
    wave: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Return best displacements and errors of one batch; its random stream is its own."""
    dataset, device = targets.dataset, targets.device
    random = generator(targets.seed, "verify", "pgd", wave, str(rows[0]))
    balls = targets.balls[rows]
    starts, signs = starts_of_balls(dataset, balls, ascent.p, kinds, partners, random)
    best, errors = _ascended(
        ascent,
        torch.from_numpy(targets.centres[rows]).to(device),
        torch.from_numpy(dataset.y[balls]).to(device, torch.float64),
        torch.from_numpy(ascent.wrong_sides[dataset.y[balls] - 1]).to(device),
        torch.from_numpy(starts).to(device) * ascent.radius,
        torch.from_numpy(signs).to(device),
    )
    return best.cpu().numpy(), errors.cpu().numpy()


def _ascended(
    ascent: _Ascent,
    centres: torch.Tensor,
    labels: torch.Tensor,
    sides: torch.Tensor,
    starts: torch.Tensor,
    signs: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each ball the visited displacement with the largest |f - y|, and that error.

    Args:
        ascent: the float network and the options.
        centres: shape (n, d).
        labels: shape (n,).
        sides: whether values below and above the label count as errors, shape (n, 2).
        starts: shape (n, R, d).
        signs: shape (n, R), +1 to ascend f - y and -1 to ascend y - f.
    """
    (count, restarts), d = signs.shape, centres.shape[1]
    best, largest = starts[:, 0].clone(), torch.full_like(labels, -inf)
    active = torch.arange(count, device=labels.device)
    # Norms of unit vectors round up: pull the starts inside like every later step.
    delta = projected(starts.reshape(-1, d), ascent.radius, ascent.p)
    for step in range(ascent.steps + 1):
        points = centres[active].repeat_interleave(restarts, dim=0)
        delta = delta.requires_grad_(step < ascent.steps)
        error = ascent.module(points + delta)[:, 0].view(-1, restarts) - labels[active, None]
        counted = torch.where(error.detach() < 0, sides[active, :1], sides[active, 1:])
        sizes, place = torch.nan_to_num(error.detach().abs() * counted, nan=0.0).max(dim=1)
        better = sizes > largest[active]
        chosen = torch.arange(len(active), device=labels.device) * restarts + place
        largest[active[better]] = sizes[better]
        best[active[better]] = delta.detach()[chosen[better]]
        left = sizes <= ascent.enough
        # A first layer of thresholds has no gradient at all.
        if step == ascent.steps or not left.any() or not error.requires_grad:
            break
        (gradient,) = torch.autograd.grad((error * signs[active]).sum(), delta)
        delta = delta.detach()
        if not left.all():
            kept = left.repeat_interleave(restarts)
            active, delta, gradient = active[left], delta[kept], gradient[kept]
        length = _FIRST_STEP * ascent.radius * (1 + cos(pi * step / ascent.steps)) / 2
        delta = projected(
            delta + length * ascent_direction(gradient, ascent.p), ascent.radius, ascent.p
        )
    return best, largest
