"""Random and regular point sets on dyadic grids: sphere, cube, clusters, lattice, line."""

from __future__ import annotations

import numpy as np

from pipeline.data.sizes import distinct_grid_points, on_grid
from pipeline.exact import DyadicArray

# Largest number of lattice cells that are listed; more are drawn one by one.
_CELLS_LISTED = 1 << 22


def sphere_points(rng: np.random.Generator, N: int, d: int) -> DyadicArray:
    """Return N uniform points of the unit sphere in R^d, d >= 2, rounded to the grid."""

    def draw(rows: np.ndarray) -> np.ndarray:
        normal = rng.standard_normal((len(rows), d))
        return on_grid(normal / np.sqrt(np.einsum("ij,ij->i", normal, normal))[:, None])

    return distinct_grid_points(draw, N)


def cube_points(rng: np.random.Generator, N: int, d: int) -> DyadicArray:
    """Return N uniform points of [0, 1]^d, rounded to the grid."""
    return distinct_grid_points(lambda rows: on_grid(rng.random((len(rows), d))), N)


def cluster_points(rng: np.random.Generator, y: np.ndarray, d: int, spread: float) -> DyadicArray:
    """Return points of one Gaussian cluster a class, rounded to the grid.

    Args:
        rng: random stream.
        y: labels 1..C, shape (N,).
        d: dimension.
        spread: standard deviation of a cluster; the centres are uniform in [0, 1]^d.
    """
    centres = rng.random((int(y.max()), d))

    def draw(rows: np.ndarray) -> np.ndarray:
        return on_grid(centres[y[rows] - 1] + spread * rng.standard_normal((len(rows), d)))

    return distinct_grid_points(draw, len(y))


def lattice_points(
    rng: np.random.Generator, N: int, d: int, side: int, classes: int
) -> DyadicArray:
    """Return N distinct points of {0, ..., side - 1}^d, in random order.

    Among them is a path from the origin whose coordinate sums are 0, ..., classes - 1, so that a
    checkerboard uses every class.

    Args:
        rng: random stream.
        N: number of points, at most side**d.
        d: dimension.
        side: points a side, at least 2.
        classes: length of the path, at most 1 + d (side - 1).
    """
    path = np.zeros((classes, d), dtype=np.int64)
    for total in range(1, classes):
        full, rest = divmod(total, side - 1)
        path[total, :full] = side - 1
        if rest:
            path[total, full] = rest
    if side**d <= _CELLS_LISTED:
        place = side ** np.arange(d, dtype=np.int64)
        others = np.setdiff1d(np.arange(side**d), path @ place)
        chosen = rng.permutation(others)[: N - classes]
        cells = np.concatenate([path, chosen[:, None] // place % side])
    else:
        cells = _drawn_cells(rng, path, N, side)
    return DyadicArray(rng.permutation(cells), 0)


def _drawn_cells(rng: np.random.Generator, path: np.ndarray, N: int, side: int) -> np.ndarray:
    """Return `path` and further distinct cells, drawn until there are N."""
    cells = path
    while len(cells) < N:
        fresh = rng.integers(0, side, size=(N - len(cells), path.shape[1]))
        cells = np.concatenate([cells, fresh])
        _, first = np.unique(cells, axis=0, return_index=True)
        cells = cells[np.sort(first)]
    return cells


def checkerboard_labels(X: DyadicArray, C: int) -> np.ndarray:
    """Return 1 + (coordinate sum mod C), the checkerboard for C = 2."""
    return X.at_exponent(0).sum(axis=1) % C + 1


def line_points(N: int, d: int) -> DyadicArray:
    """Return 0, e_1, 2 e_1, ..., (N - 1) e_1 in R^d."""
    X = np.zeros((N, d), dtype=np.int64)
    X[:, 0] = np.arange(N)
    return DyadicArray(X, 0)
