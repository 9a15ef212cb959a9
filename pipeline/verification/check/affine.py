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
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import inf
from typing import Any

import flint

from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import Network
from pipeline.verification.check.stable import layer_matrix, shortened


class AffineLeaves:
    """Exact forms of one network on regions of one dataset's balls.

    Args:
        network: ReLUs and thresholds.
        claim: dataset, radius and norm, p = 1, 2 or inf.
    """

    def __init__(self, network: Network, claim: Claim) -> None:
        self._layers = network.layers
        self._matrices = [layer_matrix(layer) for layer in network.layers]
        self._claim = claim

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
        signs = {abs(n) - 1: (1 if n > 0 else -1) for n in splits}
        found = self._forms(ball, signs)
        if found is None:
            return False
        output, rows = found
        form = [side * v for v in output]
        form[-1] -= side * target
        for split, beta in splits.items():
            if beta:
                factor = beta if split > 0 else -beta
                row = rows[abs(split) - 1]
                form = [v - factor * z for v, z in zip(form, row, strict=True)]
        *slopes, value = form
        enough = value > 0 if strict else value >= 0
        return enough and reaches(value, slopes, self._claim)

    def _forms(
        self, ball: int, signs: dict[int, int]
    ) -> tuple[list[Fraction], dict[int, list[Fraction]]] | None:
        """Return the output's form and those of the split neurons, None if a neuron is neither."""
        forms, exponent = self._inputs(ball)
        split: dict[int, list[Fraction]] = {}
        first = 0
        for layer, matrix in zip(self._layers, self._matrices, strict=True):
            one = [0] * (len(forms[0]) - 1) + [1 << -exponent]
            product = (matrix * flint.fmpz_mat([*forms, one])).tolist()
            exponent += layer.exponent
            lift = max(exponent, 0)
            rows = [[int(v) << lift for v in row] for row in product]
            exponent -= lift
            if layer is self._layers[-1]:
                return [v * Fraction(2) ** exponent for v in rows[0]], split
            forms = []
            for k, (row, threshold) in enumerate(zip(rows, layer.thresholds.tolist(), strict=True)):
                sign = signs.get(first + k)
                if sign is not None:
                    split[first + k] = [v * Fraction(2) ** exponent for v in row]
                else:
                    sign = stable_sign(row, self._claim)
                if sign is None:
                    return None
                forms.append(_after(row, sign, threshold, exponent))
            first += layer.outputs
            forms, exponent = shortened(forms, exponent)
        return None

    def _inputs(self, ball: int) -> tuple[list[list[int]], int]:
        """Return x = t + x_i as rows of integers times 2**exponent, exponent <= 0."""
        data = self._claim.data
        exponent = min(data.exponent, 0)
        point = [int(v) << (data.exponent - exponent) for v in data.points[ball]]
        unit = 1 << -exponent
        d = len(point)
        return [[unit * (k == j) for k in range(d)] + [point[j]] for j in range(d)], exponent


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


def _after(row: list[int], sign: int, threshold: bool, exponent: int) -> list[int]:
    """Return the neuron's output as a form where it has the sign; 0 counts as z >= 0."""
    if threshold:
        return [0] * (len(row) - 1) + [(1 << -exponent) if sign >= 0 else 0]
    return row if sign > 0 else [0] * len(row)
