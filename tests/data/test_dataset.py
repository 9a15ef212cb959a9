"""`SeparatedDataset`, merging of duplicates and dataset files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset, load_dataset, merge_duplicates, save_dataset
from pipeline.exact import DyadicArray, as_dyadic

X = as_dyadic(np.array([[0.0, 0.5], [1.0, 0.25], [2.0, 0.0]]))


def test_sizes_and_names_are_those_of_the_data() -> None:
    data = SeparatedDataset("small", X, np.array([1, 2, 3]))
    assert (data.N, data.d, data.C) == (3, 2, 3)
    assert data.label_names == ("1", "2", "3")
    assert data.X == X


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 1, 1], "needs at least two classes, got one"),
        ([0, 1, 2], r"labels must lie in 1\.\.C, got 0"),
        ([1, 3, 3], r"every class 1\.\.3 needs a point, class 2 has none"),
        ([1, 2], r"y must have shape \(3,\), got \(2,\)"),
        ([1.0, 2.0, 2.0], r"labels must be integers 1\.\.C, got dtype float64"),
        (["a", "b", "b"], r"labels must be integers 1\.\.C, got dtype <U1"),
    ],
)
def test_labels_that_are_no_classes_are_refused(y: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeparatedDataset("bad", X, np.array(y))


def test_points_of_no_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"X must have shape \(N, d\) with d >= 1, got \(3,\)"):
        SeparatedDataset("bad", as_dyadic(np.arange(3)), np.array([1, 2, 2]))
    with pytest.raises(ValueError, match="a dataset needs points, got none"):
        SeparatedDataset("bad", as_dyadic(np.zeros((0, 2))), np.zeros(0, dtype=int))
    with pytest.raises(ValueError, match="values must be finite, got NaN or infinity"):
        SeparatedDataset("bad", np.array([[0.0], [np.nan]]), np.array([1, 2]))  # type: ignore[arg-type]


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 classes need as many names, got 2"):
        SeparatedDataset("bad", X, np.array([1, 2, 3]), ("a", "b"))


def test_equal_points_are_refused() -> None:
    with pytest.raises(ValueError, match="pairwise distinct, rows 0 and 2 are equal"):
        SeparatedDataset("bad", as_dyadic(np.array([[1.0], [2.0], [1.0]])), np.array([1, 2, 1]))


POINTS = st.lists(st.integers(-2, 2), min_size=1, max_size=12)


@given(POINTS, st.booleans())
def test_merging_keeps_the_first_of_equal_rows(values: list[int], big: bool) -> None:
    numerators = np.array(values).reshape(-1, 1)
    points = DyadicArray(numerators.astype(object) * 2**70 if big else numerators, -3)
    y = np.array(values)
    merged, labels, dropped = merge_duplicates(points, y)
    assert dropped == len(values) - len(set(values))
    assert labels.tolist() == list(dict.fromkeys(values))
    assert merged == points[[values.index(v) for v in dict.fromkeys(values)]]


@pytest.mark.parametrize("factor", [1, 1 << 70])
def test_equal_points_with_two_labels_are_a_conflict(factor: int) -> None:
    points = DyadicArray(np.array([[3], [5], [3]], dtype=object) * factor, 0)
    with pytest.raises(ValueError, match="rows 1 and 3 are the same point with labels 1 and 2"):
        merge_duplicates(points, np.array([1, 1, 2]))


@settings(max_examples=30)
@given(
    st.lists(st.integers(-(1 << 100), 1 << 100), min_size=2, max_size=6, unique=True),
    st.integers(-50, 50),
)
def test_load_of_save_is_the_identity_for_datasets(values: list[int], exponent: int) -> None:
    points = DyadicArray(np.array(values, dtype=object).reshape(-1, 1), exponent)
    y = np.array([1, *[2] * (len(values) - 1)])
    data = SeparatedDataset("many bits", points, y, ("null", "eins"))
    with TemporaryDirectory() as folder:
        first, second = Path(folder) / "a.npz", Path(folder) / "b.npz"
        save_dataset(first, data)
        loaded = load_dataset(first)
        save_dataset(second, loaded)
        assert first.read_bytes() == second.read_bytes()
    assert loaded.X == data.X
    assert loaded.y.tolist() == data.y.tolist()
    assert (loaded.name, loaded.label_names) == ("many bits", ("null", "eins"))


def test_a_dataset_file_truncated_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    save_dataset(path, SeparatedDataset("small", X, np.array([1, 2, 3])))
    content = path.read_bytes()
    for length in [*range(0, len(content), 61), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="truncated or not a separated-dataset 1 file"):
            load_dataset(path)


@pytest.mark.parametrize("array", ["name", "points", "exponent", "labels", "label_names"])
def test_a_dataset_file_without_an_array_is_refused(array: str, tmp_path: Path) -> None:
    save_dataset(tmp_path / "d.npz", SeparatedDataset("small", X, np.array([1, 2, 3])))
    with np.load(tmp_path / "d.npz") as data:
        arrays = {name: data[name] for name in data.files if name != array}
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match=f"damaged: it has no array '{array}'"):
        load_dataset(tmp_path / "m.npz")


def test_a_dataset_file_with_one_label_flipped_is_another_dataset(tmp_path: Path) -> None:
    for name, y in (("a", [1, 2, 1]), ("b", [1, 2, 2])):
        save_dataset(tmp_path / name, SeparatedDataset("small", X, np.array(y)))
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
