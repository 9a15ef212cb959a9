"""Networks written layer by layer as arithmetic: affine expressions in the last layer's neurons.

    circuit = Circuit(1)
    (x,) = circuit.inputs
    left, right = circuit.hidden([x - 2, x - 3])
    network = circuit.network([left - right])

A gadget takes the circuit and the expressions it works on, appends its hidden layers and returns
new expressions. A value that a later layer needs has to be carried by a neuron of its own in every
layer between; an expression of an earlier layer is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from pipeline.network.affine import Affine, SparseIntegers
from pipeline.network.relu_network import Activation, ReLUNetwork

Number = int | Fraction


@dataclass(frozen=True)
class Expression:
    """The affine expression sum_i terms[i] * neuron_i + constant in the neurons of one layer.

    Args:
        layer: number of hidden layers before it.
        terms: dyadic coefficients by neuron, none of them zero.
        constant: dyadic.
    """

    layer: int
    terms: dict[int, Number] = field(default_factory=dict)
    constant: Number = 0

    def __add__(self, other: Expression | Number) -> Expression:
        if not isinstance(other, Expression):
            return Expression(self.layer, self.terms, self.constant + other)
        if other.layer != self.layer:
            layers = f"{self.layer} and {other.layer}"
            raise ValueError(f"expressions of layers {layers} cannot be added")
        terms = dict(self.terms)
        for neuron, value in other.terms.items():
            total = terms.get(neuron, 0) + value
            if total:
                terms[neuron] = total
            else:
                terms.pop(neuron)
        return Expression(self.layer, terms, self.constant + other.constant)

    def __mul__(self, factor: Number) -> Expression:
        if not factor:
            return Expression(self.layer)
        terms = {neuron: value * factor for neuron, value in self.terms.items()}
        return Expression(self.layer, terms, self.constant * factor)

    def __sub__(self, other: Expression | Number) -> Expression:
        return self + other * -1

    def __neg__(self) -> Expression:
        return self * -1

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Number) -> Expression:
        return -self + other


class Circuit:
    """A network under construction.

    Args:
        inputs: input dimension d.

    Attributes:
        inputs: the expressions of the d inputs, for the first layer.
    """

    def __init__(self, inputs: int) -> None:
        self.inputs = _neurons(0, inputs)
        self._width = inputs
        self._layers: list[Affine] = []
        self._activations: list[tuple[Activation, ...]] = []

    @property
    def depth(self) -> int:
        """Number of hidden layers so far."""
        return len(self._layers)

    def constant(self, value: Number) -> Expression:
        """Return a number as an expression of the present layer."""
        return Expression(self.depth, {}, value)

    def hidden(
        self, relu: Sequence[Expression], threshold: Sequence[Expression] = ()
    ) -> list[Expression]:
        """Append a hidden layer; return its neurons, the ReLUs and then the thresholds."""
        self._append(_affine_of(self.depth, self._width, [*relu, *threshold]))
        steps = (Activation.THRESHOLD,) * len(threshold)
        self._activations.append((Activation.RELU,) * len(relu) + steps)
        return _neurons(self.depth, self._width)

    def hidden_affine(self, affine: Affine) -> list[Expression]:
        """Append relu(W a + b) for an affine map that is at hand; return its neurons.

        Raises:
            ValueError: if it does not fit the present layer.
        """
        if affine.inputs != self._width:
            raise ValueError(f"the map has {affine.inputs} inputs, the layer {self._width} neurons")
        self._append(affine)
        self._activations.append((Activation.RELU,) * affine.outputs)
        return _neurons(self.depth, self._width)

    def network(self, outputs: Sequence[Expression]) -> ReLUNetwork:
        """Return the network with the given outputs; the circuit stays as it is."""
        last = _affine_of(self.depth, self._width, outputs)
        return ReLUNetwork((*self._layers, last), tuple(self._activations))

    def _append(self, affine: Affine) -> None:
        self._layers.append(affine)
        self._width = affine.outputs


def _neurons(layer: int, count: int) -> list[Expression]:
    return [Expression(layer, {i: 1}) for i in range(count)]


def _affine_of(layer: int, inputs: int, rows: Sequence[Expression]) -> Affine:
    """Return the affine map with the given rows.

    Raises:
        ValueError: if a row belongs to another layer.
    """
    strangers = [row.layer for row in rows if row.layer != layer]
    if strangers:
        raise ValueError(
            f"layer {layer + 1} reads layer {layer}, got an expression of layer {strangers[0]}: "
            f"carry it by a neuron"
        )
    index, values = [], []
    for number, row in enumerate(rows):
        for neuron in sorted(row.terms):
            index.append(number * inputs + neuron)
            values.append(row.terms[neuron])
    numerators, exponent = _common([*values, *(row.constant for row in rows)])
    entries = np.array(index, dtype=np.int64)
    weight = SparseIntegers((len(rows), inputs), entries, numerators[: len(values)])
    return Affine(weight, numerators[len(values) :], exponent)


def _common(values: Sequence[Number]) -> tuple[np.ndarray, int]:
    """Return the integers n and the exponent e <= 0 with values = n * 2**e.

    Raises:
        ValueError: if a value is not dyadic.
    """
    bits = 0
    for value in values:
        denominator = value.denominator
        if denominator & (denominator - 1):
            raise ValueError(f"weights must be dyadic rationals, got {value}")
        bits = max(bits, denominator.bit_length() - 1)
    numerators = np.empty(len(values), dtype=object)
    numerators[:] = [v.numerator << (bits - v.denominator.bit_length() + 1) for v in values]
    return numerators, -bits
