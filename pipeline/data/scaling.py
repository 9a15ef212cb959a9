"""Exact rescaling of features by powers of two."""

from __future__ import annotations

import numpy as np

from pipeline.exact import DyadicArray

SCALES = ("none", "unit")


def unit_scaled(X: DyadicArray) -> DyadicArray:
    """Return the points with each feature times its own power of two, range in (1/2, 1].

    Nothing is rounded, but the geometry changes: distances, eps_D, the pair that attains it and
    so every ball are those of the scaled points. A constant feature stays as it is.

    Args:
        X: points, shape (N, d).
    """
    columns, powers = [], []
    for numerators in X.numerators.T:
        spread = int(numerators.max()) - int(numerators.min())
        # 2**power is the largest power of two with spread * 2**power <= 1.
        power = -(spread - 1).bit_length() if spread > 0 else X.exponent
        columns.append(numerators)
        powers.append(power)
    return joined_columns([DyadicArray(c, p) for c, p in zip(columns, powers, strict=True)])


def joined_columns(columns: list[DyadicArray]) -> DyadicArray:
    """Return the array of shape (N, d) with the given columns of shape (N,), exactly."""
    common = min(column.exponent for column in columns)
    return DyadicArray(np.stack([c.at_exponent(common) for c in columns], axis=1), common)


def scaled_points(X: DyadicArray, scale: str | None) -> DyadicArray:
    """Return the points under a named scaling: None or "none" leaves them, "unit" rescales.

    Raises:
        ValueError: if the scaling is unknown.
    """
    name = "none" if scale is None else scale
    if name not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    return unit_scaled(X) if name == "unit" else X
