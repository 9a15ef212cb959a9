"""Linear bounds of whole balls as a loss (CROWN-IBP, Zhang et al. 2020)."""

from __future__ import annotations

import torch

from pipeline.baseline.losses.batch import TrainingBatch
from pipeline.baseline.losses.interval import pre_activation_boxes


def linear(batch: TrainingBatch) -> torch.Tensor:
    """Return the hinge of a bound on |f - y| over each ball, one a network.

    Derivation: f and -f are bounded from below by an affine function of the input, ReLUs replaced
    from the output back by a line above or below, whose ends are interval bounds; an affine
    function is least on the ball at its value in the centre minus the dual norm of its gradient.
    In float32: a loss, not a proof.
    """
    boxes = pre_activation_boxes(batch)[:-1]
    above = -_least(batch, boxes, -1.0)
    below = _least(batch, boxes, 1.0)
    return batch.hinge(torch.maximum(above - batch.targets, batch.targets - below))


def _least(
    batch: TrainingBatch, boxes: list[tuple[torch.Tensor, torch.Tensor]], side: float
) -> torch.Tensor:
    """Return lower bounds of side * f over each ball, shape (slots, n)."""
    stack, points = batch.stack, batch.points
    slots, n = batch.targets.shape
    offset = (side * stack.biases[-1][:, :, 0]).expand(slots, n)
    line = side * stack.weights[-1][:, :, 0].unsqueeze(1).expand(slots, n, -1)
    hidden = zip(reversed(boxes), reversed(stack.weights[:-1]), reversed(stack.biases[:-1]),
                 strict=True)  # fmt: skip
    for (middle, radius), weight, bias in hidden:
        high, low = middle + radius, middle - radius
        crossing = (high > 0) & (low < 0)
        width = torch.where(crossing, high - low, torch.ones_like(high))
        upper = torch.where(crossing, high / width, (low >= 0).to(high.dtype))
        lower = (middle > 0).to(high.dtype)
        lift = torch.where(crossing, -upper * low, torch.zeros_like(high))
        falling = line.clamp(max=0)
        offset = offset + (falling * lift).sum(dim=2)
        line = line.clamp(min=0) * lower + falling * upper
        offset = offset + (line * bias).sum(dim=2)
        line = torch.bmm(line, weight.transpose(1, 2))
    centre = offset + (line * points).sum(dim=2)
    return centre - batch.dual_norm(line * batch.ball_scale())
