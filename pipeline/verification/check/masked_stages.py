r"""Stages of lattices with masks (docs/theory.md 5): a translation, digits, a memorizer, a mask.

Layers: z = relu(W x + b), y = 0. Stage s: z' = relu(z - t_s); digits of z'_j by folding, n levels,
and S = sum_j relu(2 gamma - v_j) + relu(v_j - 1 + 2 gamma) with the rests v_j (folds.py); f = the
value that the memorizer (memorizer.py, keyed_table.py) has at key = sum of 2^(n j + level) digits;
u = relu(C - f), C = 2^c - 1 for labels of c bits; y <- y + relu(C - u - C S / gamma - y) = max(y, C
- u - C S / gamma). The key is >= 0, and nothing is used about f but its values at integers.

Theorem. Let the image of ball i lie in the open ball of radius r about p, p_j >= r, and z'(ball) in
[0, 2^n]^m in every stage. Suppose no cell whose key has a label above y_i meets the ball in any
stage, and in some stage c_j + 2 gamma <= p_j - t_j - r and p_j - t_j + r <= c_j + 1 - 2 gamma for
integers c_j, where the key of c has the label y_i. Then f = y_i on all of ball i.
Proof. If some z'_j is nearer than gamma to Z, S > gamma and the stage offers C - u - C S / gamma <
0. Otherwise all digits are exact, the key is that of the cell of z', which is met by the ball, and
its label is at most y_i (0 if the key has none): f <= y_i <= C, C - u = f, and at most y_i is
offered. In the stage of the second hypothesis S = 0 on all of the ball and the offer is y_i. QED
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
from pipeline.verification.check.cells import (
    Boxes,
    Moved,
    boxes_of,
    fraction_bits,
    lengths_below,
)
from pipeline.verification.check.folds import cell_of_digits, confirm_digits
from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.keyed_table import KeyedSizes, confirm_keyed, keyed_sizes_of
from pipeline.verification.check.lattice import (
    LatticeCells,
    cells_of,
    lattice_facts,
    literal_sizes_of,
    translation_in,
)
from pipeline.verification.check.layers import Layers, neurons, positive
from pipeline.verification.check.memorizer import Sizes, confirm_memorizer
from pipeline.verification.check.readers import Network
from pipeline.verification.check.rejection import Rejected

# Intervals are rounded to 2^-20 of a translation's unit and of gamma.
_UNIT_BITS = 20


@dataclass(frozen=True)
class _Stage:
    """A confirmed stage: its translation and the label of each cell that has one."""

    translation: list[Fraction]
    labels: dict[tuple[int, ...], int]


def check_masked_stages(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right; Rejected if a layer is not what it claims to be."""
    network.require_relu()
    lattice, sizes = cells_of(structure), _sizes_of(structure)
    (count,) = positive(structure, "stages")
    layers = Layers(network, 2 + count * (4 + lattice.n + sizes.hidden_layers))
    rows = layers.read(lattice.m)
    stages, y = [], Form()
    for _ in range(count):
        stages.append(_confirm_stage(layers, lattice, sizes, y))
        y = neuron(lattice.m) + neuron(lattice.m + 1)
    layers.confirm([y], "the output")
    balls = ball_images(claim, rows, lattice.lipschitz, None)
    facts = (
        *lattice_facts(lattice, balls, lattice.gamma, sizes.fact),
        f"{count} stages, masked near walls",
    )
    return _findings(balls, stages, lattice, claim, facts)


def _sizes_of(structure: dict[str, Any]) -> Sizes | KeyedSizes:
    """Return the sizes of the memorizer that a structure names, Lemma B.10's by default.

    Raises:
        Rejected: if there is no such memorizer, or a size is out of range.
    """
    kind = structure.get("memorizer", "literal")
    if kind == "literal":
        return literal_sizes_of(structure)
    if kind != "compact":
        raise Rejected(f"there is no memorizer {kind!r}")
    (label_bits,) = positive(structure, "label_bits")
    return keyed_sizes_of(structure, label_bits)


