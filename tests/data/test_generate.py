"""Every family is what its definition says, and bad requests are refused."""

from __future__ import annotations

import re
from fractions import Fraction
from math import isqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import save_dataset, sizes
from pipeline.data.generate import FAMILIES, generate_dataset
from pipeline.data.randomness import generator
from pipeline.data.shattering import shattered_points
from pipeline.data.sizes import GRID_BITS
from pipeline.exact import distance_power

DRAWN = ("sphere", "cube", "clusters", "lattice")
SYNTHETIC = ("hard_width", *DRAWN, "line")


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("file", "iris")])
def test_every_family_has_sensible_defaults(name: str) -> None:
    data, _ = generate_dataset(name, rho="1/2")
    assert data.name == name
    assert set(data.y.tolist()) == set(range(1, data.C + 1))


@pytest.mark.parametrize("name", [*SYNTHETIC, "shattering"])
def test_the_same_seed_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    for copy in ("a", "b"):
        data, _ = generate_dataset(name, N=12, d=4, seed=3, rho="4/5")
        save_dataset(tmp_path / copy, data)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    other, _ = generate_dataset(name, N=12, d=4, seed=4, rho="4/5")
    save_dataset(tmp_path / "c", other)
    changed = (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    assert changed == (name in (*DRAWN, "shattering"))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(DRAWN + ("line",)),
    st.integers(2, 40),
    st.integers(2, 5),
    st.data(),
    st.integers(0, 5),
)
def test_sizes_are_those_asked_for(
    name: str, N: int, d: int, data: st.DataObject, seed: int
) -> None:
    C = data.draw(st.integers(2, min(N, 7)))
    built, _ = generate_dataset(name, N=N, d=d, C=C, seed=seed)
    assert (built.N, built.d, built.C) == (N, d, C)
    assert built.X.numerators.dtype == np.int64


@pytest.mark.parametrize(("N", "d"), [(2, 1), (5, 4), (4, 7), (33, 32), (6, 4), (12, 3), (5, 1)])
def test_hard_width_is_the_dataset_of_proposition_3_2(N: int, d: int) -> None:
    data, _ = generate_dataset("hard_width", N=N, d=d)
    points = {tuple(map(int, x)): int(c) for x, c in zip(data.X.fractions(), data.y, strict=True)}
    expected = {(0,) * d: 1}
    for j in range(min(N - 1, d)):
        expected[tuple(int(i == j) for i in range(d))] = 2
    if N - 1 > d:
        for multiple in range(2, N - d + 1):
            expected[(multiple,) + (0,) * (d - 1)] = 2
    assert points == expected and data.N == N
    assert data.separation().power == Fraction(1, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(2, 12), st.data())
def test_shattering_is_the_dataset_of_proposition_3_3(d: int, N: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, d))
    pairs = N // 2
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=pairs * k, max_size=pairs * k))
    built, notes = generate_dataset("shattering", N=N, d=d, k=k, labelling=signs)
    assert notes["labelling"] == "".join("1" if s > 0 else "0" for s in signs)
    assert built.separation().power >= k
    points = built.X.fractions()
    shattered = shattered_points(N, d, k).fractions().reshape(pairs, k, d)
    for pair in range(pairs):
        centre = np.zeros(d, dtype=int)
        centre[0] = 2 * d * d * pair
        row = signs[pair * k : (pair + 1) * k]
        offset = np.array([*row, *[0] * (d - k)])
        assert points[2 * pair].tolist() == (centre + offset).tolist()
        assert points[2 * pair + 1].tolist() == (centre - offset).tolist()
        assert built.y[2 * pair : 2 * pair + 2].tolist() == [2, 1]
        for j in range(k):
            # x_{l,j} lies within sqrt(k - 1) of the centre whose label its sign asks for.
            own = points[2 * pair + (0 if row[j] > 0 else 1)]
            assert distance_power(shattered[pair, j] - own, 2) == k - 1
    if N % 2:
        least = min(distance_power(points[-1] - x, 2) for x in points[:-1])
        assert least >= (2 * d * d - 1) ** 2 >= 4 * k


@settings(max_examples=60)
@given(st.fractions(min_value=Fraction(1, 50), max_value=Fraction(49, 50)), st.integers(2, 30))
def test_shattering_takes_k_from_rho(rho: Fraction, d: int) -> None:
    if rho * rho > 1 - Fraction(1, d):
        with pytest.raises(ValueError, match=r"rho must be at most sqrt\(1 - 1/d\)"):
            generate_dataset("shattering", N=2, d=d, rho=rho)
        return
    data, notes = generate_dataset("shattering", N=2, d=d, rho=rho)
    k = notes["k"]
    assert isinstance(k, int) and k <= 1 / (1 - rho * rho) < k + 1
    # sqrt(k - 1) <= mu = rho eps_D with eps_D >= sqrt(k): the shattered points lie in the balls.
    assert data.radius_power(rho) >= k - 1


