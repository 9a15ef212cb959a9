"""Steps, threshold units and maxima: exact where they claim to be, ramps where they do not."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.gadgets import integer_step, maximum, ramp_step, threshold_step
from tests.gadgets.evaluated import steps, values

EIGHTH = Fraction(1, 8)


@pytest.mark.parametrize("at", [-3, 0, 4])
def test_integer_step_is_the_step_on_every_integer(at: int) -> None:
    points = list(range(-10, 11))
    assert values(integer_step(at), points) == [int(x >= at) for x in points]
    assert integer_step(at).hidden_widths == (2,)


@pytest.mark.parametrize("bits", [0, 1, 3])
def test_ramp_step_is_exact_outside_its_ramp_and_linear_on_it(bits: int) -> None:
    at, width = 2, Fraction(1, 1 << bits)
    points = steps(-1, 5, Fraction(1, 32))
    expected = [min(max((x - at) / width + 1, 0), 1) for x in points]
    assert values(ramp_step(at, bits), points) == expected
    outside = [x for x in points if not at - width < x < at]
    assert values(ramp_step(at, bits), outside) == [int(x >= at) for x in outside]


@pytest.mark.parametrize("at", [0, Fraction(5, 8)])
def test_threshold_step_is_the_step_everywhere(at: Fraction) -> None:
    points = [*steps(-1, 2, EIGHTH), at, at - Fraction(1, 1 << 60)]
    assert values(threshold_step(at), points) == [int(x >= at) for x in points]


def test_maximum_is_the_maximum_for_y_at_least_0() -> None:
    pairs = [(y, v) for y in steps(0, 3, EIGHTH) for v in steps(-2, 4, EIGHTH)]
    assert values(maximum(), pairs) == [max(y, v) for y, v in pairs]
    assert maximum().hidden_widths == (2,)
