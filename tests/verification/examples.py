"""Small datasets and networks that the tests of attacks share."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.network import Affine, ReLUNetwork

HALF = Fraction(1, 2)


def clusters(n: int = 24, d: int = 5, seed: int = 0) -> SeparatedDataset:
    """Return Gaussian points on a grid with three labels in random order."""
    rng = np.random.default_rng(seed)
    X = np.rint(rng.normal(size=(n, d)) * 64) / 8
    return SeparatedDataset("clusters", as_dyadic(X), rng.permutation(np.arange(n) % 3 + 1))


def line() -> SeparatedDataset:
    """Return points 0 and 4 in the plane: eps_D = 2."""
    return SeparatedDataset("line", as_dyadic(np.array([[0, 0], [4, 0]])), np.array([1, 2]))


def step_network(left: float, right: float) -> ReLUNetwork:
    """Return f = 1 for x_1 <= left, 2 for x_1 >= right, linear between."""
    slope = 1.0 / (right - left)
    return ReLUNetwork.relu(
        Affine.from_floats(np.array([[slope, 0], [slope, 0]]), -slope * np.array([left, right])),
        Affine.from_floats(np.array([[1.0, -1.0]]), np.array([1.0])),
    )


def fractions_inside(dataset, verdict, rho, p) -> bool:
    """Return whether a verdict's witness lies strictly inside its ball, by fractions."""
    gap = abs(verdict.witness.fractions() - dataset.X[verdict.index].fractions())
    power = max(gap) if p == inf else sum(g**p for g in gap)
    return power < dataset.radius_power(rho, p)
