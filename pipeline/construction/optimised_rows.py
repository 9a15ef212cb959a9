"""Rows that keep differently labelled points far apart: a projection found by annealed ascent.

Wanted are m orthonormal rows V with the greatest D = min ||V (x_i - x_j)|| over differently
labelled pairs: parallel balls need D > 2 r (docs/theory.md 1), and fewer rows mean fewer
parameters. D is no smooth function of V, so the soft minimum

    -(1/b) log sum_pairs exp(-b ||V (x_i - x_j)||^2 / s)

is raised instead, with b growing and s the least squared distance. Only the closest pairs under the
present V have any weight; they are found again every few steps. Orthonormal rows lose nothing: to
raise a singular value of V to 1 shortens no image.

Floats only choose the rows. What a construction needs of them is proved after rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Inverse temperatures at the start and the end, relative to the least squared distance.
_FIRST, _LAST = 3.0, 200.0
_STEP, _MOMENTUM = 0.1, 0.9
_CLOSEST = 3000
_BLOCK = 512
# Data of this size are searched for close pairs this often; larger data less often.
_SEARCHES, _SEARCHED_SIZE = 20, 2048


@dataclass(frozen=True)
class Effort:
    """How long rows are optimised.

    Args:
        steps: steps of one ascent.
        restarts: ascents tried for a dimension until one gives a map that is good enough.

    Raises:
        ValueError: if one of them is below 1.
    """

    steps: int = 400
    restarts: int = 2

    def __post_init__(self) -> None:
        for name, value in (("steps", self.steps), ("restarts", self.restarts)):
            if value < 1:
                raise ValueError(f"{name} of the optimised rows must be at least 1, got {value}")


@dataclass(frozen=True)
class Rows:
    """Orthonormal rows, shape (m, k), and the least distance of images of other labels."""

    rows: np.ndarray
    distance: float


def starting_rows(k: int, m: int, restart: int, random: np.random.Generator) -> np.ndarray:
    """Return the first m unit vectors of R^k, turned at random from the second start on."""
    rows = np.eye(k)[:m]
    if restart:
        rows = _orthonormal(rows + random.standard_normal((m, k)) / np.sqrt(k))
    return rows


def ascent(
    points: np.ndarray, y: np.ndarray, start: np.ndarray, target: float, steps: int
) -> list[Rows]:
    """Return the rows met whenever close pairs were searched for, softest minimum first.

    The last of them have the greatest least distance; the first keep more of the other distances.

    Args:
        points: shape (N, k), principal coordinates serve well.
        y: labels, shape (N,), at least two values.
        start: orthonormal rows, shape (m, k).
        target: the distance that is needed: below a quarter of it, s is that quarter squared.
        steps: number of steps.
    """
    searches = int(np.clip(_SEARCHES * (_SEARCHED_SIZE / len(points)) ** 2, 2, _SEARCHES))
    every = max(1, steps // searches)
    rows, momentum = start, np.zeros_like(start)
    met = []
    differences = np.empty((0, points.shape[1]))
    for step in range(steps):
        if step % every == 0:
            i, j, least = _closest_pairs(points @ rows.T, y)
            met.append(Rows(rows, least))
            differences = points[i] - points[j]
        cooled = step / steps
        gradient = _soft_gradient(differences, rows, target, _FIRST * (_LAST / _FIRST) ** cooled)
        momentum = _MOMENTUM * momentum + (1 - _MOMENTUM) * gradient
        length = _STEP * (1 - cooled) * np.sqrt(len(rows))
        rows = _orthonormal(rows + length * momentum)
    met.append(Rows(rows, _closest_pairs(points @ rows.T, y)[2]))
    return met


def _soft_gradient(
    differences: np.ndarray, rows: np.ndarray, target: float, inverse: float
) -> np.ndarray:
    """Return the soft minimum's ascent direction among orthonormal rows, of norm 1 (or 0)."""
    images = differences @ rows.T
    squares = np.einsum("ij,ij->i", images, images)
    least = squares.min()
    weights = np.exp(-inverse * (squares - least) / max(least, (target / 4) ** 2))
    gradient = (images * (weights / weights.sum())[:, None]).T @ differences
    # What stays in the span of the rows only turns them within it.
    gradient -= (gradient @ rows.T) @ rows
    norm = np.linalg.norm(gradient)
    return gradient / norm if norm > 0 else gradient


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    q, r = np.linalg.qr(rows.T)
    return np.ascontiguousarray((q * np.where(np.diag(r) < 0, -1.0, 1.0)).T)


def _closest_pairs(Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return about `_CLOSEST` closest pairs (i, j) of other labels and their least distance.

    Blocks of rows meet all later points, so memory is N * `_BLOCK` and never N^2.
    """
    norms = np.einsum("ij,ij->i", Z, Z)
    squares, pairs, limit = np.empty(0), np.empty((0, 2), dtype=np.int64), np.inf
    for start in range(0, len(Z), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = norms[rows, None] + norms[start:] - 2 * (Z[rows] @ Z[start:].T)
        block[y[rows, None] == y[start:]] = np.inf
        i, j = np.nonzero(block < limit)
        squares = np.concatenate([squares, block[i, j]])
        pairs = np.concatenate([pairs, np.stack([i, j], axis=1) + start])
        if len(squares) > _CLOSEST:
            order = np.argpartition(squares, _CLOSEST)[:_CLOSEST]
            squares, pairs = squares[order], pairs[order]
            limit = squares.max()
    i, j = pairs.T
    # Differences, not norms: products lose the small distances.
    off = Z[i] - Z[j]
    return i, j, float(np.sqrt(np.einsum("ij,ij->i", off, off).min()))
