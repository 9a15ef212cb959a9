r"""A region on which every neuron is stable: an affine network, and a convex program.

    minimise a.t + v  over  ||t||_p <= mu,  sigma_k z_k(t) >= 0  for every split k.

Clarabel returns a minimiser, which may be a witness, and the multipliers beta_k of the splits. By
weak duality any beta >= 0 bound the claim from below, so nothing is assumed about the solver: the
bound of its multipliers is computed rigorously like that of any others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import clarabel
import numpy as np
from scipy.sparse import csc_matrix

# Far more than the objective's own bound, far less than rounding errors allow.
_EMPTY = 2.0**20


@dataclass(frozen=True, eq=False)
class LeafSolution:
    """Args: point: t, shape (d,); multipliers: beta of each half-space, shape (k,).

    If the region is empty, the multipliers bound any objective of its size from below, and the
    point is none of the region.
    """

    point: np.ndarray
    multipliers: np.ndarray


def solved_leaf(
    objective: np.ndarray, slopes: np.ndarray, constants: np.ndarray, radius: float, p: float
) -> LeafSolution | None:
    """Return minimiser and multipliers of a.t on the ball where slopes @ t + constants >= 0.

    Args:
        objective: a, shape (d,).
        slopes: shape (k, d).
        constants: shape (k,).
        radius: of the ball.
        p: its norm, 1, 2 or inf.

    Returns:
        None if the solver fails or a number is not finite.
    """
    if not all(np.isfinite(array).all() for array in (objective, slopes, constants)):
        return None
    d, k = len(objective), len(slopes)
    rows, bounds, cones = _ball(d, radius, p)
    free = rows.shape[1]
    halves = np.hstack([-slopes, np.zeros((k, free - d))])
    matrix = csc_matrix(np.vstack([halves, rows]))
    # The solver's tolerances are relative to sizes near 1.
    size = max(np.abs(objective).max(initial=0.0), 1e-300)
    goal = np.concatenate([objective / size, np.zeros(free - d)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    solver = clarabel.DefaultSolver(
        csc_matrix((free, free)),
        goal,
        matrix,
        np.concatenate([constants, bounds]),
        [clarabel.NonnegativeConeT(k), *cones],
        settings,
    )
    solution = solver.solve()
    point, dual = np.array(solution.x[:d]), np.array(solution.z[:k]) * size
    if solution.status == clarabel.SolverStatus.PrimalInfeasible:
        # The multipliers prove that the region is empty; so does every multiple of them.
        dual = dual * _EMPTY
    if not (np.isfinite(point).all() and np.isfinite(dual).all()):
        return None
    return LeafSolution(point, np.maximum(dual, 0.0))


def _ball(d: int, radius: float, p: float) -> tuple[np.ndarray, np.ndarray, list[object]]:
    """Return rows, bounds and cones of ||t||_p <= radius; l1 takes d more variables |t_j|."""
    one = np.eye(d)
    if p == 2:
        rows = np.vstack([np.zeros((1, d)), -one])
        return rows, np.concatenate([[radius], np.zeros(d)]), [clarabel.SecondOrderConeT(d + 1)]
    if p == math.inf:
        return np.vstack([one, -one]), np.full(2 * d, radius), [clarabel.NonnegativeConeT(2 * d)]
    rows = np.block([[one, -one], [-one, -one], [np.zeros((1, d)), np.ones((1, d))]])
    return rows, np.append(np.zeros(2 * d), radius), [clarabel.NonnegativeConeT(2 * d + 1)]
