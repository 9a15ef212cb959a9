"""Points of open balls: exact membership, and exact points from float displacements.

Attacks work with displacements from the centre in float64. A displacement is rounded to a grid that
is fine against the radius and added to the exact centre, so that a point never depends on how well
floats resolve the data, and its numerators stay short.
"""

from __future__ import annotations

import math
from fractions import Fraction
from math import inf

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, max_bit_length, root_lower
from pipeline.exact.dyadic import compact

# Grid of the displacements against the radius; 24 bits keep squares inside int64.
GRID_BITS = 24


def strictly_inside(
    X: DyadicArray, indices: np.ndarray, points: DyadicArray, power: Fraction, p: int | float
) -> np.ndarray:
    """Return for every point whether its l_p distance to its centre is strictly below mu.

    Args:
        X: centres, shape (N, d).
        indices: centre of each point, shape (n,).
        points: shape (n, d).
        power: mu**p, or mu for p = inf.
        p: the norm.

    Returns:
        Boolean array of shape (n,), decided in integers.

    Raises:
        ValueError: if points and centres differ in dimension or number.
    """
    if points.shape != (len(indices), X.shape[1]):
        raise ValueError(f"points must have shape {(len(indices), X.shape[1])}, got {points.shape}")
    if len(indices) == 0:
        return np.zeros(0, dtype=bool)
    exponent = min(X.exponent, points.exponent)
    centres = X[indices].at_exponent(exponent)
    difference = compact(points.at_exponent(exponent) - centres)
    magnitude = np.abs(difference)
    degree = 1 if p == inf else int(p)
    if p == inf:
        powers = magnitude.max(axis=1)
    else:
        if degree * max_bit_length(magnitude) + X.shape[1].bit_length() > 62:
            magnitude = magnitude.astype(object)
        powers = (magnitude**degree).sum(axis=1)
    # An integer lies below the bound exactly when it lies below the bound rounded up.
    bound = math.ceil(power * Fraction(2) ** (-exponent * degree))
    return np.array([int(value) < bound for value in powers.tolist()], dtype=bool)


def radius_below(dataset: SeparatedDataset, rho: Fraction, p: int | float) -> float:
    """Return a float64 at most mu = rho * eps_D and next to it, for attacks in floats."""
    power = dataset.radius_power(rho, p)
    root = root_lower(power, 1 if p == inf else int(p))
    value = float(root)
    return value if Fraction(value) <= root else math.nextafter(value, 0.0)


def displaced_points(
    X: DyadicArray,
    indices: np.ndarray,
    displacements: np.ndarray,
    radius: float,
    bits: int = GRID_BITS,
) -> DyadicArray:
    """Return x_i + delta exactly, delta rounded to multiples of about radius * 2**-bits.

    Args:
        X: centres, shape (N, d).
        indices: centre of each point, shape (n,).
        displacements: float64, shape (n, d), entries at most about the radius.
        radius: float value of mu.
        bits: resolution.
    """
    grid = math.frexp(radius)[1] - bits
    steps = np.rint(np.ldexp(displacements, -grid)).astype(np.int64)
    exponent = min(grid, X.exponent)
    moved = DyadicArray(steps, grid).at_exponent(exponent)
    centres = X[indices].at_exponent(exponent)
    return DyadicArray(compact(centres + moved), exponent)


def stacked(*parts: DyadicArray) -> DyadicArray:
    """Return the rows of several dyadic arrays in one."""
    exponent = min(part.exponent for part in parts)
    return DyadicArray(np.concatenate([part.at_exponent(exponent) for part in parts]), exponent)


def scaled_floats(X: DyadicArray) -> tuple[np.ndarray, int]:
    """Return float64 points in [-1, 1] and the e with X about points * 2**e."""
    bits = max(max_bit_length(X.numerators), 1)
    return DyadicArray(X.numerators, -bits).nearest_float64(), X.exponent + bits


def norms(vectors: np.ndarray, p: int | float) -> np.ndarray:
    """Return the l_p norms of the rows in float64."""
    return np.linalg.norm(vectors, ord=np.inf if p == inf else p, axis=1)
