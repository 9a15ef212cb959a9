"""The folding gadget is the tent interpolant of the square, exactly, however it is layered."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gadgets import first_square_step, fold_coefficients, square_error, square_step
from pipeline.network import ReLUNetwork, serial
from tests.cases import dyadic


def squares(sides: list[Fraction], folds: list[int], cuts: list[int]) -> ReLUNetwork:
    """Return z -> (z, S) with layer l doing the folds cuts[l-1] + 1 .. cuts[l]."""
    networks, before = [], 0
    for cut in cuts:
        later = [k > cut for k in folds]
        here = [min(k, cut) - min(k, before) for k in folds]
        if before == 0:
            networks.append(first_square_step(sides, here, later))
        else:
            active = [j for j, k in enumerate(folds) if k > before]
            networks.append(
                square_step(
                    len(sides),
                    [sides[j] / (1 << before) for j in active],
                    [here[j] for j in active],
                    [later[j] for j in active],
                )
            )
        before = cut
    return serial(*networks)


def interpolant(z: Fraction, side: Fraction, folds: int) -> Fraction:
    """Return the interpolant of z^2 on [0, side] with 2^folds equal pieces, by its definition."""
    piece = side / (1 << folds)
    left = min(floor(z / piece), (1 << folds) - 1) * piece
    return left**2 + (z - left) * (2 * left + piece)


def compositions(total: int, most: int = 3) -> list[list[int]]:
    """Return the cuts of every way to spread `total` folds over layers of 1 to `most` folds."""
    return [
        cuts
        for size in range(1, total + 1)
        for cuts in ([*c] for c in product(range(1, total + 1), repeat=size))
        if cuts[-1] == total
        and all(1 <= b - a <= most for a, b in zip([0, *cuts], cuts, strict=False))
    ]


def outputs(network: ReLUNetwork, rows: list[tuple[Fraction, ...]]) -> list[list[Fraction]]:
    return network.evaluate_exact(dyadic(tuple(rows))).fractions().tolist()


@pytest.mark.parametrize("side", [Fraction(1), Fraction(3, 4), Fraction(5)])
@pytest.mark.parametrize("folds", [1, 2, 3, 4])
def test_square_is_the_interpolant_for_every_layering(folds: int, side: Fraction) -> None:
    step = side / (1 << (folds + 2))
    grid = [(step * i,) for i in range((1 << (folds + 2)) + 1)]
    for cuts in compositions(folds):
        for (z,), (kept, total) in zip(
            grid, outputs(squares([side], [folds], cuts), grid), strict=True
        ):
            assert kept == z
            assert total == interpolant(z, side, folds)
            assert z**2 <= total <= z**2 + square_error(side, folds)


@pytest.mark.parametrize("folds", [1, 2, 3, 4])
def test_excess_attains_its_bound_in_the_middle_of_a_piece(folds: int) -> None:
    side = Fraction(3)
    z = side / (1 << (folds + 1))
    ((_, total),) = outputs(squares([side], [folds], [folds]), [(z,)])
    assert total - z**2 == square_error(side, folds) == side**2 / 4 ** (folds + 1)


@pytest.mark.parametrize("folds", [1, 2, 3, 4])
def test_square_stays_above_the_square_of_the_side_beyond_it(folds: int) -> None:
    side = Fraction(3, 2)
    beyond = [(side + side * i / 8,) for i in range(0, 81)]
    for cuts in compositions(folds):
        for _, total in outputs(squares([side], [folds], cuts), beyond):
            assert total >= side**2


@settings(max_examples=40)
@given(st.data())
def test_squares_of_coordinates_with_different_folds_add_up(data: st.DataObject) -> None:
    m = data.draw(st.integers(1, 4))
    sides = [Fraction(data.draw(st.integers(1, 40)), 8) for _ in range(m)]
    folds = [data.draw(st.integers(0, 4)) for _ in range(m)]
    folds[data.draw(st.integers(0, m - 1))] = 4
    cuts = data.draw(st.sampled_from(compositions(4)))
    z = tuple(side * data.draw(st.integers(0, 64)) / 64 for side in sides)
    ((*kept, total),) = outputs(squares(sides, folds, cuts), [z])
    assert tuple(kept) == z
    assert total == sum(interpolant(*args) for args in zip(z, sides, folds, strict=True))


def test_first_step_reuses_the_carried_neuron_as_the_first_piece() -> None:
    step = first_square_step([Fraction(1), Fraction(1), Fraction(1)], [0, 1, 3], [False] * 3)
    assert step.hidden_widths == (3 + 0 + 1 + 7,)
    assert step.layers[-1].outputs == 4


def test_step_has_one_neuron_a_piece_beside_the_carried_values() -> None:
    step = square_step(2, [Fraction(1), Fraction(2)], [1, 3], [True, False])
    assert step.inputs == 2 + 1 + 2
    assert step.hidden_widths == (3 + 2 + 8,)
    assert step.layers[-1].outputs == 2 + 1 + 1


@pytest.mark.parametrize("folds", [1, 2, 3, 4])
def test_fold_coefficients_read_every_zigzag_from_the_same_neurons(folds: int) -> None:
    for step in range(1, folds + 1):
        coefficients = fold_coefficients(folds, step)
        for i in range(1 << (folds + 1)):
            v = Fraction(i, 1 << (folds + 1))
            value = sum(
                weight * max(v - Fraction(place, 1 << folds), Fraction(0))
                for place, weight in coefficients.items()
            )
            period = Fraction(2, 1 << step)
            assert value == min(v % period, period - v % period)


@pytest.mark.parametrize("entry", range(5))
def test_a_wrong_fold_weight_breaks_the_interpolant(entry: int) -> None:
    network = squares([Fraction(1)], [2], [2])
    last = network.layers[-1].normalized()
    values = last.weight.values.copy()
    assert len(values) == 5
    values[entry] += 1
    weight = type(last.weight)(last.weight.shape, last.weight.index, values)
    wrong = ReLUNetwork.relu(network.layers[0], type(last)(weight, last.bias, last.exponent))
    grid = [(Fraction(i, 16),) for i in range(17)]
    assert outputs(wrong, grid) != outputs(network, grid)
