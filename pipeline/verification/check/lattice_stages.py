"""Stages of lattices (Theorem 4.2(ii)): a translation and a memorizer a group, then the maximum.

Layers: z = relu(W x + b), y = 0. Stage s: z' = relu(z - t_s); floors of z'_j, by Floor_n or by
threshold units (floors.py); f_s = the memorizer's value of the key sum_j R^(j-1) floor(z'_j)
(memorizer.py); y <- y + relu(f_s - y) = max(y, f_s). So f = max(0, f_1, .., f_G).

Lemma. Let the image of ball i under W x + b lie in the open ball of radius r about p, p_j >= r, and
in every stage let z'(ball) lie in [0, R)^m with R <= 2^n. Call z' in stage s good if
z'_j - floor(z'_j) >= gamma for all j (with threshold units: always).
    (1) Where z' is good, f_s is the label of the key of its cell, and different cells of [0, R)^m
        have different keys, all below R^m.
    (2) If no cell whose key has a label above y_i meets the ball in any stage, then f <= y_i at
        every point of the ball that is good in all stages.
    (3) If in some stage c_j + gamma <= p_j - t_j - r and p_j - t_j + r <= c_j + 1 for integers c_j
        and the key of c has the label y_i, then f_s = y_i on all of the ball, so f >= y_i there.
Under (2) and (3) f = y_i at every point good in all stages, thus with probability at least 1 minus
the sum of the shares of all bands [k, k + gamma) that the ball meets (bands.py); on all of the ball
if it meets none. A ball is disjoint from a cell if its centre is at distance r or more (cells.py).
Nothing is assumed about f_s off the good points.
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
    ball_images,
    finite,
    first_failure,
)
from pipeline.verification.check.bands import band_shares, error_bounds
from pipeline.verification.check.cells import (
    Boxes,
    Moved,
    boxes_of,
    flattened,
    fraction_bits,
    lengths_below,
)
from pipeline.verification.check.floors import confirm_floors, confirm_threshold_floors
from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.lattice import (
    Lattice,
    key_of,
    lattice_facts,
    lattice_of,
    translation_in,
)
from pipeline.verification.check.layers import Layers, neurons, positive
from pipeline.verification.check.memorizer import confirm_memorizer
from pipeline.verification.check.readers import Network
from pipeline.verification.check.rejection import Rejected

# Intervals are rounded to 2^-12 of a band and 2^-20 of a translation's unit.
_BAND_BITS, _TRANSLATION_BITS = 12, 20


@dataclass(frozen=True)
class _Stage:
    """A confirmed stage: its translation and what it maps every key to."""

    translation: list[Fraction]
    table: dict[int, int]


@dataclass
class _Tally:
    """What the stages so far do on every ball.

    Args:
        reached: whether it lies in [0, R)^m in every stage.
        own: whether some stage gives its label on all of it.
        silent: whether no stage has a cell of a higher label that it may meet.
        hits: bands it meets, per coordinate.
        slack: best clearance in a stage that gives its label, -1 before.
    """

    reached: np.ndarray
    own: np.ndarray
    silent: np.ndarray
    hits: np.ndarray
    slack: np.ndarray


def check_lattice_stages(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right, and how wrong the others are at most.

    Raises:
        Rejected: if a layer is not what it claims to be.
    """
    lattice = lattice_of(structure)
    (count,) = positive(structure, "stages")
    exact = structure["thresholds"]
    if not isinstance(exact, bool):
        raise Rejected(f"thresholds must be true or false, got {exact!r}")
    m = lattice.m
    layers = Layers(network, 2 + count * (2 + lattice.n + lattice.sizes.hidden_layers))
    rows = layers.read(m)
    stages, y = [], Form()
    for _ in range(count):
        stages.append(_confirm_stage(layers, lattice, y, exact))
        y = neuron(m) + neuron(m + 1)
    layers.confirm([y], "the output")
    balls = ball_images(claim, rows, lattice.lipschitz, None)
    gamma = Fraction(0) if exact else lattice.gamma
    tally = _tally(balls, stages, lattice, gamma, claim.data.labels)
    shares = [Fraction(1)] * m
    if claim.p == 2:
        shares = band_shares(rows, claim.mu_power, claim.data.points.shape[1], gamma)
    floors = "exact floors by threshold units" if exact else "floors exact outside the bands"
    facts = (*lattice_facts(lattice, balls, gamma, lattice.sizes.fact), f"{count} stages, {floors}")
    return _findings(balls, tally, shares, claim, facts)


