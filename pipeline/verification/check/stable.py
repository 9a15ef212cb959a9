"""Any network, ball by ball: where no neuron changes sign the network is one affine map.

Lemma. On the open ball |x - x_i| < r let every pre-activation be a.x + b of the layers before. With
v = a.x_i + b, |a.(x - x_i)| < r |a| there (or a = 0), so v^2 >= r^2 |a|^2 fixes the sign: for v > 0
the pre-activation is positive on the whole ball, for v < 0 negative, and for v = 0 it is 0. Then
relu keeps the form or makes it 0, a threshold makes it 1 or 0, and the next layer is affine on the
ball again. f = y_i on the ball if and only if the last form has a = 0 and b = y_i.

No structure is needed and none is read, so this check serves networks of any origin. It proves
nothing on balls across which some neuron bends; those are left undecided. Comparisons are of
squares, in integers.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import flint
import numpy as np

from pipeline.verification.check.balls import Claim, Findings, at_most, first_failure
from pipeline.verification.check.geometry import enclosing_radius
from pipeline.verification.check.readers import Layer, Network


def check_stable(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right because no neuron changes sign on them."""
    del structure
    squared = claim.mu_power
    if claim.p != 2:
        squared = enclosing_radius(claim.mu_power, claim.p, claim.data.points.shape[1]) ** 2
    matrices = [layer_matrix(layer) for layer in network.layers]
    stable = np.zeros(len(claim.data.labels), dtype=bool)
    verified = np.zeros(len(claim.data.labels), dtype=bool)
    for i, label in enumerate(claim.data.labels.tolist()):
        form = _form_on_ball(network, matrices, claim, i, squared)
        if form is not None:
            stable[i] = True
            slopes, value = form[:-1], form[-1]
            verified[i] = not any(slopes) and value == label
    reason = first_failure(
        claim.data.labels,
        [
            ("some neuron changes sign on it", stable),
            ("the network is affine on it, but not its label", verified),
        ],
    )
    facts = (
        f"{int(stable.sum())} balls on which no neuron changes sign",
        f"radius of an l2 ball that holds each ball: square at most {at_most(squared)}",
    )
    slack = np.full(len(verified), np.nan)
    return Findings(verified, slack, reason, facts, points=verified.copy())


def layer_matrix(layer: Layer) -> flint.fmpz_mat:
    """Return [W b] as integers, the bias as one more column."""
    rows = [[0] * layer.inputs + [int(b)] for b in layer.bias.tolist()]
    for r, c, v in zip(
        layer.rows.tolist(), layer.columns.tolist(), layer.values.tolist(), strict=True
    ):
        rows[r][c] = int(v)
    return flint.fmpz_mat(rows)


def _form_on_ball(
    network: Network,
    matrices: list[flint.fmpz_mat],
    claim: Claim,
    i: int,
    squared: Fraction,
) -> list[Fraction] | None:
    """Return the output's form a_1, ..., a_d, b on ball i, None where a neuron changes sign.

    Forms are rows of integers times 2**exponent, exponent <= 0; the row `one` is the constant 1.
    """
    d = claim.data.points.shape[1]
    point = [int(v) << max(claim.data.exponent, 0) for v in claim.data.points[i]]
    unit, exponent = min(claim.data.exponent, 0), 0
    forms = [[int(k == j) for k in range(d + 1)] for j in range(d)]
    for number, (layer, matrix) in enumerate(zip(network.layers, matrices, strict=True)):
        one = [0] * d + [1 << -exponent]
        product = matrix * flint.fmpz_mat([*forms, one])
        exponent += layer.exponent
        rows = [[int(v) for v in row] for row in product.tolist()]
        if exponent > 0:
            rows, exponent = [[v << exponent for v in row] for row in rows], 0
        if number == len(network.layers) - 1:
            return [v * Fraction(2) ** exponent for v in rows[0]]
        forms = []
        for row, threshold in zip(rows, layer.thresholds.tolist(), strict=True):
            sign = _sign(row, point, unit, squared)
            if sign is None:
                return None
            if threshold:
                forms.append([0] * d + [(1 << -exponent) if sign >= 0 else 0])
            else:
                forms.append(row if sign > 0 else [0] * (d + 1))
        forms, exponent = shortened(forms, exponent)
        if d and not any(any(row[:-1]) for row in forms):
            # From here on the network computes numbers: the point does not matter any more.
            forms, point, d = [row[-1:] for row in forms], [], 0
    return None


def _sign(row: list[int], point: list[int], exponent: int, squared: Fraction) -> int | None:
    """Return the sign of the form on the open ball, None if it has both.

    Args:
        row: a_1, ..., a_d, b as integers on any common scale.
        point: numerators of the centre.
        exponent: power of two of the centre, at most 0.
        squared: square of the radius.
    """
    *slopes, constant = row
    if not any(slopes):
        return (constant > 0) - (constant < 0)
    value = sum(a * x for a, x in zip(slopes, point, strict=True) if a) + (constant << -exponent)
    length = sum(a * a for a in slopes) << (-2 * exponent)
    if value * value * squared.denominator < squared.numerator * length:
        return None
    return (value > 0) - (value < 0)


def shortened(forms: list[list[int]], exponent: int) -> tuple[list[list[int]], int]:
    """Return the same forms without common factors of two, so that numerators stay short."""
    together = 0
    for row in forms:
        for value in row:
            together |= value
    if not together:
        return forms, 0
    shift = min((together & -together).bit_length() - 1, -exponent)
    if shift <= 0:
        return forms, exponent
    return [[v >> shift for v in row] for row in forms], exponent + shift
