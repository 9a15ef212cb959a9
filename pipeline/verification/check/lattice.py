"""One lattice (Theorem 4.2(i)): every ball inside one cell, the cell's key memorized.

Layers: z = relu(W x + b); z' = relu(z - t); Floor_n of every z'_j (floors.py); the memorizer of
key = sum_j R^(j-1) floor(z'_j) (memorizer.py); its label. W, b, t, groups and words are read from
the weights.

Lemma. Let the image of ball i under W x + b lie in the open ball of radius r around p. For every
coordinate j let p_j - r >= 0 and, with q_j = p_j - t_j and an integer c_j, 0 <= c_j < R <= 2^n,
c_j + gamma <= q_j - r and q_j + r <= c_j + 1. Then relu cuts nothing off in the first two layers on
the ball, z'_j lies in (c_j + gamma, c_j + 1), its floor is c_j, and f is the label of the key
sum_j R^(j-1) c_j on all of the open ball.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.verification.check.balls import (
    BallImages,
    Claim,
    Findings,
    at_most,
    ball_images,
    first_failure,
)
from pipeline.verification.check.cells import (
    Boxes,
    boxes_of,
    flattened,
    fraction_bits,
    lengths_below,
)
from pipeline.verification.check.floors import confirm_floors
from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.layers import Layers, neurons, positive
from pipeline.verification.check.memorizer import Memorizer, Sizes, confirm_memorizer, sizes_of
from pipeline.verification.check.readers import Network, rational
from pipeline.verification.check.rejection import Rejected

# Both constructions leave the memorizer's ramps at their default width 1/2: keys are integers.
_ETA_BITS = 1


@dataclass(frozen=True)
class LatticeCells:
    """What fixes the layers of a lattice network, but for its memorizer.

    Args:
        m: coordinates.
        R: cells a coordinate.
        n: layers of the floors, 2^n >= R.
        q: gamma = 2^-q.
        lipschitz: the claimed bound on ||W||.
    """

    m: int
    R: int
    n: int
    q: int
    lipschitz: Fraction

    @property
    def gamma(self) -> Fraction:
        """Width of the floors' bands."""
        return Fraction(1, 1 << self.q)


@dataclass(frozen=True)
class Lattice(LatticeCells):
    """What fixes the layers of a lattice network.

    Args:
        sizes: of the memorizer.
    """

    sizes: Sizes

    @property
    def weights(self) -> list[int]:
        """R^(j-1), what a coordinate's floor counts in the key."""
        return [self.R**j for j in range(self.m)]

    def cell(self, key: int) -> list[int]:
        """Return the cell of [0, R)^m whose key this is."""
        return [key // weight % self.R for weight in self.weights]


def cells_of(structure: dict[str, Any]) -> LatticeCells:
    """Return what a structure names besides a memorizer.

    Raises:
        Rejected: if its sizes make no lattice.
    """
    m, n = positive(structure, "m", "floor_layers")
    R, q = int(structure["cells_across"]), int(structure["gamma_bits"])
    if not 0 <= q <= 1 << 16:
        raise Rejected(f"gamma_bits must lie in 0..65536, got {structure['gamma_bits']}")
    if R < 1 or (R - 1).bit_length() > n:
        raise Rejected(f"floors of {n} layers do not reach {structure['cells_across']} cells")
    return LatticeCells(m, R, n, q, rational(structure["lipschitz"]))


def literal_sizes_of(structure: dict[str, Any]) -> Sizes:
    """Return the sizes of a memorizer of integers by Lemma B.10."""
    return sizes_of(structure, _ETA_BITS)


def lattice_of(structure: dict[str, Any]) -> Lattice:
    """Return what a structure names.

    Raises:
        Rejected: if its sizes make no lattice.
    """
    at = cells_of(structure)
    return Lattice(at.m, at.R, at.n, at.q, at.lipschitz, literal_sizes_of(structure))


def translation_in(found: list[Form]) -> list[Fraction]:
    """Return t of the rows z_j - t_j; the caller confirms that they are such rows."""
    return [-row.constant for row in found]


def key_of(floors: list[Form], lattice: Lattice) -> Form:
    """Return the form sum_j R^(j-1) floor_j."""
    key = Form()
    for floor, weight in zip(floors, lattice.weights, strict=True):
        key = key + floor * weight
    return key


def check_lattice(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right; Rejected if a layer is not what it claims to be."""
    network.require_relu()
    lattice = lattice_of(structure)
    layers = Layers(network, 2 + lattice.n + lattice.sizes.hidden_layers + 1)
    m = lattice.m
    rows = layers.read(m)
    found = layers.read(m)
    translation = translation_in(found)
    moved = [neuron(j).plus(-t) for j, t in enumerate(translation)]
    layers.same(found, moved, "the translation")
    floors = confirm_floors(layers, [], neurons(0, m), lattice.n, lattice.q)
    memorizer = confirm_memorizer(layers, [], key_of(floors, lattice), lattice.sizes)
    layers.confirm([memorizer.output], "the output")
    balls = ball_images(claim, rows, lattice.lipschitz, None)
    return _findings(balls, lattice, translation, memorizer, claim)


def _findings(
    balls: BallImages,
    lattice: Lattice,
    translation: list[Fraction],
    memorizer: Memorizer,
    claim: Claim,
) -> Findings:
    labels = claim.data.labels
    boxes = _sharp_boxes(balls, lattice, translation).moved(translation)
    clearance = boxes.clearance(lattice.gamma).min(axis=1)
    reached = boxes.within(lattice.R)
    clear = (clearance >= 0).astype(bool)
    keys = flattened(boxes.cells(), lattice.weights)
    known = np.array([memorizer.table.get(key, 0) for key in keys], dtype=object)
    right = (known == labels).astype(bool)
    reason = first_failure(
        labels,
        [
            ("its image has a coordinate below 0, which relu does not carry", balls.inside),
            (f"its image leaves the {lattice.R} cells of a coordinate", reached),
            ("its image is not clear of its cell's walls and bands", clear),
            ("its cell's key is memorized with another label", right),
        ],
    )
    verified = balls.inside & reached & clear & right
    slack = lengths_below(clearance, boxes.bits)
    facts = lattice_facts(lattice, balls, lattice.gamma, lattice.sizes.fact)
    return Findings(verified, slack, reason, facts)


def _sharp_boxes(balls: BallImages, lattice: Lattice, translation: list[Fraction]) -> Boxes:
    """Return intervals in units so fine that rounding loses 2^-64 of the radius at most."""
    size = balls.radius.numerator.bit_length() - balls.radius.denominator.bit_length()
    bits = max(-balls.centres.exponent, fraction_bits(translation), lattice.q, 64 - size)
    largest = max(int(abs(t)) + 1 for t in translation) + lattice.R
    return boxes_of(balls, bits, largest)


def lattice_facts(
    lattice: LatticeCells, balls: BallImages, gamma: Fraction, memorizer: str
) -> tuple[str, ...]:
    """Return what was confirmed, for the reader."""
    return (
        f"projection to m = {lattice.m} dimensions, norm at most {at_most(lattice.lipschitz)}",
        f"floors of {lattice.n} layers on [0, {lattice.R})^{lattice.m}, bands of width {gamma}",
        memorizer,
        f"image radius at most {at_most(balls.radius)}",
    )
