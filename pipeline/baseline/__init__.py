"""Trained networks to compare with: MLPs trained on the same balls, many at once."""

from pipeline.baseline.train_baseline import NonFiniteLossError, TrainingResult, train_baseline

__all__ = ["NonFiniteLossError", "TrainingResult", "train_baseline"]
