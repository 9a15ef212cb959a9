"""Uniform sampling of the balls, evaluated exactly, with simultaneous Clopper-Pearson bounds.

The robust memorization error is L_rho(f, D) = max_i P[f(x') is not read as y_i], x' uniform on the
ball (Definition 4.1). With k_i errors among n samples of ball i, the one-sided Clopper-Pearson
bound at level (1 - confidence)/N holds for all balls at once with probability `confidence`
(Bonferroni), so their maximum bounds L_rho; the same is true of the bounds from below.

Rigor: samples are float64 draws rounded to a grid of 2**-24 mu and redrawn in the rare case that
rounding leaves the open ball. The bound is exact for that distribution, which differs from the
uniform one by the rounding and by the pseudo-random generator. It is a statistical statement, never
a verification; an error found is a witness like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.stats import beta
from tqdm import tqdm

from pipeline.data import SeparatedDataset, generator
from pipeline.exact import DyadicArray, parse_norm
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below, stacked, strictly_inside
from pipeline.verification.directions import uniform_in_ball
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    are_correct,
    confirmed_witnesses,
    require_matching,
)

_POINTS_A_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class SamplingResult:
    """Error counts of the balls and the bound on their maximum.

    Args:
        samples: samples a ball.
        errors: wrong samples of each ball, shape (N,).
        confidence: probability that the bound holds.
        ball_upper: simultaneous upper bounds of the balls' error probabilities, shape (N,).
        error_upper: upper bound of L_rho, the largest of them (Definition 4.1).
        witnesses: FALSIFIED for every ball with a wrong sample.
        estimate: the largest error share k_i/n of a ball.
        ball_lower: simultaneous lower bounds of the balls' error probabilities, shape (N,).
    """

    samples: int
    errors: np.ndarray
    confidence: float
    ball_upper: np.ndarray
    error_upper: float
    witnesses: tuple[BallVerdict, ...]
    estimate: float
    ball_lower: np.ndarray

    @property
    def error_lower(self) -> float:
        """Lower bound of L_rho, the largest of the balls' (Definition 4.1)."""
        return float(self.ball_lower.max())


def clopper_pearson_upper(errors: np.ndarray, samples: int, level: float) -> np.ndarray:
    """Return the one-sided Clopper-Pearson upper bounds at error level `level`.

    The bound is the (1 - level) quantile of Beta(k + 1, n - k), and 1 for k = n.

    Args:
        errors: k of each ball.
        samples: n.
        level: probability that one bound fails.
    """
    k = np.asarray(errors)
    bound = beta.ppf(1.0 - level, k + 1, np.maximum(samples - k, 1))
    return np.where(k >= samples, 1.0, bound)


def clopper_pearson_lower(errors: np.ndarray, samples: int, level: float) -> np.ndarray:
    """Return the one-sided Clopper-Pearson lower bounds at error level `level`.

    The bound is the `level` quantile of Beta(k, n - k + 1), and 0 for k = 0.

    Args:
        errors: k of each ball.
        samples: n.
        level: probability that one bound fails.
    """
    k = np.asarray(errors)
    bound = beta.ppf(level, np.maximum(k, 1), samples - k + 1)
    return np.where(k <= 0, 0.0, bound)


def robust_memorization_error_upper(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    decision: str | Decision = Decision.NEAREST,
    *,
    samples: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> SamplingResult:
    """Return an upper bound of the robust memorization error L_rho (Definition 4.1).

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        decision: `exact` or `nearest`.
        samples: samples a ball.
        confidence: simultaneous confidence over all balls.
        seed: of the samples; the result does not depend on `workers`.
        workers: threads of the exact evaluation.
        progress: whether to show a progress bar on standard error.

    Raises:
        ValueError: if samples < 1, the confidence is not in (0, 1), or p is not 1, 2 or inf.
    """
    require_matching(network, dataset)
    if samples < 1:
        raise ValueError(f"sampling needs at least one sample a ball, got {samples}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    p = parse_norm(p)
    random = generator(seed, "verify", "sampling")
    errors = np.zeros(dataset.N, dtype=np.int64)
    witnesses: list[BallVerdict] = []
    balls = max(1, _POINTS_A_BLOCK // samples)
    for start in tqdm(range(0, dataset.N, balls), "sampling", disable=None if progress else True):
        indices = np.repeat(np.arange(start, min(start + balls, dataset.N)), samples)
        points = _samples(dataset, rho, p, indices, random)
        outputs = network.evaluate_exact(points, workers)[:, 0]
        wrong = ~are_correct(outputs, dataset.y[indices], decision)
        errors += np.bincount(indices[wrong], minlength=dataset.N)
        first = np.flatnonzero(wrong)[np.unique(indices[wrong], return_index=True)[1]]
        witnesses += confirmed_witnesses(
            network, dataset, rho, p, decision, indices[first], points[first], "sampling", workers
        )
    level = (1.0 - confidence) / dataset.N
    upper = clopper_pearson_upper(errors, samples, level)
    return SamplingResult(
        samples,
        errors,
        confidence,
        upper,
        float(upper.max()),
        tuple(witnesses),
        int(errors.max()) / samples,
        clopper_pearson_lower(errors, samples, level),
    )


def _samples(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    indices: np.ndarray,
    random: np.random.Generator,
) -> DyadicArray:
    """Return one sample strictly inside its ball for every index, shape (n, d)."""
    radius = radius_below(dataset, rho, p)
    power = dataset.radius_power(rho, p)

    def draw(balls: np.ndarray) -> DyadicArray:
        unit = uniform_in_ball(random, len(balls), dataset.d, p)
        return displaced_points(dataset.X, balls, unit * radius, radius)

    points = draw(indices)
    outside = np.flatnonzero(~strictly_inside(dataset.X, indices, points, power, p))
    while len(outside):
        fresh = draw(indices[outside])
        order = np.arange(len(indices))
        order[outside] = len(indices) + np.arange(len(outside))
        points = stacked(points, fresh)[order]
        still = ~strictly_inside(dataset.X, indices[outside], fresh, power, p)
        outside = outside[still]
    return points
