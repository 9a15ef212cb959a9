"""Norms, roots and the parsing of rho and p."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exact import (
    distance_power,
    enclosing_l2_radius_squared,
    parse_norm,
    parse_ratio,
    radius_power,
    root_lower,
    root_upper,
)
from pipeline.exact.norms import integer_root

POSITIVE = st.fractions(min_value=Fraction(1, 10**40), max_value=10**40)
NORMS = st.sampled_from([1, 2, 3, 4, 7, inf])


@given(POSITIVE, st.integers(1, 9), st.integers(1, 120))
def test_roots_bracket_the_value_within_the_stated_error(
    value: Fraction, degree: int, bits: int
) -> None:
    low, high = root_lower(value, degree, bits), root_upper(value, degree, bits)
    assert low**degree <= value <= high**degree
    assert high - low <= high * Fraction(4, 1 << bits)


@given(st.fractions(min_value=0, max_value=1000), st.integers(1, 6))
def test_a_dyadic_root_is_found_exactly(root: Fraction, degree: int) -> None:
    dyadic = Fraction(int(root * 1024), 1024)
    assert root_lower(dyadic**degree, degree) == dyadic == root_upper(dyadic**degree, degree)


def test_a_root_of_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a root needs a value >= 0, got -1"):
        root_lower(Fraction(-1), 2)


@given(st.integers(0, 10**60), st.integers(1, 9))
def test_the_integer_root_is_the_floor(value: int, degree: int) -> None:
    root = integer_root(value, degree)
    assert root**degree <= value < (root + 1) ** degree


@given(st.lists(st.integers(-(10**30), 10**30), min_size=1, max_size=5), NORMS)
def test_distance_powers_are_the_definition(values: list[int], p: int | float) -> None:
    vector = np.array(values, dtype=object)
    magnitudes = [abs(v) for v in values]
    expected = max(magnitudes) if p == inf else sum(v**p for v in magnitudes)
    assert distance_power(vector, p) == expected


@given(POSITIVE, st.fractions(min_value=Fraction(1, 99), max_value=Fraction(98, 99)), NORMS)
def test_the_radius_is_rho_times_the_separation(eps: Fraction, rho: Fraction, p: float) -> None:
    def power(length: Fraction) -> Fraction:
        return length if p == inf else length ** int(p)

    assert radius_power(power(eps), rho, p) == power(rho * eps)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6), NORMS)
def test_the_l2_ball_holds_the_lp_ball(values: list[int], p: float) -> None:
    vector = np.array(values, dtype=object)
    radius = enclosing_l2_radius_squared(Fraction(distance_power(vector, p)), p, len(values))
    assert distance_power(vector, 2) <= radius


@pytest.mark.parametrize(("p", "expected"), [(1, 9), (2, 3), (4, 6), (inf, 36)])
def test_the_enclosing_radius_is_tight_where_it_is_rational(p: float, expected: int) -> None:
    # d = 4, power 3: r = 3 (p = 1, inf) or r^p = 3; p = 4 has r^2 d^(1/2) = sqrt(3) * 2.
    squared = enclosing_l2_radius_squared(Fraction(3), p, 4)
    if p == 4:
        assert squared**2 >= 12 and squared**2 - 12 < Fraction(1, 1 << 50)
    else:
        assert squared == expected


@pytest.mark.parametrize("text", ["1/2", "0.5", 0.5, Fraction(1, 2), " 1/2 ", "5e-1"])
def test_a_ratio_is_read_exactly(text: str | float | Fraction) -> None:
    assert parse_ratio(text) == Fraction(1, 2)


def test_a_float_ratio_is_read_by_its_decimal_form() -> None:
    assert parse_ratio(0.1) == Fraction(1, 10)


@pytest.mark.parametrize("text", ["0", "1", "5/4", "-1/2", 1, 2.5])
def test_a_ratio_outside_the_open_unit_interval_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=rf"rho must lie in \(0, 1\), got {text} \(Definition 2"):
        parse_ratio(text)


@pytest.mark.parametrize("text", ["half", "", "1/0", "nan", "inf"])
def test_a_ratio_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rho must be a rational such as 1/2 or 0.5, got"):
        parse_ratio(text)


@pytest.mark.parametrize(
    ("text", "p"), [("1", 1), (2, 2), ("3", 3), (2.0, 2), ("inf", inf), (inf, inf), (".inf", inf)]
)
def test_a_norm_is_an_integer_or_infinity(text: str | float, p: float) -> None:
    assert parse_norm(text) == p


@pytest.mark.parametrize("text", [0, -1, "1.5", "two", "nan", "", "-inf", "1/2"])
def test_any_other_norm_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match="p must be 1, 2, another positive integer or inf, got"):
        parse_norm(text)
