"""What a bound is about: balls cut by splits, with what is known and claimed on each."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.verification.bounds.crown import Claims, PreActivations
from pipeline.verification.bounds.rounding import Balls


@dataclass(frozen=True, eq=False)
class Regions:
    """Some nodes' balls, bounds of pre-activations, claims and splits.

    Args:
        balls: one ball a node.
        known: bounds of the pre-activations.
        claims: one claim a node.
        signs: splits, float64, shape (n, H).
    """

    balls: Balls
    known: PreActivations
    claims: Claims
    signs: torch.Tensor

    def __getitem__(self, rows: torch.Tensor | slice) -> Regions:
        """Return some of them."""
        return Regions(self.balls[rows], self.known[rows], self.claims[rows], self.signs[rows])
