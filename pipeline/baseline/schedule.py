"""How long, how fast and by which optimizer a baseline trains: validated options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, inf, isfinite, pi

import torch

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters, **options: torch.optim.SGD(parameters, momentum=0.9, **options),
}
DECAYS: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + cos(pi * done)),
    "linear": lambda done: 1 - done,
    "constant": lambda done: 1.0,
}
_COUNTS = (
    "max_steps",
    "batch_size",
    "attack_steps",
    "evaluation_attack_steps",
    "evaluate_every",
    "patience",
)


@dataclass(frozen=True)
class Schedule:
    """Budget and step sizes of a training.

    Args:
        max_steps: optimizer steps; the learning rate is planned over them.
        max_seconds: wall-clock budget or None; with one the result depends on the machine's speed.
        batch_size: points a step.
        optimizer: `adam`, `adamw` or `sgd` (momentum 0.9).
        learning_rate: its peak rate.
        weight_decay: of the optimizer.
        decay: of the learning rate after a warm-up of a tenth: `cosine`, `linear` or `constant`.
        attack_steps: PGD steps in training.
        reach: radius of the balls in training in units of mu; above 1 leaves room for what few
            attack steps miss.
        evaluation_attack_steps: PGD steps in evaluations.
        evaluate_every: steps between evaluations of all balls.
        patience: evaluations in a row without an error that stop the training.
        certified_balls: most balls that an evaluation tries to prove by linear bounds, drawn
            evenly, 0 for none; all balls of the dataset proved stops the training.

    Raises:
        ValueError: if an option is out of range.
    """

    max_steps: int = 1500
    max_seconds: float | None = None
    batch_size: int = 256
    optimizer: str = "adam"
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    decay: str = "cosine"
    attack_steps: int = 5
    reach: float = 1.0
    evaluation_attack_steps: int = 20
    evaluate_every: int = 100
    patience: int = 3
    certified_balls: int = 64

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < inf:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.certified_balls < 0:
            raise ValueError(f"certified_balls must not be negative, got {self.certified_balls}")
        if not 0 < self.reach < inf:
            raise ValueError(f"reach must be positive, got {self.reach}")
        if not 0 <= self.weight_decay < inf:
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay}")
        for name, known in (("optimizer", OPTIMIZERS), ("decay", DECAYS)):
            if (given := getattr(self, name)) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {given!r}")
        budget = self.max_seconds
        if budget is not None and not (isfinite(budget) and budget > 0):
            raise ValueError(f"max_seconds must be positive or none, got {budget}")

    def rate(self, step: int) -> float:
        """Return the learning rate of step 0, 1, ...: linear to the peak over a tenth, then decay.

        >>> Schedule(max_steps=10, learning_rate=0.5).rate(0)
        0.5
        """
        warmup = max(self.max_steps // 10, 1)
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        done = (step - warmup) / max(self.max_steps - warmup, 1)
        return self.learning_rate * DECAYS[self.decay](done)

    def new_optimizer(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        """Return the optimizer of some tensors."""
        # One kernel for all tensors: the stacks are small and their number is not.
        return OPTIMIZERS[self.optimizer](
            list(parameters), lr=self.learning_rate, weight_decay=self.weight_decay, foreach=True
        )
