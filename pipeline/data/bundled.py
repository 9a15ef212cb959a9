"""Real data in scikit-learn's own files: digits, breast_cancer, wine, iris."""

from __future__ import annotations

import numpy as np
from sklearn import datasets

from pipeline.exact import DyadicArray, as_dyadic

BUNDLED = {
    "digits": datasets.load_digits,
    "breast_cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "iris": datasets.load_iris,
}


def bundled_points(name: str) -> tuple[DyadicArray, np.ndarray, tuple[str, ...]]:
    """Return points (N, d), labels 1..C and class names of a bundled dataset, all exact.

    Digits has integer pixels 0..16; the others have float64 measurements.

    Args:
        name: a key of `BUNDLED`.
    """
    bunch = BUNDLED[name]()
    y = bunch.target.astype(np.int64) + 1
    return as_dyadic(bunch.data), y, tuple(str(label) for label in bunch.target_names)
