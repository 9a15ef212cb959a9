"""The user's own table: CSV, NPZ or Parquet, read as exact float64 values and labels."""

from __future__ import annotations

import csv
import warnings
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

    CSV: a header row (a file without one is recognised by its numbers), one row a point; text is
    read to the nearest float64. Parquet: one row a point. In both, the label column is named by
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
    frame = _csv_frame(path, label) if suffix == ".csv" else _parquet_frame(path)
    return _table_of_frame(path, frame, label)


def _csv_frame(path: Path, label: str | None) -> pd.DataFrame:
    try:
        header = _has_header(path, label)
        with warnings.catch_warnings():
            # A row with more fields than the header would lose data with a mere warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            names = pd.read_csv(path, header=0 if header else None, nrows=0, index_col=False)
            column = _label_column(path, [str(name) for name in names.columns], label)
            frame = pd.read_csv(
                path,
                header=0 if header else None,
                index_col=False,
                float_precision="round_trip",
                skipinitialspace=True,
                dtype={names.columns[column]: str},
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, csv.Error) as why:
        raise ValueError(f"{path} is not a readable CSV table: {str(why).strip()}") from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty; a dataset needs points (Section 2.2)") from None
    return frame


def _has_header(path: Path, label: str | None) -> bool:
    """Return whether the first row names the columns: it does unless all features are numbers.

    Raises:
        ValueError: if the first row reads 0, 1, 2, ... and could be either.
    """
    with open(path, newline="", encoding="utf-8-sig") as handle:
        rows = csv.reader(handle, skipinitialspace=True)
        first = [field.strip() for field in next(rows, [])]
        repeated = any(row and first and row[-1].strip() == first[-1] for row in rows)
    if label is not None and label in first and not _is_number(label):
        return True
    if not all(_is_number(field) for field in first[:-1]) or len(first) < 2:
        return True
    if first[:-1] != [str(number) for number in range(len(first) - 1)]:
        return False
    if _is_number(first[-1]):
        raise ValueError(
            f"{path}: the first row {','.join(first[:4])}... may be a header or a point; name the "
            "columns by words"
        )
    # A class name comes again further down, the name of a column does not.
    return not repeated


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parquet_frame(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as why:
        raise ValueError(f"reading {path} needs pyarrow: {why}") from None
    except (OSError, ValueError) as why:
        raise ValueError(f"{path} is truncated or not a Parquet file: {why}") from None


def _npz_table(path: Path, label: str | None) -> Table:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as why:
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
    columns = [pd.Series(X[:, column]) for column in range(X.shape[1])]
    return Table(_points(path, features, columns), y, name, features)


def _label_column(path: Path, columns: list[str], label: str | None) -> int:
    if label is None:
        return len(columns) - 1
    if label not in columns:
        raise ValueError(f"{path} has no label column {label!r}, its columns are {columns}")
    return columns.index(label)


def _table_of_frame(path: Path, frame: pd.DataFrame, label: str | None) -> Table:
    names = [str(name) for name in frame.columns]
    column = _label_column(path, names, label)
    features = tuple(name for at, name in enumerate(names) if at != column)
    columns = [frame.iloc[:, at] for at in range(len(names)) if at != column]
    labels = np.array(frame.iloc[:, column].to_numpy(), dtype=None, copy=True)
    return Table(_points(path, features, columns), labels, names[column], features)


def _points(path: Path, features: tuple[str, ...], columns: list[pd.Series]) -> DyadicArray:
    if not columns:
        raise ValueError(f"{path} needs a feature column besides the label (Section 2.2)")
    if len(columns[0]) == 0:
        raise ValueError(f"{path} is empty; a dataset needs points (Section 2.2)")
    return joined_columns(
        [_column(path, name, series) for name, series in zip(features, columns, strict=True)]
    )


def _column(path: Path, name: str, series: pd.Series) -> DyadicArray:
    """Return one feature exactly; integers keep all their bits."""
    missing = np.flatnonzero(series.isna().to_numpy())
    if len(missing):
        raise _bad_cell(path, name, int(missing[0]), "is missing or NaN")
    values = series.to_numpy()
    if values.dtype.kind not in "iufb":
        numbers = pd.to_numeric(series.astype(str), errors="coerce").to_numpy()
        broken = np.flatnonzero(np.isnan(numbers))
        row = int(broken[0]) if len(broken) else 0
        raise _bad_cell(path, name, row, f"is no number: {str(values[row])!r}")
    infinite = np.flatnonzero(~np.isfinite(values))
    if len(infinite):
        raise _bad_cell(path, name, int(infinite[0]), f"is {values[infinite[0]]}")
    return as_dyadic(values)


def _bad_cell(path: Path, name: str, row: int, what: str) -> ValueError:
    return ValueError(
        f"{path}: column {name!r}, row {row + 1} {what}; a point is a vector of finite numbers "
        "(Section 2.2)"
    )