def test_a_labelling_is_read_from_bits_signs_and_numbers() -> None:
    rows = [
        generate_dataset("shattering", N=4, d=3, k=2, labelling=form)[1]["labelling"]
        for form in ("0110", "-++-", [-1, 1, 1, -1], np.array([0, 1, 1, 0]), iter("0110"))
    ]
    assert rows == ["0110"] * 5


def test_sphere_points_lie_next_to_the_sphere() -> None:
    data, _ = generate_dataset("sphere", N=50, d=3, seed=1)
    scaled = data.X.at_exponent(-GRID_BITS).astype(object)
    for x in scaled:
        # Each coordinate is off by at most half a grid step.
        assert abs(isqrt(int(x @ x)) - (1 << GRID_BITS)) <= 2


def test_cube_points_lie_in_the_cube() -> None:
    data, _ = generate_dataset("cube", N=200, d=2, seed=1)
    values = data.X.fractions()
    assert values.min() >= 0 and values.max() <= 1
    assert values.min() < Fraction(1, 20) and values.max() > Fraction(19, 20)


def test_narrow_clusters_hold_one_class_each() -> None:
    data, _ = generate_dataset("clusters", N=60, d=8, C=4, spread=2.0**-8, seed=1)
    values = data.X.nearest_float64()
    means = np.array([values[data.y == c].mean(axis=0) for c in range(1, 5)])
    nearest = ((values[:, None] - means) ** 2).sum(axis=2).argmin(axis=1) + 1
    assert nearest.tolist() == data.y.tolist()


@pytest.mark.parametrize(("N", "d", "C"), [(16, 2, 2), (27, 3, 4), (10, 2, 5), (9, 30, 3)])
def test_a_checkerboard_is_labelled_by_coordinate_sums(N: int, d: int, C: int) -> None:
    data, notes = generate_dataset("lattice", N=N, d=d, C=C, labelling="checkerboard", seed=1)
    cells = data.X.at_exponent(0)
    assert (data.y == cells.sum(axis=1) % C + 1).all()
    assert cells.min() >= 0 and cells.max() < notes["side"]  # type: ignore[operator]


def test_a_full_lattice_holds_every_cell() -> None:
    data, notes = generate_dataset("lattice", N=27, d=3, seed=2)
    assert notes["side"] == 3
    cells = {tuple(x) for x in data.X.at_exponent(0).tolist()}
    assert len(cells) == 27 and max(max(x) for x in cells) == 2


def test_line_labels_alternate_along_the_line() -> None:
    data, _ = generate_dataset("line", N=5, d=3)
    assert data.X.at_exponent(0).tolist() == [[i, 0, 0] for i in range(5)]
    assert data.y.tolist() == [1, 2, 1, 2, 1]
    assert generate_dataset("line", N=5, C=3)[0].y.tolist() == [1, 2, 3, 1, 2]
    assert data.separation().power == Fraction(1, 4)


@pytest.mark.parametrize(
    ("name", "N", "d", "C"),
    [("digits", 1797, 64, 10), ("breast_cancer", 569, 30, 2), ("wine", 178, 13, 3)],
)
def test_bundled_data_are_whole_and_exact(name: str, N: int, d: int, C: int) -> None:
    from sklearn import datasets

    data, notes = generate_dataset(name, N=N, d=d, C=C)
    bunch = getattr(datasets, f"load_{name}")()
    assert (data.X.nearest_float64() == bunch.data).all()
    assert (data.y == bunch.target + 1).all()
    assert data.label_names == tuple(str(n) for n in bunch.target_names)
    assert notes["merged_duplicates"] == 0


def test_duplicates_are_merged_with_a_warning_that_counts_them() -> None:
    with pytest.warns(UserWarning, match="iris: 1 duplicate points with equal labels were merged"):
        data, notes = generate_dataset("iris")
    assert (data.N, data.d, data.C) == (149, 4, 3)
    assert notes["merged_duplicates"] == 1


