"""The checker verifies what the constructions build, and prints what it verified."""

from __future__ import annotations

import json
from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from pipeline.construction import build
from pipeline.construction.thm_4_2_iii_large import Constants, build_thm_4_2_iii
from pipeline.data import SeparatedDataset, merge_duplicates
from pipeline.exact import as_dyadic
from tests.construction.ball_points import dataset_of, line, spread
from tests.verification.check.check_files import Files, run

HALF = Fraction(1, 2)


def iris(N: int = 150) -> SeparatedDataset:
    """Return N of the iris flowers (all classes), duplicates merged."""
    data = load_iris()
    pick = np.linspace(0, 149, N).astype(int)
    X, y, _ = merge_duplicates(as_dyadic(data.data[pick]), data.target[pick] + 1)
    return SeparatedDataset("iris", X, y)


def wild() -> SeparatedDataset:
    """Return points whose coordinates need 70 bits and large exponents."""
    X = np.array([[1 << 70, 3], [5, 7], [-(1 << 69), 1], [0, (1 << 70) + 1]], dtype=object)
    return SeparatedDataset("wild", as_dyadic(X), np.array([1, 2, 2, 1]))


DATASETS = {
    "line": lambda: line(9),
    "line in the plane": lambda: line(6, 2),
    "iris": lambda: iris(30),
    "many classes": lambda: spread(12, 3, 5),
    "one point a class": lambda: spread(6, 4, 6),
    "more dimensions than points": lambda: spread(4, 9, 2),
    "fractions": lambda: dataset_of([[0, 1], [3, 3], [7, -2]], [1, 2, 1], -40),
    "large scale": lambda: dataset_of([[0, 1], [3, 3], [7, -2]], [2, 2, 1], 300),
    "wild": wild,
}


@pytest.mark.parametrize("name", ["parallel_balls", "thm_4_2_iii"])
@pytest.mark.parametrize("dataset", list(DATASETS))
@pytest.mark.parametrize("rho", [Fraction(1, 3), HALF, Fraction(97, 100)])
def test_constructions_are_verified(name: str, dataset: str, rho: Fraction, tmp_path: Path) -> None:
    data = DATASETS[dataset]()
    built = build(name, data, rho)
    answer = Files(tmp_path).write(data, built.network, built.certificate)
    assert answer.verified, answer.text
    assert answer.text.endswith(f"VERIFIED: {data.N} of {data.N} balls\n")


def test_whole_iris_is_verified(tmp_path: Path) -> None:
    data = iris()
    built = build("parallel_balls", data, Fraction(9, 10))
    assert Files(tmp_path).write(data, built.network, built.certificate).verified


@pytest.mark.parametrize("kind", ["identity", "random", "pca", "span"])
@pytest.mark.parametrize("rho", [Fraction(1, 20), Fraction(1, 4)])
def test_every_projection_is_verified(kind: str, rho: Fraction, tmp_path: Path) -> None:
    data = spread(10, 6, 3)
    built = build("parallel_balls", data, rho, options={"projection": kind})
    assert Files(tmp_path).write(data, built.network, built.certificate).verified


@pytest.mark.parametrize("p", [1, 3, inf])
def test_balls_of_other_norms_are_verified(p: float, tmp_path: Path) -> None:
    data = dataset_of([[0, 0], [64, 3], [5, 70], [70, 66]], [1, 2, 2, 1])
    built = build("parallel_balls", data, Fraction(2, 5), p)
    answer = Files(tmp_path).write(data, built.network, built.certificate)
    assert answer.verified
    assert f"p = {p}   N = 4" in answer.text


@pytest.mark.parametrize(
    ("N", "d", "rho", "constants"),
    [
        (4, 12, "1/4", Constants(log_n=Fraction(5))),
        (12, 10, "1/10", Constants(Fraction(1), Fraction(1), HALF)),
        (8, 12, "1/10", Constants(Fraction(1), Fraction(1), HALF)),
    ],
)
def test_projected_cases_of_the_theorem_are_verified(
    N: int, d: int, rho: str, constants: Constants, tmp_path: Path
) -> None:
    data = spread(N, d, 3)
    built = build_thm_4_2_iii(data, Fraction(rho), constants=constants)
    assert Files(tmp_path).write(data, built.network, built.certificate).verified


def test_output_names_claim_sizes_digests_and_separation(tmp_path: Path) -> None:
    data = spread(10, 3, 3)
    built = build("parallel_balls", data, Fraction("0.65"))
    files = Files(tmp_path)
    text = files.write(data, built.network, built.certificate).text
    document = json.loads(files.certificate.read_text())
    found = data.separation(2)
    assert "rho = 13/20   p = 2   N = 10   d = 3   C = 3" in text
    assert document["dataset_sha256"] in text
    assert document["network_sha256"] in text
    assert f"eps_D^2 = {found.power}, attained by points" in text
    assert "||x - x_i||_2 < mu = rho * eps_D" in text


def test_verdict_file_counts_every_ball(tmp_path: Path) -> None:
    data = spread(10, 3, 3)
    built = build("parallel_balls", data, HALF)
    files = Files(tmp_path)
    assert files.write(data, built.network, built.certificate).verified
    output = tmp_path / "verdict.json"
    paths = (files.dataset, files.network, files.certificate)
    assert run(*paths, "--output", output).verified
    verdict = json.loads(output.read_text())
    assert verdict["verdict"] == "VERIFIED"
    assert (verdict["N"], verdict["verified"], verdict["unproved"]) == (10, 10, [])
    assert verdict["rho"] == "1/2"
    assert Fraction(verdict["separation_power"]) == data.separation(2).power
    assert len(verdict["slack"]) == 10
    assert not (tmp_path / "verdict.json.partial").exists()


def test_verdict_file_of_a_rejection_says_which_balls_are_unproved(tmp_path: Path) -> None:
    data = line(5)
    built = build("parallel_balls", data, HALF)
    files = Files(tmp_path)
    assert not files.write(data, built.network, built.certificate, rho="99/100").verified
    output = tmp_path / "verdict.json"
    assert not run(files.dataset, files.network, files.certificate, "--output", output).verified
    verdict = json.loads(output.read_text())
    assert verdict["verdict"] == "REJECTED"
    assert verdict["verified"] + len(verdict["unproved"]) == 5
    assert verdict["unproved"]
