"""The few operations on floats of which the checker's bounds are made, against rationals."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.verification.check.rigorous import (
    TINY,
    below,
    dual_norm_above,
    inflated,
    nearest,
    radius_above,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.floats(-(2.0**300), 2.0**300, allow_subnormal=False)
UNIT = Fraction(1, 1 << 53)


@given(st.integers(-(1 << 200), 1 << 200), st.integers(-1300, 1300))
def test_nearest_is_within_half_a_unit_or_infinite_or_zero(value: int, exponent: int) -> None:
    found, exact = nearest(value, exponent), value * Fraction(2) ** exponent
    if found in (inf, -inf):
        assert abs(exact) > Fraction(2) ** 1023
    elif found == 0:
        assert abs(exact) <= Fraction(1, 2**1022)
    else:
        assert abs(exact - Fraction(found)) <= UNIT * abs(Fraction(found))


@pytest.mark.parametrize("exponent", [-(10**6), 10**6])
def test_exponents_of_any_size_are_no_work(exponent: int) -> None:
    assert nearest(-5, exponent) in (0, inf)
    assert nearest(0, exponent) == 0


@given(st.fractions(min_value=Fraction(1, 10**60)), st.sampled_from([1, 2, inf]))
def test_the_float_radius_is_the_least_but_a_few_units_above_the_root(
    power: Fraction, p: float
) -> None:
    found, degree = radius_above(power, p), 2 if p == 2 else 1
    assert Fraction(found) ** degree >= power
    assert Fraction(found) ** degree <= power * (1 + 20 * UNIT)


def test_a_radius_beyond_the_floats_is_infinite_and_one_below_is_tiny() -> None:
    assert radius_above(Fraction(2) ** 5000, 2) == inf
    assert radius_above(Fraction(2) ** -5000, 2) == TINY


@given(st.lists(st.floats(0, 2.0**300, allow_subnormal=False), min_size=1, max_size=40))
def test_an_inflated_sum_is_not_below_the_exact_one(values: list[float]) -> None:
    exact = sum(map(Fraction, values), Fraction(0))
    # The worst order of a sum: largest first, each rounding as far down as it can.
    total = 0.0
    for value in sorted(values, reverse=True):
        total += value
    assert Fraction(float(inflated(np.array(total), len(values)))) >= exact
    lowered = total * (1 - 2.0**-53) ** len(values)
    assert Fraction(float(inflated(np.array(lowered), 2 * len(values)))) >= exact


@given(moderate, st.floats(0, 2.0**300, allow_subnormal=False))
def test_below_is_below_every_number_within_the_error(value: float, error: float) -> None:
    least = Fraction(value) - Fraction(error) - 4 * UNIT * abs(Fraction(value))
    found = Fraction(float(below(np.array(value), np.array(error))))
    assert found < least
    assert least - found <= (abs(Fraction(value)) + Fraction(error)) / 2**46 + 2 * Fraction(TINY)


@given(st.lists(st.floats(-(2.0**400), 2.0**400, allow_subnormal=False), min_size=1, max_size=9))
def test_dual_norms_are_not_below_the_exact_ones(row: list[float]) -> None:
    exact = [abs(Fraction(v)) for v in row]
    array = np.array([row])
    assert Fraction(float(dual_norm_above(array, 1)[0])) >= max(exact)
    assert Fraction(float(dual_norm_above(array, inf)[0])) >= sum(exact)
    assert Fraction(float(dual_norm_above(array, 2)[0])) ** 2 >= sum(v * v for v in exact)


@pytest.mark.parametrize("p", [1, 2, inf])
@pytest.mark.parametrize("value", [inf, -inf, np.nan])
def test_a_norm_of_no_numbers_is_no_number(p: float, value: float) -> None:
    with np.errstate(all="ignore"):
        assert not np.isfinite(dual_norm_above(np.array([[1.0, value]]), p)).any()
        assert not below(np.array(value), np.array(0.0)) > 0
        assert not below(np.array(5.0), np.array(abs(value))) > 0
