"""The dataset that forces a wide first hidden layer (Proposition 3.2)."""

from __future__ import annotations

import numpy as np

from pipeline.exact import DyadicArray


def hard_width_points(N: int, d: int) -> tuple[DyadicArray, np.ndarray]:
    """Return the points and labels of Proposition 3.2, with eps_D = 1/2.

    N - 1 <= d: e_1, ..., e_{N-1} with label 2 and the origin with label 1. N - 1 > d: e_1, ...,
    e_d, then also 2 e_1, 3 e_1, ..., (N - d) e_1, all with label 2. Every network that robustly
    memorizes it has first hidden width >= rho**2 min{N - 1, d}, for every rho at once.

    Args:
        N: number of points, at least 2.
        d: dimension, at least 1.

    Returns:
        Points of shape (N, d), the origin last, and labels of shape (N,).
    """
    X = np.zeros((N, d), dtype=np.int64)
    basis = min(N - 1, d)
    X[np.arange(basis), np.arange(basis)] = 1
    X[basis : N - 1, 0] = np.arange(2, N - basis + 1)
    y = np.full(N, 2, dtype=np.int64)
    y[-1] = 1
    return DyadicArray(X, 0), y


def is_hard_width(X: DyadicArray, y: np.ndarray) -> bool:
    """Return whether points and labels are those of Proposition 3.2, whatever they are called.

    Up to a positive factor, the order of the rows and the names of the two labels, none of which
    matters to the width that the proposition forces.

    Args:
        X: points, shape (N, d).
        y: labels, shape (N,).
    """
    N, d = X.shape
    if N < 2 or d < 1:
        return False
    rows, columns = np.nonzero(X.numerators)
    # One entry a row but for the origin's.
    if len(rows) != N - 1 or len(np.unique(rows)) != N - 1:
        return False
    origin = int(np.setdiff1d(np.arange(N), rows)[0])
    if len(np.unique(y[rows])) != 1 or y[origin] == y[rows[0]]:
        return False
    values = [int(value) for value in X.numerators[rows, columns].tolist()]
    points, _ = hard_width_points(N, d)
    expected = np.nonzero(points.numerators)
    multiples = points.numerators[expected].tolist()
    unit = min(values)
    return unit > 0 and sorted(zip(columns.tolist(), values, strict=True)) == sorted(
        (column, unit * multiple)
        for column, multiple in zip(expected[1].tolist(), multiples, strict=True)
    )
