"""Interval arithmetic through one layer, rigorous in float64."""

from __future__ import annotations

import torch

from pipeline.verification.bounds.relaxation import Relaxation
from pipeline.verification.bounds.rounding import ETA, SLACK, Balls, RoundedNetwork, U, dual_norm
from pipeline.verification.bounds.rounding import gamma as gamma_of


def first_interval(network: RoundedNetwork, balls: Balls) -> tuple[torch.Tensor, torch.Tensor]:
    """Return bounds of the first pre-activations on the balls, shapes (B, n_1): z_0 -+ mu ||w||_q.

    They are the best ones, up to rounding.
    """
    weight, centre = network.weights[0], balls.first
    # Weights are off by u |w| each: the norm by at most u ||w||.
    reach = (dual_norm(weight, balls.p) * (1 + 4 * U) + ETA) * balls.radius * (1 + 8 * U)
    off = (centre.abs() + reach) * (4 * U) + ETA
    return centre - (reach + off), centre + (reach + off)


def next_interval(
    network: RoundedNetwork, layer: int, before: Relaxation
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return bounds of a layer's pre-activations from those of the layer before, shapes (B, n).

    Args:
        network: the network.
        layer: number of the hidden layer, from 1; the last one, L - 1, gives the output.
        before: the layer before.
    """
    weight, bias = network.weights[layer], network.biases[layer]
    low, high = before.lower.clamp(min=0), before.upper.clamp(min=0)
    positive, negative = weight.clamp(min=0).T, weight.clamp(max=0).T
    lower = low @ positive + high @ negative + bias
    upper = high @ positive + low @ negative + bias
    size = high @ weight.abs().T + bias.abs()
    floor = (high.sum(-1, keepdim=True) + 1) * (weight.shape[1] * ETA)
    off = size * (SLACK * gamma_of(2 * weight.shape[1] + 8)) + floor
    return lower - off, upper + off
