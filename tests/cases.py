"""Named small networks with inputs and the exact outputs known by hand, for every representation.

A case is run exactly, in torch float64 and after a file round trip (tests/network/test_cases.py);
other representations join by iterating over `CASES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.exact import DyadicArray
from pipeline.network import Activation, Affine, ReLUNetwork, carry, parallel, serial

Number = int | Fraction


@dataclass(frozen=True)
class Case:
    """A network, rational inputs (n, d), their exact outputs (n, o), and its counts.

    `float64_is_exact` says that float64 makes no rounding error on these inputs.
    """

    name: str
    network: ReLUNetwork
    inputs: tuple[tuple[Number, ...], ...]
    outputs: tuple[tuple[Number, ...], ...]
    parameters: int
    nonzero: int
    bits: int
    float64_is_exact: bool = True

    @property
    def X(self) -> DyadicArray:
        """The inputs as a dyadic array."""
        return dyadic(self.inputs)


def dyadic(rows: tuple[tuple[Number, ...], ...]) -> DyadicArray:
    """Return rows of dyadic rationals as a `DyadicArray`."""
    bits = max(Fraction(v).denominator.bit_length() - 1 for row in rows for v in row)
    numerators = [[int(Fraction(v) * (1 << bits)) for v in row] for row in rows]
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    array[:] = numerators
    return DyadicArray(array, -bits)


def layer(rows: list[list[Number]], bias: list[Number]) -> Affine:
    """Return the affine map with the given rational rows and bias."""
    entries = {(i, j): v for i, row in enumerate(rows) for j, v in enumerate(row) if v}
    return Affine.from_fractions(
        (len(rows), len(rows[0])), entries, {i: b for i, b in enumerate(bias) if b}
    )


HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
TINY = Fraction(1, 1 << 60)

AFFINE = ReLUNetwork.relu(layer([[2, -1]], [HALF]))
ABSOLUTE = ReLUNetwork.relu(layer([[1], [-1]], [0, 0]), layer([[1, 1]], [0]))
# Tent on [0, 1]: 2 relu(u) - 4 relu(u - 1/2) (docs/theory.md 2).
TENT = ReLUNetwork.relu(layer([[1], [1]], [0, -HALF]), layer([[2, -4]], [0]))
# Step at the integer 3 for integers: relu(x - 2) - relu(x - 3).
STEP = ReLUNetwork.relu(layer([[1], [1]], [-2, -3]), layer([[1, -1]], [0]))
THRESHOLD = ReLUNetwork(
    (layer([[1], [-1]], [-1, 1]), layer([[1, 2]], [0])), (Activation.THRESHOLD,)
)
MIXED = ReLUNetwork(
    (layer([[1], [2]], [0, -1]), layer([[1, -1]], [0]), layer([[3]], [-1])),
    (Activation.RELU, Activation.THRESHOLD),
)
# One layer of a relu and a threshold: x - 2 [x >= 3] for x >= 0.
STEPPED = ReLUNetwork(
    (layer([[1], [1]], [0, -3]), layer([[1, -2]], [0])),
    ((Activation.RELU, Activation.THRESHOLD),),
)
# max(y, v) = y + relu(v - y) for y >= 0.
MAXIMUM = ReLUNetwork.relu(layer([[1, 0], [-1, 1]], [0, 0]), layer([[1, 1]], [0]))
ZERO = ReLUNetwork.relu(layer([[0, 0]], [0]), layer([[0]], [0]))
# (x + 2^-60) - x: float64 loses the difference at x = 1, exact arithmetic keeps it.
CANCELLING = ReLUNetwork.relu(layer([[1], [1]], [TINY, 0]), layer([[1, -1]], [0]))
WILD = ReLUNetwork.relu(layer([[1 << 60], [TINY]], [0, 0]), layer([[TINY, 1 << 60]], [1]))
BIG = ReLUNetwork.relu(layer([[(1 << 70) + 1]], [-(1 << 70)]), layer([[1]], [0]))

CASES = (
    Case("affine", AFFINE, ((0, 0), (3, HALF)), ((HALF,), (6,)), 3, 3, 2),
    Case("absolute_value", ABSOLUTE, ((-3,), (0,), (HALF,)), ((3,), (0,), (HALF,)), 7, 4, 1),
    Case("tent", TENT, ((0,), (QUARTER,), (HALF,), (1,)), ((0,), (HALF,), (1,), (0,)), 7, 5, 3),
    Case(
        "tent_of_tent",
        serial(TENT, TENT),
        ((0,), (Fraction(1, 8),), (QUARTER,), (HALF,), (Fraction(5, 8),)),
        ((0,), (HALF,), (1,), (0,), (HALF,)),
        13,
        10,
        3,
    ),
    Case("step", STEP, ((0,), (2,), (3,), (9,)), ((0,), (0,), (1,), (1,)), 7, 6, 2),
    Case("threshold", THRESHOLD, ((0,), (1,), (2,)), ((2,), (3,), (1,)), 7, 6, 2),
    Case("relu_then_threshold", MIXED, ((-1,), (0,), (2,)), ((2,), (2,), (-1,)), 9, 7, 2),
    Case("relu_beside_threshold", STEPPED, ((2,), (3,), (-1,)), ((2,), (1,), (0,)), 7, 5, 2),
    Case("maximum", MAXIMUM, ((1, 2), (2, 1), (0, -5)), ((2,), (2,), (0,)), 9, 5, 1),
    Case("zero", ZERO, ((1, 2),), ((0,),), 5, 0, 0),
    Case(
        "two_tents", parallel(TENT, TENT), ((QUARTER, 1), (1, HALF)), ((HALF, 0), (0, 1)), 22, 10, 3
    ),
    Case("carried", carry(TENT, 1), ((7, HALF), (0, 1)), ((7, 1), (0, 0)), 17, 7, 3),
    Case("wild_exponents", WILD, ((3,), (-3,)), ((7,), (1,)), 7, 5, 61),
    Case("cancelling", CANCELLING, ((1,), (0,)), ((TINY,), (TINY,)), 7, 5, 60, False),
    Case("big_integers", BIG, ((1,), (2,)), ((1,), ((1 << 70) + 2,)), 4, 3, 71, False),
)
