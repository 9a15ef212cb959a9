"""Parts of a built network, and the exact graph of a network with one input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from pipeline.network import Activation, Affine, ReLUNetwork, SparseIntegers


def read_neurons(network: ReLUNetwork, layer: int, neurons: Sequence[int]) -> ReLUNetwork:
    """Return the network whose outputs are chosen neurons of a layer before their activation.

    Args:
        network: the network to read.
        layer: which of its affine maps, from 0; the last one gives its own outputs.
        neurons: rows of that map.
    """
    last = network.layers[layer]
    rows = np.asarray(neurons, dtype=np.int64)
    weight = SparseIntegers.from_dense(last.weight.dense()[rows])
    readout = Affine(weight, last.bias[rows], last.exponent)
    return ReLUNetwork((*network.layers[:layer], readout), network.activations[:layer])


def from_layer(network: ReLUNetwork, layer: int) -> ReLUNetwork:
    """Return the network from an affine map on: its inputs are the activations before that map."""
    return ReLUNetwork(network.layers[layer:], network.activations[layer:])


@dataclass(frozen=True)
class _Neuron:
    """Values of all neurons of a layer at one point of the line."""

    x: Fraction
    values: tuple[Fraction, ...]


def breakpoints(
    network: ReLUNetwork, low: Fraction, high: Fraction
) -> list[tuple[Fraction, Fraction]]:
    """Return the corners (x, f(x)) of the graph of f on [low, high], both ends included, exactly.

    A hidden layer adds the zeros of its pre-activations, which are affine between the corners of
    the layers before; at the end, corners at which the slope does not change are dropped.

    Args:
        network: one input, one output, ReLU alone.
        low: left end.
        high: right end, above `low`.

    Raises:
        ValueError: for another number of inputs or outputs, for thresholds, or for low >= high.
    """
    if (network.inputs, network.outputs) != (1, 1) or low >= high:
        raise ValueError(
            f"a graph needs one input, one output and low < high, got {network.inputs}, "
            f"{network.outputs}, [{low}, {high}]"
        )
    if any(kind is not Activation.RELU for kind in network.activations):
        raise ValueError("breakpoints are those of ReLU networks, got thresholds")
    points = [_Neuron(end, (end,)) for end in (low, high)]
    for number, layer in enumerate(network.layers):
        points = _after(layer, points)
        if number < network.depth - 1:
            points = [
                _Neuron(p.x, tuple(max(v, Fraction(0)) for v in p.values))
                for p in _with_zeros(points)
            ]
    return _corners([(p.x, p.values[0]) for p in points])


def _after(layer: Affine, points: list[_Neuron]) -> list[_Neuron]:
    weight, bias = (part.fractions() for part in layer.dense())
    found = []
    for point in points:
        values = weight @ np.array(point.values, dtype=object) + bias
        found.append(_Neuron(point.x, tuple(Fraction(v) for v in values)))
    return found


def _with_zeros(points: list[_Neuron]) -> list[_Neuron]:
    """Return the points and, between neighbours, every place at which a neuron changes sign."""
    found = []
    for left, right in pairwise(points):
        pairs = zip(left.values, right.values, strict=True)
        shares = {u / (u - v) for u, v in pairs if u * v < 0}
        found.append(left)
        for share in sorted(shares):
            between = zip(left.values, right.values, strict=True)
            values = tuple(u + (v - u) * share for u, v in between)
            found.append(_Neuron(left.x + (right.x - left.x) * share, values))
    return [*found, points[-1]]


def _corners(points: list[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    kept = [points[0]]
    for at, after in pairwise(points[1:]):
        if _slope(kept[-1], at) != _slope(at, after):
            kept.append(at)
    return [*kept, points[-1]]


def _slope(left: tuple[Fraction, Fraction], right: tuple[Fraction, Fraction]) -> Fraction:
    return (right[1] - left[1]) / (right[0] - left[0])
