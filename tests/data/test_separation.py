"""The separation constant against a brute-force oracle in Python integers (Definition 2.1)."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset, Separation, nearest_other_label_pair, separation
from pipeline.exact import DyadicArray, as_dyadic, distance_power
from tests.construction.ball_points import datasets

NORMS = (1, 2, 3, inf)


def oracle(X: DyadicArray, y: np.ndarray, p: int | float) -> tuple[Fraction, tuple[int, int]]:
    """Return the power of eps_D and the first pair that attains it, from all pairs."""
    points = X.fractions()
    best: tuple[Fraction, tuple[int, int]] | None = None
    for i in range(len(y)):
        for j in range(i + 1, len(y)):
            if y[i] == y[j]:
                continue
            difference = [abs(a - b) / 2 for a, b in zip(points[i], points[j], strict=True)]
            power = max(difference) if p == inf else sum(v ** int(p) for v in difference)
            if best is None or power < best[0]:
                best = (power, (i, j))
    assert best is not None
    return best


def assert_exact(X: DyadicArray, y: np.ndarray, p: int | float, workers: int = 1) -> Separation:
    found = nearest_other_label_pair(X, y, p, workers)
    assert (found.power, found.pair) == oracle(X, y, p)
    return found


def labels(rng: np.random.Generator, n: int, C: int) -> np.ndarray:
    y = rng.integers(1, C + 1, size=n)
    y[rng.permutation(n)[:2]] = [1, 2]
    return y


COORDINATES = st.one_of(
    st.integers(-2, 2).map(float),
    st.floats(-1, 1),
    st.floats(-1, 1).map(lambda v: 2.0**40 + v),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30),
)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([1, 2, 3, 5, 1024]), st.sampled_from(NORMS))
def test_the_separation_is_that_of_all_pairs(
    data: st.DataObject, leaf: int, p: int | float
) -> None:
    n, d = data.draw(st.integers(2, 12)), data.draw(st.integers(1, 3))
    values = data.draw(st.lists(COORDINATES, min_size=n * d, max_size=n * d))
    y = np.array(data.draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)))
    y[:2] = [1, 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "LEAF", leaf)
        assert_exact(as_dyadic(np.array(values).reshape(n, d)), y, p)


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("leaf", [4, 7, 32])
@pytest.mark.parametrize("kind", ["ties", "normal", "offset", "clusters", "big"])
def test_many_leaves_give_the_pair_of_all_pairs(
    kind: str, leaf: int, p: int | float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation, "LEAF", leaf)
    rng = np.random.default_rng(leaf)
    n, d = 45, 3
    normal = rng.normal(size=(n, d))
    X = {
        "ties": as_dyadic(rng.integers(0, 3, size=(n, d))),
        "normal": as_dyadic(normal),
        "offset": as_dyadic(normal * 1e-9 + 1e6),
        "clusters": as_dyadic(normal * 1e-6 + rng.integers(0, 3, size=(n, 1))),
        "big": DyadicArray((normal * 2.0**50).astype(np.int64).astype(object) << 40, -7),
    }[kind]
    for C in (2, 9):
        assert_exact(X, labels(rng, n, C), p)


@pytest.mark.parametrize("p", NORMS)
def test_the_result_does_not_depend_on_workers(
    p: int | float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation, "LEAF", 8)
    rng = np.random.default_rng(5)
    X, y = as_dyadic(rng.integers(0, 12, size=(300, 2))), labels(rng, 300, 3)
    results = {nearest_other_label_pair(X, y, p, workers) for workers in (1, 2, 2, 2, 5)}
    assert len(results) == 1


def test_of_tied_pairs_the_first_in_lexicographic_order_is_named() -> None:
    X = as_dyadic(np.array([[4.0], [1.0], [0.0], [5.0], [2.0]]))
    y = np.array([1, 2, 1, 2, 1])
    assert nearest_other_label_pair(X, y).pair == (0, 3)


@pytest.mark.parametrize(("p", "power"), [(1, 7), (2, 25), (3, 91), (inf, 4)])
def test_the_separation_has_the_half_of_definition_2_1(p: int | float, power: int) -> None:
    data = SeparatedDataset("pair", as_dyadic(np.array([[0.0, 0.0], [3.0, 4.0]])), np.array([1, 2]))
    expected = Fraction(power, 2 if p == inf else 2**p)
    assert data.separation(p).power == expected
    assert data.separation(p).power != power
    length = float(expected) if p == inf else float(expected) ** (1 / p)
    assert data.separation(p).nearest_float64 == pytest.approx(length)


def test_the_radius_is_rho_times_the_separation() -> None:
    data = SeparatedDataset("pair", as_dyadic(np.array([[0.0], [2.0]])), np.array([1, 2]))
    assert data.radius_power(Fraction(1, 3)) == Fraction(1, 9)
    assert data.radius_power(Fraction(1, 3), inf) == Fraction(1, 3)


def test_equally_labelled_neighbours_do_not_count() -> None:
    X = as_dyadic(np.array([[0.0], [2.0**-40], [1.0]]))
    assert nearest_other_label_pair(X, np.array([1, 1, 2])).power == (
        Fraction(1, 4) * (1 - Fraction(1, 2**40)) ** 2
    )


def test_differences_below_float64_decide() -> None:
    # Distances 1 and 1 - 2**-70 from the origin: equal in float64.
    numerators = np.array([[0], [1 << 70], [-((1 << 70) - 1)]], dtype=object)
    found = nearest_other_label_pair(DyadicArray(numerators, -70), np.array([1, 2, 2]))
    assert found.pair == (0, 2)
    assert found.power == (1 - Fraction(1, 1 << 70)) ** 2 / 4


@pytest.mark.parametrize(
    ("leaf", "p", "exponent"),
    [(2, 40, -27.872413793103448), (1024, 64, -17.775969827586206), (4, 3, -30), (8, 16, -66)],
)
def test_high_norms_are_exact_though_their_powers_underflow(
    leaf: int, p: int, exponent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation, "LEAF", leaf)
    # Eight pairs whose p-th powers are subnormal in float64, where sums of powers change order.
    step = 1 + 0.5 / p * np.random.default_rng(p).random((8, 3))
    base = np.arange(8)[:, None] / 16 * np.ones((1, 3))
    X = as_dyadic(np.concatenate([base, base + 2.0**exponent * step]))
    assert_exact(X, np.repeat([1, 2], 8), p)


def test_huge_norms_are_exact_though_their_powers_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "LEAF", 2)
    rng = np.random.default_rng(0)
    X = rng.integers(-127, 127, size=(14, 3))
    X[:7, 0], X[7:, 0] = -127, 60 + np.arange(7)[::-1]
    assert_exact(as_dyadic(X), np.repeat([1, 2], 7), 1100)


def test_one_class_has_no_separation() -> None:
    with pytest.raises(ValueError, match=r"needs two classes \(Definition 2.1\)"):
        nearest_other_label_pair(as_dyadic(np.eye(3)), np.ones(3, dtype=int))


def test_a_closer_pair_planted_anywhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "LEAF", 16)
    rng = np.random.default_rng(7)
    X = rng.random((400, 4))
    y = np.tile([1, 2], 200)
    for i, j in ((0, 399), (18, 243), (200, 201)):
        planted = X.copy()
        planted[j] = planted[i] + 2.0**-30
        found = nearest_other_label_pair(as_dyadic(planted), y, 2, 2)
        assert found.pair == (i, j)
        difference = as_dyadic(planted).numerators[i] - as_dyadic(planted).numerators[j]
        scale = Fraction(2) ** (2 * as_dyadic(planted).exponent)
        assert found.power == distance_power(difference, 2) * scale / 4


@pytest.mark.parametrize("p", [1, 2, inf])
@settings(max_examples=40)
@given(datasets(most=14, dimensions=3, classes=4))
def test_trees_find_the_pair_that_all_comparisons_find(
    p: int | float, dataset: SeparatedDataset
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "trees_pay", lambda *_: True)
        assert_exact(dataset.X, dataset.y, p)


def test_trees_tell_distances_apart_that_floats_do_not() -> None:
    # Pairs at distances 2^60 + 1 and 2^60, far from the origin.
    points = np.array([[0], [(1 << 60) + 1], [1 << 62], [(1 << 62) + (1 << 60)]], dtype=object)
    X, y = DyadicArray(points, -3), np.array([1, 2, 1, 2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "trees_pay", lambda *_: True)
        assert_exact(X, y, 2)
