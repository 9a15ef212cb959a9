"""Affine leaves: where every neuron is split or stable the network is one affine map, exactly.

Lemma. Let every hidden neuron be in the leaf's path or keep its sign on the open ball. Forms
a.t + b in t = x - x_i are carried through the layers: a split neuron with + is z and with - is 0
(a threshold 1 and 0), a stable one as in `stable.py`. At every point of the ball whose signs follow
the path (z >= 0 on +, z < 0 on -) the last form is the network's output: relu(z) is z for z >= 0
and 0 for z <= 0, and a threshold is 1 if and only if z >= 0. By `proofs.py` every point of the ball
has such a leaf. There s z >= 0 for every split with sign s, so g = side (f - target) is at least

    g - sum beta s z = a'.t + v',   more than v' - mu ||a'||_q on the open ball if a' is not 0.

Hence v'^2 >= mu^2 ||a'||_q^2 and v' > 0 prove g > 0, and with v' >= 0 they prove g >= 0. (If v' > 0
the form is v' or more than v' - mu ||a'||_q >= 0.) Multipliers are floats, that is rationals.

Excluded leaves. Let h = sum beta s z be a form: the inputs of the split neurons' layers are
determined, the neurons behind them need not be. If h <= 0 on the open ball, the leaf has no point
that matters, and nothing of the output is looked at:

- h < 0: no point has s z >= 0 for all splits.
- h <= 0 and beta > 0 for a split with -: a point that follows the path has z < 0 there, hence
  h > 0. By `proofs.py` every point of the ball follows the path of some leaf.
- h <= 0, beta > 0 for a split whose form is not 0, and the network has no thresholds. The zeros of
  all such forms of all leaves are a finite union H of hyperplanes. A point outside H that follows
  the path has s z > 0 there, hence h > 0: so it follows the path of another leaf. What those prove
  they prove where s z >= 0 for their splits, on sets that are closed in the ball because a network
  of ReLUs is continuous; finitely many of them hold the dense complement of H, hence the ball.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import inf
from typing import Any

import flint

from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import Layer, Network
from pipeline.verification.check.stable import layer_matrix, shortened


@dataclass(frozen=True, eq=False)
class _Step:
    """A layer on the way through the network.

    Args:
        signs: of its split neurons, by place.
        rows: forms of its pre-activations, integers times 2**exponent.
        exponent: at most 0.
        outputs: what it passes on, with its exponent; None after the last layer and where some
            neuron is neither split nor stable.
    """

    signs: dict[int, int]
    rows: list[list[int]]
    exponent: int
    outputs: tuple[list[list[int]], int] | None


class AffineLeaves:
    """Exact forms of one network on regions of one dataset's balls.

    Leaves that come one after the other and start with the same splits share the work.

    Args:
        network: ReLUs and thresholds.
        claim: dataset, radius and norm, p = 1, 2 or inf.
    """

    def __init__(self, network: Network, claim: Claim) -> None:
        self._layers = network.layers
        self._matrices = [layer_matrix(layer) for layer in network.layers]
        self._claim = claim
        self._continuous = not any(layer.thresholds.any() for layer in network.layers)
        self._first = [0, *accumulate(layer.outputs for layer in network.layers)]
        self._ball, self._steps = -1, list[_Step]()

    def proves(
        self,
        ball: int,
        splits: dict[int, Fraction],
        side: int,
        target: Fraction,
        strict: bool,
    ) -> bool:
        """Return whether side * (f - target) > 0 (or >= 0) is proved on one leaf of a ball.

        Args:
            ball: index of its centre.
            splits: +-(neuron + 1) to the multiplier >= 0 of that split.
            side: +1 or -1.
            target: what f is compared with.
            strict: whether > is asked for.
        """
        used = [split for split, beta in splits.items() if beta]
        # What is excluded is not followed any further.
        self._follow(ball, splits, max((self._place(split)[0] + 1 for split in used), default=0))
        rows = self._split_rows(used)
        if excluded(rows, splits, self._claim, self._continuous):
            return True
        self._follow(ball, splits, len(self._layers))
        if len(self._steps) < len(self._layers):
            return False
        last = self._steps[-1]
        form = [side * v * Fraction(2) ** last.exponent for v in last.rows[0]]
        form[-1] -= side * target
        *slopes, value = reduced(form, rows, splits)
        enough = value > 0 if strict else value >= 0
        return enough and reaches(value, slopes, self._claim)

    def _follow(self, ball: int, splits: Iterable[int], most: int) -> None:
        """Go through so many layers, up to one with a neuron that is neither split nor stable."""
        if ball != self._ball:
            self._ball, self._steps = ball, []
        signs: list[dict[int, int]] = [{} for _ in self._layers]
        for split in splits:
            number, place = self._place(split)
            signs[number][place] = 1 if split > 0 else -1
        steps = self._steps
        for number in range(most):
            if number == len(steps) or steps[number].signs != signs[number]:
                del steps[number:]
                inputs = steps[-1].outputs if steps else centred_inputs(self._claim, ball)
                assert inputs is not None
                steps.append(self._step(number, signs[number], *inputs))
            if steps[number].outputs is None:
                del steps[number + 1 :]
                return

    def _step(
        self, number: int, signs: dict[int, int], forms: list[list[int]], exponent: int
    ) -> _Step:
        layer = self._layers[number]
        rows, exponent = pre_activations(layer, self._matrices[number], forms, exponent)
        outputs = None
        if number < len(self._layers) - 1:
            found = [
                signs[k] if k in signs else stable_sign(row, self._claim)
                for k, row in enumerate(rows)
            ]
            known = [sign for sign in found if sign is not None]
            if len(known) == len(rows):
                outputs = post_activations(layer, rows, known, exponent)
        return _Step(signs, rows, exponent, outputs)

    def _place(self, split: int) -> tuple[int, int]:
        """Return the layer of a split neuron and its place there."""
        number = bisect_right(self._first, abs(split) - 1) - 1
        return number, abs(split) - 1 - self._first[number]

    def _split_rows(self, splits: Iterable[int]) -> dict[int, list[Fraction]]:
        """Return the forms of split neurons, except behind a neuron that has no sign."""
        rows = {}
        for split in splits:
            number, place = self._place(split)
            if number < len(self._steps):
                step = self._steps[number]
                unit = Fraction(2) ** step.exponent
                rows[abs(split) - 1] = [v * unit for v in step.rows[place]]
        return rows


def centred_inputs(claim: Claim, ball: int) -> tuple[list[list[int]], int]:
    """Return x = t + x_i as rows of integers times 2**exponent, exponent <= 0."""
    data = claim.data
    exponent = min(data.exponent, 0)
    point = [int(v) << (data.exponent - exponent) for v in data.points[ball]]
    unit = 1 << -exponent
    d = len(point)
    return [[unit * (k == j) for k in range(d)] + [point[j]] for j in range(d)], exponent


def pre_activations(
    layer: Layer, matrix: flint.fmpz_mat, forms: list[list[int]], exponent: int
) -> tuple[list[list[int]], int]:
    """Return a layer's pre-activations as forms in t, given those of its inputs.

    Args:
        layer: the layer.
        matrix: its `layer_matrix`.
        forms: its inputs, rows of integers times 2**exponent.
        exponent: at most 0, as is the one returned.
    """
    one = [0] * (len(forms[0]) - 1) + [1 << -exponent]
    product = (matrix * flint.fmpz_mat([*forms, one])).tolist()
    exponent += layer.exponent
    lift = max(exponent, 0)
    return [[int(v) << lift for v in row] for row in product], exponent - lift


def post_activations(
    layer: Layer, rows: list[list[int]], signs: Sequence[int], exponent: int
) -> tuple[list[list[int]], int]:
    """Return what the neurons of a layer pass on where each has its sign; 0 counts as z >= 0."""
    constant = [0] * (len(rows[0]) - 1)
    forms = []
    for row, sign, threshold in zip(rows, signs, layer.thresholds.tolist(), strict=True):
        if threshold:
            forms.append([*constant, (1 << -exponent) if sign >= 0 else 0])
        else:
            forms.append(row if sign > 0 else [*constant, 0])
    return shortened(forms, exponent)


def excluded(
    rows: Mapping[int, Sequence[int | Fraction]],
    splits: Mapping[int, Fraction],
    claim: Claim,
    continuous: bool,
) -> bool:
    """Return whether the multipliers prove that no point that matters follows the splits.

    Args:
        rows: forms a_1, ..., a_d, b of split neurons in t, where they have one.
        splits: +-(neuron + 1) to the multiplier >= 0 of that split.
        claim: the balls.
        continuous: whether no neuron of the network is a threshold.
    """
    used = [split for split, beta in splits.items() if beta]
    if not used or not all(abs(split) - 1 in rows for split in used):
        return False
    zero: list[int | Fraction] = [0] * len(rows[abs(used[0]) - 1])
    *slopes, value = reduced(zero, rows, splits)
    strict = any(split < 0 or (continuous and any(rows[split - 1])) for split in used)
    return (value > 0 or (value == 0 and strict)) and reaches(value, slopes, claim)


def reduced(
    form: Sequence[int | Fraction],
    rows: Mapping[int, Sequence[int | Fraction]],
    splits: Mapping[int, Fraction],
) -> list[int | Fraction]:
    """Return form - sum beta s z over the splits; multipliers that are 0 need no form."""
    result = list(form)
    for split, beta in splits.items():
        if beta:
            factor = beta if split > 0 else -beta
            row = rows[abs(split) - 1]
            result = [v - factor * z for v, z in zip(result, row, strict=True)]
    return result


def stable_sign(row: list[int], claim: Claim) -> int | None:
    """Return the sign of a form a.t + b on the open ball (0 if it is 0), None if it has both."""
    *slopes, value = row
    if any(slopes) and (value == 0 or not reaches(value, slopes, claim)):
        return None
    return (value > 0) - (value < 0)


def reaches(value: int | Fraction, slopes: Sequence[int | Fraction], claim: Claim) -> bool:
    """Return whether |value| >= mu ||slopes||_q, q dual to the claim's p = 1, 2 or inf."""
    top, bottom = claim.mu_power.numerator, claim.mu_power.denominator
    if claim.p == 2:
        return value * value * bottom >= top * sum(a * a for a in slopes)
    sizes: list[Any] = [abs(a) for a in slopes]
    norm = sum(sizes) if claim.p == inf else max(sizes, default=0)
    return bool(abs(Fraction(value)) * bottom >= top * norm)
