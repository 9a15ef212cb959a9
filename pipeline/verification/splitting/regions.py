"""Points of regions: minimisers of linear bounds, and the affine forms where nothing bends."""

from __future__ import annotations

import math

import torch

from pipeline.verification.bounds import Regions, RoundedNetwork


def minimisers(rows: torch.Tensor, radius: float, p: float) -> torch.Tensor:
    """Return t with ||t||_p = radius where rows . t is least, shape (n, d)."""
    if p == 2:
        return -radius * rows / (rows.norm(dim=1, keepdim=True) + 1e-300)
    if p == math.inf:
        return -radius * rows.sign()
    largest = rows.abs().argmax(1, keepdim=True)
    return torch.zeros_like(rows).scatter(1, largest, -radius * rows.gather(1, largest).sign())


def affine_forms(network: RoundedNetwork, region: Regions) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all pre-activations of a region without unstable neurons as forms of t.

    Returns:
        Slopes, shape (H, d), and constants, shape (H,), in plain float64.
    """
    slopes, constants = network.weights[0], region.balls.first[0]
    forms, values = [slopes], [constants]
    for number, layer in enumerate(region.known.layers[:-1], 1):
        active = (layer.lower[0] >= 0).double()
        weight = network.weights[number]
        slopes = weight @ (slopes * active[:, None])
        constants = weight @ (constants * active) + network.biases[number]
        forms.append(slopes)
        values.append(constants)
    return torch.cat(forms), torch.cat(values)
