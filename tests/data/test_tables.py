"""The user's own files: CSV, NPZ, Parquet, their labels and their scaling."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset
from pipeline.data.generate import generate_dataset
from pipeline.data.labels import classes_of_labels
from pipeline.data.scaling import joined_columns, unit_scaled
from pipeline.data.tables import read_table
from pipeline.exact import DyadicArray, as_dyadic

VALUES = np.array([[0.1, 3.0], [1e-300, -2.5], [1 / 3, 2.0**70]])
NAMES = ["cat", "dog", "cat"]


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def frame() -> pd.DataFrame:
    return pd.DataFrame(VALUES, columns=["a", "b"]).assign(kind=NAMES)


def saved(folder: Path, suffix: str) -> Path:
    path = folder / f"my table{suffix}"
    if suffix == ".csv":
        frame().to_csv(path, index=False)
    elif suffix == ".parquet":
        frame().to_parquet(path)
    else:
        np.savez(path, X=VALUES, y=np.array(NAMES))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_every_float64_and_label_of_a_file_is_kept(suffix: str, tmp_path: Path) -> None:
    data, notes = generate_dataset("file", path=saved(tmp_path, suffix))
    assert data.X == as_dyadic(VALUES)
    assert data.y.tolist() == [1, 2, 1]
    assert data.label_names == ("cat", "dog")
    assert data.name == "my table"
    assert notes["merged_duplicates"] == 0


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_a_file_truncated_in_the_middle_is_refused(suffix: str, tmp_path: Path) -> None:
    path = saved(tmp_path, suffix)
    content = path.read_bytes()
    # Half of the second point of the CSV: a field is missing.
    lengths = [30] if suffix == ".csv" else [*range(1, len(content), 101), len(content) - 1]
    for length in lengths:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="truncated or not|has 2 fields"):
            generate_dataset("file", path=path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_an_empty_file_is_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is empty; a dataset needs points"):
        generate_dataset("file", path=written(tmp_path / f"a{suffix}", ""))


@pytest.mark.parametrize("text", ["a,b,kind\n", "\n\n"])
def test_a_table_without_points_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is empty; a dataset needs points"):
        generate_dataset("file", path=written(tmp_path / "a.csv", text))


def test_the_label_column_is_the_named_one_or_the_last(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "y,a,b\n0,1,5\n1,2,6\n")
    assert read_table(path).label == "b"
    table = read_table(path, "y")
    assert table.features == ("a", "b")
    assert table.X == as_dyadic(np.array([[1, 5], [2, 6]]))
    with pytest.raises(ValueError, match=r"no label column 'kind', its columns are \['y', 'a'"):
        read_table(path, "kind")


def test_a_csv_without_header_loses_no_point(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "5.1,3.5,setosa\n4.9,3.0,virginica\n")
    data, _ = generate_dataset("file", path=path)
    assert data.X == as_dyadic(np.array([[5.1, 3.5], [4.9, 3.0]]))
    assert data.label_names == ("setosa", "virginica")
    path = written(tmp_path / "b.csv", "0,1,setosa\n4,3,virginica\n2,2,setosa\n")
    assert generate_dataset("file", path=path)[0].N == 3


def test_a_header_of_positions_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    pd.DataFrame(VALUES).assign(target=[0, 1, 1]).to_csv(path, index=False)
    assert generate_dataset("file", path=path, label="target")[0].N == 3
    assert generate_dataset("file", path=path)[0].N == 3


def test_a_first_row_that_could_be_either_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "0,1,2\n4,3,1\n2,2,2\n")
    with pytest.raises(ValueError, match="may be a header or a point; name the columns by words"):
        generate_dataset("file", path=path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,2,0\n3,,1", r"column 'b', row 2 is missing or NaN; a point is a vector of finite"),
        ("1,2,0\nnan,2,1", "column 'a', row 2 is missing or NaN"),
        ("1,inf,0\n3,2,1", "column 'b', row 1 is inf"),
        ("1,2,0\n3,-1e999,1", "column 'b', row 2 is -inf"),
        ("1,2,0\n3,two,1", "column 'b', row 2 is no number: 'two'"),
        ("1,2,\n3,4,1", "every point needs a label, row 1 has none"),
        ("1,2,0\n3,4", "row 2 has 2 fields, the table 3 columns"),
        ("1,2,0\n3,4,0", "needs at least two classes, every label is '0'"),
        ("1,2,0\n1,2,1", "rows 1 and 2 are the same point with labels 0 and 1"),
        ("1,2,0,9\n3,4,1,9", "row 1 has 4 fields, the table 3 columns"),
        ("1,2,0\n3,4,1,9", "row 2 has 4 fields, the table 3 columns"),
        ('1,"2,0\n3,4,1', "not a readable CSV table: unexpected end of data"),
        ("1,2,0\n3,NA,1", "column 'b', row 2 is no number: 'NA'"),
        ("1,2,0\n3,1_0,1", "column 'b', row 2 is no number: '1_0'"),
    ],
)
def test_a_bad_cell_is_named(rows: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        generate_dataset("file", path=written(tmp_path / "a.csv", f"a,b,kind\n{rows}\n"))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file: .*nowhere.csv"):
        generate_dataset("file", path=tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match="must end in .csv, .npz, .parquet, got 'a.xlsx'"):
        generate_dataset("file", path=written(tmp_path / "a.xlsx", "x"))
    with pytest.raises(ValueError, match="truncated or not a Parquet file"):
        generate_dataset("file", path=written(tmp_path / "a.parquet", "x,y\n1,2\n"))
    with pytest.raises(ValueError, match="truncated or not an NPZ file"):
        generate_dataset("file", path=written(tmp_path / "a.npz", "x,y\n1,2\n"))
    (tmp_path / "b.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(ValueError, match="not a readable CSV table"):
        generate_dataset("file", path=tmp_path / "b.csv")
    with pytest.raises(ValueError, match="needs a feature column besides the label"):
        generate_dataset("file", path=written(tmp_path / "c.csv", "kind\na\nb\n"))


def test_the_arrays_of_an_npz_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, X=VALUES, kind=np.array([0, 1, 1]))
    with pytest.raises(ValueError, match=r"no label array 'y', it holds \['X', 'kind'\]"):
        generate_dataset("file", path=path)
    assert generate_dataset("file", path=path, label="kind")[0].label_names == ("0", "1")
    np.savez(path, points=VALUES, y=np.array([0, 1, 1]))
    with pytest.raises(ValueError, match=r"no point array 'X', it holds \['points', 'y'\]"):
        generate_dataset("file", path=path)
    np.savez(path, X=VALUES, y=np.array([0, 1]))
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(2,\)"):
        generate_dataset("file", path=path)
    np.savez(path, X=np.array([[1.0, np.nan], [1.0, 2.0]]), y=np.array([0, 1]))
    with pytest.raises(ValueError, match="column '1', row 1 is missing or NaN"):
        generate_dataset("file", path=path)
    np.savez(path, X=np.array([["1", "x"], ["1", "2"]], dtype="U1"), y=np.array([0, 1]))
    with pytest.raises(ValueError, match="column '1', row 1 is no number: 'x'"):
        generate_dataset("file", path=path)
    np.savez(path, X=np.array([[1 + 1j], [2]]), y=np.array([0, 1]))
    with pytest.raises(ValueError, match="column '0', row 1 is no number"):
        generate_dataset("file", path=path)


def test_integers_beyond_float64_keep_their_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    values = np.array([[(1 << 60) + 1, 1], [1 << 60, 1]])
    np.savez(path, X=values, y=np.array([0, 1]))
    data, _ = generate_dataset("file", path=path)
    assert data.X.fractions().tolist() == values.tolist()
    assert data.separation().power == Fraction(1, 4)
    text = "a,b,kind\n" + "\n".join(f"{a},{b}.5,{k}" for k, (a, b) in enumerate(values))
    data, _ = generate_dataset("file", path=written(tmp_path / "a.csv", text))
    assert data.separation().power == Fraction(1, 4)


def test_duplicates_in_a_file_are_merged_with_a_warning(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,kind\n1,x\n1.0,x\n1e0,x\n2,y\n")
    with pytest.warns(UserWarning, match="a: 2 duplicate points with equal labels were merged"):
        data, notes = generate_dataset("file", path=path)
    assert data.N == 2 and notes["merged_duplicates"] == 2


def test_sizes_asked_of_a_file_are_checked(tmp_path: Path) -> None:
    path = saved(tmp_path, ".csv")
    assert generate_dataset("file", path=path, N=2, d=2, C=2)[0].N == 2
    with pytest.raises(ValueError, match=r"d must be 2\.\.2, got 3"):
        generate_dataset("file", path=path, d=3)
    with pytest.raises(ValueError, match=r"C must be 2\.\.2, got 3"):
        generate_dataset("file", path=path, C=3)
    with pytest.raises(ValueError, match=r"N must be 2\.\.3, got 4"):
        generate_dataset("file", path=path, N=4)


@pytest.mark.parametrize(
    ("labels", "classes", "names"),
    [
        (np.array([0, 1, 0]), [1, 2, 1], ("0", "1")),
        (np.array([10, -3, 9]), [3, 1, 2], ("-3", "9", "10")),
        (np.array(["10", "9", "10"]), [2, 1, 2], ("9", "10")),
        (np.array(["01", "1", "2"]), [1, 1, 2], ("1", "2")),
        (np.array([1.0, 2.0, 2.0]), [1, 2, 2], ("1", "2")),
        (np.array([True, False, True]), [2, 1, 2], ("False", "True")),
        (np.array(["b", "a", "b"], dtype=object), [2, 1, 2], ("a", "b")),
        (np.array([b"b", b"a"], dtype=object), [2, 1], ("a", "b")),
        (np.array(["None", "NA"]), [2, 1], ("NA", "None")),
        (np.array([2.0, "1"], dtype=object), [2, 1], ("1", "2")),
        (np.array([1 << 63, 5], dtype=np.uint64), [2, 1], ("5", str(1 << 63))),
    ],
)
def test_labels_of_any_kind_become_classes(
    labels: np.ndarray, classes: list[int], names: tuple[str, ...]
) -> None:
    y, found = classes_of_labels(labels)
    assert (y.tolist(), found) == (classes, names)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([1.0, np.nan]), "every point needs a label, row 2 has nan"),
        (np.array([1.0, np.inf]), "every point needs a label, row 2 has inf"),
        (np.array([0.5, 1.0]), "labels must be integers or text, got 0.5 in row 1"),
        (np.array(["a", None], dtype=object), "every point needs a label, row 2 has none"),
        (np.array(["a", pd.NA], dtype=object), "every point needs a label, row 2 has none"),
        (np.array(["a", "NaN"], dtype=object), "every point needs a label, row 2 has none"),
        (np.array(["a", ""], dtype=object), "every point needs a label, row 2 has none"),
        (np.array([0.5, "a"], dtype=object), "labels must be integers or text, got 0.5 in row 1"),
        (np.array(["a", "a"]), "needs at least two classes, every label is 'a'"),
    ],
)
def test_labels_that_are_none_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classes_of_labels(labels)


def test_pandas_missing_integers_are_named(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "kind": ["x", "y"]})
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="column 'a', row 2 is missing or NaN"):
        generate_dataset("file", path=tmp_path / "a.parquet")
    whole = table.assign(a=pd.array([1, 2], dtype="Int64"))
    whole.to_parquet(tmp_path / "b.parquet")
    assert generate_dataset("file", path=tmp_path / "b.parquet")[0].d == 1


COLUMN = st.lists(st.floats(-1e20, 1e20), min_size=2, max_size=5)


@given(COLUMN)
def test_unit_scaling_is_a_power_of_two_with_range_at_most_one(values: list[float]) -> None:
    X = as_dyadic(np.array(values).reshape(-1, 1))
    scaled = unit_scaled(X).fractions()[:, 0]
    before = X.fractions()[:, 0]
    spread = max(before) - min(before)
    if spread == 0:
        assert scaled.tolist() == before.tolist()
        return
    ratio = Fraction(max(scaled) - min(scaled)) / spread
    assert bin(ratio.numerator * ratio.denominator).count("1") == 1
    assert Fraction(1, 2) < max(scaled) - min(scaled) <= 1
    assert [v * ratio for v in before] == scaled.tolist()


def test_scaling_is_off_by_default_and_changes_the_geometry(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,b,kind\n0,0,x\n1000,0,y\n0,0.001,y\n")
    plain, _ = generate_dataset("file", path=path)
    scaled, notes = generate_dataset("file", path=path, scale="unit")
    assert plain.separation().pair == (0, 2) and plain.X == as_dyadic(
        np.array([[0, 0], [1000, 0], [0, 0.001]])
    )
    assert notes["scale"] == "unit"
    assert scaled.X == as_dyadic(np.array([[0, 0], [1000 / 1024, 0], [0, 0.001 * 512]]))
    assert scaled.separation().power != plain.separation().power
    assert isinstance(scaled, SeparatedDataset)


def test_columns_of_any_exponent_are_joined_exactly() -> None:
    columns = [DyadicArray(np.array([1, 3]), 80), DyadicArray(np.array([5, 7]), -80)]
    joined = joined_columns(columns).fractions()
    assert joined[:, 0].tolist() == columns[0].fractions().tolist()
    assert joined[:, 1].tolist() == columns[1].fractions().tolist()
