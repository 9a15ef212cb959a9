"""Random points of l_p balls in float64."""

from __future__ import annotations

from math import inf

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.verification.balls import norms


def uniform_in_ball(
    generator: np.random.Generator, count: int, d: int, p: int | float
) -> np.ndarray:
    """Return points uniform in the unit l_p ball, shape (count, d), for p = 1, 2 or inf.

    l_2: a Gaussian direction times U**(1/d). l_1: (E_1, ..., E_d) / (E_1 + ... + E_{d+1}) for
    exponential E is uniform in the simplex, random signs make it the ball. l_inf: a box.

    Raises:
        ValueError: for any other p.
    """
    if p == inf:
        return generator.uniform(-1.0, 1.0, (count, d))
    if p == 2:
        points = generator.standard_normal((count, d))
        radii = generator.random(count) ** (1.0 / d)
        return points * (radii / norms(points, 2))[:, None]
    if p == 1:
        draws = generator.standard_exponential((count, d + 1))
        signs = generator.integers(0, 2, (count, d)) * 2 - 1
        return signs * draws[:, :d] / draws.sum(axis=1, keepdims=True)
    raise ValueError(f"uniform sampling needs p = 1, 2 or inf, got {p}")


def on_sphere(generator: np.random.Generator, count: int, d: int, p: int | float) -> np.ndarray:
    """Return random points of the unit l_p sphere, shape (count, d), any p >= 1."""
    points = generator.standard_normal((count, d))
    return points / norms(points, p)[:, None]


def towards(
    dataset: SeparatedDataset, indices: np.ndarray, partners: np.ndarray, p: int | float
) -> np.ndarray:
    """Return unit vectors in l_p from each point to its partner, shape (n, d), float64."""
    X = dataset.X
    # Numerators in int64 lie below 2**62, so that their differences stay in int64.
    difference = X.numerators[partners] - X.numerators[indices]
    # Scaled row by row, so that neither large offsets nor large integers cost accuracy.
    largest = np.maximum(np.abs(difference).max(axis=1), 1)
    vectors = (difference / largest[:, None]).astype(np.float64)
    return vectors / norms(vectors, p)[:, None]
