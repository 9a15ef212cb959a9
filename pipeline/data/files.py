"""Dataset files (docs/format.md): one NPZ with exact points, same dataset -> same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.dataset import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.exact.files import load_arrays
from pipeline.exact.words import array_of_words, words_of_array

FORMAT = "separated-dataset 1"


def save_dataset(path: Path | str, dataset: SeparatedDataset) -> None:
    """Write a dataset file; equal datasets give equal bytes."""
    with open(path, "wb") as handle:
        np.savez(
            handle,
            format=np.array(FORMAT),
            name=np.array(dataset.name),
            points=words_of_array(dataset.X.numerators),
            exponent=np.array(dataset.X.exponent, dtype=np.int64),
            labels=dataset.y,
            label_names=np.array(dataset.label_names),
        )


def load_dataset(path: Path | str) -> SeparatedDataset:
    """Return the dataset in a file.

    Raises:
        ValueError: if the file is truncated, damaged or of another format.
    """
    arrays = load_arrays(path, FORMAT)
    for name in ("name", "points", "exponent", "labels", "label_names"):
        if name not in arrays:
            raise ValueError(f"{path} is damaged: it has no array {name!r}")
    if arrays["points"].ndim != 3 or arrays["points"].dtype.kind != "i":
        raise ValueError(f"{path} is damaged: points needs three axes of integers")
    return SeparatedDataset(
        name=str(arrays["name"]),
        X=DyadicArray(array_of_words(arrays["points"]), int(arrays["exponent"])),
        y=arrays["labels"],
        label_names=tuple(str(n) for n in arrays["label_names"]),
    )
