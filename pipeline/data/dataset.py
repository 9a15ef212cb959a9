"""`SeparatedDataset`: the dataset D = {(x_i, y_i)} of Section 2.2, exact and validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from pipeline.data.separation import Separation, nearest_other_label_pair
from pipeline.exact import DyadicArray, as_dyadic, radius_power


@dataclass(frozen=True, eq=False)
class SeparatedDataset:
    """Pairwise distinct points x_i in R^d with labels y_i in {1..C}, every class present.

    Args:
        name: what the dataset is called in tables.
        X: points, shape (N, d), exact.
        y: labels 1..C, shape (N,).
        label_names: the user's name of each class, label c at position c - 1.

    Raises:
        ValueError: if shapes differ, a class is missing, C < 2, or two points coincide.
    """

    name: str
    X: DyadicArray
    y: np.ndarray
    label_names: tuple[str, ...] = ()
    _separations: dict[int | float, Separation] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        X = as_dyadic(self.X).normalized()
        y = np.asarray(self.y)
        if len(X.shape) != 2 or X.shape[1] < 1:
            raise ValueError(f"X must have shape (N, d) with d >= 1, got {X.shape}")
        if y.shape != (X.shape[0],):
            raise ValueError(f"y must have shape ({X.shape[0]},), got {y.shape}")
        if y.dtype.kind not in "iu":
            raise ValueError(f"labels must be integers 1..C, got dtype {y.dtype} (Section 2.2)")
        _require_classes(y)
        first, second = _equal_rows(X.numerators)
        if len(first):
            raise ValueError(
                f"points must be pairwise distinct, rows {first[0]} and {second[0]} are equal "
                "(Section 2.2); merge_duplicates() merges them where labels agree"
            )
        names = tuple(self.label_names) or tuple(str(c) for c in range(1, int(y.max()) + 1))
        if len(names) != int(y.max()):
            raise ValueError(f"{int(y.max())} classes need as many names, got {len(names)}")
        labels = y.astype(np.int64)
        labels.flags.writeable = False
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "y", labels)
        object.__setattr__(self, "label_names", names)

    @property
    def N(self) -> int:
        """Number of points."""
        return self.X.shape[0]

    @property
    def d(self) -> int:
        """Input dimension."""
        return self.X.shape[1]

    @property
    def C(self) -> int:
        """Number of classes."""
        return int(self.y.max())

    def separation(self, p: int | float = 2, workers: int | None = None) -> Separation:
        """Return the exact separation constant eps_D in l_p with a pair that attains it.

        Definition 2.1: eps_D is HALF the least distance between differently labelled points.
        """
        if p not in self._separations:
            self._separations[p] = nearest_other_label_pair(self.X, self.y, p, workers)
        return self._separations[p]

    def radius_power(self, rho: Fraction, p: int | float = 2) -> Fraction:
        """Return the power (square for p = 2) of mu = rho * eps_D (Definition 2.2)."""
        return radius_power(self.separation(p).power, rho, p)


def merge_duplicates(X: DyadicArray, y: np.ndarray) -> tuple[DyadicArray, np.ndarray, int]:
    """Return points and labels with repeated rows merged, and how many rows were dropped.

    Args:
        X: points, shape (N, d).
        y: labels of any kind, shape (N,).

    Raises:
        ValueError: if two equal points carry different labels (no f can memorize both).
    """
    first, second = _equal_rows(X.numerators)
    conflict = np.flatnonzero(y[first] != y[second])
    if len(conflict):
        i, j = int(first[conflict[0]]), int(second[conflict[0]])
        raise ValueError(
            f"rows {i + 1} and {j + 1} are the same point with labels {y[i]} and {y[j]}; a dataset "
            f"needs pairwise distinct points (Section 2.2; conflicts: {len(conflict)})"
        )
    keep = np.ones(X.shape[0], dtype=bool)
    keep[second] = False
    return X[keep], y[keep], len(second)


def _equal_rows(numerators: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return index arrays (first occurrence, repeated row) of all repeated rows."""
    if numerators.dtype == object:
        seen: dict[tuple[int, ...], int] = {}
        pairs = []
        for row, point in enumerate(map(tuple, numerators.tolist())):
            if point in seen:
                pairs.append((seen[point], row))
            else:
                seen[point] = row
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]
    rows = np.ascontiguousarray(numerators)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    representative = first[inverse]
    repeated = np.flatnonzero(representative != np.arange(len(rows)))
    return representative[repeated], repeated


def _require_classes(y: np.ndarray) -> None:
    if len(y) == 0:
        raise ValueError("a dataset needs points, got none (Section 2.2)")
    low, high = int(y.min()), int(y.max())
    if low < 1:
        raise ValueError(f"labels must lie in 1..C, got {low} (Section 2.2)")
    if high < 2:
        raise ValueError("a dataset needs at least two classes, got one (Section 2.2)")
    present = np.unique(y)
    if len(present) < high:
        # The classes present are sorted, so the first that is not its own position follows a gap.
        missing = int(np.argmax(present != np.arange(1, len(present) + 1))) + 1
        raise ValueError(
            f"every class 1..{high} needs a point, class {missing} has none (Section 2.2)"
        )
