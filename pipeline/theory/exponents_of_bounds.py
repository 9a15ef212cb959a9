"""Every bound as an exponent: N = n, d = n^delta, rho = n^-s, and P = n^(exponent) up to logs.

delta >= 0 and s >= 0; s = 0 stands for every constant rho in (0, 1). Constants and logarithms
vanish, so that regimes have edges and gaps have sizes: these are the maps of docs/theory.md 9. The
d of the input layer is kept on every side. Arguments broadcast; scalars in, NumPy scalars out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pipeline.theory.arguments import Reals


def theorem_3_1_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the exponent of (rho^2 min{N, d} + 1) d + sqrt N (Theorem 3.1).

    The factor min{1/sqrt(1 - rho^2), sqrt d} is a constant for every rho = n^-s.

    >>> float(theorem_3_1_exponent(1, 0)), float(theorem_3_1_exponent(0.25, 1))
    (2.0, 0.5)
    """
    delta, s = _checked(delta, s)
    return _highest(delta, np.minimum(1, delta) + delta - 2 * s, 0.5)


def prior_lower_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the exponent of sqrt N + d (Li et al. 2022), which holds for every constant rho."""
    delta, s = _checked(delta, s)
    return _highest(delta, 0 * s + 0.5)


def prior_upper_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the exponent of the bounds before the paper (Egosi et al. 2025, Yu et al. 2024)."""
    delta, s = _checked(delta, s)
    rate = np.minimum(_highest(0 * s + 1, 1 + 3 * delta - 6 * s), 1 + 2 * delta)
    return _highest(rate, delta)


def theorem_4_2_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the exponent of the paper's upper bound (Theorem 4.2).

    Between 1/(N sqrt d) and 1/sqrt d it allows an error eta; all others here are exact.
    """
    delta, s = _checked(delta, s)
    return _highest(0.5, 1 + delta / 4 - s / 2, 1 + 2 * delta - 4 * s, delta)


def parallel_balls_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the exponent of N max{1, d rho^2} + d."""
    delta, s = _checked(delta, s)
    return _highest(1, 1 + delta - 2 * s, delta)


def halving_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the exponent of sqrt N + d, infinite above rho = 1/sqrt d (s < delta / 2).

    Infinite for a constant rho too, also at delta = 0: its range is rho <= c/(m sqrt d), m growing.
    """
    delta, s = _checked(delta, s)
    return np.where((s >= delta / 2) & (s > 0), _highest(delta, 0 * s + 0.5), np.inf)[()]


def voting_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the exponent of (d + sqrt N T) T, T = 1 + rho^2 d, infinite for a constant rho."""
    delta, s = _checked(delta, s)
    tables = _highest(0, delta - 2 * s)
    return np.where(s > 0, _highest(delta + tables, 0.5 + 2 * tables), np.inf)[()]


def old_upper_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the least exponent of the upper bounds before this project."""
    return np.minimum(theorem_4_2_exponent(delta, s), prior_upper_exponent(delta, s))


def our_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the least exponent of this project's upper bounds."""
    rates = [parallel_balls_exponent, halving_exponent, voting_exponent]
    return np.minimum.reduce([rate(delta, s) for rate in rates])


def new_upper_exponent(delta: ArrayLike, s: ArrayLike) -> Reals:
    """Return the least exponent of all upper bounds, old and new."""
    return np.minimum(old_upper_exponent(delta, s), our_exponent(delta, s))


def gap_exponent(delta: ArrayLike, s: ArrayLike, new: bool = True) -> Reals:
    """Return the exponent of upper over lower bound: what is not known, with or without ours."""
    upper = new_upper_exponent if new else old_upper_exponent
    return upper(delta, s) - theorem_3_1_exponent(delta, s)


def exponents_table(delta_max: float = 2.0, s_max: float = 1.5, points: int = 129) -> pd.DataFrame:
    """Return exponents and gaps on a grid of delta in [0, delta_max] and s in (0, s_max].

    Args:
        delta_max: largest delta = log_N d, positive.
        s_max: largest s = log_N 1/rho, positive; a constant rho, s = 0, is left out.
        points: of the grid in each direction, >= 2.

    Returns:
        One row a grid point: delta, s, every bound of `EXPONENTS`, old_gap and new_gap.

    Raises:
        ValueError: if the grid is empty or not positive.
    """
    if points < 2 or delta_max <= 0 or s_max <= 0:
        raise ValueError(f"a grid was required, got {points} points to {delta_max} and {s_max}")
    side = np.linspace(0, delta_max, points), np.linspace(1e-9, s_max, points)
    delta, s = (each.reshape(-1) for each in np.meshgrid(*side, indexing="ij"))
    columns = {name: bound(delta, s) for name, bound in EXPONENTS.items()}
    gaps = {
        "old_gap": gap_exponent(delta, s, new=False),
        "new_gap": gap_exponent(delta, s),
    }
    return pd.DataFrame({"delta": delta, "s": s} | columns | gaps)


# Every bound by name, lower ones first.
EXPONENTS: dict[str, Callable[[ArrayLike, ArrayLike], Reals]] = {
    "prior_lower": prior_lower_exponent,
    "theorem_3_1": theorem_3_1_exponent,
    "prior_upper": prior_upper_exponent,
    "theorem_4_2": theorem_4_2_exponent,
    "parallel_balls": parallel_balls_exponent,
    "halving": halving_exponent,
    "voting": voting_exponent,
    "old_upper": old_upper_exponent,
    "ours": our_exponent,
    "new_upper": new_upper_exponent,
}


def _highest(*exponents: ArrayLike) -> Reals:
    """Return the exponent of a sum: the highest of its terms'."""
    return np.max(np.stack(np.broadcast_arrays(*exponents)), axis=0)[()]


def _checked(delta: ArrayLike, s: ArrayLike) -> tuple[Reals, Reals]:
    """Return both as float64 arrays of one shape.

    Raises:
        ValueError: unless delta >= 0 and s >= 0, both finite: d >= 1 and rho < 1.
    """
    found = []
    for name, value in (("delta = log d / log N", delta), ("s = log(1/rho) / log N", s)):
        numbers = np.asarray(value, dtype=np.float64)
        if not (np.isfinite(numbers) & (numbers >= 0)).all():
            raise ValueError(f"{name} must be finite and >= 0, got {value!r} (docs/theory.md 9)")
        found.append(numbers)
    both = np.broadcast_arrays(*found)
    return both[0], both[1]
