"""Exact points of the open balls, pushed across the walls of as many tables of a vote as can be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.construction import Built
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, root_lower


def rows_and_values(built: Built, data: SeparatedDataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the first layer as floats, in ramps, and its exact values at the points as floats."""
    first = built.network.layers[0]
    rows = first.weight.dense().astype(np.float64) * 2.0**first.exponent
    values = data.X.nearest_float64() @ rows.T + first.bias.astype(np.float64) * 2.0**first.exponent
    return rows, values


def crossing_points(
    built: Built, data: SeparatedDataset, rho: Fraction, tables: int
) -> tuple[DyadicArray, np.ndarray, np.ndarray]:
    """Return points of the open balls pushed across as many tables' walls as the radius reaches.

    For each ball: every order of giving up walls, cheapest tables first, as many as fit; then the
    same for a random subset of the tables; all proved to lie inside. Returns the points, their
    balls, and how many tables' nearest walls each crosses or lies in the ramp of (in floats).
    """
    random = np.random.default_rng(0)
    rows, values = rows_and_values(built, data)
    k = len(rows) // tables
    power = data.radius_power(rho, 2)
    mu = float(root_lower(power, 2)) * (1 - 1e-9)
    X = data.X.nearest_float64()
    unit = np.linalg.norm(rows, axis=1)
    points, balls, crossed = [], [], []
    for i in range(data.N):
        # A push of one ramp and a bit over the nearer edge of the ramp [0, 1] of each row.
        push = np.where(values[i] >= 1, -(values[i] - 0.4), 0.6 - values[i])
        reach = np.abs(push).reshape(tables, k)
        nearest = reach.argmin(axis=1) + k * np.arange(tables)
        orders = [np.argsort(reach.min(axis=1)), random.permutation(tables)]
        for order in orders:
            direction = np.zeros(data.d)
            taken = 0
            for t in order:
                j = nearest[t]
                step = direction + rows[j] * (push[j] / unit[j] ** 2)
                if np.linalg.norm(step) < mu:
                    direction, taken = step, taken + 1
            # All that is left of the radius goes further in the same direction.
            direction *= mu / max(np.linalg.norm(direction), 1e-300)
            points.append(X[i] + direction)
            balls.append(i)
            crossed.append(taken)
    numerators = np.rint(np.ldexp(np.array(points), 48)).astype(np.int64)
    exact = DyadicArray(numerators, -48)
    common = min(exact.exponent, data.X.exponent)
    away = exact.at_exponent(common).astype(object)
    away = away - data.X.at_exponent(common).astype(object)[balls]
    squares = (away**2).sum(axis=1)
    assert all(int(s) * Fraction(4) ** common < power for s in squares)
    return exact, np.array(balls), np.array(crossed)
