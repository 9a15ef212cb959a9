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
    activations: list[Activation] = list(networks[0].activations)
    for network in networks[1:]:
        if layers[-1].outputs != network.inputs:
            raise ValueError(f"serial: {layers[-1].outputs} outputs meet {network.inputs} inputs")
        layers[-1] = network.layers[0].after(layers[-1])
        layers.extend(network.layers[1:])
        activations.extend(network.activations)
    return ReLUNetwork(tuple(layers), tuple(activations))


def parallel(*networks: ReLUNetwork) -> ReLUNetwork:
    """Return (x_1, ..., x_k) -> (f_1(x_1), ..., f_k(x_k)) for networks of one shape of depth.

    Raises:
        ValueError: if depths or activations differ.
    """
    if not networks:
        raise ValueError("parallel needs at least one network")
    first = networks[0]
    for network in networks[1:]:
        if network.activations != first.activations:
            raise ValueError(
                "parallel needs the same activations layer by layer; carry() pads the shorter one"
            )
    layers = [block_diagonal(*(n.layers[i] for n in networks)) for i in range(first.depth)]
    return ReLUNetwork(tuple(layers), first.activations)


def carry(network: ReLUNetwork, count: int) -> ReLUNetwork:
    """Return (u, x) -> (u, f(x)) for u >= 0 in R^count, one neuron a carried value and layer.

    Raises:
        ValueError: if a hidden layer is a threshold layer, which cannot carry a value.
    """
    if Activation.THRESHOLD in network.activations:
        raise ValueError("a threshold layer cannot carry a value")
    if count == 0:
        return network
    keep = identity_affine(count)
    layers = [block_diagonal(keep, layer) for layer in network.layers]
    return ReLUNetwork(tuple(layers), network.activations)


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
