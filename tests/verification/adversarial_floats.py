"""Networks that floats misread: wrong on a ball in exact arithmetic, right on it in plain float64.

Every case has a witness, so VERIFIED is a wrong verdict whatever the method. Inputs have two
coordinates, of which the networks read the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.network import Affine, ReLUNetwork

Number = int | float | Fraction
Rows = Sequence[Sequence[Number]]


@dataclass(frozen=True, eq=False)
class AdversarialCase:
    """A network that is wrong on one ball.

    Args:
        name: what floats misread.
        network: scalar network on the plane.
        dataset: points on a line, labels 1..C.
        rho: robustness ratio.
        ball: the ball on which the network is wrong.
        witness: a point where it is, strictly inside the ball in every norm, shape (2,).
    """

    name: str
    network: ReLUNetwork
    dataset: SeparatedDataset
    rho: Fraction
    ball: int
    witness: DyadicArray

    @property
    def label(self) -> int:
        """Label of the ball."""
        return int(self.dataset.y[self.ball])


NORMS = (1, 2, inf)
ONE = Fraction(1)


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def affine(rows: Rows, bias: Sequence[Number]) -> Affine:
    entries = {
        (i, j): Fraction(value)
        for i, row in enumerate(rows)
        for j, value in enumerate(row)
        if value
    }
    offsets = {i: Fraction(value) for i, value in enumerate(bias)}
    return Affine.from_fractions((len(rows), len(rows[0])), entries, offsets)


def points_on_line(labels: int = 2, start: Number = 0, gap: Number = 4) -> SeparatedDataset:
    """Return points start + k gap with the labels 1, 2, ...: eps_D = gap / 2."""
    X = np.array([[Fraction(start) + k * Fraction(gap), Fraction(0)] for k in range(labels)])
    return SeparatedDataset("line", dyadic(X), np.arange(labels) + 1)


def dyadic(values: np.ndarray) -> DyadicArray:
    bits = max(value.denominator.bit_length() - 1 for value in values.flat)
    numerators = np.array([int(v * (1 << bits)) for v in values.flat], dtype=object)
    return DyadicArray(numerators.reshape(values.shape), -bits).normalized()


def case(
    name: str,
    layers: Sequence[Affine],
    witness: Number,
    dataset: SeparatedDataset | None = None,
    rho: Fraction = Fraction(1, 2),
    ball: int = 0,
) -> AdversarialCase:
    """Return the case of these layers; balls have radius 1 about 0 and 4 by default."""
    point = dyadic(np.array([Fraction(witness), Fraction(0)]))
    data = points_on_line() if dataset is None else dataset
    return AdversarialCase(name, ReLUNetwork.relu(*layers), data, rho, ball, point)


def cancelling_outputs(exponent: int, order: Sequence[int]) -> AdversarialCase:
    """f = 1 + relu(x + 2), by weights 2^e, 1 and -2^e on three equal neurons."""
    weights = [power(exponent), ONE, -power(exponent)]
    name = f"output weights 2^{exponent}, 1, -2^{exponent} in the order {list(order)}"
    first = affine([[1, 0]] * 3, [2] * 3)
    return case(name, [first, affine([[weights[k] for k in order]], [1])], Fraction(3, 4))


def a_quarter_to_three_quarters() -> AdversarialCase:
    """f = z - 1/2 in [1/4, 3/4] for three times z = x / 4 + 1 in [3/4, 5/4]; floats give -1/2."""
    first = affine([[Fraction(1, 4), 0]] * 3, [1] * 3)
    last = affine([[power(60), 1, -power(60)]], [-Fraction(1, 2)])
    return case("range [1/4, 3/4]", [first, last], -Fraction(1, 4))


def cancelling_inside(exponent: int) -> AdversarialCase:
    """f = 1 + relu(x + 2), the cancellation in the second of three layers."""
    first = affine([[1, 0]] * 3, [2] * 3)
    second = affine([[power(exponent), 1, -power(exponent)]] * 2, [0, 0])
    name = f"hidden weights 2^{exponent}, 1, -2^{exponent}"
    return case(name, [first, second, affine([[1, 0]], [1])], Fraction(3, 4))


def rounded_first_bias() -> AdversarialCase:
    """f = x + 2 about 0: the bias 2^53 + 1 is no float."""
    layers = [affine([[1, 0]], [2**53 + 1]), affine([[1]], [1 - 2**53])]
    return case("first bias 2^53 + 1", layers, 0, rho=Fraction(1, 8))


def rounded_hidden_bias() -> AdversarialCase:
    """f = x + 2 about 0: the hidden bias 2^53 + 1 is no float."""
    layers = [affine([[1, 0]], [2]), affine([[1]], [2**53 - 1]), affine([[1]], [1 - 2**53])]
    return case("hidden bias 2^53 - 1", layers, 0, rho=Fraction(1, 8))


def rounded_output_bias(label: int) -> AdversarialCase:
    """f < y - 1/2 by a hair: the last bias, near y - 1/2, is rounded up."""
    target = Fraction(2 * label - 1, 2)
    unit = power((label - 1).bit_length() - 53)
    bias = target + unit * Fraction(33, 64)
    layers = [affine([[0, 0]], [1]), affine([[-unit * Fraction(3, 4)]], [bias])]
    data = points_on_line(label)
    name = f"output bias of the label {label} rounded up"
    return case(name, layers, 4 * (label - 1), data, ball=label - 1)


def tiny_then_huge(first: int, second: int) -> AdversarialCase:
    """f = 1 + 2 relu(x + 2), through hidden values that floats flush to 0 or overflow."""
    layers = [
        affine([[power(first), 0]], [power(first + 1)]),
        affine([[power(second)]], [0]),
        affine([[power(1 - first - second)]], [1]),
    ]
    return case(f"weights 2^{first}, 2^{second}, 2^{1 - first - second}", layers, Fraction(3, 4))


def small_ball(exponent: int) -> AdversarialCase:
    """f = 1 + 2^(2 - e) x on the ball of radius 2^e."""
    data = points_on_line(2, 0, 4 * power(exponent))
    layers = [
        affine([[power(900), 0]], [power(900 + exponent)]),
        affine([[power(1 - exponent - 900)]], [0]),
    ]
    witness = power(exponent - 1)
    return case(f"radius 2^{exponent}", layers, witness, data)


def subnormal_radius() -> AdversarialCase:
    """f = 1 + 4 x / 2^-1060 on the ball of radius 2^-1060."""
    data = points_on_line(2, 0, 4 * power(-1060))
    layers = [affine([[power(1000), 0]], [1]), affine([[power(62)]], [1 - power(62)])]
    return case("radius 2^-1060", layers, power(-1061), data)


def far_centre(exponent: int) -> AdversarialCase:
    """f = 1 + relu(x - c) about c + 1, a normalising layer of huge weights and biases."""
    centre, scale = power(exponent), power(exponent // 2)
    layers = [
        affine([[scale, 0]], [-scale * centre]),
        affine([[1 / scale]], [0]),
        affine([[2]], [1]),
    ]
    data = points_on_line(2, centre)
    return case(f"centre 2^{exponent}", layers, centre + Fraction(1, 2), data)


def thin_margin() -> AdversarialCase:
    """f passes 3/2 only next to the sphere."""
    slope = Fraction(1, 2) * (1 + power(-40))
    layers = [affine([[1, 0]], [1]), affine([[slope]], [1 - slope])]
    return case("3/2 is passed by 2^-41", layers, 1 - power(-42))


def rounded_weights(layer: int) -> AdversarialCase:
    """f passes 3/2 by about 2^-45: weights just above 1 are rounded to 1."""
    n, above = 8, 1 + power(-53) - power(-60)
    signs = [ONE] * n + [-ONE] * n
    weights = [above if k < n else ONE for k in range(2 * n)]
    # Both halves cancel up to n (above - 1) 64, about 2^-44.
    bias = Fraction(3, 2) - power(-45)
    if layer == 0:
        first = affine([[w, 0] for w in weights], [64 * w for w in weights])
        last = affine([signs], [bias])
        return case("first weights rounded to 1", [first, last], 0, rho=Fraction(1, 8))
    first = affine([[1, 0]] * (2 * n), [64] * (2 * n))
    last = affine([[s * w for s, w in zip(signs, weights, strict=True)]], [bias])
    if layer == 1:
        return case("output weights rounded to 1", [first, last], 0, rho=Fraction(1, 8))
    middle = affine([[s * w for s, w in zip(signs, weights, strict=True)]], [1])
    last = affine([[1]], [bias - 1])
    return case("hidden weights rounded to 1", [first, middle, last], 0, rho=Fraction(1, 8))


def rounded_slopes() -> AdversarialCase:
    """f is 2 where floats say 1: the product (1 + 2^-30)^2 of two weights is no float."""
    layers = [
        affine([[1, 0]], [1]),
        affine([[1 + power(-30)]], [0]),
        affine([[power(60) * (1 + power(-30))]], [0]),
        affine([[1]], [1 - power(60) * (1 + power(-29))]),
    ]
    return case("a product of weights rounded", layers, 0, rho=power(-70))


CASES = [
    *(cancelling_outputs(e, order) for e in (54, 60, 100) for order in ((0, 1, 2), (0, 2, 1))),
    a_quarter_to_three_quarters(),
    cancelling_inside(60),
    rounded_first_bias(),
    rounded_hidden_bias(),
    rounded_output_bias(2),
    rounded_output_bias(16),
    rounded_output_bias(100),
    tiny_then_huge(-1010, 500),
    tiny_then_huge(-1060, 500),
    tiny_then_huge(600, 600),
    tiny_then_huge(500, 500),
    tiny_then_huge(-300, -300),
    small_ball(-300),
    small_ball(-700),
    subnormal_radius(),
    far_centre(60),
    far_centre(300),
    thin_margin(),
    rounded_weights(0),
    rounded_weights(1),
    rounded_weights(2),
    rounded_slopes(),
]
