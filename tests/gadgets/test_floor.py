"""Lemma B.16 on every breakpoint and band; the threshold floor everywhere."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest

from pipeline.gadgets import floor_network, floor_widths, threshold_floor_network
from pipeline.gadgets.floor import threshold_floor_widths
from pipeline.network import Plan
from tests.gadgets.evaluated import steps, values

SIZES = [(1, 1), (1, 3), (2, 1), (3, 2), (4, 4), (6, 3)]


@pytest.mark.parametrize(("n", "q"), SIZES)
def test_floor_is_exact_off_the_bands(n: int, q: int) -> None:
    gamma = Fraction(1, 1 << q)
    points = steps(0, (1 << n) - gamma / 4, gamma / 4)
    points += [k + gamma for k in range(1 << n)]
    points += [k + 1 - Fraction(1, 1 << 70) for k in range(1 << n)]
    exact = [x for x in points if x - floor(x) >= gamma]
    assert values(floor_network(n, q), exact) == [floor(x) for x in exact]


@pytest.mark.parametrize(("n", "q"), SIZES)
def test_floor_is_wrong_in_the_bands_so_that_gamma_is_no_smaller(n: int, q: int) -> None:
    gamma = Fraction(1, 1 << q)
    network = floor_network(n, q)
    for k in range(1, 1 << n):
        inside = [k + gamma * j / 64 for j in range(1, 64)]
        assert any(v != k for v in values(network, inside)), k


@pytest.mark.parametrize(("n", "q"), SIZES)
def test_floor_never_leaves_the_unit_below_x_not_even_in_a_band(n: int, q: int) -> None:
    points = steps(0, (1 << n) - Fraction(1, 1 << (q + 5)), Fraction(1, 1 << (q + 5)))
    found = values(floor_network(n, q), points)
    assert all(x - 1 <= v <= x for v, x in zip(found, points, strict=True))


def test_one_step_is_delta_of_figure_7() -> None:
    # Floor_1(x) = x - 1 + Delta(1 - x / 2), so Delta(v) = Floor_1(2 - 2 v) - 1 + 2 v.
    g = Fraction(1, 16)
    network = floor_network(1, 3)
    corners = {0: 0, Fraction(1, 2) - g: 1 - 2 * g, Fraction(1, 2): 0, 1 - g: 1 - 2 * g, 1: 0}
    pairs = list(corners.items())
    for (a, low), (b, high) in zip(pairs[:-1], pairs[1:], strict=True):
        for share in steps(0, 1, Fraction(1, 8)):
            v = a + (b - a) * share
            (found,) = values(network, [2 - 2 * v])
            assert found - 1 + 2 * v == low + (high - low) * share


@pytest.mark.parametrize(("n", "q"), SIZES)
def test_floor_has_width_5_and_n_layers_and_the_claimed_bits(n: int, q: int) -> None:
    network = floor_network(n, q)
    assert network.hidden_widths == (5,) * n
    assert tuple(Plan(1, floor_widths(n, 1, 0)).hidden_widths()) == network.hidden_widths
    # 2 n + log2(1 / gamma) in Lemma B.16; the sign of 1/g and the carried 1 need one bit more.
    assert network.bit_complexity <= 2 * n + q + 1


@pytest.mark.parametrize("n", [1, 2, 5])
def test_threshold_floor_is_exact_everywhere(n: int) -> None:
    tiny = Fraction(1, 1 << 70)
    points = steps(0, (1 << n) - Fraction(1, 16), Fraction(1, 16))
    points += [k - tiny for k in range(1, (1 << n) + 1)] + [k + tiny for k in range(1 << n)]
    network = threshold_floor_network(n)
    assert values(network, points) == [floor(x) for x in points]
    assert tuple(Plan(1, threshold_floor_widths(n, 1, 0)).hidden_widths()) == network.hidden_widths


@pytest.mark.parametrize(("n", "q"), [(0, 3), (2, 0)])
def test_sizes_outside_the_lemma_are_refused(n: int, q: int) -> None:
    with pytest.raises(ValueError, match=r"the floor needs n >= 1 and gamma < 1.*Lemma B.16"):
        floor_network(n, q)
