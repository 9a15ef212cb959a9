"""Balls of any network, proved by bounds and splits: every leaf of every listed ball is re-checked.

A ball is proved if the leaves of both its sides are complete (`proofs.py`) and each of them proves
its side's inequality on its region: f > y - 1/2 and f < y + 1/2, or f >= y and f <= y for the exact
rule. Where the file names a prefix of the network, f is the prefix, and the bounds are the ends of
the interval on which what follows it is y (`rounded.py`). Nothing of how the proofs were found is
used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction

import flint
import numpy as np

from pipeline.verification.check.affine import AffineLeaves
from pipeline.verification.check.balls import Claim, Findings, first_failure
from pipeline.verification.check.proofs import (
    AFFINE,
    ALPHA_UNIT,
    RELAXED,
    Proofs,
    defective_leaves,
    is_complete,
)
from pipeline.verification.check.readers import Network
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.relaxed import Bounds, Regions
from pipeline.verification.check.rigorous import (
    WIDEST,
    float_layers,
    nearest,
    nearest_of,
    radius_above,
    unit_error,
    width_of,
)
from pipeline.verification.check.rounded import Targets
from pipeline.verification.check.stable import layer_matrix

# Leaves of which dense arrays over all hidden neurons are made at a time.
_TOGETHER = 1 << 22


def check_proofs(network: Network, proofs: Proofs, claim: Claim) -> Findings:
    """Return which balls are proved right by a file of proofs.

    Raises:
        Rejected: if the file is about no ball, about other balls or neurons than there are, or
            about a prefix that what follows does not round.
    """
    N, labels = len(claim.data.labels), claim.data.labels
    targets = Targets.of(network, proofs, labels)
    network = targets.network
    hidden = sum(layer.outputs for layer in network.layers[:-1])
    if proofs.alpha.shape[1] != hidden:
        raise Rejected(f"slopes of {proofs.alpha.shape[1]} neurons, the network has {hidden}")
    if not len(proofs.ball):
        raise Rejected("the file proves nothing: it lists no ball")
    if np.any((proofs.ball < 0) | (proofs.ball >= N)):
        raise Rejected(f"balls are numbered 0..{N - 1}")
    listed = np.zeros(N, dtype=bool)
    listed[proofs.ball] = True
    readable = ~_of_balls(proofs.ball, defective_leaves(proofs), N)
    rounded = np.isin(labels, list(targets.intervals))
    covered = ~listed | (readable & _covered(proofs, N))
    free = _free(targets, proofs, labels)
    value = np.where(free, np.inf, np.nan)
    open_leaves = (covered & rounded)[proofs.ball] & ~free
    rows = np.flatnonzero(open_leaves & (proofs.kind == RELAXED))
    if len(rows) and _in_floats(network):
        value[rows] = _relaxed(targets, proofs, claim, rows)
    shown = value > 0 if targets.strict else value >= 0
    bounded = ~_of_balls(proofs.ball, (proofs.kind == RELAXED) & ~shown, N)
    affine = np.flatnonzero(open_leaves & bounded[proofs.ball] & (proofs.kind == AFFINE))
    if len(affine):
        shown[affine] = _affine(targets, proofs, claim, affine)
    exact = ~_of_balls(proofs.ball, (proofs.kind == AFFINE) & ~shown, N)
    reason = first_failure(
        labels,
        [
            ("what follows the prefix is not the label there", ~listed | rounded),
            ("a leaf has a kind, side, slope, multiplier or split that none can have", readable),
            ("the leaves of its two sides do not cover it", covered),
            ("the bound of a relaxed leaf does not reach the label", bounded),
            ("an affine leaf does not prove the label", exact),
        ],
    )
    verified = listed & rounded & readable & covered & bounded & exact
    slack = _slack(proofs, value, verified)
    return Findings(verified, slack, reason, _facts(proofs, targets), listed=listed)


def _free(targets: Targets, proofs: Proofs, labels: np.ndarray) -> np.ndarray:
    """Return which leaves have nothing to prove, because their interval has no end on that side."""
    low, high = (targets.unbounded(labels, side)[proofs.ball] for side in (1, -1))
    return np.where(proofs.side > 0, low, high)


def _of_balls(ball: np.ndarray, leaves: np.ndarray, N: int) -> np.ndarray:
    """Return which balls have one of the marked leaves."""
    found = np.zeros(N, dtype=bool)
    found[ball[leaves]] = True
    return found


def _covered(proofs: Proofs, N: int) -> np.ndarray:
    """Return on which balls the leaves of both sides are complete."""
    sides: dict[tuple[int, int], list[list[int]]] = defaultdict(list)
    for leaf, key in enumerate(zip(proofs.ball.tolist(), proofs.side.tolist(), strict=True)):
        sides[key].append(proofs.splits(leaf))
    complete = {key for key, paths in sides.items() if is_complete(paths)}
    return np.array([(i, 1) in complete and (i, -1) in complete for i in range(N)])


def _in_floats(network: Network) -> bool:
    """Return whether relaxed leaves make sense: ReLUs, one hidden layer at least, not too wide."""
    thresholds = any(layer.thresholds.any() for layer in network.layers)
    return len(network.layers) > 1 and not thresholds and width_of(network) <= WIDEST


def _relaxed(targets: Targets, proofs: Proofs, claim: Claim, rows: np.ndarray) -> np.ndarray:
    network = targets.network
    layers, radius = float_layers(network), radius_above(claim.mu_power, claim.p)
    bounds = Bounds(layers, unit_error(network), radius, claim.p)
    balls, place = np.unique(proofs.ball[rows], return_inverse=True)
    centres = _centres(network, claim, balls)
    start = _starts(targets, claim)
    found = np.empty(len(rows))
    cuts = np.cumsum([layer.outputs for layer in network.layers[:-1]])
    count = max(_TOGETHER // int(cuts[-1]), 1)
    for first in range(0, len(rows), count):
        part = slice(first, first + count)
        leaves = rows[part]
        sides = proofs.side[leaves].astype(np.float64)
        begin = [start(int(proofs.ball[k]), int(proofs.side[k])) for k in leaves]
        arrays = [np.split(a, cuts[:-1], axis=1) for a in _dense(proofs, leaves, int(cuts[-1]))]
        regions = Regions(centres[place[part]], np.array(begin), sides, *arrays)
        found[part] = bounds.lower(regions)
    return found


def _dense(proofs: Proofs, leaves: np.ndarray, hidden: int) -> tuple[np.ndarray, ...]:
    """Return signs, signed multipliers and slopes of leaves, each of shape (leaves, hidden)."""
    signs = np.zeros((len(leaves), hidden), dtype=np.int8)
    betas = np.zeros((len(leaves), hidden))
    lengths = np.diff(proofs.starts)[leaves]
    row = np.repeat(np.arange(len(leaves)), lengths)
    within = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    splits = np.repeat(proofs.starts[leaves], lengths) + within
    sign, neuron = np.sign(proofs.path[splits]), np.abs(proofs.path[splits]) - 1
    signs[row, neuron] = sign
    betas[row, neuron] = proofs.beta[splits] * sign
    return signs, betas, proofs.alpha[leaves] / ALPHA_UNIT


def _centres(network: Network, claim: Claim, balls: np.ndarray) -> np.ndarray:
    """Return W_1 x_i + b_1 of the listed balls: exact, then rounded to nearest."""
    layer, data = network.layers[0], claim.data
    # [W b] in integers meets [x; 1], whose last row carries the scale of the points.
    exponent = min(data.exponent, 0)
    points = data.points[balls] * (1 << (data.exponent - exponent))
    columns = flint.fmpz_mat([[*map(int, point), 1 << -exponent] for point in points.tolist()])
    product = columns * layer_matrix(layer).transpose()
    values = [[int(v) for v in row] for row in product.tolist()]
    scale = exponent + layer.exponent
    return np.array([nearest_of(row, scale) for row in values]).reshape(len(balls), layer.outputs)


def _starts(targets: Targets, claim: Claim) -> Callable[[int, int], float]:
    """Return ball, side -> side * (b - target) rounded to nearest, b the last bias.

    Both are dyadic, and the target of a leaf that is looked at is a number.
    """
    last = targets.network.layers[-1]
    known: dict[tuple[int, int], float] = {}

    def start(ball: int, side: int) -> float:
        label = int(claim.data.labels[ball])
        if (label, side) not in known:
            gap = side * (int(last.bias[0]) * Fraction(2) ** last.exponent)
            target = targets.of_side(label, side)
            assert target is not None
            gap -= side * target
            known[label, side] = nearest(gap.numerator, 1 - gap.denominator.bit_length())
        return known[label, side]

    return start


def _affine(targets: Targets, proofs: Proofs, claim: Claim, rows: np.ndarray) -> np.ndarray:
    found = np.zeros(len(rows), dtype=bool)
    leaves = AffineLeaves(targets.network, claim)
    failed: set[int] = set()
    for k, leaf in enumerate(rows.tolist()):
        ball, side = int(proofs.ball[leaf]), int(proofs.side[leaf])
        if ball in failed:
            continue
        part = slice(proofs.starts[leaf], proofs.starts[leaf + 1])
        betas = [Fraction(b) for b in proofs.beta[part].tolist()]
        splits = dict(zip(proofs.path[part].tolist(), betas, strict=True))
        target = targets.of_side(int(claim.data.labels[ball]), side)
        assert target is not None
        found[k] = leaves.proves(ball, splits, side, target, targets.strict)
        if not found[k]:
            failed.add(ball)
    return found


def _slack(proofs: Proofs, value: np.ndarray, verified: np.ndarray) -> np.ndarray:
    """Return the least bound of a proved ball's leaves; NaN if one is affine or all are empty."""
    slack = np.full(len(verified), np.inf)
    np.minimum.at(slack, proofs.ball, np.where(np.isnan(value), -np.inf, value))
    return np.where(verified & np.isfinite(slack), slack, np.nan)


def _facts(proofs: Proofs, targets: Targets) -> tuple[str, ...]:
    counts = [
        f"side {side:+d}: {int((proofs.side == side).sum())} leaves, "
        f"{int(((proofs.side == side) & (proofs.kind == AFFINE)).sum())} of them affine"
        for side in (1, -1)
    ]
    deepest = int(np.diff(proofs.starts).max(initial=0))
    facts = (*counts, f"deepest leaf: {deepest} splits")
    if proofs.prefix_layers is None:
        return facts
    rows = sorted(targets.intervals.items(), key=lambda row: row[1].length)
    shortest = f"{rows[0][1]} becomes {rows[0][0]}" if rows else "no label stays what it is"
    return (*facts, f"rounded behind {proofs.prefix_layers} layers; the least interval: {shortest}")
