"""The bounds of Figures 1 and 8 on one grid of rho, as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.theory.arguments import checked_sizes
from pipeline.theory.bound import Bound, Counting
from pipeline.theory.lower_bounds import first_term, second_term, theorem_3_1, theorem_e_1
from pipeline.theory.prior_bounds import (
    prior_lower_bound,
    prior_lower_nonzero,
    prior_upper_bound,
    prior_upper_nonzero,
)
from pipeline.theory.project_bounds import cheapest_of_ours, ours, parallel_balls
from pipeline.theory.upper_bounds import theorem_4_2, theorem_e_2

# Column -> bound, of Figure 1 and of Figure 8.
_COLUMNS: dict[Counting, dict[str, Bound]] = {
    "all": {
        "theorem_4_2": theorem_4_2,
        "theorem_3_1": theorem_3_1,
        "theorem_3_1_first": first_term,
        "theorem_3_1_second": second_term,
        "prior_upper": prior_upper_bound,
        "prior_lower": prior_lower_bound,
        "parallel_balls": parallel_balls,
    },
    "nonzero": {
        "theorem_e_2": theorem_e_2,
        "theorem_e_1": theorem_e_1,
        "prior_upper": prior_upper_nonzero,
        "prior_lower": prior_lower_nonzero,
    },
}


def bounds_table(
    N: int,
    d: int,
    points: int = 400,
    additive_d: bool = False,
    rho_min: float | None = None,
    counting: Counting = "all",
) -> pd.DataFrame:
    """Return the bounds of Figure 1 or 8 against rho for one (N, d), p = 2, constants omitted.

    Args:
        N: number of points, >= 2.
        d: input dimension, >= 1.
        points: rows of the grid before its breakpoints are added, >= 2.
        additive_d: keep the d of the input layer on every side; the paper's Figure 1 drops it.
        rho_min: left end of the grid, by default a tenth of 1/(N sqrt d).
        counting: "all" entries (Figure 1) or the "nonzero" ones (Figure 8).

    Returns:
        A table sorted by rho with columns N, d, additive_d, rho and, for all entries, theorem_4_2,
        theorem_3_1, theorem_3_1_first, theorem_3_1_second, prior_upper, prior_lower and
        parallel_balls; for nonzero ones theorem_e_2, theorem_e_1, prior_upper and prior_lower.

    Raises:
        ValueError: if a size or the grid is out of range.
    """
    item = "Figure 1" if counting == "all" else "Figure 8"
    checked_sizes(N, d, item)
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points} ({item})")
    left = 0.1 / (N * d**0.5) if rho_min is None else float(rho_min)
    if not 0 < left < 1:
        raise ValueError(f"rho_min must lie in (0, 1), got {left!r} ({item})")
    rho = _grid(N, d, points, left)
    columns = {name: bound(N, d, rho, additive_d) for name, bound in _COLUMNS[counting].items()}
    return pd.DataFrame({"N": N, "d": d, "additive_d": additive_d, "rho": rho} | columns)


def phase_table(N: int, d: int, points: int = 400, rho_min: float | None = None) -> pd.DataFrame:
    """Return the table of Figure 1 with this project's best bound, the d of the input layer kept.

    Args:
        N: number of points, >= 2.
        d: input dimension, >= 1.
        points: rows of the grid before its breakpoints are added, >= 2.
        rho_min: left end of the grid, by default a tenth of 1/(N sqrt d).

    Returns:
        The columns of `bounds_table`, and ours with ours_by, the construction whose bound it is.
        Leading terms omit constants, which left of 1/sqrt d alone would put ours up to twice below
        Theorem 3.1: there ours is the lower bound itself.

    Raises:
        ValueError: if a size or the grid is out of range (Figure 1).
    """
    table = bounds_table(N, d, points, additive_d=True, rho_min=rho_min)
    rho = table["rho"].to_numpy()
    least = np.maximum(ours(N, d, rho), table["theorem_3_1"].to_numpy())
    return table.assign(ours=least, ours_by=cheapest_of_ours(N, d, rho))


def _grid(N: int, d: int, points: int, left: float) -> np.ndarray:
    """Return ratios spaced evenly in log rho, with every breakpoint and both sides of the jump."""
    jump = (1 - 1 / d) ** 0.5
    # The second term rises between rho of about 1/2 and 1, where a logarithmic grid is coarse.
    towards_one = 1 - np.geomspace(0.5, min(0.5, 0.01 / d), 40)
    # Where the bounds of this project step up, with both sides of the step.
    steps = [d**-0.5 * (1 + 1e-11), np.log(N) ** -1.5]
    breaks = [
        *steps,
        np.nextafter(steps[1], 1),
        1 / (N * d**0.5),
        d**-0.5,
        d ** (-1 / 6),
        d ** (-1 / 4),
        jump,
        np.nextafter(jump, 1),
        *towards_one,
    ]
    right = float(towards_one[-1])
    grid = np.concatenate([np.geomspace(left, max(right, left), points), breaks])
    return np.unique(grid[(grid >= left) & (grid < 1)])