def _confirm_stage(
    layers: Layers, lattice: LatticeCells, sizes: Sizes | KeyedSizes, y: Form
) -> _Stage:
    """Confirm one stage; it starts with z in the neurons 0..m - 1 and ends so."""
    m, n = lattice.m, lattice.n
    found = layers.read(2 * m + 1)
    translation = translation_in(found[m + 1 :])
    moved = [v.plus(-t) for v, t in zip(neurons(0, m), translation, strict=True)]
    layers.same(found, [*neurons(0, m), y, *moved], "the translation")
    weights = [[1 << (n * j + n - 1 - level) for level in range(n)] for j in range(m)]
    carried, key, rests = confirm_digits(
        layers, neurons(0, m + 1), neurons(m + 1, m), weights, lattice.q, None
    )
    delta = 2 * lattice.gamma
    ends = [f for v in rests for f in ((v * -1).plus(delta), v.plus(delta - 1))]
    layers.confirm([*carried, key, *ends], "distances to walls")
    near = Form()
    for bump in neurons(m + 2, 2 * m):
        near = near + bump
    passing = [*neurons(0, m + 1), near]
    table, label, bits = _confirm_memorizer(layers, passing, neuron(m + 1), sizes)
    top = (1 << bits) - 1
    under = (label * -1).plus(top)
    layers.confirm([*neurons(0, m + 2), under], "labels cut off above")
    mask = neuron(m + 1) * (top << lattice.q)
    offer = (neuron(m + 2) * -1).plus(top) - mask - neuron(m)
    layers.confirm([*neurons(0, m + 1), offer], "the maximum")
    # A key that stands twice has the sum of two labels; what is offered is cut off at C.
    reachable = ((k, v) for k, v in table.items() if k >> (m * n) == 0)
    labels = {_cell(key, m, n): min(label, top) for key, label in reachable}
    return _Stage(translation, labels)


def _confirm_memorizer(
    layers: Layers, passing: list[Form], key: Form, sizes: Sizes | KeyedSizes
) -> tuple[dict[int, int], Form, int]:
    """Confirm a memorizer; return the label of each key, the label's form and its bits."""
    if isinstance(sizes, KeyedSizes):
        keyed, _, label = confirm_keyed(layers, passing, key, sizes)
        return keyed.table, label, sizes.code_bits
    memorizer = confirm_memorizer(layers, passing, key, sizes)
    return memorizer.table, memorizer.output, sizes.label_bits


def _cell(key: int, m: int, n: int) -> tuple[int, ...]:
    """Return the cell of [0, 2^n)^m whose digits make up the key."""
    digits = [key >> (n * j) & ((1 << n) - 1) for j in range(m)]
    return tuple(cell_of_digits([d >> (n - 1 - k) & 1 for k in range(n)]) for d in digits)


def _findings(
    balls: BallImages,
    stages: list[_Stage],
    lattice: LatticeCells,
    claim: Claim,
    facts: tuple[str, ...],
) -> Findings:
    labels = claim.data.labels
    boxes = _boxes(balls, stages, lattice)
    reached, silent = np.ones(len(labels), dtype=bool), np.ones(len(labels), dtype=bool)
    own, slack = np.zeros(len(labels), dtype=bool), np.full(len(labels), np.inf)
    offered = {label for stage in stages for label in stage.labels.values()}
    lower = {label: np.flatnonzero(labels < label) for label in offered}
    for stage in stages:
        moved = Moved(boxes.moved(stage.translation), balls, stage.translation)
        reached &= moved.boxes.within(1 << lattice.n)
        clear, room = _clear_balls(moved.boxes, stage, lattice, labels)
        own[clear], slack[clear] = True, room
        for cell, label in stage.labels.items():
            silent[moved.meeting(lower[label], list(cell))] = False
    reason = first_failure(
        labels,
        [
            ("its image has a coordinate below 0, which relu does not carry", balls.inside),
            ("its image leaves the cells of a coordinate in some stage", reached),
            ("no stage is proved to give its label on all of it", own),
            ("some stage may give a higher label on a part of it", silent),
        ],
    )
    return Findings(balls.inside & reached & own & silent, finite(slack), reason, facts)


def _boxes(balls: BallImages, stages: list[_Stage], lattice: LatticeCells) -> Boxes:
    """Return intervals fine enough for all translations and gamma."""
    translations = [t for stage in stages for t in stage.translation]
    bits = max(fraction_bits(translations), lattice.q) + _UNIT_BITS
    return boxes_of(balls, bits, max(int(abs(t)) + 1 for t in translations) + (1 << lattice.n))


def _clear_balls(
    boxes: Boxes, stage: _Stage, lattice: LatticeCells, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the balls 2 gamma inside a cell of their label, and how far beyond that they stay."""
    delta = int(2 * lattice.gamma * (1 << boxes.bits))
    floors = boxes.cells() << boxes.bits
    above = floors + (1 << boxes.bits) - boxes.high
    room = np.minimum(boxes.low - floors, above).min(axis=1) - delta
    clear = np.flatnonzero((room >= 0).astype(bool))
    cells = [tuple(map(int, cell)) for cell in boxes.cells()[clear].tolist()]
    right = [
        i
        for i, cell in zip(clear.tolist(), cells, strict=True)
        if stage.labels.get(cell, 0) == labels[i]
    ]
    return np.array(right, dtype=np.int64), lengths_below(room[right], boxes.bits)
