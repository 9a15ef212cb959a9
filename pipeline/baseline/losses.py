"""Training losses by name: what is minimized on clean and on attacked points.

The pointwise loss is the hinge max(|f - y|/h - 1/2, 0), h half the distance between neighbouring
targets: zero once the output is nearer than a quarter of a label gap. Against the squared error it
leaves many more balls of digits without an error at rho = 1/2 (about 35 % to 1 %): the squared
error spends its effort on the few worst balls.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

# attack(module, points, targets) -> attacked points
Attack = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
# loss(module, points, targets, half_gap, attack) -> scalar
Loss = Callable[[nn.Module, torch.Tensor, torch.Tensor, float, Attack], torch.Tensor]


def plain(
    module: nn.Module, points: torch.Tensor, targets: torch.Tensor, half_gap: float, attack: Attack
) -> torch.Tensor:
    """Return the hinge at the centres; the attack is not used."""
    return _hinge(module(points)[:, 0], targets, half_gap)


def pgd(
    module: nn.Module, points: torch.Tensor, targets: torch.Tensor, half_gap: float, attack: Attack
) -> torch.Tensor:
    """Return the hinge at attacked points (adversarial training, Madry et al. 2018)."""
    return _hinge(module(attack(module, points, targets))[:, 0], targets, half_gap)


def trades(
    module: nn.Module, points: torch.Tensor, targets: torch.Tensor, half_gap: float, attack: Attack
) -> torch.Tensor:
    """Return the hinge at the centres plus the mean change under attack (Zhang et al. 2019)."""
    clean = module(points)[:, 0]
    change = (module(attack(module, points, targets))[:, 0] - clean).abs().mean() / half_gap
    return _hinge(clean, targets, half_gap) + change


def _hinge(outputs: torch.Tensor, targets: torch.Tensor, half_gap: float) -> torch.Tensor:
    return ((outputs - targets).abs() / half_gap - 0.5).clamp(min=0).mean()


LOSSES: dict[str, Loss] = {"plain": plain, "pgd": pgd, "trades": trades}


def loss_by_name(name: str) -> Loss:
    """Return the loss of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {name!r}")
    return LOSSES[name]
