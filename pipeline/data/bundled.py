"""Real data in scikit-learn's own files: digits, breast_cancer, wine, iris."""

from __future__ import annotations

import numpy as np

from pipeline.exact import DyadicArray, as_dyadic

BUNDLED = ("digits", "breast_cancer", "wine", "iris")


def bundled_points(name: str) -> tuple[DyadicArray, np.ndarray, tuple[str, ...]]:
    """Return points (N, d), labels 1..C and class names of a bundled dataset, all exact.

    Digits has integer pixels 0..16; the others have float64 measurements.

    Args:
        name: one of `BUNDLED`.
    """
    # scikit-learn takes a second to import, and synthetic data do not need it.
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    y = bunch.target.astype(np.int64) + 1
    return as_dyadic(bunch.data), y, tuple(str(label) for label in bunch.target_names)
