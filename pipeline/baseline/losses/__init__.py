"""Training losses, one file each: what is minimized on a batch of balls."""

from __future__ import annotations

from collections.abc import Callable

import torch

from pipeline.baseline.losses.batch import TrainingBatch
from pipeline.baseline.losses.interval import interval
from pipeline.baseline.losses.linear import linear
from pipeline.baseline.losses.pgd import pgd
from pipeline.baseline.losses.standard import standard
from pipeline.baseline.losses.trades import trades

# loss(batch) -> one value a network, shape (slots,)
Loss = Callable[[TrainingBatch], torch.Tensor]

LOSSES: dict[str, Loss] = {
    "standard": standard,
    "pgd": pgd,
    "trades": trades,
    "interval": interval,
    "linear": linear,
}

__all__ = ["LOSSES", "Loss", "TrainingBatch", "loss_by_name"]


def loss_by_name(name: str) -> Loss:
    """Return the loss of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {name!r}")
    return LOSSES[name]
