"""Adversarial training (Madry et al. 2018)."""

from __future__ import annotations

import torch

from pipeline.baseline.losses.batch import TrainingBatch


def pgd(batch: TrainingBatch) -> torch.Tensor:
    """Return the hinge at attacked points, one a network."""
    return batch.hinge((batch.stack(batch.attacked()) - batch.targets).abs())
