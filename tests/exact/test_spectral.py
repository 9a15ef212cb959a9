"""Spectral norm bounds are never below the norm, and tight where a bound is promised."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exact.spectral import is_positive_semidefinite, norm_bound, norm_is_at_most

# Integer matrices with their exact largest singular value, squared.
KNOWN = (
    ([[1]], 1),
    ([[3, 4]], 25),
    ([[3], [4]], 25),
    ([[0, 5], [5, 0]], 25),
    ([[3, 4], [-4, 3]], 25),
    ([[1, 1], [1, 1]], 4),
    ([[2, 0, 0], [0, 3, 0], [0, 0, 1]], 9),
    ([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], 4),
    ([[6, 2], [2, 3]], 49),
    ([[-(1 << 20), 0], [0, 1]], 1 << 40),
)
TINY = Fraction(1, 1 << 50)


@pytest.mark.parametrize(("rows", "square"), KNOWN)
def test_no_bound_below_the_norm_is_accepted(rows: list[list[int]], square: int) -> None:
    norm = Fraction(int(square**0.5))
    assert norm**2 == square
    matrix = np.array(rows)
    assert not norm_is_at_most(matrix, norm - TINY)
    assert not norm_is_at_most(matrix, norm / 2)
    assert not norm_is_at_most(matrix, Fraction(0))
    assert norm_is_at_most(matrix, norm * (1 + Fraction(1, 1 << 24)))


@pytest.mark.parametrize(("rows", "square"), KNOWN)
def test_norm_bound_is_proved_and_tight(rows: list[list[int]], square: int) -> None:
    bound = norm_bound(np.array(rows), 3)
    exact = Fraction(int(square**0.5), 8)
    assert exact <= bound <= exact * (1 + Fraction(1, 1 << 18)) + Fraction(1, 1 << 25)


def test_diagonal_matrices_meet_their_norm_with_equality() -> None:
    assert norm_is_at_most(np.diag([1, 2, 7]), Fraction(7))
    assert not norm_is_at_most(np.diag([1, 2, 7]), Fraction(7) - TINY)


@settings(max_examples=60)
@given(st.data())
def test_accepted_bounds_are_at_least_the_growth_of_every_vector(data: st.DataObject) -> None:
    m, d = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    entries = st.integers(-9, 9)
    matrix = np.array([[data.draw(entries) for _ in range(d)] for _ in range(m)])
    bound = norm_bound(matrix, 0)
    left, _, right = np.linalg.svd(matrix.astype(float))
    # An integer vector close to the worst direction gives a rational lower bound on the norm.
    vector = np.rint(right[0] * (1 << 20)).astype(np.int64).astype(object)
    growth = Fraction(int(((matrix.astype(object) @ vector) ** 2).sum()), int((vector**2).sum()))
    assert growth <= bound**2
    lower = growth * (1 - Fraction(1, 1 << 10))
    below = Fraction(int(float(lower) ** 0.5 * (1 << 20)), 1 << 20)
    if below**2 < growth:
        assert not norm_is_at_most(matrix, below)


def test_rounded_orthonormal_rows_have_norm_close_to_one() -> None:
    rows = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0][:7]
    rounded = np.rint(rows * (1 << 16)).astype(np.int64)
    assert abs(norm_bound(rounded, 16) - 1) < Fraction(1, 1 << 12)


@pytest.mark.parametrize("size", [1, 2, 9, 30])
def test_semidefiniteness_is_proved_with_a_little_room_and_never_of_indefinite_matrices(
    size: int,
) -> None:
    random = np.random.default_rng(size)
    factor = random.integers(-(1 << 20), 1 << 20, (size, max(1, size - 1))).astype(object)
    gram = factor.dot(factor.T)
    unit = np.eye(size, dtype=int).astype(object)
    room = max(int(v) for v in np.diag(gram)) >> 25
    assert is_positive_semidefinite(gram + unit * room)
    # A null vector of the Gram matrix exists from size 2 on: less than the matrix is indefinite.
    if size > 1:
        assert not is_positive_semidefinite(gram - unit)
    assert not is_positive_semidefinite(-gram - unit)
