"""Yu et al. 2024 (Theorem B.6): confirm every block, then decide every ball.

Lemma. Block i holds c_i, B_i, w_i > 0 and a label l_i > 0. With r_i = relu(w_i (t_i - B_i)) the
running output y becomes max(y, l_i (1 - r_i)), and min(|z - c_i|^2, M^2) <= t_i, with
t_i <= |z - c_i|^2 + err where |z_j - c_ij| <= M for all j. On a ball with its image within r of p:
    near  if (|p - c_i| + r)^2 + err <= B_i and |p - c_i| + r <= M, block i offers exactly l_i;
    far   if |p - c_i| >= r + sqrt(A_i) and M^2 >= A_i = B_i + 1/w_i, block i offers at most 0.
A block with l_i at most the ball's label y never raises the output above y.
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
    cloud_of_fractions,
    finite,
    first_failure,
)
from pipeline.verification.check.forms import Form, neuron, require_rows
from pipeline.verification.check.geometry import Pairs, root_up
from pipeline.verification.check.layers import LayerReader
from pipeline.verification.check.readers import Network, rational
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.squares import Folding, confirm_folds


@dataclass(frozen=True)
class _Block:
    """Centre c, threshold B, steepness w and label of one block."""

    centre: list[Fraction]
    threshold: Fraction
    steepness: Fraction
    label: Fraction


def check_yu2024(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right; Rejected if a block is not what it claims to be.

    Raises:
        Rejected: if a layer is not what its block needs.
    """
    m, folds, count = (int(structure[k]) for k in ("m", "folds", "blocks"))
    side = rational(structure["side"])
    if min(m, folds) < 1 or count < 2 or side <= 0:
        raise Rejected("m, folds, blocks and side of the blocks must be positive")
    reader = LayerReader(network.layers)
    z: list[Form] | None = None
    rows: list[Form] = []
    output = Form()
    blocks = []
    for i in range(count):
        block, z_after, output, first = _block(reader, z, output, i, count, m, folds, side)
        if i == 0:
            rows = first
        blocks.append(block)
        z = z_after
    reader.require_output(output)
    balls = ball_images(claim, rows, rational(structure["lipschitz"]), None)
    error = m * side * side / Fraction(4) ** (folds + 1)
    return _findings(balls, blocks, claim, side, error, structure)


def _block(
    reader: LayerReader,
    z: list[Form] | None,
    output: Form,
    i: int,
    count: int,
    m: int,
    folds: int,
    side: Fraction,
) -> tuple[_Block, list[Form], Form, list[Form]]:
    """Confirm one block; return it, the forms of z and y after it, and the rows z in the input.

    Raises:
        Rejected: if a layer is not what its block needs.
    """
    kept = 0 if i == count - 1 else m
    found = reader.rows()
    if len(found) != 2 * m + 1:
        raise Rejected(f"layer {reader.used}: a block on m = {m} starts with {2 * m + 1} neurons")
    if z is None:
        # The first block reads z = W x + b; its centre shows in the constants of the carried z.
        following = reader.following()
        if len(following) < m:
            raise Rejected(f"layer {reader.used + 1}: the carried coordinates are missing")
        centre = [following[j].constant for j in range(m)]
        z = [found[1 + j].plus(centre[j]) for j in range(m)]
    else:
        centre = [z[j].constant - found[1 + j].constant for j in range(m)]
    offsets = [z[j].plus(-centre[j]) for j in range(m)]
    expected = [output, *offsets, *(form * -1 for form in offsets)]
    require_rows(reader.used, found, expected, "absolute values")
    after = [(neuron(1 + j) - neuron(1 + m + j)).plus(centre[j]) for j in range(kept)]
    state = _squares(reader, after, m, folds, side)
    carried = state.carried
    found = reader.rows()
    require_rows(reader.used, found[:-1], carried, "carrying")
    threshold, steepness = _threshold(found[-1], state.total, reader.used)
    here = [neuron(j) for j in range(len(carried))]
    found = reader.rows()
    label = found[-1].constant
    offered = (neuron(len(carried)) * -label - here[-1]).plus(label)
    require_rows(reader.used, found, [*here, offered], "the maximum")
    if label <= 0:
        raise Rejected(f"layer {reader.used}: a block's label must be positive, got {label}")
    return (
        _Block(centre, threshold, steepness, label),
        here[:kept],
        here[-1] + neuron(len(carried)),
        z,
    )


