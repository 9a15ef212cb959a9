"""Which neuron to split: the relaxation's loss first, then a look at both halves' bounds.

The loss of an unstable neuron in the node's linear bound is |a| t for a coefficient a < 0 (the
upper line's constant) and at most a max(alpha |l|, (1 - alpha) u) for a > 0 (Bunel et al., "Branch
and bound for piecewise linear neural network verification", 2020). Of the neurons that lose most,
the one is split whose halves gain most, estimated with the node's own slopes (De Palma et al.,
"Improved branch and bound for neural network verification via Lagrangian decomposition", 2021). The
product of both gains counts, as in mixed-integer programming (Achterberg, "Constraint integer
programming", 2007): the smaller of the two bounds needs up to four times as many nodes here.
"""

from __future__ import annotations

import torch

from pipeline.verification.bounds import (
    LinearBound,
    Multipliers,
    PreActivations,
    Regions,
    RoundedNetwork,
    bound_with,
)
from pipeline.verification.bounds.relaxation import substituted
from pipeline.verification.bounds.rounding import dual_norm

# The least gain of a half, so that a product of gains never hides the other one.
_GAIN = 1e-6


def split_scores(known: PreActivations, bound: LinearBound, alpha: torch.Tensor) -> torch.Tensor:
    """Return the loss of each hidden neuron in each node's bound, 0 where it is stable.

    Args:
        known: bounds of the pre-activations.
        bound: linear bounds with their coefficients, one claim a node.
        alpha: lower slopes, shape (n, H).
    """
    scores, start = [], 0
    for layer, coefficients in zip(known.layers, bound.coefficients, strict=True):
        width = layer.lower.shape[1]
        slopes = alpha[:, start : start + width]
        a = coefficients[:, 0]
        _, constant = layer.upper_lines
        above = torch.maximum(slopes * -layer.lower, (1 - slopes) * layer.upper)
        loss = torch.where(a < 0, -a * constant, a * above)
        scores.append(torch.where(layer.unstable, loss, 0.0))
        start += width
    return torch.cat(scores, dim=1)


def chosen_splits(
    network: RoundedNetwork, regions: Regions, at: Multipliers, candidates: int
) -> torch.Tensor:
    """Return the neuron to split in every region, shape (n,); -1 where every neuron is stable.

    Args:
        network: the network.
        regions: the regions.
        at: their multipliers.
        candidates: how many neurons a layer to look at.
    """
    bound = bound_with(network, regions, at, rigorous=False, keep=True)
    scores = split_scores(regions.known, bound, at.alpha)
    neurons, gains, start = [], [], 0
    for layer, width in enumerate(network.hidden):
        part = slice(start, start + width)
        values, places = scores[:, part].topk(min(candidates, width), dim=1)
        gain = _gain_of_halves(network, regions, at, bound, layer, places)
        gains.append(torch.where(values > 0, gain, -torch.inf))
        neurons.append(places + start)
        start += width
    best = torch.cat(gains, dim=1).argmax(1, keepdim=True)
    found = torch.cat(neurons, dim=1).gather(1, best)[:, 0]
    unstable = torch.cat(regions.known.unstable(), dim=1)
    # A neuron without a loss of its own may still decide others further down.
    found = torch.where((scores > 0).any(1), found, unstable.double().argmax(1))
    return torch.where(unstable.any(1), found, -1)


def _gain_of_halves(
    network: RoundedNetwork,
    regions: Regions,
    at: Multipliers,
    bound: LinearBound,
    layer: int,
    places: torch.Tensor,
) -> torch.Tensor:
    """Return the log of the product of both halves' gains for each candidate, shape (n, k).

    With neuron j of the layer active (inactive) its entry of the row on z is a_j (0) instead of
    the relaxation's; what is above the layer stays, what is below is substituted again.

    Args:
        network: the network.
        regions: the regions.
        at: their multipliers.
        bound: their bounds with coefficients.
        layer: number of the hidden layer.
        places: the candidates' places in it, shape (n, k).
    """
    relaxed = regions.known.layers[layer]
    a = bound.coefficients[layer][:, 0].gather(1, places)
    upper, constant = (line.gather(1, places) for line in relaxed.upper_lines)
    first = sum(network.hidden[:layer])
    slope = torch.where(a > 0, at.alpha.gather(1, places + first), upper)
    change = torch.stack([a - a * slope, -a * slope], dim=2).flatten(1)
    lifted = (-a.clamp(max=0) * constant).repeat_interleave(2, dim=1)
    neurons = places.repeat_interleave(2, dim=1)
    if layer == 0:
        bias = regions.balls.first.gather(1, neurons)
        rows = bound.rows + change[..., None] * network.weights[0][neurons]
        value = bound.constant + lifted + change * bias
        lower = value - dual_norm(rows, regions.balls.p) * regions.balls.radius
    else:
        rows = bound.coefficients[layer - 1] + change[..., None] * network.weights[layer][neurons]
        value = bound.constants[layer - 1] + lifted + change * network.biases[layer][neurons]
        alphas = list(at.alpha[:, None, :first].split(list(network.hidden[:layer]), dim=-1))
        signed = (at.beta * regions.signs)[:, None, :first]
        lower = substituted(
            network,
            regions.balls,
            regions.known.layers[:layer],
            rows,
            value,
            alphas=alphas,
            betas=list(signed.split(list(network.hidden[:layer]), dim=-1)),
            rigorous=False,
        ).lower
    # What a half gains above 0 gains nothing: it is proved.
    gains = (lower.unflatten(1, (-1, 2)).clamp(max=0) - bound.lower[..., None]).clamp(min=_GAIN)
    return gains.log().sum(-1)
