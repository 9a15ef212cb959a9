"""The user's own table: CSV, NPZ or Parquet, read as exact float64 values and labels."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.scaling import joined_columns
from pipeline.exact import DyadicArray, as_dyadic

SUFFIXES = (".csv", ".npz", ".parquet")


@dataclass(frozen=True)
class Table:
    """Points and raw labels of a user's file.

    Args:
        X: points, shape (N, d), exact.
        labels: labels as they stand in the file, shape (N,).
        label: name of the column or array the labels came from.
        features: name of each feature, length d.
    """

    X: DyadicArray
    labels: np.ndarray
    label: str
    features: tuple[str, ...]


def read_table(path: Path | str, label: str | None = None) -> Table:
    """Return the points and labels in a file of the user.

    CSV: commas, a header row (a file without one is recognised by its numbers), one row a point;
    a column of integers is read as such, any other to the nearest float64. Parquet: one row a
    point. In both, the label column is named by
    `label` (without header: by its position from 0) or is the last one. NPZ: arrays "X" (N, d)
    and "y" (N,), or `label` names the label array.

    Args:
        path: a file that ends in .csv, .npz or .parquet.
        label: name of the label column or array.

    Raises:
        ValueError: if the file is missing, unreadable, empty or of another kind, the label column
            is missing, or a feature is no finite number (the message names column and row).
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"a data file must end in {', '.join(SUFFIXES)}, got {path.name!r}")
    if not path.is_file():
        raise ValueError(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; a dataset needs points (Section 2.2)")
    if suffix == ".npz":
        return _npz_table(path, label)
    if suffix == ".csv":
        names, columns = _csv_columns(path, label)
    else:
        names, columns = _parquet_columns(path)
    return _table_of_columns(path, names, columns, label)


def _csv_columns(path: Path, label: str | None) -> tuple[list[str], list[np.ndarray]]:
    """Return the names and the columns, as text, of a CSV file.

    Raises:
        ValueError: if the text is no table.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle, skipinitialspace=True, strict=True)
            rows = [row for row in reader if row]
    except (csv.Error, UnicodeDecodeError) as why:
        raise ValueError(f"{path} is not a readable CSV table: {why}") from None
    if not rows:
        raise ValueError(f"{path} is empty; a dataset needs points (Section 2.2)")
    header = _has_header(path, rows, label)
    names = rows[0] if header else [str(position) for position in range(len(rows[0]))]
    points = rows[header:]
    for number, row in enumerate(points, 1):
        if len(row) != len(names):
            raise ValueError(
                f"{path}: row {number} has {len(row)} fields, the table {len(names)} columns"
            )
    table = np.array(points, dtype=object).reshape(len(points), len(names))
    return [name.strip() for name in names], list(table.T)


def _has_header(path: Path, rows: list[list[str]], label: str | None) -> bool:
    """Return whether the first row names the columns: it does unless all features are numbers.

    Raises:
        ValueError: if the first row reads 0, 1, 2, ... and could be either.
    """
    first = [field.strip() for field in rows[0]]
    if label in first and not _is_number(str(label)):
        return True
    if len(first) < 2 or not all(_is_number(field) for field in first[:-1]):
        return True
    if first[:-1] != [str(position) for position in range(len(first) - 1)]:
        return False
    if _is_number(first[-1]):
        raise ValueError(
            f"{path}: the first row {','.join(first[:4])}... may be a header or a point; name the "
            "columns by words"
        )
    # A class name comes again further down, the name of a column does not.
    return all(row[-1].strip() != first[-1] for row in rows[1:])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    # Python reads 1_000 as a number, tables do not.
    return "_" not in text


def _parquet_columns(path: Path) -> tuple[list[str], list[np.ndarray]]:
    try:
        frame = pd.read_parquet(path)
    except ImportError as why:
        raise ValueError(f"reading {path} needs pyarrow: {why}") from None
    except (OSError, ValueError) as why:
        raise ValueError(f"{path} is truncated or not a Parquet file: {why}") from None
    columns = [frame.iloc[:, at].to_numpy() for at in range(frame.shape[1])]
    return [str(name) for name in frame.columns], columns


def _npz_table(path: Path, label: str | None) -> Table:
    try:
        # np.load leaks the handle it opens itself when the archive is damaged.
        with open(path, "rb") as handle:
            if not zipfile.is_zipfile(handle):
                raise zipfile.BadZipFile("no archive of arrays")
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as why:
        raise ValueError(f"{path} is truncated or not an NPZ file: {why}") from None
    name = label or "y"
    if name not in arrays:
        raise ValueError(f"{path} has no label array {name!r}, it holds {sorted(arrays)}")
    if "X" not in arrays:
        raise ValueError(f"{path} has no point array 'X', it holds {sorted(arrays)}")
    X, y = arrays["X"], arrays[name]
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ValueError(
            f"{path} needs X of shape (N, d) and {name} of shape (N,), got {X.shape} and {y.shape}"
        )
    features = tuple(str(column) for column in range(X.shape[1]))
    return Table(_points(path, features, list(X.T)), y, name, features)


def _table_of_columns(
    path: Path, names: list[str], columns: list[np.ndarray], label: str | None
) -> Table:
    if label is not None and label not in names:
        raise ValueError(f"{path} has no label column {label!r}, its columns are {names}")
    at = len(names) - 1 if label is None else names.index(label)
    features = tuple(names[:at] + names[at + 1 :])
    return Table(
        _points(path, features, columns[:at] + columns[at + 1 :]), columns[at], names[at], features
    )


def _points(path: Path, features: tuple[str, ...], columns: list[np.ndarray]) -> DyadicArray:
    if not columns:
        raise ValueError(f"{path} needs a feature column besides the label (Section 2.2)")
    if len(columns[0]) == 0:
        raise ValueError(f"{path} is empty; a dataset needs points (Section 2.2)")
    return joined_columns(
        [_column(path, name, values) for name, values in zip(features, columns, strict=True)]
    )


def _column(path: Path, name: str, values: np.ndarray) -> DyadicArray:
    """Return one feature exactly; a column of integers keeps all their bits.

    Raises:
        ValueError: if an entry is no finite number.
    """
    if values.dtype.kind not in "iufb":
        values = _numbers(path, name, values)
    if values.dtype.kind == "f":
        broken = np.flatnonzero(~np.isfinite(values))
        if len(broken):
            value = values[broken[0]]
            what = "is missing or NaN" if np.isnan(value) else f"is {value}"
            raise ValueError(_bad_cell(path, name, int(broken[0]), what))
    return as_dyadic(values)


def _numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """Return text and mixed objects as integers where all are, else as the nearest float64.

    Raises:
        ValueError: if an entry is no number.
    """
    texts = [
        "nan" if missing else str(v).strip()
        for v, missing in zip(values, pd.isna(values), strict=True)
    ]
    for row, text in enumerate(texts):
        if text and not _is_number(text):
            raise ValueError(_bad_cell(path, name, row, f"is no number: {text!r}"))
    try:
        integers = np.empty(len(texts), dtype=object)
        integers[:] = [int(text) for text in texts]
    except ValueError:
        return np.array([float(text or "nan") for text in texts])
    return integers


def _bad_cell(path: Path, name: str, row: int, what: str) -> str:
    return (
        f"{path}: column {name!r}, row {row + 1} {what}; a point is a vector of finite numbers "
        "(Section 2.2)"
    )
