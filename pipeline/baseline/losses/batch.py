"""What a loss sees: networks, points, targets, balls; and the hinge that most losses end in."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import torch

from pipeline.baseline.attack import TrainingAttack
from pipeline.baseline.stack import Stack


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """A batch of balls for every network of a stack, in normalized coordinates.

    Args:
        stack: the networks.
        points: centres, shape (slots, n, padded d).
        targets: normalized labels, shape (slots, n).
        weights: of the rows, 0 for padding, summing to 1, shape (slots, n).
        half_gap: h, half the distance of neighbouring targets.
        aim: normalized distance from the target within which the hinge is 0.
        attack: the attack in training.
        progress: share of the training that is over, in [0, 1].
    """

    stack: Stack
    points: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    half_gap: float
    aim: float
    attack: TrainingAttack
    progress: float

    def attacked(self) -> torch.Tensor:
        """Return the points moved by the attack."""
        return self.attack(self.stack, self.points, self.targets)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean over the rows that are points, one a network."""
        return (values * self.weights).sum(dim=1)

    def hinge(self, error: torch.Tensor) -> torch.Tensor:
        """Return the mean of max(error - aim, 0) / h, h half a label gap, one a network.

        Against the squared error it leaves many more balls of digits without an error at rho = 1/2
        (35 % to 1 %): the squared error spends its effort on the few worst balls.

        Args:
            error: |f - y|, shape (slots, n).
        """
        return self.mean((error - self.aim).clamp(min=0)) / self.half_gap

    def ball_scale(self) -> torch.Tensor:
        """Return the normalized radius along each coordinate for losses that bound the ball.

        It grows from nothing to mu over the first half of the training (Gowal et al. 2018):
        bounds of the whole ball are too loose to start from.
        """
        return self.attack.scale * (self.attack.reach * min(2.0 * self.progress, 1.0))

    def dual_norm(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the norm dual to the balls' along the last axis, without NaN gradients at 0."""
        p = self.attack.p
        if p == inf:
            return rows.abs().sum(dim=-1)
        if p == 1:
            return rows.abs().amax(dim=-1)
        # Exactly 0 at 0, with gradient 0: padded weights must not move.
        square = rows.square().sum(dim=-1)
        positive = square > 0
        return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)
