"""Uniform sampling of the balls, evaluated exactly, with simultaneous Clopper-Pearson bounds.

The robust memorization error is L_rho(f, D) = max_i P[f(x') is not read as y_i], x' uniform on the
ball (Definition 4.1). With k_i errors among n samples of ball i, the two-sided Clopper-Pearson
intervals at level alpha/N, alpha/(2N) a side, hold for all N balls at once with probability at
least 1 - alpha (Bonferroni). Then the largest lower and the largest upper bound enclose L_rho.

Optional stopping. With a width asked for, the intervals are looked at after n_1 < n_2 < ...
samples, numbers fixed beforehand, and sampling stops at the first look at which the interval of
L_rho is narrow enough, or with the last sample. Look k uses alpha_k = alpha / (k (k + 1)). The
probability that any interval of any look fails is at most sum_k alpha_k <= alpha, since
1 / (k (k + 1)) = 1/k - 1/(k + 1) telescopes. So whatever look the data choose to stop at, its
intervals hold with probability at least 1 - alpha. Without a width there is one look and nothing to
share: alpha_1 = alpha.

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
    parse_decision,
    require_matching,
)

_POINTS_A_BLOCK = 16_384
# Samples a ball at the first of several looks; every further look doubles them.
_FIRST_LOOK = 64


@dataclass(frozen=True, eq=False)
class SamplingResult:
    """Error counts of the balls and the bound on their maximum.

    Args:
        samples: samples a ball.
        errors: wrong samples of each ball, shape (N,).
        confidence: probability that all bounds hold, both sides of all balls.
        ball_upper: simultaneous upper bounds of the balls' error probabilities, shape (N,).
        error_upper: upper bound of L_rho, the largest of them (Definition 4.1).
        witnesses: FALSIFIED for every ball with a wrong sample.
        estimate: the largest error share k_i/n of a ball.
        ball_lower: simultaneous lower bounds of the balls' error probabilities, shape (N,).
        looks: how often the bounds were looked at before sampling stopped.
    """

    samples: int
    errors: np.ndarray
    confidence: float
    ball_upper: np.ndarray
    error_upper: float
    witnesses: tuple[BallVerdict, ...]
    estimate: float
    ball_lower: np.ndarray
    looks: int = 1

    @property
    def error_lower(self) -> float:
        """Lower bound of L_rho, the largest of the balls' (Definition 4.1)."""
        return float(self.ball_lower.max())

    @property
    def width(self) -> float:
        """Width of the interval of L_rho."""
        return self.error_upper - self.error_lower


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
    width: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> SamplingResult:
    """Return bounds of the robust memorization error L_rho from both sides (Definition 4.1).

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        decision: `exact` or `nearest`.
        samples: samples a ball; with `width` the most of them.
        width: of the interval of L_rho at which sampling stops, None to take all samples.
        confidence: simultaneous confidence over all balls, sides and looks.
        seed: of the samples; the result does not depend on `workers`.
        workers: threads of the exact evaluation.
        progress: whether to show a progress bar on standard error.

    Raises:
        ValueError: if samples < 1, width <= 0, the confidence is not in (0, 1), or p is not 1, 2
            or inf.
    """
    require_matching(network, dataset)
    if samples < 1:
        raise ValueError(f"sampling needs at least one sample a ball, got {samples}")
    if width is not None and not width > 0:
        raise ValueError(f"the width must be positive, got {width}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    draws = _Draws(network, dataset, rho, parse_norm(p), parse_decision(decision), workers)
    random = generator(seed, "verify", "sampling")
    errors, taken = np.zeros(dataset.N, dtype=np.int64), 0
    witnesses: dict[int, BallVerdict] = {}
    for look, total in enumerate([samples] if width is None else looks_at(samples), start=1):
        fresh, found = draws.counted(total - taken, random, progress)
        errors, taken = errors + fresh, total
        witnesses = found | witnesses
        share = 1 if width is None else look * (look + 1)
        level = (1.0 - confidence) / (share * 2 * dataset.N)
        upper = clopper_pearson_upper(errors, taken, level)
        lower = clopper_pearson_lower(errors, taken, level)
        if width is not None and upper.max() - lower.max() <= width:
            break
    return SamplingResult(
        taken,
        errors,
        confidence,
        upper,
        float(upper.max()),
        tuple(witnesses[ball] for ball in sorted(witnesses)),
        int(errors.max()) / taken,
        lower,
        look,
    )


def looks_at(samples: int) -> list[int]:
    """Return the numbers of samples at which bounds are looked at: doubling up to `samples`."""
    looks = [min(_FIRST_LOOK, samples)]
    while looks[-1] < samples:
        looks.append(min(2 * looks[-1], samples))
    return looks


@dataclass(frozen=True)
class _Draws:
    """What is sampled, and how outputs are read.

    Args:
        network: scalar network.
        dataset: the balls.
        rho: robustness ratio.
        p: norm of the balls.
        decision: rule.
        workers: threads of the exact evaluation.
    """

    network: ReLUNetwork
    dataset: SeparatedDataset
    rho: Fraction
    p: int | float
    decision: Decision
    workers: int | None

    def counted(
        self, samples: int, random: np.random.Generator, progress: bool
    ) -> tuple[np.ndarray, dict[int, BallVerdict]]:
        """Return how many of so many fresh samples of each ball are wrong, and one by ball."""
        network, dataset = self.network, self.dataset
        errors = np.zeros(dataset.N, dtype=np.int64)
        witnesses: dict[int, BallVerdict] = {}
        for indices in tqdm(
            _blocks(dataset.N, samples), "sampling", disable=None if progress else True
        ):
            points = _samples(dataset, self.rho, self.p, indices, random)
            outputs = network.evaluate_exact(points, self.workers)[:, 0]
            wrong = ~are_correct(outputs, dataset.y[indices], self.decision)
            errors += np.bincount(indices[wrong], minlength=dataset.N)
            first = np.flatnonzero(wrong)[np.unique(indices[wrong], return_index=True)[1]]
            found = confirmed_witnesses(
                network,
                dataset,
                self.rho,
                self.p,
                self.decision,
                indices[first],
                points[first],
                "sampling",
                self.workers,
            )
            witnesses = {verdict.index: verdict for verdict in found} | witnesses
        return errors, witnesses


def _blocks(N: int, samples: int) -> list[np.ndarray]:
    """Return the ball of each sample, in blocks; many samples of one ball fill several."""
    balls = max(1, _POINTS_A_BLOCK // samples)
    blocks = []
    for start in range(0, N, balls):
        part = np.arange(start, min(start + balls, N))
        counts = range(0, samples, _POINTS_A_BLOCK)
        blocks += [np.repeat(part, min(_POINTS_A_BLOCK, samples - at)) for at in counts]
    return blocks


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
