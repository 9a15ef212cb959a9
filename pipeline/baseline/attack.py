"""The attack of the training loop: PGD on a stack of networks, in normalized coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pipeline.baseline.stack import Stack
from pipeline.verification.projected_steps import ascent_direction, projected


@dataclass(frozen=True, eq=False)
class TrainingAttack:
    """Projected gradient ascent on |f - y| from random starts in the ball.

    Displacements are measured in units of mu, which keeps float32 in range whatever the data's
    scale.

    Args:
        p: norm, 1, 2 or inf.
        scale: normalized length of mu along each coordinate, shape (padded d,).
        steps: gradient steps of length 2 reach mu / steps.
        generators: source of the random starts, one a network.
        d: dimension without padding.
        reach: radius of the attack in units of mu.
    """

    p: int | float
    scale: torch.Tensor
    steps: int
    generators: Sequence[torch.Generator]
    d: int
    reach: float = 1.0

    def __call__(self, stack: Stack, points: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return attacked points without gradients.

        Args:
            stack: the networks.
            points: shape (slots, n, padded d).
            targets: shape (slots, n).
        """
        delta = self._starts(points)
        for _ in range(self.steps):
            output, gradient = stack.output_and_gradient(points + delta * self.scale)
            side = torch.where(output >= targets, 1.0, -1.0).unsqueeze(2)
            rows = (side * gradient * self.scale).flatten(0, 1)
            move = (2.0 * self.reach / self.steps) * ascent_direction(rows, self.p)
            delta = projected(delta.flatten(0, 1) + move, self.reach, self.p).view_as(points)
        return points + delta * self.scale

    def _starts(self, points: torch.Tensor) -> torch.Tensor:
        # Drawn on the CPU, so that a GPU run starts from the same points; all else is done there.
        drawn = torch.empty(len(self.generators), points.shape[1], self.d)
        for slot, generator in zip(drawn.unbind(), self.generators, strict=True):
            slot.normal_(generator=generator)
        noise = torch.zeros_like(points)
        noise[: len(drawn), :, : self.d] = drawn.to(points.device)
        largest = noise.abs().amax(dim=2, keepdim=True).clamp(min=torch.finfo(noise.dtype).tiny)
        rows = (self.reach * noise / largest).flatten(0, 1)
        return projected(rows, self.reach, self.p).view_as(points)
