"""Parallel balls (docs/theory.md 1): confirm squares, ball tests and decoding; decide every ball.

Lemma. Let the squares gadget hold on prod [0, M_j] with total error err, and let neuron n be
relu(A_n - t_n), t_n = S - 2 <c_n, z> + |c_n|^2 in [|z - c_n|^2, |z - c_n|^2 + err]. On a ball whose
image lies within r of p:
    near  if w_nb (A_n - (|p - c_n| + r)^2 - err) >= beta_b >= 0, then relu(beta_b - sum) = 0;
    far   if |p - c_n| >= r + sqrt(A_n), then neuron n is 0.
If some neuron is near for each bit of the ball's code and all neurons that feed another bit are
far, the clipped bits are the code, and the last layer's value there is a single number. One neuron
may be near to many balls, and its centre need not be the image of a point.
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
from pipeline.verification.check.forms import Form, neuron, require_rows, rows_of
from pipeline.verification.check.geometry import Pairs, root_up
from pipeline.verification.check.readers import Layer, Network, rational
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.squares import Folding, confirm_first_folds, confirm_folds

# Neurons tried for a ball before it counts as not covered.
_GUESSES = 4


@dataclass(frozen=True)
class _Front:
    """Confirmed layers up to (z, S): forms of z in x, forms of z and S in the last neurons."""

    rows: list[Form]
    state: Folding
    error: Fraction
    sides: list[Fraction]
    used: int


@dataclass(frozen=True)
class _Tests:
    """Ball tests read from the weights.

    Args:
        centres: c_n.
        levels: A_n.
        masks: bit b set where neuron n feeds bit b.
        weights: w_nb, one dict a neuron.
        offsets: beta_b.
    """

    centres: list[list[Fraction]]
    levels: list[Fraction]
    masks: np.ndarray
    weights: list[dict[int, Fraction]]
    offsets: list[Fraction]


def check_parallel_balls(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right; Rejected if a gadget is not what it claims to be.

    Raises:
        Rejected: if the layers are not the claimed gadgets.
    """
    front = _front(network.layers, structure)
    if len(network.layers) != front.used + 3:
        raise Rejected(f"expected {front.used + 3} layers, got {len(network.layers)}")
    tests = _tests(network.layers[front.used], network.layers[front.used + 1], front)
    codes = _codes(network.layers[-1], tests.offsets, int(structure["majority"]), claim)
    balls = ball_images(claim, front.rows, rational(structure["lipschitz"]), front.sides)
    near, far, slack = _decided(balls, tests, codes[claim.data.labels], front.error)
    reason = first_failure(
        claim.data.labels,
        [
            ("its image leaves the box of the squares gadget", balls.inside),
            ("no ball neuron of its code is proved active on all of it", near),
            ("a ball neuron of another label is not proved inactive on all of it", far),
        ],
    )
    facts = (
        f"projection to m = {len(front.rows)} dimensions, norm at most "
        f"{at_most(Fraction(structure['lipschitz']))}",
        f"squares gadget: excess at most {at_most(front.error)}",
        f"{len(tests.levels)} ball tests, {len(tests.offsets)} code bits",
        f"image radius at most {at_most(balls.radius)}",
    )
    return Findings(balls.inside & near & far, finite(slack), reason, facts)


def _front(layers: tuple[Layer, ...], structure: dict[str, Any]) -> _Front:
    sides = [rational(s) for s in structure["sides"]]
    folds = [int(k) for k in structure["folds"]]
    cuts = [int(c) for c in structure["cuts"]]
    m = len(sides)
    if len(folds) != m or not cuts or cuts[-1] < max(folds) or min(folds) < 0 or min(sides) <= 0:
        raise Rejected("sides, folds and cuts of the squares gadget do not fit together")
    if sorted(set(cuts)) != cuts or cuts[0] < 1:
        raise Rejected("cuts must increase")
    used, rows = 0, rows_of(layers[0])[:m]
    if len(rows) < m:
        raise Rejected(f"the first layer must hold {m} coordinates, got {len(rows)}")
    z = rows
    if structure["projected_first"]:
        if layers[0].outputs != m:
            raise Rejected(f"layer 1 must hold the {m} coordinates alone")
        used, z = 1, [neuron(j) for j in range(m)]
    if len(layers) < used + len(cuts) + 3:
        raise Rejected("the network has too few layers")
    state, used = _fold_layers(layers, used, z, sides, folds, cuts)
    if structure["contracted"]:
        found = rows_of(layers[used])
        require_rows(used + 1, found, [*state.carried, state.total], "contraction")
        state = Folding([neuron(j) for j in range(m)], neuron(m), [], [])
        used += 1
    error = sum((s * s / Fraction(4) ** (k + 1) for s, k in zip(sides, folds, strict=True)))
    return _Front(rows, state, Fraction(error), sides, used)


