"""From points to cells of the integer lattice: Lemma B.20 with scaling, Lemma B.15, Flatten.

Projected and scaled so that differently labelled images are at least sqrt(m) apart, two of them
never share a unit cell (whose diameter is sqrt(m)). A translation keeps chosen balls away from the
cells' walls. A cell is named by the integer sum_j R^(j-1) floor(z_j).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.construction.images import Images, images
from pipeline.construction.projection import Projection, projection
from pipeline.data import SeparatedDataset
from pipeline.exact import (
    DyadicArray,
    dyadic_of_fraction,
    max_bit_length,
    root_lower,
    root_upper,
)
from pipeline.theory import lemma_b_15_bits, lemma_b_20_dimension

# The factor 11/9 of Theorems B.3 and B.5.
_STRETCH = Fraction(11, 9)
# Significant bits of (11/9) sqrt(d) / eps_D; the theorems' slack is about 2%.
_FACTOR_BITS = 10
# What rounding the factor and the rows may add to the span of the images.
_ROUNDING = 1 + Fraction(1, 64)
# Integers of so many bits become floats whose squares are in range.
_FLOAT_BITS = 500


@dataclass(frozen=True)
class LatticeOptions:
    """What the constructions on a lattice can be asked for.

    Args:
        mode: "paper" takes all sizes from (N, d, C, rho, scale); "adaptive" the smallest that the
            data need.
        scale: all points lie within 2^scale eps_D of the middle of their box; None takes the data's
            own.
        weight_bits: fractional bits of the projection's rows.
        draws: random projections tried before giving up.
        seed: of the first draw.

    Raises:
        ValueError: for an unknown mode or draws below 1.
    """

    mode: str = "paper"
    scale: int | None = None
    weight_bits: int = 16
    draws: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mode not in ("paper", "adaptive"):
            raise ValueError(f"mode must be paper or adaptive, got {self.mode!r}")
        if self.draws < 1:
            raise ValueError(f"at least one draw is needed, got draws = {self.draws}")

    @property
    def of_paper(self) -> bool:
        """Whether sizes come from (N, d, C, rho, scale) alone."""
        return self.mode == "paper"


def scale_of_dataset(dataset: SeparatedDataset) -> int:
    """Return the least s >= 0 with all points within 2**s eps_D of the middle of their box.

    The data's scale: with N, d, C and rho it fixes the architecture in mode `paper`.
    """
    return scale_against(dataset, dataset.separation(2).power)


def scale_against(dataset: SeparatedDataset, unit_squared: Fraction) -> int:
    """Return the least s >= 0 with all points within 2**s units of the middle of their box."""
    # From the box's lower corner, so that no offset of the data costs floats their accuracy.
    corner = dataset.X.numerators - dataset.X.numerators.min(axis=0)
    span = corner.max(axis=0)
    # Floats find the points that may be farthest; their distances are compared exactly.
    coarse = corner >> max(max_bit_length(span) - _FLOAT_BITS, 0)
    floats = coarse.astype(np.float64)
    lengths = np.linalg.norm(floats - floats.max(axis=0) / 2, axis=1)
    farthest = corner[lengths >= lengths.max() * (1 - 1e-9)].astype(object)
    away = ((2 * farthest - span.astype(object)) ** 2).sum(axis=1).max()
    squared = int(away) * Fraction(4) ** (dataset.X.exponent - 1)
    ratio, bits = squared / unit_squared, 0
    while ratio > Fraction(4) ** bits:
        bits += 1
    return bits


def given_scale(scale: int | None) -> int:
    """Return the scale that a plan without data is asked for.

    Raises:
        ValueError: if there is none, or it is negative.
    """
    if scale is None or scale < 0:
        raise ValueError(
            f"the plan needs the data's scale, an integer >= 0, got {scale}: points lie within "
            f"2^scale eps_D of the middle of their box"
        )
    return scale


def required_scale(dataset: SeparatedDataset, scale: int | None) -> int:
    """Return the given scale, the data's own by default.

    Raises:
        ValueError: if the data do not lie within it.
    """
    least = scale_of_dataset(dataset)
    if scale is not None and scale < least:
        raise ValueError(f"scale must be at least {least} for these data, got {scale}")
    return least if scale is None else scale


def gamma_bits(points: int) -> int:
    """Return q with 2^-q the largest power of two at most 1/(4 points), gamma of Theorem B.3."""
    return (4 * points - 1).bit_length()


def cells_across(d: int, scale: int, margin: int) -> int:
    """Return R: cells a coordinate needs for any dataset of this scale (mode `paper`).

    Images lie within (11/9) sqrt(d) 2^s of a point, up to rounding.

    Args:
        d: input dimension.
        scale: s of `scale_of_dataset`.
        margin: further cells that translations and balls need.
    """
    reach = 2 * _STRETCH * _ROUNDING * root_upper(Fraction(d), 2) * (1 << scale)
    return math.floor(reach) + margin


def require_reach(reach: Fraction | int, R: int) -> None:
    """Check that the R cells of a coordinate hold what was placed, up to `reach`.

    Raises:
        ArithmeticError: if they do not: rounding cost more of the span than was allowed for.
    """
    if reach > R:
        raise ArithmeticError(
            f"the data reach {float(reach):.6g} cells in a coordinate, {R} were planned for"
        )


def lattice_images(
    dataset: SeparatedDataset, rho: Fraction, points: int, options: LatticeOptions
) -> Images:
    """Return images with differently labelled ones sqrt(m) apart and balls of radius 1/(4 points).

    Mode `paper` projects to the m of Lemma B.20 and multiplies by (11/9) sqrt(d) / eps_D (Theorem
    B.3, Stage I); mode `adaptive` takes the least m for which both hold, and the least factor. Both
    inequalities are checked exactly on the data.

    Args:
        dataset: the data.
        rho: robustness ratio.
        points: n, how many balls one translation must clear.
        options: mode, draws, ...

    Raises:
        ValueError: if no draw passes.
    """
    most, bits = lemma_b_20_dimension(dataset.N, dataset.d), options.weight_bits
    kind = "identity" if most == dataset.d and options.of_paper else "random"
    for draw in range(1 if kind == "identity" else options.draws):
        rows = projection(dataset, kind, most, bits, options.seed, draw)
        for m in [most] if options.of_paper else range(1, most + 1):
            if m == dataset.d:
                rows = projection(dataset, "identity", m, bits, options.seed)
            found = _scaled_images(dataset, rho, rows.first(m), options.of_paper)
            if found is not None and found.radius <= Fraction(1, 4 * points):
                return found
    raise ValueError(
        f"no projection to m <= {most} dimensions kept images sqrt(m) apart with balls of radius "
        f"1/(4 * {points}) in {options.draws} draws (Lemma B.20); more draws are needed"
    )


def _scaled_images(
    dataset: SeparatedDataset, rho: Fraction, phi: Projection, of_paper: bool
) -> Images | None:
    """Return the images under factor * phi if differently labelled ones are sqrt(m) apart."""
    if of_paper:
        stretch = _STRETCH * root_lower(dataset.d / dataset.separation(2).power, 2)
        factor = rounded_factor(stretch, up=False)
    else:
        plain = images(dataset, rho, 2, phi)
        if plain.distance == 0:
            return None
        factor = rounded_factor(root_upper(Fraction(phi.m), 2) / plain.distance, up=True)
    bits = factor.denominator.bit_length() - 1
    rows = DyadicArray(phi.rows.numerators * factor.numerator, phi.rows.exponent - bits)
    scaled = Projection(phi.kind, rows.normalized(), phi.lipschitz * factor)
    found = images(dataset, rho, 2, scaled)
    return found if found.distance**2 >= phi.m else None


def rounded_factor(value: Fraction, *, up: bool) -> Fraction:
    """Return a positive value rounded to a few significant bits."""
    size = value.numerator.bit_length() - value.denominator.bit_length()
    return dyadic_of_fraction(value, _FACTOR_BITS - size, up=up)


@dataclass(frozen=True)
class Placed:
    """Images moved by integers, z = W x + b, so that all balls have coordinates >= 1.

    Args:
        offsets: b_j, integers.
        integers: z_ij in units of 2**exponent, shape (N, m).
        exponent: the unit, at most 0.
        top: upper bound of the coordinates of all balls.
    """

    offsets: list[int]
    integers: np.ndarray
    exponent: int
    top: Fraction


def placed(data: Images, fraction_bits: int) -> Placed:
    """Return the images moved so that every coordinate's lowest end of a ball lies in [1, 2).

    Args:
        data: images and radius.
        fraction_bits: the unit is fine enough for translations of so many fractional bits.
    """
    exponent = min(data.Z.exponent, -fraction_bits)
    integers = data.Z.at_exponent(exponent).astype(object)
    unit = Fraction(2) ** exponent
    lowest = [int(v) * unit for v in integers.min(axis=0)]
    offsets = [math.ceil(data.radius - low) + 1 for low in lowest]
    moved = integers + np.array([b << -exponent for b in offsets], dtype=object)
    return Placed(offsets, moved, exponent, int(moved.max()) * unit + data.radius)


def translation_off_walls(at: Placed, points: np.ndarray, count: int) -> list[Fraction]:
    """Return b in [0, 1)^m that keeps the points away from the walls of cells (Lemma B.15).

    Per coordinate, fractional parts of `count` points leave a gap of at least 1 / count on the
    circle. Its midpoint, truncated down to ceil(log2(6 count)) fractional bits, leaves every z - b
    at least 1 / (2 count) right of the wall below it and 1 / (3 count) left of the one above.

    Args:
        at: the images.
        points: indices of the points to keep away, at most `count` of them.
        count: what sets the bits, so that they do not depend on the data.
    """
    bits = lemma_b_15_bits(count)
    unit = 1 << -at.exponent
    step = unit >> bits
    translation = []
    for column in (at.integers[points] % unit).T:
        parts = sorted(set(int(v) for v in column))
        gaps = [b - a for a, b in zip(parts, [*parts[1:], parts[0] + unit], strict=True)]
        widest = max(range(len(gaps)), key=gaps.__getitem__)
        middle = (2 * parts[widest] + gaps[widest]) // 2 % unit
        translation.append(Fraction(middle // step, 1 << bits))
    return translation


def cells(at: Placed, points: np.ndarray, translation: list[Fraction]) -> np.ndarray:
    """Return floor(z_i - b) of the listed points, shape (n, m), Python integers."""
    unit = 1 << -at.exponent
    moved = at.integers[points] - np.array([int(b * unit) for b in translation], dtype=object)
    return moved // unit


def flattened(cells: np.ndarray, R: int) -> list[int]:
    """Return sum_j R^(j-1) n_j of every row of cells, the integer that names it (Flatten)."""
    weights = np.array([R**j for j in range(cells.shape[1])], dtype=object)
    return [int(key) for key in (cells * weights).sum(axis=1)]


def labels_of_keys(keys: list[int], labels: np.ndarray) -> dict[int, int]:
    """Return the label of every key.

    Raises:
        ArithmeticError: if two labels share a cell, which separated images never do.
    """
    table: dict[int, int] = {}
    for key, label in zip(keys, labels.tolist(), strict=True):
        if table.setdefault(key, label) != label:
            raise ArithmeticError(f"cell {key} holds the labels {table[key]} and {label}")
    return table
