"""Null-space collisions: two points of differently labelled balls with the same first layer.

docs/theory.md 4, the proof device of Proposition 3.2. With W the exact first layer and
Delta = x_i - x_j let n be a vector of Null(W) near the projection of Delta on Null(W). Then
x = (x_i + x_j + n)/2 and x' = (x_i + x_j - n)/2 have W x = W x', hence f(x) = f(x'), and lie at
distance ||Delta - n||/2 from x_i and x_j. Below mu one of the two balls is wrong, whatever follows
the first layer. n = sum_l c_l u_l for integer null vectors u_l and dyadic c_l, so W n = 0 is exact
and x dyadic; floats only choose the c_l and rank the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log2

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, as_dyadic, integer_matmul, parse_norm
from pipeline.exact.dyadic import compact
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import norms, radius_below, scaled_floats, stacked
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.null_basis import null_space_basis, unit_rows
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    confirmed_witnesses,
    require_matching,
)

_PAIRS_A_BLOCK = 1024
# Kernel reduction may take about 4 ms a ball, and 2 s in all (see null_basis).
_REDUCTION_WORK_A_BALL, _REDUCTION_WORK = 2e5, 1e8
# Pairs closer to the limit than this share of mu are beyond float64 coefficients.
_RELATIVE_SLACK = 2.0**-36


@dataclass(frozen=True)
class _NullSpace:
    """Null(W): integer rows 2**exponents[l] * unit[l], and Q with orthonormal columns."""

    integers: DyadicArray
    unit: np.ndarray
    Q: np.ndarray
    R: np.ndarray


def null_space_attack(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    decision: str | Decision = Decision.NEAREST,
    *,
    candidates: int = 3,
    workers: int | None = None,
) -> list[BallVerdict]:
    """Return the balls that a collision under the first layer falsifies (Proposition 3.2).

    Every ball is paired with the points of another label that are nearest to it after projection
    on the row space of the first layer.

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls; pairs are ranked in l2.
        decision: `exact` or `nearest`.
        candidates: other-label points tried a ball.
        workers: threads of the exact evaluation.

    Returns:
        FALSIFIED verdicts with exact witnesses, by index; empty if nothing collides.
    """
    require_matching(network, dataset)
    p = parse_norm(p)
    space = _null_space(network, min(_REDUCTION_WORK, _REDUCTION_WORK_A_BALL * dataset.N))
    if space is None:
        return []
    with threadpool_limits(limits=1):
        points, exponent = scaled_floats(dataset.X)
        projected = points - (points @ space.Q) @ space.Q.T
        neighbours = nearest_other_label(projected, dataset.y, candidates)
    limit = float(np.ldexp(radius_below(dataset, rho, p), -exponent))
    found: dict[int, BallVerdict] = {}
    for column in range(neighbours.shape[1]):
        pairs = _open_pairs(neighbours[:, column], found)
        halves = norms(projected[pairs[:, 0]] - projected[pairs[:, 1]], p) / 2
        near = halves < limit * (1 - _RELATIVE_SLACK)
        pairs, slack = pairs[near], limit - halves[near]
        for start in range(0, len(pairs), _PAIRS_A_BLOCK):
            part = slice(start, start + _PAIRS_A_BLOCK)
            indices, proposals = _collisions(dataset.X, points, pairs[part], space, slack[part])
            for verdict in confirmed_witnesses(
                network, dataset, rho, p, decision, indices, proposals, "null_space", workers
            ):
                found.setdefault(verdict.index, verdict)
    return [found[ball] for ball in sorted(found)]


def _null_space(network: ReLUNetwork, work: float) -> _NullSpace | None:
    basis = null_space_basis(network.layers[0].weight.dense(), work)
    if basis is None:
        return None
    unit, exponents = unit_rows(basis)
    lowest = -max(exponents)
    shifts = np.array([1 << (-e - lowest) for e in exponents], dtype=object)
    integers = DyadicArray(compact(basis.astype(object) * shifts[:, None]), lowest)
    Q, R = np.linalg.qr(unit.T)
    return _NullSpace(integers, unit, Q, R)


def _open_pairs(partners: np.ndarray, found: dict[int, BallVerdict]) -> np.ndarray:
    """Return the unordered pairs (i, partner of i), each once, of balls i not yet falsified."""
    first = np.array([i for i in range(len(partners)) if i not in found], dtype=np.int64)
    pairs = np.stack([first, partners[first]], axis=1)
    pairs.sort(axis=1)
    return np.unique(pairs, axis=0)


def _collisions(
    X: DyadicArray, points: np.ndarray, pairs: np.ndarray, space: _NullSpace, slack: np.ndarray
) -> tuple[np.ndarray, DyadicArray]:
    """Return balls and points (x_i + x_j +- n)/2 of all pairs, n exactly in Null(W).

    Args:
        X: exact points.
        points: the same, scaled to [-1, 1] by a power of two.
        pairs: shape (n, 2).
        space: Null(W).
        slack: mu - ||P_row Delta||/2 of each pair in the scale of `points`, positive.
    """
    i, j = pairs[:, 0], pairs[:, 1]
    coefficients = np.linalg.solve(space.R, space.Q.T @ (points[i] - points[j]).T).T
    # Rounding m coefficients of unit vectors moves x by at most m * 2**-(bits + 2) in l2 and
    # sqrt(d) times that in l1.
    count, dimension = space.unit.shape
    bits = ceil(log2(count * dimension**0.5 / float(slack.min())))
    rounded = as_dyadic(np.rint(np.ldexp(coefficients, bits)))
    product = integer_matmul(rounded.numerators, space.integers.numerators)
    scale = scaled_floats(X)[1]
    n = DyadicArray(product, rounded.exponent - bits + space.integers.exponent + scale)
    exponent = min(X.exponent, n.exponent)
    middle = X[i].at_exponent(exponent).astype(object) + X[j].at_exponent(exponent)
    shift = n.at_exponent(exponent)
    plus = DyadicArray(middle + shift, exponent - 1)
    minus = DyadicArray(middle - shift, exponent - 1)
    return np.concatenate([i, j]), stacked(plus, minus)
