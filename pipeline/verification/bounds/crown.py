"""CROWN: bounds of all pre-activations, layer by layer, then of the claim on every region.

A region is a ball cut by half-spaces sigma z_j >= 0 that splits have chosen; without splits it is
the ball. Zhang et al., 2018; splits as in Wang et al., 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.verification.bounds.interval import first_interval, next_interval
from pipeline.verification.bounds.relaxation import (
    LinearBound,
    Relaxation,
    relaxation,
    substituted,
)
from pipeline.verification.bounds.rounding import Balls, RoundedNetwork, U

# Entries of the largest temporary array: blocks that stay in a processor's cache, or fill a GPU.
_ENTRIES = {"cpu": 1 << 18, "cuda": 1 << 27}


@dataclass(frozen=True, eq=False)
class PreActivations:
    """Bounds of all hidden pre-activations on some regions.

    Args:
        layers: one relaxation a hidden layer.
        empty: regions proved to be empty, shape (B,).
    """

    layers: list[Relaxation]
    empty: torch.Tensor

    def unstable(self) -> list[torch.Tensor]:
        """Return where neurons are neither proved active nor inactive, one (B, n) a layer."""
        return [layer.unstable for layer in self.layers]

    def __getitem__(self, rows: torch.Tensor | slice) -> PreActivations:
        """Return some of the regions."""
        return PreActivations([layer[rows] for layer in self.layers], self.empty[rows])


def pre_activation_bounds(
    network: RoundedNetwork,
    balls: Balls,
    phases: list[torch.Tensor] | None = None,
    *,
    backward: bool = True,
    rigorous: bool = True,
) -> PreActivations:
    """Return bounds of every hidden pre-activation on every region.

    Args:
        network: the network.
        balls: the balls of the regions.
        phases: 1 where a split chose z >= 0, -1 for z <= 0, 0 elsewhere; one (B, n) a layer.
        backward: whether to intersect intervals with backward substitution (CROWN).
        rigorous: whether to bound rounding errors.
    """
    known: list[Relaxation] = []
    empty = torch.zeros(len(balls), dtype=torch.bool, device=balls.first.device)
    for layer in range(len(network.hidden)):
        if layer == 0:
            lower, upper = first_interval(network, balls)
        else:
            lower, upper = next_interval(network, layer, known[-1])
            if backward:
                low, high = _backward(network, balls, known, rigorous)
                # fmax ignores a bound that is not a number.
                lower, upper = torch.fmax(lower, low), torch.fmin(upper, high)
        if phases is not None:
            up, down = phases[layer] > 0, phases[layer] < 0
            empty |= ((up & (upper < 0)) | (down & (lower > 0))).any(-1)
            lower = torch.where(up, lower.clamp(min=0), lower)
            upper = torch.where(up, upper.clamp(min=0), upper)
            upper = torch.where(down, upper.clamp(max=0), upper)
            lower = torch.where(down, lower.clamp(max=0), lower)
        before = known[-1] if known else None
        known.append(relaxation(network, balls, layer, lower, upper, before))
    return PreActivations(known, empty)


def _backward(
    network: RoundedNetwork, balls: Balls, known: list[Relaxation], rigorous: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return bounds of the next layer's pre-activations by substitution, shapes (B, n)."""
    weight, bias = network.weights[len(known)], network.biases[len(known)]
    rows, constant = torch.cat([weight, -weight])[None], torch.cat([bias, -bias])[None]
    widest = max(weight.shape[1], *(layer.lower.shape[1] for layer in known))
    entries = _ENTRIES.get(weight.device.type, 1 << 18)
    block = max(1, entries // (2 * len(weight) * widest))
    parts = []
    for start in range(0, len(balls), block):
        part = slice(start, start + block)
        some = [layer[part] for layer in known]
        bound = substituted(network, balls[part], some, rows, constant, rigorous=rigorous)
        parts.append(bound.lower)
    lower, upper = torch.cat(parts).split(len(weight), dim=1)
    return lower, -upper


@dataclass(frozen=True, eq=False)
class Claims:
    """What is to be proved above 0: g = sign (f - target), rows of the last affine map.

    Args:
        rows: sign W_L, shape (B, S, n_(L-1)).
        constant: sign (b_L - target), rounded down, shape (B, S).
    """

    rows: torch.Tensor
    constant: torch.Tensor

    @classmethod
    def of(
        cls,
        network: RoundedNetwork,
        labels: torch.Tensor,
        margin: float,
        sides: tuple[int, ...] | torch.Tensor = (1, -1),
    ) -> Claims:
        """Return f - (y - margin) for the side 1 and (y + margin) - f for the side -1.

        Args:
            network: the network.
            labels: y, float64, shape (B,).
            margin: 1/2 for the decision rule `nearest`, 0 for `exact`.
            sides: the same for all regions, or of each region, shape (B, S).
        """
        if isinstance(sides, tuple):
            signs = torch.tensor([sides], dtype=torch.float64, device=labels.device)
            signs = signs.expand(len(labels), -1)
        else:
            signs = sides.to(torch.float64)
        return cls.against(network, labels[:, None] - signs * margin, signs)

    @classmethod
    def against(cls, network: RoundedNetwork, target: torch.Tensor, signs: torch.Tensor) -> Claims:
        """Return sign (f - target) for any targets.

        Args:
            network: the network.
            target: float64, shape (B, S).
            signs: 1.0 or -1.0, shape (B, S).
        """
        weight, bias = network.weights[-1], network.biases[-1]
        # Where bias and target cancel, the rounded bias is off by more than u of what is left.
        off = (bias[0].abs() + target.abs()) * (4 * U)
        return cls(signs[..., None] * weight[0], signs * (bias[0] - target) - off)

    def __getitem__(self, rows: torch.Tensor | slice) -> Claims:
        """Return the claims about some of the regions."""
        return Claims(self.rows[rows], self.constant[rows])


def claim_bounds(
    network: RoundedNetwork,
    balls: Balls,
    known: PreActivations,
    claims: Claims,
    *,
    alphas: list[torch.Tensor] | None = None,
    betas: list[torch.Tensor] | None = None,
    rigorous: bool = True,
    keep: bool = False,
) -> LinearBound:
    """Return linear lower bounds of the claims' g on every region.

    Args:
        network: the network.
        balls: the balls of the regions.
        known: bounds of the pre-activations.
        claims: what is to be proved.
        alphas: lower slopes, one (B, 1 or S, n) a layer.
        betas: beta sigma of split neurons, 0 elsewhere, one (B, 1 or S, n) a layer.
        rigorous: whether to bound rounding errors.
        keep: whether to return the coefficients.
    """
    return substituted(
        network,
        balls,
        known.layers,
        claims.rows,
        claims.constant,
        alphas=alphas,
        betas=betas,
        rigorous=rigorous,
        keep=keep,
    )


def crown_lower(
    network: RoundedNetwork, balls: Balls, claims: Claims, *, rigorous: bool = True
) -> torch.Tensor:
    """Return the CROWN lower bounds of the claims on whole balls, shape (B, S)."""
    known = pre_activation_bounds(network, balls, rigorous=rigorous)
    return claim_bounds(network, balls, known, claims, rigorous=rigorous).lower
