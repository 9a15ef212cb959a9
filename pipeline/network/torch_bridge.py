"""Bridge between exact networks and torch modules; rounding happens here and nowhere else."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pipeline.network.affine import Affine
from pipeline.network.relu_network import Activation, ReLUNetwork


class Threshold(nn.Module):
    """threshold(u) = 1 if u >= 0 else 0 on all neurons, or on some and relu(u) on the others.

    Args:
        mask: which neurons are thresholds, shape (width,), all of them by default.
    """

    mask: torch.Tensor | None

    def __init__(self, mask: torch.Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        """Return the activations, in the type of u."""
        steps = (u >= 0).to(u.dtype)
        return steps if self.mask is None else torch.where(self.mask, steps, torch.relu(u))


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
            modules.append(_module_of_activation(network.activations[number], device))
    return nn.Sequential(*modules)


def _module_of_activation(
    kind: Activation | tuple[Activation, ...], device: str | torch.device
) -> nn.Module:
    if isinstance(kind, tuple):
        mask = [a is Activation.THRESHOLD for a in kind]
        return Threshold(torch.tensor(mask, device=device))
    return nn.ReLU() if kind is Activation.RELU else Threshold()


def network_of_module(module: nn.Sequential) -> ReLUNetwork:
    """Return the exact network equal to a torch MLP: its float weights are dyadic numbers.

    Raises:
        ValueError: if the module is not an alternation of Linear and ReLU (or Threshold).
    """
    layers: list[Affine] = []
    activations: list[Activation | tuple[Activation, ...]] = []
    for part in module:
        if isinstance(part, nn.Linear):
            weight = part.weight.detach().cpu().numpy().astype(np.float64)
            bias = (
                np.zeros(part.out_features)
                if part.bias is None
                else part.bias.detach().cpu().numpy().astype(np.float64)
            )
            layers.append(Affine.from_floats(weight, bias))
        elif isinstance(part, nn.ReLU):
            activations.append(Activation.RELU)
        elif isinstance(part, Threshold) and part.mask is not None:
            kinds = (Activation.RELU, Activation.THRESHOLD)
            activations.append(tuple(kinds[int(m)] for m in part.mask.tolist()))
        elif isinstance(part, Threshold):
            activations.append(Activation.THRESHOLD)
        else:
            raise ValueError(f"only Linear and ReLU layers are exact networks, got {part}")
    return ReLUNetwork(tuple(layers), tuple(activations))
