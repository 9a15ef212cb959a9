"""Points where a wrong network shows first: centres, towards other labels, near the boundary."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.data import SeparatedDataset, generator
from pipeline.exact import DyadicArray, parse_norm
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below, scaled_floats
from pipeline.verification.directions import on_sphere, towards
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    confirmed_witnesses,
    require_matching,
)

# Share of the radius; the displacement grid (2**-24 of it) keeps such points inside.
SHARE = 0.999999
_POINTS_A_BLOCK = 16_384


def adversarial_points(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    boundary_points: int = 4,
    seed: int = 0,
    most_balls: int | None = None,
) -> tuple[np.ndarray, DyadicArray]:
    """Return for each ball its centre, a point towards the nearest other label, and random ones.

    All but the centre lie at about 0.999999 mu.

    Args:
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        boundary_points: random points a ball.
        seed: of the random points.
        most_balls: balls drawn if there are more, None for all.

    Returns:
        Ball of each point, shape (n,), and the exact points, shape (n, d).
    """
    p = parse_norm(p)
    balls = np.arange(dataset.N)
    random = generator(seed, "verify", "adversarial_points")
    if most_balls is not None and dataset.N > most_balls:
        chosen = generator(seed, "verify", "attacked_balls")
        balls = np.sort(chosen.choice(dataset.N, most_balls, replace=False))
    partners = nearest_other_label(scaled_floats(dataset.X)[0], dataset.y, 1, balls)[:, 0]
    directions = [np.zeros((len(balls), dataset.d)), towards(dataset, balls, partners, p)]
    directions += [on_sphere(random, len(balls), dataset.d, p) for _ in range(boundary_points)]
    indices = np.tile(balls, len(directions))
    radius = radius_below(dataset, rho, p)
    displacements = np.concatenate(directions) * (SHARE * radius)
    return indices, displaced_points(dataset.X, indices, displacements, radius)


def adversarial_points_attack(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    decision: str | Decision = Decision.NEAREST,
    *,
    boundary_points: int = 4,
    seed: int = 0,
    workers: int | None = None,
    most_balls: int | None = None,
) -> list[BallVerdict]:
    """Return the balls that their adversarial points falsify, evaluated exactly.

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        decision: `exact` or `nearest`.
        boundary_points: random points a ball.
        seed: of the random points.
        workers: threads of the evaluation.
        most_balls: balls drawn if there are more, None for all.
    """
    require_matching(network, dataset)
    indices, points = adversarial_points(
        dataset, rho, p, boundary_points=boundary_points, seed=seed, most_balls=most_balls
    )
    found: dict[int, BallVerdict] = {}
    for start in range(0, len(indices), _POINTS_A_BLOCK):
        part = slice(start, start + _POINTS_A_BLOCK)
        for verdict in confirmed_witnesses(
            network,
            dataset,
            rho,
            p,
            decision,
            indices[part],
            points[part],
            "adversarial_points",
            workers,
        ):
            found.setdefault(verdict.index, verdict)
    return [found[ball] for ball in sorted(found)]
