"""Lower bounds on the parameter count P of robust memorization (Section 3, Appendix C).

Leading terms, constants omitted: each says how P must grow for SOME dataset of the given sizes, not
for every dataset. Arguments broadcast; scalars in, NumPy scalars out. What is out of range is
refused with a ValueError that names the theorem.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, inf

import numpy as np
from numpy.typing import ArrayLike

from pipeline.theory.arguments import Reals, checked_norm, checked_ratio, checked_sizes, gamma_p


def theorem_3_1(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    additive_d: bool = True,
    p: int | float = 2,
) -> Reals:
    """Return the leading term of the lower bound on P (Theorem 3.1; Theorem C.5 for p != 2).

    (rho^2 min{N, d} + 1) d + min{1/sqrt(1 - rho^2), sqrt d} sqrt N for p = 2.

    Args:
        N: number of points, >= 2.
        d: input dimension, >= 1.
        rho: robustness ratio in (0, 1).
        additive_d: keep the d of the input layer, which Figure 1 drops on both sides.
        p: norm.

    >>> round(float(theorem_3_1(64, 64, 0.5)), 3)
    1097.238
    """
    return first_term(N, d, rho, additive_d, p) + second_term(N, d, rho, p)


def first_term(
    N: ArrayLike,
    d: ArrayLike,
    rho: ArrayLike | Fraction,
    additive_d: bool = True,
    p: int | float = 2,
) -> Reals:
    """Return (rho^2 min{N, d} + 1) d, the term of the first layer's width (Theorem 3.1)."""
    item = _item(p)
    N, d = checked_sizes(N, d, item)
    rho = checked_ratio(rho, item)
    return (_width_share(d, rho, p) * np.minimum(N, d) + (1 if additive_d else 0)) * d


def second_term(N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float = 2) -> Reals:
    """Return min{1/sqrt(1 - rho^2), sqrt d} sqrt N, the term of the VC dimension (Theorem 3.1).

    For p != 2 the exponent of rho is p; for p = inf only sqrt N, classical memorization, is left
    (Theorem C.5, Proposition C.8).
    """
    item = _item(p)
    N, d = checked_sizes(N, d, item)
    rho = checked_ratio(rho, item)
    return np.minimum(1 / np.sqrt(_one_minus_power(rho, p)), np.sqrt(d)) * np.sqrt(N)


def proposition_3_2_width(
    N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: int | float = 2
) -> Reals:
    """Return rho^2 min{N - 1, d}: one dataset forces this first hidden width (Proposition 3.2).

    No constant is omitted. For p < 2 rho / gamma_p(d) stands for rho, and for p = inf the width is
    min{N - 1, d} as soon as rho > 1/2 (Propositions C.6, C.7).
    """
    item = "Proposition 3.2" if p == 2 else "Proposition C.6"
    N, d = checked_sizes(N, d, item)
    rho = checked_ratio(rho, item)
    return _width_share(d, rho, checked_norm(p, item)) * np.minimum(N - 1, d)


def proposition_3_2_least_width(N: int, d: int, rho: Fraction) -> int:
    """Return the least integer first hidden width that Proposition 3.2 allows, exactly.

    Every network of a smaller first hidden width fails on the dataset of Proposition 3.2.

    >>> proposition_3_2_least_width(33, 32, Fraction(1, 2))
    8
    """
    checked_sizes(N, d, "Proposition 3.2")
    checked_ratio(Fraction(rho), "Proposition 3.2")
    return ceil(Fraction(rho) ** 2 * min(int(N) - 1, int(d)))


def _width_share(d: Reals, rho: Reals, p: int | float) -> Reals:
    """Return the share of min{N, d} that the first hidden width must reach."""
    if p == inf:
        return np.where(rho > 0.5, 1.0, rho**2)
    if p < 2:
        return (rho / gamma_p(d, p)) ** 2
    return rho**2


def _one_minus_power(rho: Reals, p: int | float) -> Reals:
    """Return 1 - rho^p without cancellation near rho = 1."""
    if p == inf:
        return np.ones_like(rho)
    return -np.expm1(p * np.log(rho))


def _item(p: int | float) -> str:
    item = "Theorem 3.1" if p == 2 else "Theorem C.5"
    checked_norm(p, item)
    return item
