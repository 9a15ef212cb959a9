"""Nodes of the search: regions of balls cut by splits, side by side in tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch

from pipeline.verification.bounds import Multipliers


@dataclass(frozen=True, eq=False)
class Nodes:
    """Some regions, each with one claim.

    Args:
        ball: position of the ball among those searched, shape (n,).
        side: 1 for f > y - margin, -1 for f < y + margin, shape (n,).
        signs: int8, split of each hidden neuron, 1, -1 or 0, shape (n, H).
        order: int16, the how-manieth split of the path it is, from 1; 0 without one, shape (n, H).
        alpha: lower slopes, float32, shape (n, H).
        beta: split multipliers, float64, shape (n, H).
        lower: proved lower bound of the claim's g on the region, shape (n,).
        split: the neuron to split next, -1 where none is unstable, shape (n,).
    """

    ball: torch.Tensor
    side: torch.Tensor
    signs: torch.Tensor
    order: torch.Tensor
    alpha: torch.Tensor
    beta: torch.Tensor
    lower: torch.Tensor
    split: torch.Tensor

    @classmethod
    def whole(cls, balls: int, hidden: int, device: torch.device) -> Nodes:
        """Return both claims about each of so many balls, nothing split."""
        ball = torch.arange(balls, device=device).repeat_interleave(2)
        side = torch.tensor([1, -1], device=device).repeat(balls)
        zeros = torch.zeros((2 * balls, hidden), device=device)
        return cls(
            ball,
            side,
            zeros.to(torch.int8),
            zeros.to(torch.int16),
            zeros,
            zeros.to(torch.float64),
            torch.full((2 * balls,), -torch.inf, dtype=torch.float64, device=device),
            torch.full((2 * balls,), -1, device=device),
        )

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.ball)

    def __getitem__(self, rows: torch.Tensor | slice) -> Nodes:
        """Return some of the nodes."""
        return Nodes(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def multipliers(self) -> Multipliers:
        """The slopes and multipliers, float64."""
        return Multipliers(self.alpha.double(), self.beta)

    def with_bounds(self, at: Multipliers, lower: torch.Tensor) -> Nodes:
        """Return the nodes with other multipliers and bounds."""
        return replace(self, alpha=at.alpha.to(torch.float32), beta=at.beta, lower=lower)

    def halves(self) -> Nodes:
        """Return both halves of every node, all positive ones first."""
        rows = torch.arange(len(self), device=self.ball.device)
        parts = []
        for sign in (1, -1):
            signs, order = self.signs.clone(), self.order.clone()
            signs[rows, self.split] = sign
            order[rows, self.split] = self.order.amax(1) + 1
            parts.append(replace(self, signs=signs, order=order))
        return joined(*parts)


def joined(*parts: Nodes) -> Nodes:
    """Return the nodes of all parts, one part after the other."""
    return Nodes(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Nodes)))
