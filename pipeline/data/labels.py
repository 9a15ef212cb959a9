"""The user's labels, whatever they are, as classes 1..C with the mapping kept."""

from __future__ import annotations

import numpy as np
import pandas as pd


def classes_of_labels(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels 1..C and the name of each class, label c at position c - 1.

    Integers (0-based, negative, with gaps, or written as text) keep their numerical order, text
    is ordered by code point.

    Args:
        values: labels of any kind, shape (N,).

    Raises:
        ValueError: if a label is missing, a label is a number that is no integer, or all labels
            are equal.
    """
    texts = _texts(np.asarray(values))
    try:
        distinct = sorted(set(texts), key=int)
        # "1" and "01" are two texts of one class.
        names = sorted({str(int(text)) for text in distinct}, key=int)
        texts = [str(int(text)) for text in texts]
    except ValueError:
        names = sorted(set(texts))
    if len(names) < 2:
        raise ValueError(
            f"a dataset needs at least two classes, every label is {names[0]!r} (Section 2.2)"
        )
    number = {name: c for c, name in enumerate(names, 1)}
    return np.array([number[text] for text in texts], dtype=np.int64), tuple(names)


def _texts(values: np.ndarray) -> list[str]:
    """Return every label as text, whole floats as integers.

    Raises:
        ValueError: if a label is missing or a fraction.
    """
    if values.dtype.kind == "f":
        _require_whole(values)
        return [str(int(v)) for v in values.tolist()]
    if values.dtype.kind in "iub":
        return [str(v) for v in values.tolist()]
    texts = []
    for row, (value, missing) in enumerate(zip(values.tolist(), pd.isna(values), strict=True), 1):
        text = value.decode() if isinstance(value, bytes) else str(value).strip()
        if missing or text in {"", "nan", "NaN"}:
            raise ValueError(f"every point needs a label, row {row} has none (Section 2.2)")
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(f"labels must be integers or text, got {value} in row {row}")
        texts.append(str(int(value)) if isinstance(value, float) else text)
    return texts


def _require_whole(values: np.ndarray) -> None:
    missing = np.flatnonzero(~np.isfinite(values))
    if len(missing):
        raise ValueError(
            f"every point needs a label, row {missing[0] + 1} has {values[missing[0]]} "
            "(Section 2.2)"
        )
    broken = np.flatnonzero(values != np.rint(values))
    if len(broken):
        raise ValueError(
            f"labels must be integers or text, got {values[broken[0]]} in row {broken[0] + 1}; "
            "name the label column if it is another one"
        )
