"""Trained networks to compare with: MLPs trained against PGD on the same balls."""

from pipeline.baseline.training import NonFiniteLossError, TrainingResult, train_baseline

__all__ = ["NonFiniteLossError", "TrainingResult", "train_baseline"]
