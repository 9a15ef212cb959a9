"""Networks with one number changed by a unit, each number in turn."""

from __future__ import annotations

from dataclasses import replace

from pipeline.network import ReLUNetwork, SparseIntegers


def one_unit_off(network: ReLUNetwork) -> list[ReLUNetwork]:
    """Return the network with each weight and bias changed by a unit of its layer."""
    changed = []
    for k, affine in enumerate(network.layers):
        for place in range(len(affine.weight.values) + affine.outputs):
            values, bias = affine.weight.values.copy(), affine.bias.copy()
            if place < len(values):
                values[place] += 1 if values[place] != -1 else 2
                weight = SparseIntegers(affine.weight.shape, affine.weight.index, values)
                moved = replace(affine, weight=weight)
            else:
                bias[place - len(values)] += 1
                moved = replace(affine, bias=bias)
            layers = (*network.layers[:k], moved, *network.layers[k + 1 :])
            changed.append(replace(network, layers=layers))
    return changed
