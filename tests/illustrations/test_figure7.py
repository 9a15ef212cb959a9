"""Figure 7: the corners drawn are those of the network, and the lemma holds on what is drawn."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import floor

import pandas as pd
import pytest

from pipeline.gadgets import floor_network
from pipeline.illustrations.figure7 import delta_network, figure_7_table
from tests.gadgets.evaluated import steps, values

SIZES = [(2, 1), (2, 2), (3, 1), (4, 3)]


def corners_of(table: pd.DataFrame, series: str, piece: int = 0) -> list[tuple[Fraction, Fraction]]:
    each = table[(table.series == series) & (table.piece == piece)]
    return [(Fraction(x), Fraction(y)) for x, y in zip(each.exact_x, each.exact_y, strict=True)]


def between(corners: list[tuple[Fraction, Fraction]], x: Fraction) -> Fraction:
    """Return the height at x of the line through the corners."""
    (a, low), (b, high) = next(pair for pair in pairwise(corners) if pair[0][0] <= x <= pair[1][0])
    return low + (high - low) * (x - a) / (b - a)


@pytest.mark.parametrize(("n", "q"), SIZES)
def test_lines_through_the_corners_are_the_networks_on_a_fine_grid(n: int, q: int) -> None:
    table = figure_7_table(n=n, gamma_bits=q)
    for series, network, top in (
        ("delta", delta_network(n, q), 1),
        ("floor_n", floor_network(n, q), 1 << n),
    ):
        points = steps(0, top, Fraction(top, 1 << (n + q + 5)))
        corners = corners_of(table, series)
        assert values(network, points) == [between(corners, x) for x in points]


@pytest.mark.parametrize(("n", "q"), SIZES)
def test_delta_has_the_corners_of_the_lemma(n: int, q: int) -> None:
    g, half = Fraction(1, 1 << (n + q)), Fraction(1, 2)
    peak = 1 - 2 * g
    table = figure_7_table(n=n, gamma_bits=q)
    assert (table.n == n).all() and set(table.gamma) == {str(2**n * g)} and set(table.g) == {str(g)}
    found = corners_of(table, "delta")
    assert found == [(0, 0), (half - g, peak), (half, 0), (1 - g, peak), (1, 0)]
    slopes = table[table.series == "delta"].slope.to_list()
    assert slopes[:-1] == [2, 2 - 1 / g, 2, 2 - 1 / g]
    ramps = [corners_of(table, "ramp", piece) for piece in (0, 1)]
    ideal = [corners_of(table, "ideal", piece) for piece in (0, 1)]
    for x in steps(0, 1, g / 8):
        wrong = between(found, x) != between(ideal[int(x > half)], x)
        assert wrong == any(low < x <= high for (low, _), (high, _) in ramps), x


@pytest.mark.parametrize(("n", "q"), SIZES)
def test_floor_is_right_off_the_bands_and_wrong_in_them(n: int, q: int) -> None:
    table, gamma = figure_7_table(n=n, gamma_bits=q), Fraction(1, 1 << q)
    corners = corners_of(table, "floor_n")
    for k in range(1 << n):
        band = corners_of(table, "band", k)
        assert [x for x, _ in band] == [k, k + gamma]
        assert corners_of(table, "floor", k) == [(k, k), (k + 1, k)]
        off = steps(k + gamma, k + 1 - gamma / 8, gamma / 8)
        assert [between(corners, x) for x in off] == [floor(x) for x in off]
        # A wall of the t-th layer from the last costs the last gamma / 2^(n - 1) times 2^t.
        layer = min(n - 1, (k & -k).bit_length() - 1 if k else n - 1)
        end = k + gamma / (1 << (n - 1 - layer))
        pieces = [(a, b) for a, b in pairwise(corners) if k <= a[0] and b[0] <= end]
        assert pieces[0][0][0] == k and pieces[-1][1] == (end, k)
        assert all((a[1], b[1]) != (k, k) for a, b in pieces)


def test_floats_are_the_rationals_and_the_table_is_the_same_again() -> None:
    table = figure_7_table()
    assert [float(Fraction(x)) for x in table.exact_x] == table.x.to_list()
    assert [float(Fraction(y)) for y in table.exact_y] == table.y.to_list()
    pd.testing.assert_frame_equal(table, figure_7_table())
    # 1/7: a corner that no dyadic grid would have found.
    assert "1/7" in set(table.exact_x)


def test_delta_is_not_read_off_a_floor_of_one_layer() -> None:
    with pytest.raises(ValueError, match="n >= 2, got 1"):
        figure_7_table(n=1)
