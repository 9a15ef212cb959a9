"""Interval bounds of whole balls as a loss (IBP, Gowal et al. 2018)."""

from __future__ import annotations

import torch

from pipeline.baseline.losses.batch import TrainingBatch


def interval(batch: TrainingBatch) -> torch.Tensor:
    """Return the hinge of a bound on |f - y| over each ball, one a network.

    Derivation: over the ball the first layer's output j deviates from that at the centre by at most
    the dual norm of its weights; from there on boxes, |W| r. In float32: a loss, not a proof.
    """
    middle, radius = pre_activation_boxes(batch)[-1]
    return batch.hinge((middle[:, :, 0] - batch.targets).abs() + radius[:, :, 0])


def pre_activation_boxes(batch: TrainingBatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return middle and radius of every layer's output over each ball, (slots, n or 1, width)."""
    stack = batch.stack
    middle = torch.baddbmm(stack.biases[0], batch.points, stack.weights[0])
    rows = (stack.weights[0] * batch.ball_scale().unsqueeze(1)).transpose(1, 2)
    boxes = [(middle, batch.dual_norm(rows).unsqueeze(1).expand_as(middle))]
    for weight, bias in zip(stack.weights[1:], stack.biases[1:], strict=True):
        middle, radius = boxes[-1]
        high, low = (middle + radius).relu(), (middle - radius).relu()
        centre = torch.baddbmm(bias, (high + low) / 2, weight)
        boxes.append((centre, torch.bmm((high - low) / 2, weight.abs())))
    return boxes
