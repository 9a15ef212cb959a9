"""alpha-CROWN and beta-CROWN: lower slopes and split multipliers optimised for each claim.

Any slopes in [0, 1] and any multipliers >= 0 give a true bound (relaxation.py), so the search runs
in plain float64 with gradients, and only the bound at its result is computed with rounding errors.
Slopes are then multiples of 1/128, which proofs store in a byte. Xu et al., "Fast and complete",
2021 (alpha); Wang et al., "Beta-CROWN", 2021 (beta).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.verification.bounds.crown import PreActivations, claim_bounds
from pipeline.verification.bounds.regions import Regions
from pipeline.verification.bounds.relaxation import LinearBound
from pipeline.verification.bounds.rounding import RoundedNetwork

SLOPE_UNITS = 128
_ADAM, _EPSILON = (0.9, 0.999), 1e-12


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Lower slopes and split multipliers of one claim a region, all layers side by side.

    Args:
        alpha: in [0, 1], shape (B, H), H hidden neurons; read where a neuron is unstable.
        beta: >= 0, shape (B, H); read where a split fixed the sign.
    """

    alpha: torch.Tensor
    beta: torch.Tensor

    def rounded(self) -> Multipliers:
        """Return the multipliers that a proof can store: slopes in units of 1/128."""
        alpha = (self.alpha * SLOPE_UNITS).round().clamp(0, SLOPE_UNITS) / SLOPE_UNITS
        return Multipliers(alpha, self.beta.clamp(min=0))

    def __getitem__(self, rows: torch.Tensor) -> Multipliers:
        """Return those of some regions."""
        return Multipliers(self.alpha[rows], self.beta[rows])


def default_multipliers(known: PreActivations) -> Multipliers:
    """Return CROWN's slopes and no multipliers."""
    alpha = torch.cat([layer.default_slopes for layer in known.layers], dim=1)
    return Multipliers(alpha, torch.zeros_like(alpha))


def bound_with(
    network: RoundedNetwork,
    regions: Regions,
    at: Multipliers,
    *,
    rigorous: bool = True,
    keep: bool = False,
) -> LinearBound:
    """Return the claims' linear bounds with given multipliers, one claim a region.

    Args:
        network: the network.
        regions: the regions, rows of their claims of shape (B, 1, n).
        at: the multipliers.
        rigorous: whether to bound rounding errors.
        keep: whether to return the coefficients.
    """
    widths = list(network.hidden)
    alphas = list(at.alpha[:, None].split(widths, dim=-1))
    betas = list((at.beta * regions.signs)[:, None].split(widths, dim=-1))
    return claim_bounds(
        network,
        regions.balls,
        regions.known,
        regions.claims,
        alphas=alphas,
        betas=betas,
        rigorous=rigorous,
        keep=keep,
    )


def optimised(
    network: RoundedNetwork,
    regions: Regions,
    start: Multipliers,
    *,
    steps: int = 20,
    rate: float = 0.1,
) -> Multipliers:
    """Return multipliers with larger bounds, by Adam; each region keeps its best ones.

    Args:
        network: the network.
        regions: the regions, rows of their claims of shape (B, 1, n).
        start: where to start.
        steps: gradient steps.
        rate: of the slopes; multipliers move by this times the size of the claim's coefficients.
    """
    alpha, beta = start.alpha.clone(), start.beta.clone()
    best = Multipliers(alpha.clone(), beta.clone())
    highest = torch.full_like(alpha[:, 0], -torch.inf)
    moments = [torch.zeros_like(alpha) for _ in range(4)]
    scale, split = torch.ones_like(beta), (regions.signs != 0).to(beta.dtype)
    for step in range(steps + 1):
        alpha.requires_grad_(True)
        beta.requires_grad_(True)
        at = Multipliers(alpha, beta)
        bound = bound_with(network, regions, at, rigorous=False, keep=step == 0)
        lower = bound.lower[:, 0]
        with torch.no_grad():
            if step == 0:
                sizes = [c[:, 0].abs().mean(-1, keepdim=True) for c in bound.coefficients]
                scale = torch.cat(
                    [s.expand(-1, w) for s, w in zip(sizes, network.hidden, strict=True)], dim=1
                )
            better = lower > highest
            highest = torch.where(better, lower, highest)
            best = Multipliers(
                torch.where(better[:, None], alpha, best.alpha),
                torch.where(better[:, None], beta, best.beta),
            )
        if step == steps:
            break
        slopes = torch.autograd.grad(lower.sum(), [alpha, beta])
        with torch.no_grad():
            pace = rate * 0.97**step
            alpha = (alpha + pace * _moved(moments, 0, slopes[0], step)).clamp(0, 1)
            beta = beta + pace * scale * _moved(moments, 2, slopes[1] * split, step)
            beta = beta.clamp(min=0) * split
    return best


def _moved(
    moments: list[torch.Tensor], first: int, gradient: torch.Tensor, step: int
) -> torch.Tensor:
    """Return Adam's direction; two moments are kept from `first` on."""
    a, b = _ADAM
    moments[first] = a * moments[first] + (1 - a) * gradient
    moments[first + 1] = b * moments[first + 1] + (1 - b) * gradient.square()
    mean, square = (
        moments[first] / (1 - a ** (step + 1)),
        moments[first + 1] / (1 - b ** (step + 1)),
    )
    return mean / (square.sqrt() + _EPSILON)
