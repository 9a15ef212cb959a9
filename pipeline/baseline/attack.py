"""The attack of the training loop: PGD in normalized coordinates, balls in raw ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from pipeline.verification.projected_steps import ascent_direction, projected


@dataclass(frozen=True, eq=False)
class TrainingAttack:
    """Projected gradient ascent on the squared error from random starts in the ball.

    Args:
        radius: radius in the units of the displacement, 1 where `scale` holds mu.
        p: norm, 1, 2 or inf.
        scale: normalized length of one unit of `radius`'s scale, by coordinate, shape (d,).
        steps: gradient steps of length 2 mu / steps.
        generator: source of the random starts.
    """

    radius: float
    p: int | float
    scale: torch.Tensor
    steps: int
    generator: torch.Generator

    def __call__(
        self, module: nn.Module, points: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """Return attacked normalized points, shape (n, d), without gradients."""
        delta = self._start(points)
        for _ in range(self.steps):
            delta.requires_grad_(True)
            error = (module(points + delta * self.scale)[:, 0] - targets).square().sum()
            (gradient,) = torch.autograd.grad(error, delta)
            move = (2.0 * self.radius / self.steps) * ascent_direction(gradient, self.p)
            delta = projected(delta.detach() + move, self.radius, self.p)
        return points + delta.detach() * self.scale

    def _start(self, points: torch.Tensor) -> torch.Tensor:
        # Drawn on the CPU, so that a GPU run starts from the same points.
        noise = torch.randn(points.shape, generator=self.generator, dtype=points.dtype)
        noise = noise / noise.abs().amax(dim=1, keepdim=True)
        return projected(noise.to(points.device) * self.radius, self.radius, self.p)
