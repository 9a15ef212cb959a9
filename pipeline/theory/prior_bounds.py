"""Bounds known before the paper, as it states them (Figure 1, black; Sections 3 and 4).

Leading terms, constants and polylogarithmic factors omitted. Arguments broadcast; what is
out of range is refused with a ValueError that names the source.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from pipeline.theory.arguments import Reals, checked_norm, checked_ratio, checked_sizes, gamma_p

LOWER = "prior lower bound, Li et al. 2022"
UPPER = "prior upper bounds, Egosi et al. 2025 and Yu et al. 2024"


def prior_lower_bound(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, additive_d: bool = True
) -> Reals:
    """Return sqrt N + d up to rho = sqrt(1 - 1/d) and sqrt(N d) + d above (Li et al. 2022).

    The bound jumps by the factor sqrt d at that ratio; Theorem 3.1 fills the step.
    """
    N, d = checked_sizes(N, d, LOWER)
    rho = checked_ratio(rho, LOWER)
    rate = np.where(rho <= np.sqrt(1 - 1 / d), np.sqrt(N), np.sqrt(N * d))
    return (rate + (d if additive_d else 0))[()]


def prior_upper_bound(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    additive_d: bool = True,
    p: int | float = 2,
) -> Reals:
    """Return the best prior upper bound on P, N to N d^2 (Egosi et al. 2025, Yu et al. 2024).

    N up to rho = 1/sqrt d, N d^3 rho^6 up to d^(-1/6), N d^2 p^2 (N d^2 for p = 2) above; in l_p
    rho * gamma_p(d) stands for rho in the first two, and for p = inf the last does not exist.

    Raises:
        ValueError: naming the bounds, if an argument is out of range.
    """
    norm = checked_norm(p, UPPER)
    N, d = checked_sizes(N, d, UPPER)
    scaled = checked_ratio(rho, UPPER) * gamma_p(d, norm)
    if norm == inf and np.any(scaled >= 1):
        raise ValueError(f"rho * gamma_p(d) must lie in (0, 1) for p = inf ({UPPER})")
    egosi = N * np.maximum(1.0, d**3 * scaled**6)
    if norm != inf:
        egosi = np.minimum(egosi, N * d**2 * (1 if norm == 2 else norm**2))
    return egosi + (d if additive_d else 0)


def vardi_2022(N: ArrayLike) -> Reals:
    """Return sqrt N, classical memorization without robustness (Vardi et al. 2022)."""
    sizes, _ = checked_sizes(N, 1, "Vardi et al. 2022")
    return np.sqrt(sizes)
