"""Limbs and products against Python's own integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exact import (
    LIMB_BITS_MAX,
    carried,
    integer_matmul,
    integers_from_limbs,
    limbs_from_integers,
    max_bit_length,
    sign_digits,
)
from pipeline.exact.product import limb_bits_for

BITS = st.integers(1, LIMB_BITS_MAX)
SIZED = st.integers(0, 150).flatmap(lambda b: st.integers(-(1 << b), 1 << b))
INTEGERS = st.lists(SIZED, min_size=1, max_size=5)


def objects(values: list[int]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def plain_sum(planes: np.ndarray, bits: int) -> list[int]:
    return [
        sum(int(planes[level, at]) << (bits * level) for level in range(len(planes)))
        for at in range(planes.shape[1])
    ]


@given(INTEGERS, BITS)
def test_sign_digits_sum_to_their_integers(values: list[int], bits: int) -> None:
    planes = sign_digits(objects(values), bits)
    assert plain_sum(planes, bits) == values
    assert np.abs(planes).max() < 1 << bits
    assert all((plane * np.sign(values) >= 0).all() for plane in planes if any(values))


@given(INTEGERS, BITS)
def test_carried_limbs_show_the_sign_in_the_last_limb(values: list[int], bits: int) -> None:
    planes = limbs_from_integers(objects(values), bits)
    assert plain_sum(planes, bits) == values
    assert [bool(last < 0) for last in planes[-1]] == [v < 0 for v in values]
    assert (planes[:-1] >= 0).all() and (planes[:-1] < 1 << bits).all()
    assert np.abs(planes[-1]).max() <= 1 << bits
    assert integers_from_limbs(planes, bits).tolist() == values


@given(
    st.lists(
        st.lists(st.integers(-(1 << 52), 1 << 52), min_size=3, max_size=3), min_size=1, max_size=5
    ),
    BITS,
)
def test_carrying_keeps_sums_of_overfull_limbs(rows: list[list[int]], bits: int) -> None:
    planes = np.array(rows, dtype=np.float64)
    expected = plain_sum(planes, bits)
    out = carried(planes.copy(), bits)
    assert plain_sum(out, bits) == expected
    assert [bool(last < 0) for last in out[-1]] == [v < 0 for v in expected]


@given(st.integers(1, 1 << 20))
def test_four_sums_of_limb_products_stay_below_2_to_53(inner: int) -> None:
    bits = limb_bits_for(inner)
    assert 4 * inner * ((1 << bits) - 1) ** 2 < 1 << 53


@given(st.data())
def test_the_integer_product_is_the_object_product(data: st.DataObject) -> None:
    n, k, m = (data.draw(st.integers(1, 4)) for _ in range(3))
    left = objects(data.draw(st.lists(SIZED, min_size=n * k, max_size=n * k))).reshape(n, k)
    right = objects(data.draw(st.lists(SIZED, min_size=k * m, max_size=k * m))).reshape(k, m)
    assert integer_matmul(left, right).tolist() == (left @ right).tolist()


@pytest.mark.parametrize("bits", [20, 31, 61, 64, 127, 200])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_entries_of_a_long_product_do_not_round(bits: int, sign: int) -> None:
    big = (1 << bits) - 1
    left = np.full((2, 300), big, dtype=object)
    right = np.full((300, 2), sign * big, dtype=object)
    assert (integer_matmul(left, right) == sign * 300 * big * big).all()


def test_a_product_over_several_row_blocks_is_exact() -> None:
    rng = np.random.default_rng(0)
    left = rng.integers(-(1 << 40), 1 << 40, size=(4099, 2))
    right = rng.integers(-(1 << 40), 1 << 40, size=(2, 1))
    expected = left.astype(object) @ right.astype(object)
    assert integer_matmul(left, right).tolist() == expected.tolist()


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0)])
def test_an_empty_product_has_its_shape(shape: tuple[int, int, int]) -> None:
    n, k, m = shape
    left, right = np.full((n, k), 1 << 60), np.full((k, m), 1 << 60)
    assert integer_matmul(left, right).tolist() == [[0] * m for _ in range(n)]


@given(INTEGERS)
def test_the_bit_length_is_that_of_the_largest_magnitude(values: list[int]) -> None:
    assert max_bit_length(objects(values)) == max(abs(v).bit_length() for v in values)


def test_the_bit_length_of_nothing_is_zero() -> None:
    assert max_bit_length(np.zeros(0, dtype=np.int64)) == 0
