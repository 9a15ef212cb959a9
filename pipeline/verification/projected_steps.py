"""Steepest ascent directions and projections for l_1, l_2 and l_inf balls, on torch tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import torch


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run a block with a fixed number of torch threads, so that sums have a fixed order."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def ascent_direction(gradient: torch.Tensor, p: int | float) -> torch.Tensor:
    """Return the unit l_p vectors of steepest ascent, row by row; zero where the gradient is.

    Args:
        gradient: shape (n, d); entries that are not finite count as zero.
        p: 1, 2 or inf.
    """
    gradient = torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
    if p == inf:
        return gradient.sign()
    largest = gradient.abs().amax(dim=1, keepdim=True)
    # Dividing by the largest entry first keeps tiny and huge gradients out of under- and overflow.
    scaled = gradient / torch.where(largest > 0, largest, torch.ones_like(largest))
    if p == 1:
        return torch.where(scaled.abs() == 1.0, scaled, torch.zeros_like(scaled)).div(
            (scaled.abs() == 1.0).sum(dim=1, keepdim=True).clamp(min=1)
        )
    return scaled / scaled.norm(dim=1, keepdim=True).clamp(min=1.0)


def projected(delta: torch.Tensor, radius: float, p: int | float) -> torch.Tensor:
    """Return the rows projected (in l2) on the l_p ball of that radius, p = 1, 2 or inf.

    Args:
        delta: shape (n, d).
        radius: of the ball.
        p: the norm.
    """
    if p == inf:
        return delta.clamp(-radius, radius)
    if p == 2:
        length = delta.norm(dim=1, keepdim=True)
        return delta * (radius / length.clamp(min=radius))
    return _projected_l1(delta, radius)


def _projected_l1(delta: torch.Tensor, radius: float) -> torch.Tensor:
    """Return soft-thresholded rows, the threshold by sorting (Duchi et al. 2008)."""
    magnitude = delta.abs()
    ordered = magnitude.sort(dim=1, descending=True).values
    excess = ordered.cumsum(dim=1) - radius
    places = torch.arange(1, delta.shape[1] + 1, dtype=delta.dtype, device=delta.device)
    active = (ordered * places > excess).sum(dim=1, keepdim=True).clamp(min=1)
    threshold = (excess.gather(1, active - 1) / active).clamp(min=0)
    return delta.sign() * (magnitude - threshold).clamp(min=0)
