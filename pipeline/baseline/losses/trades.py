"""TRADES (Zhang et al. 2019): accuracy at the centres plus stability on the balls."""

from __future__ import annotations

import torch

from pipeline.baseline.losses.batch import TrainingBatch


def trades(batch: TrainingBatch) -> torch.Tensor:
    """Return the hinge at the centres plus the mean change under attack, one a network."""
    clean = batch.stack(batch.points)
    change = (batch.stack(batch.attacked()) - clean).abs() / batch.half_gap
    return batch.hinge((clean - batch.targets).abs()) + batch.mean(change)