def _fold_layers(
    layers: tuple[Layer, ...],
    used: int,
    z: list[Form],
    sides: list[Fraction],
    folds: list[int],
    cuts: list[int],
) -> tuple[Folding, int]:
    here = [min(k, cuts[0]) for k in folds]
    state = confirm_first_folds(used + 1, rows_of(layers[used]), z, sides, here)
    remaining = [k - q for k, q in zip(folds, here, strict=True)]
    for before, cut in zip(cuts[:-1], cuts[1:], strict=True):
        used += 1
        active = [j for j, k in enumerate(remaining) if k > 0]
        state = Folding(
            state.carried,
            state.total,
            [state.folded[j] for j in active],
            [state.sides[j] for j in active],
        )
        remaining = [remaining[j] for j in active]
        here = [min(k, cut - before) for k in remaining]
        state = confirm_folds(used + 1, rows_of(layers[used]), state, here)
        remaining = [k - q for k, q in zip(remaining, here, strict=True)]
    if any(remaining):
        raise Rejected("some coordinate is folded less often than claimed")
    return state, used + 1


def _tests(balls: Layer, bits: Layer, front: _Front) -> _Tests:
    """Read c_n and A_n from the ball layer: row n must be A_n - S + 2 <c_n, z> - |c_n|^2.

    Raises:
        Rejected: if a row is no ball test, or a bit could be lowered.
    """
    carried = front.state.carried
    place = {next(iter(form.terms)): j for j, form in enumerate(carried)}
    centres, levels = [], []
    for n, row in enumerate(rows_of(balls)):
        rest = row + front.state.total
        stray = [i for i in rest.terms if i not in place]
        if stray or rest.constant != row.constant:
            raise Rejected(f"ball neuron {n}: the weight of the sum of squares S is not -1")
        centre = [Fraction(0)] * len(carried)
        for i, value in rest.terms.items():
            centre[place[i]] = value / 2
        centres.append(centre)
        levels.append(row.constant + sum((c * c for c in centre), Fraction(0)))
    weights: list[dict[int, Fraction]] = [{} for _ in centres]
    masks = np.zeros(len(centres), dtype=np.int64)
    offsets = []
    for b, row in enumerate(rows_of(bits)):
        if row.constant < 0:
            raise Rejected(f"bit {b}: clipping needs an offset >= 0, got {row.constant}")
        offsets.append(row.constant)
        for n, value in row.terms.items():
            if value > 0:
                raise Rejected(f"bit {b}: ball neuron {n} must not lower the bit")
            weights[n][b] = -value
            masks[n] |= 1 << b
    return _Tests(centres, levels, masks, weights, offsets)


def _codes(last: Layer, offsets: list[Fraction], majority: int, claim: Claim) -> np.ndarray:
    """Return the code of each label (entry 0 unused), after checking that it decodes exactly.

    Raises:
        Rejected: if a label's code does not decode to it.
    """
    classes = int(claim.data.labels.max())
    if not 1 <= majority <= classes or (classes - 1).bit_length() > len(offsets):
        raise Rejected(f"{len(offsets)} bits and majority class {majority} do not fit C")
    (row,) = rows_of(last)
    codes = np.zeros(classes + 1, dtype=np.int64)
    for label in range(1, classes + 1):
        codes[label] = (label - 1) ^ (majority - 1)
        value = row.constant
        for b, weight in row.terms.items():
            if not codes[label] >> b & 1:
                value += weight * offsets[b]
        if value != label:
            raise Rejected(f"decoding: label {label} comes out as {value}")
    return codes


def _decided(
    balls: BallImages, tests: _Tests, codes: np.ndarray, error: Fraction
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return per ball: proved near, proved far, slack of the far tests."""
    pairs = Pairs(balls.centres, cloud_of_fractions(tests.centres))
    reach = [balls.radius + root_up(max(level, Fraction(0))) for level in tests.levels]
    alive = np.array([level > 0 for level in tests.levels])
    near = np.ones(len(codes), dtype=bool)
    far = np.ones(len(codes), dtype=bool)
    slack = np.full(len(codes), np.inf)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        own = np.flatnonzero(tests.masks == code)
        if code:
            near[rows] = _near(pairs, rows, own, tests, balls.radius, error)
        # A neuron with A_n <= 0 is 0 wherever t_n >= 0, that is on all balls.
        others = np.flatnonzero(((tests.masks & ~code) != 0) & alive)
        if len(others):
            far[rows], slack[rows] = pairs.farther(rows, others, [reach[n] for n in others])
    return near, far, slack


def _near(
    pairs: Pairs,
    rows: np.ndarray,
    own: np.ndarray,
    tests: _Tests,
    radius: Fraction,
    error: Fraction,
) -> np.ndarray:
    if len(own) == 0:
        return np.zeros(len(rows), dtype=bool)
    reach = [root_up(max(tests.levels[n] - error, Fraction(0))) - radius for n in own]
    passed = np.zeros(len(rows), dtype=bool)
    # Which neuron covers a ball is only guessed, the likeliest ones first; that it does is proved.
    for chosen in pairs.deepest(rows, own, reach, _GUESSES):
        todo = np.flatnonzero(~passed)
        squared = pairs.exact(rows[todo], chosen[todo])
        for k, n, square in zip(todo, chosen[todo], squared, strict=True):
            away = root_up(int(square) * pairs.unit**2) + radius
            room = tests.levels[n] - away * away - error
            passed[k] = all(w * room >= tests.offsets[b] for b, w in tests.weights[n].items())
    return passed
