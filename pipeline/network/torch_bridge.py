"""Bridge between exact networks and torch modules; rounding happens here and nowhere else."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pipeline.network.affine import Affine
from pipeline.network.relu_network import Activation, ReLUNetwork


class Threshold(nn.Module):
    """threshold(u) = 1 if u >= 0 else 0, entry by entry."""

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        """Return 1 where u >= 0 and 0 elsewhere, in the type of u."""
        return (u >= 0).to(u.dtype)


def module_of_network(
    network: ReLUNetwork, dtype: torch.dtype | None, device: str | torch.device
) -> nn.Sequential:
    """Return the network as nn.Sequential, weights rounded to nearest in `dtype`."""
    dtype = dtype or torch.float64
    modules: list[nn.Module] = []
    for number, layer in enumerate(network.layers):
        linear = nn.Linear(layer.inputs, layer.outputs, dtype=dtype, device=device)
        weight, bias = layer.dense()
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.nearest_float64()))
            linear.bias.copy_(torch.from_numpy(bias.nearest_float64()))
        modules.append(linear)
        if number < len(network.activations):
            relu = network.activations[number] is Activation.RELU
            modules.append(nn.ReLU() if relu else Threshold())
    return nn.Sequential(*modules)


def network_of_module(module: nn.Sequential) -> ReLUNetwork:
    """Return the exact network equal to a torch MLP: its float weights are dyadic numbers.

    Raises:
        ValueError: if the module is not an alternation of Linear and ReLU (or Threshold).
    """
    layers, activations = [], []
    for part in module:
        if isinstance(part, nn.Linear):
            weight = part.weight.detach().cpu().numpy().astype(np.float64)
            bias = (
                np.zeros(part.out_features)
                if part.bias is None
                else part.bias.detach().cpu().numpy().astype(np.float64)
            )
            layers.append(Affine.from_floats(weight, bias))
        elif isinstance(part, nn.ReLU | Threshold):
            relu = isinstance(part, nn.ReLU)
            activations.append(Activation.RELU if relu else Activation.THRESHOLD)
        else:
            raise ValueError(f"only Linear and ReLU layers are exact networks, got {part}")
    return ReLUNetwork(tuple(layers), tuple(activations))
