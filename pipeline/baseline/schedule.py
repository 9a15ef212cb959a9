"""How long and how fast a baseline trains: validated options and the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, inf, isfinite, pi


@dataclass(frozen=True)
class Schedule:
    """Budget and step sizes of a training.

    Args:
        max_steps: optimizer steps; the learning rate follows a cosine over them.
        max_seconds: wall-clock budget or None; with one the result depends on the machine's speed.
        batch_size: points a step.
        learning_rate: peak rate of Adam.
        attack_steps: PGD steps in training.
        evaluation_attack_steps: PGD steps in evaluations.
        evaluate_every: steps between evaluations of all balls.
        patience: evaluations in a row without an error that stop the training.

    Raises:
        ValueError: if an option is out of range.
    """

    max_steps: int
    max_seconds: float | None
    batch_size: int
    learning_rate: float
    attack_steps: int
    evaluation_attack_steps: int
    evaluate_every: int
    patience: int

    def __post_init__(self) -> None:
        for name in (
            "max_steps",
            "batch_size",
            "attack_steps",
            "evaluation_attack_steps",
            "evaluate_every",
            "patience",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < inf:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        budget = self.max_seconds
        if budget is not None and not (isfinite(budget) and budget > 0):
            raise ValueError(f"max_seconds must be positive or none, got {budget}")

    def rate(self, step: int) -> float:
        """Return the learning rate of step 0, 1, ...: linear to the peak over a tenth, then cosine.

        >>> Schedule(10, None, 1, 0.5, 1, 1, 1, 1).rate(0)
        0.5
        """
        warmup = max(self.max_steps // 10, 1)
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        done = (step - warmup) / max(self.max_steps - warmup, 1)
        return self.learning_rate * 0.5 * (1 + cos(pi * done))
