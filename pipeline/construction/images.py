"""The projected, shifted data a ball construction works on, with every needed bound exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.construction.projection import Projection
from pipeline.data import SeparatedDataset, nearest_other_label_pair
from pipeline.exact import (
    DyadicArray,
    dyadic_of_fraction,
    enclosing_l2_radius_squared,
    root_lower,
    root_upper,
)

# Box sides and shifts are rounded up to this many significant bits: fewer bits a weight, and at
# most 2**-5 of the side lost.
_SIDE_BITS = 6


@dataclass(frozen=True)
class Images:
    """Projected centres with the radius that holds the image of every ball.

    Args:
        projection: the map phi.
        Z: exact images of the points, shape (N, m), before the shift.
        radius: rational r >= L * (l2 radius that holds the l_p ball of radius mu).
        distance: rational lower bound on the least distance between images of other labels.
    """

    projection: Projection
    Z: DyadicArray
    radius: Fraction
    distance: Fraction

    @property
    def gap(self) -> Fraction:
        """(D - r)^2 - r^2 = D (D - 2r): room between the two squared-distance thresholds."""
        return self.distance * (self.distance - 2 * self.radius)

    def shifts_and_sides(self) -> tuple[list[Fraction], list[Fraction]]:
        """Return b and M with every ball's image plus b inside prod_j [0, M_j]."""
        scale = Fraction(2) ** self.Z.exponent
        shifts, sides = [], []
        for j in range(self.Z.shape[1]):
            column = self.Z.numerators[:, j]
            low, high = int(column.min()) * scale, int(column.max()) * scale
            width = high - low + 2 * self.radius
            shift = dyadic_of_fraction(self.radius - low, fraction_bits_for(width), up=True)
            top = high + shift + self.radius
            shifts.append(shift)
            sides.append(dyadic_of_fraction(top, fraction_bits_for(top), up=True))
        return shifts, sides


def fraction_bits_for(value: Fraction, significant: int = _SIDE_BITS) -> int:
    """Return the fractional bits that leave `significant` bits of a positive value."""
    size = value.numerator.bit_length() - value.denominator.bit_length()
    return significant - size


def images(dataset: SeparatedDataset, rho: Fraction, p: int | float, phi: Projection) -> Images:
    """Return the images of the data under phi, the radius of the balls and their distance."""
    mu_squared = enclosing_l2_radius_squared(dataset.radius_power(rho, p), p, dataset.d)
    radius = root_upper(phi.lipschitz**2 * mu_squared, 2)
    Z = phi.image(dataset.X)
    least = nearest_other_label_pair(Z, dataset.y).power * 4
    return Images(phi, Z, radius, root_lower(least, 2))


def rounded_centres(Z: DyadicArray, fraction_bits: int) -> DyadicArray:
    """Return Z rounded to multiples of 2**-fraction_bits, each entry off by at most half one."""
    shift = -fraction_bits - Z.exponent
    if shift <= 0:
        return Z
    half = 1 << (shift - 1)
    return DyadicArray((Z.numerators + half) >> shift, -fraction_bits)


def centre_bits(m: int, budget: Fraction) -> int:
    """Return fractional bits g with sqrt(m) / 2 * 2**-g <= budget."""
    ratio = Fraction(math.isqrt(m - 1) + 1, 2) / budget
    return ratio.numerator.bit_length() - ratio.denominator.bit_length() + 1


def rounding_radius(m: int, fraction_bits: int) -> Fraction:
    """Return sqrt(m) / 2 * 2**-g rounded up: how far a rounded centre can be off."""
    return root_upper(Fraction(m, 4), 2) / Fraction(2) ** fraction_bits


def shifted(Z: DyadicArray, shifts: list[Fraction]) -> DyadicArray:
    """Return Z + b, exactly, shape (N, m)."""
    bits = max(max((s.denominator.bit_length() - 1 for s in shifts), default=0), 0)
    common = min(Z.exponent, -bits)
    offset = np.array([int(s / Fraction(2) ** common) for s in shifts], dtype=object)
    return DyadicArray(Z.at_exponent(common).astype(object) + offset, common)
