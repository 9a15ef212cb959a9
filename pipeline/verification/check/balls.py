"""What both constructions share: the balls' images, and a ball's tests near and far."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import inf

import flint
import numpy as np

from pipeline.verification.check.forms import Form
from pipeline.verification.check.geometry import Cloud, enclosing_radius
from pipeline.verification.check.readers import Dataset
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.spectral import norm_at_most


@dataclass(frozen=True)
class Claim:
    """Dataset and radius: the power of mu = rho * eps_D in l_p."""

    data: Dataset
    mu_power: Fraction
    p: float


@dataclass(frozen=True)
class Findings:
    """Per ball whether f = y was proved on it, a lower bound on the slack, and why not.

    Args:
        verified: shape (N,).
        slack: float lower bound on how far the ball's image stays from the nearest test of
            another label, in the l2 distance of the projected space, shape (N,).
        reason: the first inequality that failed, empty if none did.
        facts: what was confirmed, for the reader.
        error: upper bounds on P[f != y] of each ball, N rationals, where the check bounds them.
        points: whether f = y was proved at the point itself, shape (N,); implied by `verified`.
        listed: the balls that the proofs are about, shape (N,), where they need not be all.
    """

    verified: np.ndarray
    slack: np.ndarray
    reason: str
    facts: tuple[str, ...]
    error: tuple[Fraction, ...] | None = None
    points: np.ndarray | None = None
    listed: np.ndarray | None = None

    def hold(self, claim: str, eta: Fraction | None) -> bool:
        """Return whether the claim "balls", "error" (at most eta) or "points" was proved.

        A network that is right on all of every ball errs with probability 0, and at no point.
        """
        if self.verified.all() or (
            self.listed is not None and bool(self.verified[self.listed].all())
        ):
            return True
        if claim == "error":
            return self.error is not None and eta is not None and max(self.error) <= eta
        if claim == "points":
            return self.points is not None and bool(self.points.all())
        return False


@dataclass(frozen=True)
class BallImages:
    """Exact centres W x_i + b and a radius r of an l2 ball that holds the image of each ball."""

    centres: Cloud
    radius: Fraction
    inside: np.ndarray


def ball_images(
    claim: Claim, z: list[Form], lipschitz: Fraction, sides: list[Fraction] | None
) -> BallImages:
    """Return the images under the map whose rows are the forms z of the input.

    Args:
        claim: dataset and radius.
        z: rows W_j x + b_j.
        lipschitz: claimed L, proved here.
        sides: M_j; `inside` then says whether ball i lies in prod [0, M_j], else whether all its
            coordinates are >= 0.

    Raises:
        Rejected: if L > 0 and ||W||_2 <= L are not proved.
    """
    # With 0 the image would be a single point, which no open ball of radius 0 holds.
    if lipschitz <= 0:
        raise Rejected(f"a norm bound must be above 0, got {lipschitz}")
    d = claim.data.points.shape[1]
    rows = [[form.terms.get(k, Fraction(0)) for k in range(d)] for form in z]
    if not norm_at_most(rows, lipschitz):
        raise Rejected(f"the projection's norm is not proved to be at most {at_most(lipschitz)}")
    radius = lipschitz * enclosing_radius(claim.mu_power, claim.p, d)
    centres = centres_of(claim.data, rows, [form.constant for form in z])
    scaled = radius / Fraction(2) ** centres.exponent
    low = -(-scaled.numerator // scaled.denominator)
    inside = np.all(centres.integers >= low, axis=1)
    if sides is not None:
        tops = [(s / Fraction(2) ** centres.exponent) - scaled for s in sides]
        high = np.array([t.numerator // t.denominator for t in tops], dtype=object)
        inside &= np.all(centres.integers <= high, axis=1)
    return BallImages(centres, radius, inside.astype(bool))


def centres_of(data: Dataset, rows: list[list[Fraction]], constants: list[Fraction]) -> Cloud:
    """Return the exact images W x_i + b of the dataset's points."""
    bits = max(v.denominator for row in rows for v in row).bit_length() - 1
    offset_bits = max(c.denominator for c in constants).bit_length() - 1
    exponent = min(data.exponent - bits, -offset_bits)
    W = flint.fmpz_mat([[int(v * (1 << bits)) for v in row] for row in rows])
    X = flint.fmpz_mat(data.points.tolist())
    shift = 1 << (data.exponent - bits - exponent)
    product = (X * W.transpose() * shift).tolist()
    scaled = [int(c / Fraction(2) ** exponent) for c in constants]
    integers = np.empty((len(product), len(rows)), dtype=object)
    for i, row in enumerate(product):
        integers[i] = [int(v) + c for v, c in zip(row, scaled, strict=True)]
    return Cloud(integers, exponent)


def cloud_of_fractions(points: list[list[Fraction]]) -> Cloud:
    """Return dyadic points as a cloud; Rejected if one is not dyadic (it never is here)."""
    bits = max(v.denominator for row in points for v in row).bit_length() - 1
    integers = np.empty((len(points), len(points[0])), dtype=object)
    for i, row in enumerate(points):
        integers[i] = [int(v * (1 << bits)) for v in row]
    return Cloud(integers, -bits)


def at_most(value: Fraction) -> str:
    """Return nine digits of a number, rounded up: what is printed stays a proved upper bound."""
    context = Context(prec=9, rounding=ROUND_CEILING)
    return str(context.divide(Decimal(value.numerator), Decimal(value.denominator)))


def first_failure(labels: np.ndarray, checks: list[tuple[str, np.ndarray]]) -> str:
    """Return a sentence about the first ball and the first check that fails on it, or ""."""
    for what, passed in checks:
        failed = np.flatnonzero(~passed)
        if len(failed):
            return f"ball {failed[0]} (label {labels[failed[0]]}): {what}; {len(failed)} such balls"
    return ""


def finite(slack: np.ndarray) -> np.ndarray:
    """Return the slack with inf (no test of another label) replaced by nan."""
    return np.where(slack == inf, np.nan, slack)
