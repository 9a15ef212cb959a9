"""The hinge at the centres, the loss without robustness."""

from __future__ import annotations

import torch

from pipeline.baseline.losses.batch import TrainingBatch


def standard(batch: TrainingBatch) -> torch.Tensor:
    """Return the hinge at the centres, one a network; the attack is not used."""
    return batch.hinge((batch.stack(batch.points) - batch.targets).abs())
