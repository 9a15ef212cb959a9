"""Laws of `DyadicArray` against Fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exact import DyadicArray, as_dyadic, dyadic_of_fraction
from pipeline.exact.dyadic import compact
from pipeline.exact.words import array_of_words, words_of_array

WIDE = st.integers(-(1 << 130), 1 << 130)
NARROW = st.integers(-(1 << 40), 1 << 40)
INTEGERS = st.lists(st.one_of(NARROW, WIDE, st.just(0)), min_size=1, max_size=6)
FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6)


def objects(values: list[int]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


@given(FLOATS)
def test_every_finite_float_is_kept_exactly(values: list[float]) -> None:
    exact = as_dyadic(np.array(values))
    assert exact.fractions().tolist() == [Fraction(v) for v in values]
    assert exact.nearest_float64().tolist() == values


@given(INTEGERS, st.integers(-80, 80))
def test_normalizing_keeps_values_and_leaves_an_odd_numerator(
    values: list[int], exponent: int
) -> None:
    array = DyadicArray(objects(values), exponent)
    reduced = array.normalized()
    assert reduced.fractions().tolist() == array.fractions().tolist()
    assert reduced == array
    if any(values):
        assert any(int(n) % 2 for n in reduced.numerators)
    else:
        assert reduced.exponent == 0


@given(INTEGERS, st.integers(-80, 80), st.integers(0, 90))
def test_a_finer_exponent_keeps_values(values: list[int], exponent: int, shift: int) -> None:
    array = DyadicArray(objects(values), exponent)
    finer = DyadicArray(array.at_exponent(exponent - shift), exponent - shift)
    assert finer.fractions().tolist() == array.fractions().tolist()
    assert finer == array


def test_a_coarser_exponent_is_refused() -> None:
    with pytest.raises(ValueError, match="exponent must be at most -2 to stay exact, got 0"):
        DyadicArray(np.array([1]), -2).at_exponent(0)


@given(INTEGERS, st.integers(-40, 40))
def test_one_changed_numerator_makes_arrays_unequal(values: list[int], exponent: int) -> None:
    changed = [*values[:-1], values[-1] + 1]
    assert DyadicArray(objects(values), exponent) != DyadicArray(objects(changed), exponent)


def test_arrays_of_other_shape_are_unequal() -> None:
    assert DyadicArray(np.zeros((1, 2), dtype=int), 0) != DyadicArray(np.zeros(2, dtype=int), 0)


@given(INTEGERS)
def test_integers_are_int64_exactly_below_2_to_62(values: list[int]) -> None:
    array = compact(objects(values))
    assert (array.dtype == np.int64) == all(abs(v) < 1 << 62 for v in values)
    assert [int(v) for v in array] == values


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.uint64, bool])
def test_integers_of_any_dtype_keep_their_value(dtype: type) -> None:
    array = np.array([0, 1, 1 if dtype is bool else np.iinfo(dtype).max], dtype=dtype)
    assert [int(v) for v in compact(array)] == [int(v) for v in array]


def test_numerators_that_are_no_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="numerators must be integers, got dtype float64"):
        DyadicArray(np.array([0.5]), 0)


def test_objects_that_are_no_integers_are_refused_rather_than_truncated() -> None:
    with pytest.raises(ValueError, match="numerators must be integers"):
        as_dyadic(np.array([0.5, 1], dtype=object))
    with pytest.raises(ValueError, match="numerators must be integers"):
        as_dyadic(np.array([Fraction(1, 3)], dtype=object))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="values must be finite, got NaN or infinity"):
        as_dyadic(np.array([1.0, bad]))


def test_numerators_cannot_be_written_to() -> None:
    array = DyadicArray(np.array([1, 2]), 0)
    with pytest.raises(ValueError, match="read-only"):
        array.numerators[0] = 5


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20), st.integers(0, 100))
def test_rounding_to_a_grid_brackets_the_value(top: int, bottom: int, bits: int) -> None:
    value = Fraction(top, bottom)
    low = dyadic_of_fraction(value, bits, up=False)
    high = dyadic_of_fraction(value, bits, up=True)
    step = Fraction(1, 1 << bits)
    assert low <= value <= high and high - low in (0, step)
    assert (low / step).denominator == (high / step).denominator == 1


@given(INTEGERS)
def test_words_of_integers_of_any_size_round_trip(values: list[int]) -> None:
    words = words_of_array(objects(values))
    assert words.dtype == np.int64
    assert [int(v) for v in array_of_words(words)] == values
    # docs/format.md: value = sum_l words[..., l] * 2**(32 l).
    sums = [sum(int(w) << (32 * at) for at, w in enumerate(row)) for row in words]
    assert sums == values
