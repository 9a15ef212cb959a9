"""Every bound as an exponent: N = n, d = n^delta, rho = n^-s, and P = n^(exponent) up to logs.

delta >= 0 and s >= 0; s = 0 stands for a constant rho in (0, 1), and with 1 - rho = n^-t for one
that tends to 1. Constants and logarithms vanish, so that regimes have edges and gaps have sizes:
these are the maps of docs/theory.md 9. The exponents are those of the formulas that `Bound` holds;
the d of the input layer is kept on every side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pipeline.theory.arguments import Reals
from pipeline.theory.bound import Bound, Counting, Norm
from pipeline.theory.catalogue import BOUNDS
from pipeline.theory.lower_bounds import theorem_3_1, theorem_e_1
from pipeline.theory.prior_bounds import (
    prior_upper_bound,
    prior_upper_nonzero,
)
from pipeline.theory.project_bounds import our_exponent
from pipeline.theory.upper_bounds import theorem_4_2, theorem_e_2

# Lower bound, prior upper bound, the paper's upper bound, of each count.
_OF_PAPER: dict[Counting, tuple[Bound, Bound, Bound]] = {
    "all": (theorem_3_1, prior_upper_bound, theorem_4_2),
    "nonzero": (theorem_e_1, prior_upper_nonzero, theorem_e_2),
}


def lower_exponent(
    delta: ArrayLike,
    s: ArrayLike,
    p: Norm = 2,
    counting: Counting = "all",
    t: ArrayLike = 0.0,
) -> Reals:
    """Return the exponent of the paper's lower bound, the best known."""
    return _OF_PAPER[counting][0].exponent(delta, s, p, t=t)


def old_upper_exponent(
    delta: ArrayLike,
    s: ArrayLike,
    p: Norm = 2,
    counting: Counting = "all",
    t: ArrayLike = 0.0,
) -> Reals:
    """Return the least exponent of the upper bounds before this project.

    Between 1/(N sqrt d) and 1/sqrt d Theorem 4.2 allows an error eta; all others are exact.
    """
    _, prior, paper = _OF_PAPER[counting]
    return np.minimum(prior.exponent(delta, s, p, t=t), paper.exponent(delta, s, p, t=t))


def new_upper_exponent(
    delta: ArrayLike,
    s: ArrayLike,
    p: Norm = 2,
    counting: Counting = "all",
    t: ArrayLike = 0.0,
) -> Reals:
    """Return the least exponent of all upper bounds, old and new.

    Those of this project count all entries, which bounds the nonzero ones too.
    """
    old = old_upper_exponent(delta, s, p, counting, t)
    return np.minimum(old, our_exponent(delta, s, p, t))


def gap_exponent(
    delta: ArrayLike,
    s: ArrayLike,
    new: bool = True,
    p: Norm = 2,
    counting: Counting = "all",
    t: ArrayLike = 0.0,
) -> Reals:
    """Return the exponent of upper over lower bound: what is not known, with or without ours."""
    upper = new_upper_exponent if new else old_upper_exponent
    return upper(delta, s, p, counting, t) - lower_exponent(delta, s, p, counting, t)


def exponents_table(delta_max: float = 2.0, s_max: float = 1.5, points: int = 129) -> pd.DataFrame:
    """Return exponents and gaps on a grid of delta in [0, delta_max] and s in (0, s_max].

    Args:
        delta_max: largest delta = log_N d, positive.
        s_max: largest s = log_N 1/rho, positive; a constant rho, s = 0, is left out.
        points: of the grid in each direction, >= 2.

    Returns:
        One row a grid point: delta, s, every bound of `EXPONENTS`, old_gap and new_gap, for p = 2;
        all entries are counted where the name does not say nonzero.

    Raises:
        ValueError: if the grid is empty or not positive.
    """
    if points < 2 or delta_max <= 0 or s_max <= 0:
        raise ValueError(f"a grid was required, got {points} points to {delta_max} and {s_max}")
    side = np.linspace(0, delta_max, points), np.linspace(1e-9, s_max, points)
    delta, s = (each.reshape(-1) for each in np.meshgrid(*side, indexing="ij"))
    columns = {name: exponent(delta, s) for name, exponent in EXPONENTS.items()}
    columns |= {
        "old_gap": gap_exponent(delta, s, new=False),
        "new_gap": gap_exponent(delta, s),
    }
    return pd.DataFrame({"delta": delta, "s": s} | columns)


# Every exponent by name, a function of (delta, s) with p, and t, as keywords.
EXPONENTS: dict[str, Callable[..., Reals]] = {
    **{name: bound.exponent for name, bound in BOUNDS.items()},
    "old_upper": old_upper_exponent,
    "ours": our_exponent,
    "new_upper": new_upper_exponent,
}
