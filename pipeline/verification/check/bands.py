r"""What the floors' bands can cost: a bound on the share of a ball that they take (Lemma B.11).

Lemma. Let x be uniform on a d-ball of radius mu and w != 0. For an interval I of length h,
P[<w, x> in I] <= h c_d / (|w| mu) with c_d = V_(d-1) / V_d, V_d the volume of the unit d-ball.
Proof: <w, x> / (|w| mu) is the first coordinate of a uniform point of the unit ball, whose density
V_(d-1) (1 - s^2)^((d-1)/2) / V_d is at most c_d, on an interval of length h / (|w| mu).

c_1 = 1/2, c_2 = 2/pi, and V_d = V_(d-2) 2 pi / d gives c_(d+2) = c_d (d + 2)/(d + 1).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.verification.check.forms import Form
from pipeline.verification.check.geometry import root_down

# pi = 3.14159265358979323846...
_PI_BELOW = Fraction(314159265358979323846, 10**20)


def volume_ratio(d: int) -> Fraction:
    """Return c_d, rounded up in even dimensions.

    >>> volume_ratio(1), volume_ratio(3), volume_ratio(5)
    (Fraction(1, 2), Fraction(3, 4), Fraction(15, 16))
    """
    ratio = Fraction(1, 2) if d % 2 else 2 / _PI_BELOW
    for k in range(2 - d % 2, d, 2):
        ratio *= Fraction(k + 2, k + 1)
    return ratio


def band_shares(rows: list[Form], mu_squared: Fraction, d: int, gamma: Fraction) -> list[Fraction]:
    """Return for each coordinate a bound on the share of a ball that one band takes, at most 1.

    Args:
        rows: W_j x + b_j.
        mu_squared: of the radius in the input, which is l2.
        d: input dimension.
        gamma: width of a band.
    """
    shares = []
    for row in rows:
        squared = sum((w * w for w in row.terms.values()), Fraction(0))
        reach = root_down(squared * mu_squared)
        share = gamma * volume_ratio(d) / reach if reach else Fraction(1)
        shares.append(min(share, Fraction(1)))
    return shares


def error_bounds(hits: np.ndarray, shares: list[Fraction]) -> list[Fraction]:
    """Return min(1, sum_j hits[i, j] shares[j]) of every ball: a union over the bands it meets."""
    known: dict[tuple[int, ...], Fraction] = {}
    bounds = []
    for row in map(tuple, hits.tolist()):
        if row not in known:
            total = sum((n * s for n, s in zip(row, shares, strict=True)), Fraction(0))
            known[row] = min(total, Fraction(1))
        bounds.append(known[row])
    return bounds