def test_the_first_points_of_real_data_hold_every_class() -> None:
    data, _ = generate_dataset("digits", N=100)
    whole, _ = generate_dataset("digits")
    assert data.N == 100 and data.X == whole.X[:100]
    with pytest.raises(ValueError, match="first 5 points of digits must hold every class"):
        generate_dataset("digits", N=5)
    with pytest.raises(ValueError, match=r"N must be 2\.\.1797, got 5000"):
        generate_dataset("digits", N=5000)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mnist", {}, "dataset must be one of hard_width, shattering, .*, got 'mnist'"),
        ("sphere", {"N": 1}, r"N must be 2 or more, got 1 \(Section 2.2\)"),
        ("sphere", {"d": 1}, "d must be 2 or more, got 1"),
        ("sphere", {"d": 2.5}, "d must be an integer, 2 or more, got 2.5"),
        ("cube", {"N": True}, "N must be an integer, 2 or more, got True"),
        ("cube", {"C": 1}, r"C must be 2\.\.256, got 1"),
        ("cube", {"N": 5, "C": 6}, r"C must be 2\.\.5, got 6"),
        ("cube", {"d": 0}, "d must be 1 or more, got 0"),
        ("cube", {"seed": -1}, "seed must be an integer >= 0, got -1"),
        ("cube", {"seed": "x"}, "seed must be an integer >= 0, got 'x'"),
        ("cube", {"path": "a.csv"}, "dataset cube takes no path, got 'a.csv'"),
        ("line", {"scale": "unit"}, "dataset line takes no scale, got 'unit'"),
        ("hard_width", {"C": 3}, r"C must be 2\.\.2, got 3 \(Proposition 3.2\)"),
        ("hard_width", {"N": 1}, r"N must be 2 or more, got 1 \(Proposition 3.2\)"),
        ("shattering", {}, r"shattering needs rho or k = floor\(1/\(1 - rho\^2\)\)"),
        ("shattering", {"rho": "5/4"}, r"rho must lie in \(0, 1\), got 5/4"),
        ("shattering", {"k": 17}, r"k must be an integer in 1\.\.d = 16, got 17"),
        ("shattering", {"k": 0}, r"k must be an integer in 1\.\.d = 16, got 0"),
        ("shattering", {"k": 3, "rho": "1/2"}, r"k must be floor\(1/\(1 - rho\^2\)\) = 1 at rho"),
        ("shattering", {"d": 1, "k": 1}, r"d must be 2 or more, got 1 \(Proposition 3.3\)"),
        ("shattering", {"k": 1, "labelling": "01"}, r"needs 16 entries, got 2 \(Proposition 3.3"),
        ("shattering", {"k": 1, "labelling": "2" * 16}, "entries -1 .or 0. and 1, got '2'"),
        ("clusters", {"spread": 0.0}, r"spread must lie in \(0, 1024\], got 0.0"),
        ("clusters", {"spread": float("nan")}, r"spread must lie in \(0, 1024\], got nan"),
        ("lattice", {"labelling": "stripes"}, "labelling must be random or checkerboard"),
        ("lattice", {"N": 100, "d": 2, "side": 9}, "side must be 10 or more, got 9"),
        ("wine", {"d": 12}, r"d must be 13\.\.13, got 12 \(the data's own dimension\)"),
        ("wine", {"C": 2}, r"C must be 3\.\.3, got 2 \(the data's own classes\)"),
        ("wine", {"scale": "log"}, "scale must be one of none, unit, got 'log'"),
        ("file", {}, "dataset file needs a path to a .csv, .npz or .parquet file, got none"),
    ],
)
def test_a_bad_request_is_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_dataset(name, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("N", [20, 400])
def test_more_points_than_the_grid_holds_are_refused(
    N: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "GRID_BITS", 4)
    with pytest.raises(ValueError, match=f"N = {N} pairwise distinct points do not fit on the gri"):
        generate_dataset("cube", N=N, d=1)


def test_points_that_coincide_on_the_grid_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "GRID_BITS", 6)
    for seed in range(10):
        assert generate_dataset("cube", N=20, d=1, seed=seed)[0].N == 20


def test_an_unknown_family_lists_all_families() -> None:
    with pytest.raises(ValueError, match=re.escape(", ".join(FAMILIES))):
        generate_dataset("nothing")


def test_random_streams_are_split_by_name() -> None:
    draws = {
        names: generator(5, *names).integers(1 << 60)
        for names in [("generate",), ("train",), ("generate", "labels"), ("generatelabels",)]
    }
    assert len(set(draws.values())) == 4
    assert generator(5, "generate").integers(1 << 60) == draws[("generate",)]
    assert generator(6, "generate").integers(1 << 60) != draws[("generate",)]


def test_a_random_stream_is_the_same_on_every_machine() -> None:
    assert generator(0, "generate").integers(1 << 30, size=3).tolist() == GOLDEN


GOLDEN = [355703005, 389363214, 1060856335]
