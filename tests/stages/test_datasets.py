"""Every family of data, and the user's own files, go through a whole job to VERIFIED."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data import load_dataset


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hard_width", ("dataset.N=7", "dataset.d=4", "rho=4/5")),
        ("shattering", ("dataset.N=7", "dataset.d=3")),
        ("sphere", ("dataset.N=9", "dataset.d=3")),
        ("cube", ("dataset.N=9", "dataset.d=3", "dataset.C=4", "rho=9/10")),
        ("clusters", ("dataset.N=9", "dataset.d=3", "dataset.C=3", "dataset.spread=0.5")),
        ("lattice", ("dataset.N=9", "dataset.d=2", "dataset.labelling=checkerboard")),
        ("line", ("dataset.N=9", "dataset.d=2", "p=1", "rho=1/4")),
    ],
)
def test_every_synthetic_family_is_verified(lab, tmp_path, name, options):
    N = int(options[0].partition("=")[2])
    (row,) = lab.run(
        tmp_path, f"dataset={name}", "baseline=none", "construction=parallel_balls", *options
    )
    assert (row.dataset, row.N, row.verified, row.falsified) == (name, N, N, 0)


def _csv(folder: Path) -> tuple[Path, str]:
    (folder / "flowers.csv").write_text("kind,a,b\nrose,0,0\nelm,1.5,0\nrose,0,4\noak,-3,-3\n")
    return folder / "flowers.csv", "kind"


def _parquet(folder: Path) -> tuple[Path, str]:
    frame = pd.DataFrame(
        {"a": [0, 1.5, 0, -3], "kind": ["rose", "elm", "rose", "oak"], "b": [0, 0, 4, -3]}
    )
    frame.to_parquet(folder / "flowers.parquet")
    return folder / "flowers.parquet", "kind"


def _npz(folder: Path) -> tuple[Path, str]:
    X = np.array([[0, 0], [1.5, 0], [0, 4], [-3, -3]])
    np.savez(folder / "flowers.npz", X=X, kind=np.array(["rose", "elm", "rose", "oak"]))
    return folder / "flowers.npz", "kind"


@pytest.mark.parametrize("written", [_csv, _parquet, _npz])
def test_a_file_of_the_user_is_verified_with_its_label_names(lab, tmp_path, written):
    path, label = written(tmp_path)
    (row,) = lab.run(
        tmp_path, "dataset=file", f"dataset.path={path}", f"dataset.label={label}", "rho=4/5",
        "baseline=none", "construction=parallel_balls",
    )  # fmt: skip
    assert (row.dataset, row.N, row.d, row.C, row.verified) == ("flowers", 4, 2, 3, 4)
    data = load_dataset(tmp_path / "run" / "dataset.npz")
    assert data.label_names == ("elm", "oak", "rose")
    assert data.y.tolist() == [3, 1, 3, 2]
    assert data.X.fractions().tolist() == [[0, 0], [Fraction(3, 2), 0], [0, 4], [-3, -3]]


def test_zero_based_labels_in_the_last_column_become_1_to_C(lab, tmp_path):
    (tmp_path / "t.csv").write_text("0.5,1,0\n2,1,1\n4,4,0\n")
    (row,) = lab.run(tmp_path, "dataset=file", f"dataset.path={tmp_path / 't.csv'}", *lab.quick)
    data = load_dataset(tmp_path / "run" / "dataset.npz")
    assert (row.verified, data.y.tolist(), data.label_names) == (3, [1, 2, 1], ("0", "1"))


def test_repeated_rows_are_merged_with_a_warning_that_counts_them(lab, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    (tmp_path / "t.csv").write_text("a,b,y\n0,1,u\n2,1,v\n0,1,u\n0,1,u\n")
    job = ("dataset=file", f"dataset.path={tmp_path / 't.csv'}", *lab.quick)
    with pytest.warns(UserWarning, match="t: 2 duplicate points"):
        (row,) = lab.run(tmp_path, *job)
    assert (row.N, row.verified) == (2, 2)
    # Reused, the data are not read again: the line of the stage still says it.
    caplog.clear()
    lab.run(tmp_path, *job)
    assert "rows merged: 2" in caplog.text