def _confirm_stage(layers: Layers, lattice: Lattice, y: Form, exact: bool) -> _Stage:
    """Confirm one stage; it starts with z in the neurons 0..m - 1 and ends so."""
    m = lattice.m
    found = layers.read(2 * m + 1)
    translation = translation_in(found[m + 1 :])
    z = neurons(0, m)
    moved = [v.plus(-t) for v, t in zip(z, translation, strict=True)]
    layers.same(found, [*z, y, *moved], "the translation")
    carried, moved = neurons(0, m + 1), neurons(m + 1, m)
    if exact:
        key = confirm_threshold_floors(layers, carried, moved, lattice.weights, lattice.n)
    else:
        key = key_of(confirm_floors(layers, carried, moved, lattice.n, lattice.q), lattice)
    memorizer = confirm_memorizer(layers, carried, key, lattice.sizes)
    layers.confirm([*carried, memorizer.output - neuron(m)], "the maximum")
    return _Stage(translation, memorizer.table)


def _tally(
    balls: BallImages,
    stages: list[_Stage],
    lattice: Lattice,
    gamma: Fraction,
    labels: np.ndarray,
) -> _Tally:
    N = len(labels)
    boxes = _boxes(balls, stages, lattice, gamma)
    tally = _Tally(
        np.ones(N, dtype=bool),
        np.zeros(N, dtype=bool),
        np.ones(N, dtype=bool),
        np.zeros((N, lattice.m), dtype=boxes.low.dtype),
        np.full(N, -1.0),
    )
    offered = {label for stage in stages for label in stage.table.values()}
    lower = {label: np.flatnonzero(labels < label) for label in offered}
    reachable = lattice.R**lattice.m
    for stage in stages:
        moved = Moved(boxes.moved(stage.translation), balls, stage.translation)
        tally.reached &= moved.boxes.within(lattice.R)
        if gamma:
            tally.hits += moved.boxes.bands(gamma)
        _add_own(tally, moved.boxes, stage, lattice, gamma, labels)
        for key, label in stage.table.items():
            if key < reachable:
                tally.silent[moved.meeting(lower[label], lattice.cell(key))] = False
    return tally


def _boxes(balls: BallImages, stages: list[_Stage], lattice: Lattice, gamma: Fraction) -> Boxes:
    translations = [t for stage in stages for t in stage.translation]
    bits = fraction_bits(translations) + _TRANSLATION_BITS
    if gamma:
        bits = max(bits, lattice.q + _BAND_BITS)
    return boxes_of(balls, bits, max(int(abs(t)) + 1 for t in translations) + lattice.R)


def _add_own(
    tally: _Tally,
    boxes: Boxes,
    stage: _Stage,
    lattice: Lattice,
    gamma: Fraction,
    labels: np.ndarray,
) -> None:
    """Note the balls that lie clear in a cell of their label."""
    clearance = boxes.clearance(gamma).min(axis=1)
    clear = np.flatnonzero((clearance >= 0) & tally.reached)
    keys = flattened(boxes.cells()[clear], lattice.weights)
    right = [i for i, key in zip(clear, keys, strict=True) if stage.table.get(key, 0) == labels[i]]
    tally.own[right] = True
    slack = lengths_below(clearance[right], boxes.bits)
    tally.slack[right] = np.maximum(tally.slack[right], slack)


def _findings(
    balls: BallImages,
    tally: _Tally,
    shares: list[Fraction],
    claim: Claim,
    facts: tuple[str, ...],
) -> Findings:
    clear = (tally.hits.sum(axis=1) == 0).astype(bool)
    most = balls.inside & tally.reached & tally.own & tally.silent
    reason = first_failure(
        claim.data.labels,
        [
            ("its image has a coordinate below 0, which relu does not carry", balls.inside),
            ("its image leaves the cells of a coordinate in some stage", tally.reached),
            ("no stage is proved to give its label on all of it", tally.own),
            ("some stage may give a higher label on a part of it", tally.silent),
            ("it meets a band in which the floors of some stage may be wrong", clear),
        ],
    )
    bounds = error_bounds(tally.hits, shares)
    error = tuple(b if ok else Fraction(1) for b, ok in zip(bounds, most, strict=True))
    slack = finite(np.where(tally.slack < 0, np.inf, tally.slack))
    return Findings(most & clear, slack, reason, facts, error)
