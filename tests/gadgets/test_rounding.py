"""The rounding staircase is its label within the tolerance, and costs what its plan says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gadgets import rounded, rounding_tail, rounding_tolerance
from pipeline.network import ReLUNetwork, serial
from tests.cases import layer
from tests.gadgets.evaluated import steps, values

TINY = Fraction(1, 1 << 70)


@pytest.mark.parametrize("C", [2, 3, 5])
@pytest.mark.parametrize("bits", [1, 3, 6])
def test_the_staircase_is_the_label_up_to_the_tolerance_and_no_further(C: int, bits: int) -> None:
    t, tail = rounding_tolerance(bits), rounding_tail(C, bits)
    for y in range(1, C + 1):
        assert values(tail, [y - t, y, y + t]) == [y, y, y]
        below, above = values(tail, [y - t - TINY, y + t + TINY])
        assert below == (y if y == 1 else y - TINY * (1 << bits))
        assert above == (y if y == C else y + TINY * (1 << bits))
    assert values(tail, [-1000, 1000 + C]) == [1, C]


@settings(max_examples=40)
@given(st.integers(2, 6), st.integers(1, 5), st.integers(-(1 << 12), 1 << 13), st.data())
def test_the_staircase_is_monotone_and_rounds_to_the_nearest_label(
    C: int, bits: int, numerator: int, more: st.DataObject
) -> None:
    z = Fraction(numerator, 1 << 10)
    step = Fraction(more.draw(st.integers(0, 1 << 10)), 1 << 10)
    at, later = values(rounding_tail(C, bits), [z, z + step])
    assert at <= later <= at + step * (1 << bits)
    nearest = min(range(1, C + 1), key=lambda y: abs(z - y))
    if abs(z - nearest) <= rounding_tolerance(bits):
        assert at == nearest
    assert abs(at - min(max(z, Fraction(1)), Fraction(C))) <= Fraction(1, 2)


@given(st.integers(2, 5), st.integers(1, 4), st.integers(-64, 400))
def test_a_network_within_the_tolerance_is_its_label(C: int, bits: int, numerator: int) -> None:
    # f = |x| / 2 - 1 takes all values from -1 on.
    f = ReLUNetwork.relu(layer([[1], [-1]], [0, 0]), layer([[Fraction(1, 2)] * 2], [-1]))
    x = Fraction(numerator, 32)
    (before,), (after,) = values(f, [x]), values(rounded(f, C, bits), [x])
    assert after == values(rounding_tail(C, bits), [before])[0]


@pytest.mark.parametrize("C", [2, 3, 7])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 9])
def test_rounding_costs_its_plan_and_less_than_merging(C: int, width: int) -> None:
    f = ReLUNetwork.relu(layer([[1]] * width, [0] * width), layer([[1] * width], [0]))
    network = rounded(f, C)
    assert network.parameter_count() == f.parameter_count() + 6 * (C - 1) + 1
    assert network.hidden_widths == (width, 1, 2 * (C - 1)) and network.depth == f.depth + 2
    merged = serial(f, rounding_tail(C))
    assert values(merged, steps(-1, 3, Fraction(1, 8))) == values(
        network, steps(-1, 3, Fraction(1, 8))
    )
    cheaper = network.parameter_count() < merged.parameter_count()
    assert cheaper == ((width + 1) * (2 * (C - 1) - 1) > 4 * (C - 1))
    assert cheaper or width <= 3


def test_what_has_no_staircase_is_refused() -> None:
    for C, bits in ((1, 3), (2, 0)):
        with pytest.raises(ValueError, match="a staircase needs C >= 2"):
            rounding_tail(C, bits)
    with pytest.raises(ValueError, match="only one output can be rounded"):
        rounded(ReLUNetwork.relu(layer([[1], [1]], [0, 0])), 2)
