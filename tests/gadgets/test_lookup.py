"""Lemmas B.6, B.7 and B.8 on every integer, breakpoint and ramp up to a size."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.exact import DyadicArray
from pipeline.gadgets import Group, bit_extraction, group_lookup, interval_indicator
from pipeline.gadgets.group_lookup import lookup_widths
from pipeline.network import Plan
from tests.cases import dyadic
from tests.gadgets.evaluated import steps, values

ETAS = [Fraction(1), Fraction(1, 2), Fraction(1, 16)]


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize(("m", "n"), [(0, 1), (3, 4), (2, 7)])
def test_indicator_is_1_inside_0_outside_and_linear_on_its_ramps(
    m: int, n: int, eta: Fraction
) -> None:
    points = steps(m - 2, n + 2, Fraction(1, 32))
    expected = [min(max(1 - max(m - x, 0) / eta - max(x - n + eta, 0) / eta, 0), 1) for x in points]
    found = values(interval_indicator(m, n, eta), points)
    assert found == expected
    inside = [v for x, v in zip(points, found, strict=True) if m <= x <= n - eta]
    outside = [v for x, v in zip(points, found, strict=True) if x <= m - eta or x >= n]
    assert set(inside) == {1} and set(outside) == {0}


def test_indicator_has_width_2_and_depth_2() -> None:
    assert interval_indicator(2, 5, Fraction(1, 2)).hidden_widths == (2, 1)


def test_indicator_refuses_an_empty_interval_and_ramps_that_are_not_dyadic() -> None:
    with pytest.raises(ValueError, match=r"the interval needs m <= n - eta.*Lemma B.6"):
        interval_indicator(2, 2, Fraction(1, 2))
    with pytest.raises(ValueError, match=r"eta must be 1, 1/2, 1/4, ..., got 1/3"):
        interval_indicator(2, 5, Fraction(1, 3))


GROUPS = [Group(2, 5, (7,)), Group(6, 6, (1000,)), Group(9, 12, (3,))]


@pytest.mark.parametrize("eta", ETAS)
def test_lookup_gives_each_group_its_word_and_every_other_integer_0(eta: Fraction) -> None:
    network = group_lookup(GROUPS, eta)
    for x, found in zip(range(20), values(network, list(range(20))), strict=True):
        words = [g.words[0] for g in GROUPS if g.first <= x <= g.last]
        assert found == (words[0] if words else 0)
    points = steps(0, 20, Fraction(1, 32))
    found = values(network, points)
    for x, v in zip(points, found, strict=True):
        for group in GROUPS:
            if group.first <= x <= group.last + 1 - eta:
                assert v == group.words[0]


@pytest.mark.parametrize("count", [1, 3])
def test_lookup_has_width_4_and_depth_3_n1_plus_2(count: int) -> None:
    network = group_lookup(GROUPS[:count], Fraction(1, 2))
    assert network.width == 4
    assert network.depth == 3 * count + 2
    assert tuple(Plan(1, lookup_widths(count, 1, 0)).hidden_widths()) == network.hidden_widths


def triangle(z: Fraction, times: int) -> Fraction:
    for _ in range(times):
        z = max(2 * z - max(4 * z - 2, Fraction(0)), Fraction(0)) if z > 0 else Fraction(0)
    return z


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_extraction_gives_the_bits_of_every_word(n: int) -> None:
    for i in range(1, n + 1):
        for j in range(i, n + 1):
            network = bit_extraction(i, j, n)
            rows, expected = [], []
            for word in range(1 << n):
                z = Fraction(word, 1 << n) + Fraction(1, 1 << (n + 1))
                other = Fraction(word, 1 << n) + Fraction(1, 1 << (n + 2))
                rows.append((triangle(z, i - 1), triangle(other, i - 1)))
                bits = (word >> (n - j)) & ((1 << (j - i + 1)) - 1)
                expected.append((triangle(z, j), triangle(other, j), Fraction(bits)))
            found: DyadicArray = network.evaluate_exact(dyadic(tuple(rows)))
            assert [tuple(row) for row in found.fractions()] == expected
            assert network.width == 5
            assert len(network.hidden_widths) == 3 * (j - i + 1)
            assert network.hidden_widths == (5, 3, 4) * (j - i + 1)
            assert network.bit_complexity <= n + 2


@pytest.mark.parametrize(("i", "j", "n"), [(0, 1, 3), (2, 1, 3), (1, 4, 3)])
def test_extraction_refuses_bits_that_do_not_exist(i: int, j: int, n: int) -> None:
    with pytest.raises(ValueError, match="bits need 1 <= i <= j <= n"):
        bit_extraction(i, j, n)
