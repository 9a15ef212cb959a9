"""Decimals and floats for outside tools."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exchange.decimals import (
    exact_decimal,
    finite_decimal,
    float_beside,
    nearest_float,
    parse_dtype,
)

dyadics = st.builds(
    lambda n, e: n * Fraction(2) ** e, st.integers(-(2**80), 2**80), st.integers(-90, 40)
)
moderate = st.fractions(-(10**6), 10**6)


@given(dyadics)
def test_the_decimal_of_a_dyadic_number_equals_it(value: Fraction) -> None:
    text = exact_decimal(value)
    assert Fraction(text) == value
    assert "." in text and "e" not in text.lower() and not text.startswith("-0.0" + "0" * len(text))


def test_decimals_end_exactly_for_twos_and_fives() -> None:
    assert finite_decimal(Fraction(3, 40)) and exact_decimal(Fraction(3, 40)) == "0.075"
    assert not finite_decimal(Fraction(1, 3))
    with pytest.raises(ValueError, match="1/3 has no finite decimal expansion"):
        exact_decimal(Fraction(1, 3))


@given(moderate, st.sampled_from(["float32", "float64"]), st.booleans())
def test_a_float_beside_a_rational_lies_on_the_stated_side_and_next_to_it(
    value: Fraction, dtype: str, up: bool
) -> None:
    near = float_beside(value, dtype, up=up)
    assert near >= value if up else near <= value
    assert nearest_float(near, dtype) == near
    # Relative spacing of the type, and the smallest step of values near 0.
    assert abs(near - value) <= abs(value) * Fraction(2) ** (-22 if dtype == "float32" else -51) + (
        Fraction(2) ** -149
    )
    if nearest_float(value, dtype) == value:
        assert near == value


def test_numbers_beyond_the_range_are_refused() -> None:
    assert nearest_float(Fraction(2) ** 1024, "float64") is None
    assert nearest_float(Fraction(2) ** 128, "float32") is None
    with pytest.raises(ValueError, match=r"magnitude 2\*\*128 does not fit float32"):
        float_beside(Fraction(2) ** 128, "float32", up=False)
    with pytest.raises(ValueError, match="dtype must be float64 or float32, got 'half'"):
        parse_dtype("half")