def _squares(reader: LayerReader, after: list[Form], m: int, folds: int, side: Fraction) -> Folding:
    """Confirm the folds of u_j = |z_j - c_j| on [0, M]; y is carried after the coordinates."""
    distances = [neuron(1 + j) + neuron(1 + m + j) for j in range(m)]
    total = Form()
    for form in distances:
        total = total + form * side
    state = Folding([*after, neuron(0)], total, distances, [side] * m)
    for _ in range(folds):
        rows = reader.rows()
        state = confirm_folds(reader.used, rows, state, [1] * m)
    return state


def _threshold(row: Form, total: Form, number: int) -> tuple[Fraction, Fraction]:
    """Return B and w of the row w (t - B), t the confirmed sum of squares.

    Raises:
        Rejected: if the row is no positive multiple of t - B.
    """
    at = next(iter(total.terms))
    steepness = row.terms.get(at, Fraction(0)) / total.terms[at]
    if steepness <= 0 or (row - total * steepness).terms:
        raise Rejected(f"layer {number}: the threshold is not a multiple of the sum of squares")
    return -(row - total * steepness).constant / steepness, steepness


def _findings(
    balls: BallImages,
    blocks: list[_Block],
    claim: Claim,
    side: Fraction,
    error: Fraction,
    structure: dict[str, Any],
) -> Findings:
    labels = claim.data.labels
    pairs = Pairs(balls.centres, cloud_of_fractions([b.centre for b in blocks]))
    levels = [b.threshold + 1 / b.steepness for b in blocks]
    capped = np.array([side * side >= level for level in levels])
    reach = [balls.radius + root_up(max(level, Fraction(0))) for level in levels]
    offered = np.array([b.label for b in blocks], dtype=object)
    near = np.zeros(len(labels), dtype=bool)
    far = np.ones(len(labels), dtype=bool)
    slack = np.full(len(labels), np.inf)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        own = np.flatnonzero(offered == int(label))
        if len(own):
            near[rows] = _near(pairs, rows, own, blocks, balls.radius, side, error)
        others = np.flatnonzero(offered > int(label))
        if len(others):
            far[rows], slack[rows] = pairs.farther(rows, others, [reach[n] for n in others])
            far[rows] &= bool(capped[others].all())
    reason = first_failure(
        labels,
        [
            ("its image has a coordinate below 0, which relu does not carry", balls.inside),
            ("no block of its label is proved to answer on all of it", near),
            ("a block of a higher label is not proved silent on all of it", far),
        ],
    )
    facts = (
        f"{len(blocks)} blocks on m = {structure['m']} coordinates, norm of the projection at most "
        f"{at_most(Fraction(structure['lipschitz']))}",
        f"squares gadget: {structure['folds']} folds, excess at most {at_most(error)}",
        f"image radius at most {at_most(balls.radius)}",
    )
    return Findings(balls.inside & near & far, finite(slack), reason, facts)


def _near(
    pairs: Pairs,
    rows: np.ndarray,
    own: np.ndarray,
    blocks: list[_Block],
    radius: Fraction,
    side: Fraction,
    error: Fraction,
) -> np.ndarray:
    chosen, squared = pairs.nearest(rows, own)
    passed = np.zeros(len(rows), dtype=bool)
    for k, (n, square) in enumerate(zip(chosen, squared, strict=True)):
        away = root_up(int(square) * pairs.unit**2) + radius
        passed[k] = away <= side and away * away + error <= blocks[n].threshold
    return passed
