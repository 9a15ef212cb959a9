"""Composition of networks: serial with affine merge, parallel, carry."""

from __future__ import annotations

import numpy as np

from pipeline.network.affine import Affine, SparseIntegers
from pipeline.network.relu_network import Activation, ReLUNetwork


def serial(*networks: ReLUNetwork) -> ReLUNetwork:
    """Return x -> networks[-1](... networks[0](x)), neighbouring affine maps merged.

    Merging the last affine map of one network with the first of the next keeps the depth at
    1 + (number of hidden layers).

    Raises:
        ValueError: if no network is given or the dimensions do not match.
    """
    if not networks:
        raise ValueError("serial needs at least one network")
    layers: list[Affine] = list(networks[0].layers)
    activations = list(networks[0].activations)
    for network in networks[1:]:
        if layers[-1].outputs != network.inputs:
            raise ValueError(f"serial: {layers[-1].outputs} outputs meet {network.inputs} inputs")
        layers[-1] = network.layers[0].after(layers[-1])
        layers.extend(network.layers[1:])
        activations.extend(network.activations)
    return ReLUNetwork(tuple(layers), tuple(activations))


def parallel(*networks: ReLUNetwork) -> ReLUNetwork:
    """Return (x_1, ..., x_k) -> (f_1(x_1), ..., f_k(x_k)) for networks of one depth.

    Raises:
        ValueError: if depths differ.
    """
    if not networks:
        raise ValueError("parallel needs at least one network")
    depths = sorted({network.depth for network in networks})
    if len(depths) > 1:
        raise ValueError(f"parallel needs networks of one depth, got {depths}")
    layers = [block_diagonal(*(n.layers[i] for n in networks)) for i in range(depths[0])]
    kinds = [tuple(kind for n in networks for kind in _neurons(n, i)) for i in range(depths[0] - 1)]
    return ReLUNetwork(tuple(layers), tuple(kinds))


def _neurons(network: ReLUNetwork, number: int) -> tuple[Activation, ...]:
    """Return the activation of every neuron of hidden layer `number`."""
    kind = network.activations[number]
    return kind if isinstance(kind, tuple) else (kind,) * network.layers[number].outputs


def carry(network: ReLUNetwork, count: int) -> ReLUNetwork:
    """Return (u, x) -> (u, f(x)) for u >= 0 in R^count, one ReLU neuron a value and layer."""
    if count == 0:
        return network
    return parallel(identity_network(count, network.depth), network)


def identity_network(count: int, depth: int) -> ReLUNetwork:
    """Return the identity on nonnegative vectors of R^count with `depth` affine layers."""
    return ReLUNetwork.relu(*[identity_affine(count)] * depth)


def identity_affine(count: int) -> Affine:
    """Return the identity on R^count as an affine map."""
    diagonal = np.arange(count, dtype=np.int64) * (count + 1)
    weight = SparseIntegers((count, count), diagonal, np.ones(count, dtype=np.int64))
    return Affine(weight, np.zeros(count, dtype=np.int64), 0)


def block_diagonal(*maps: Affine) -> Affine:
    """Return (x_1, ..., x_k) -> (A_1 x_1, ..., A_k x_k)."""
    common = min(a.exponent for a in maps)
    scaled = [a.at_exponent(common) for a in maps]
    outputs = sum(a.outputs for a in scaled)
    inputs = sum(a.inputs for a in scaled)
    rows, columns, values, row, column = [], [], [], 0, 0
    for a in scaled:
        rows.append(a.weight.rows + row)
        columns.append(a.weight.columns + column)
        values.append(a.weight.values)
        row, column = row + a.outputs, column + a.inputs
    weight = SparseIntegers.from_entries(
        (outputs, inputs),
        np.concatenate(rows),
        np.concatenate(columns),
        np.concatenate(values),
    )
    return Affine(weight, np.concatenate([a.bias for a in scaled]), common)
