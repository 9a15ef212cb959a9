"""Halving lattices that are wrong somewhere, or almost, and what the checker says about each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction.halving_kinds import Retrieval, Shallow
from pipeline.data import SeparatedDataset
from pipeline.network import Activation, Affine, ReLUNetwork, SparseIntegers
from tests.construction.ball_points import dataset_of
from tests.verification.check.check_files import Files
from tests.verification.check.halving_networks import (
    BASE,
    CLEAR,
    FIRST,
    RETRIEVED,
    SECOND,
    STORED,
    Hand,
    HandRound,
    reason,
)
from tests.verification.check.halving_points import hard_points, true_balls, wrong_balls
from tests.verification.check.lattice_networks import LINE

QUARTER, HALF = Fraction(1, 4), Fraction(1, 2)
DELTA = Fraction(1, 1 << BASE.e)
OTHER_CODE = "it may meet a cell that is remembered with another code"
NEAR_WALLS = "it may have a point near walls of every lattice"
TINY = Fraction(1, 1 << 8)


def moved(by: Fraction, point: int = 1) -> SeparatedDataset:
    """Return LINE in units of 2^-10, one point moved."""
    points = [[k << 10] for k in (0, 2, 4)]
    points[point][0] += int(by * (1 << 10))
    return dataset_of(points, LINE.y.tolist(), -10)


def with_round(k: int, **changes: object) -> Hand:
    rounds = [*BASE.rounds]
    rounds[k] = replace(rounds[k], **changes)  # type: ignore[arg-type]
    return replace(BASE, rounds=rounds)


# --- what cells hold


@pytest.mark.parametrize("k", [0, 1])
def test_a_flipped_code_of_a_cell_is_found(k: int) -> None:
    for hand in (BASE, RETRIEVED, STORED):
        for cell, code in hand.rounds[k].codes.items():
            rounds = [*hand.rounds]
            rounds[k] = replace(rounds[k], codes={**rounds[k].codes, cell: code ^ 1})
            if hand is RETRIEVED and all(d == 0 for d in _digits(cell[0], 3 - rounds[k].shift)):
                continue  # key 0 has row 0: no word gives it code 1
            found = reason(replace(hand, rounds=rounds))
            assert OTHER_CODE in found and "1 such balls" in found, (cell, found)


def _digits(cell: int, n: int) -> list[int]:
    out = []
    for b in reversed(range(n)):
        out.append(cell >> b & 1)
        cell = cell - (1 << b) if out[-1] else (1 << b) - 1 - cell
    return out


def test_a_cell_that_no_ball_meets_may_hold_anything() -> None:
    for code in (0, 1):
        codes = {**FIRST.codes, (0,): code, (1,): code}
        assert reason(with_round(0, codes=codes)) == ""


def test_data_moved_into_a_cell_of_another_label_are_found() -> None:
    # From 5 to 6.5: cells 6 and 7 in round 1.
    assert OTHER_CODE in reason(BASE, moved(Fraction(3, 2)), Fraction(1, 2))
    assert reason(BASE, moved(Fraction(0))) == ""


def test_radii_up_to_the_next_wall_and_no_further() -> None:
    codes = {(k,): k % 2 ^ 1 for k in range(1, 4)}
    one = replace(BASE, levels=4, rounds=[HandRound([HALF], codes, 1)])
    # Walls stand at 1/2 + 1 + 2 k; the nearest one is 1/2 away from every centre.
    assert reason(one, rho=HALF - DELTA - TINY) == ""
    assert NEAR_WALLS in reason(one, rho=HALF - DELTA + TINY)
    assert OTHER_CODE in reason(one, rho=HALF + TINY)


def test_images_stay_in_the_box() -> None:
    assert "coordinate below 0" in reason(replace(BASE, offsets=[0]))
    # Moved up by 1 all of round 1, and the last ball's upper half is above 8.
    codes = {(k,): (k - 1) // 2 % 2 ^ 1 for k in range(3, 8)}
    found = reason(with_round(0, translation=[1], codes=codes))
    assert found == (
        "ball 2 (label 1): its image leaves the 2^3 cells of a coordinate; 1 such balls"
    )


# --- rounds and their walls


def test_a_round_removed_is_missed() -> None:
    found = reason(replace(BASE, rounds=[FIRST]))
    assert NEAR_WALLS in found and "3 such balls" in found
    network = BASE.network()
    assert "needs" in reason(replace(BASE, rounds=[FIRST]), network=network)
    assert "needs" in reason(replace(BASE, rounds=[SECOND]), network=network)
    assert "needs" in reason(replace(BASE, rounds=[SECOND, FIRST]), network=network)


@pytest.mark.parametrize(("apart", "right"), [(0, 0), (1, 0), (2, 0), (Fraction(33, 16), 1)])
def test_walls_of_two_rounds_are_more_than_two_delta_apart(apart: Fraction, right: int) -> None:
    """At a distance up to 2 delta a point may lie in the bands of both on one coordinate."""
    data = dataset_of([[0, 0], [0, 2]], [1, 2])
    cells = {(i, j): j // 4 for i in range(8) for j in range(8)}
    # Only coordinate 1 matters for labels, and walls of coordinate 0 are the same in both rounds.
    t = 16 * DELTA
    rounds = [HandRound([0, t], cells), HandRound([apart * DELTA, 2 * t], cells)]
    hand = Hand([[1, 0], [0, 1]], [3, 3], rounds, levels=3)
    found = reason(hand, data, 4 * DELTA)
    assert ("walls of two rounds are too near" in found) == (not right)


def test_walls_of_a_coarse_lattice_are_walls_of_a_fine_one() -> None:
    for hand in (BASE, replace(BASE, rounds=[replace(SECOND, codes=CLEAR), FIRST])):
        coarse = hand.rounds.index(next(each for each in hand.rounds if each.shift))
        rounds = [*hand.rounds]
        rounds[coarse] = replace(rounds[coarse], translation=[1])
        assert "walls of two rounds are too near" in reason(replace(hand, rounds=rounds))


def test_a_point_near_walls_on_two_coordinates_needs_a_third_round() -> None:
    data = dataset_of([[0, 0], [2, 2]], [1, 2])
    cells = {(i, j): int(i + j > 7) for i in range(8) for j in range(8)}
    # Centres (3, 3) and (5, 5) stand at walls of coordinate 0 in round 1 and of 1 in round 2.
    rounds = [HandRound([0, HALF], cells), HandRound([HALF, 0], cells)]
    three = [*rounds, HandRound([QUARTER, QUARTER], cells)]
    hand = Hand([[1, 0], [0, 1]], [3, 3], rounds)
    assert NEAR_WALLS in reason(hand, data, Fraction(1, 16))
    assert reason(replace(hand, rounds=three), data, Fraction(1, 16)) == ""


# --- tables and words


@pytest.mark.parametrize("bits", [62, 63, 64])
def test_bits_beyond_a_word_are_refused(bits: int) -> None:
    """NumPy shifts a code's bit 64 out of int64: a wrong last bit was once proved to be 0."""
    found = reason(replace(BASE, bits=bits))
    assert found == ("" if bits == 62 else f"codes of at most 62 bits expected, got {bits}")


@pytest.mark.parametrize("knot", range(4))
def test_a_table_that_bends_elsewhere_has_another_code_or_is_right(knot: int) -> None:
    for by in (-2, -1, QUARTER, 1, 3):
        stages = [*BASE.stages()]
        memorizer = stages[0].memorizer
        assert isinstance(memorizer, Shallow)
        (groups,) = memorizer.table.knots
        group, place = divmod(knot, len(groups[0]))
        row = tuple(v + by if k == place else v for k, v in enumerate(groups[group]))
        knots = (tuple(row if g == group else held for g, held in enumerate(groups)),)
        table = replace(memorizer.table, knots=knots)
        stages[0] = replace(stages[0], memorizer=replace(memorizer, table=table))
        why = reason(BASE, stages=tuple(stages))
        assert not why or OTHER_CODE in why or "neither 0 nor 1" in why, why
        if not why:
            network = BASE.network(tuple(stages))
            balls = true_balls(LINE, QUARTER)
            points, owners = hard_points(network, BASE.structure(tuple(stages)), balls)
            assert not wrong_balls(network, points, owners, LINE.y)


@pytest.mark.parametrize("k", [0, 1])
def test_a_word_with_one_digit_flipped_has_another_code_or_is_right(k: int) -> None:
    found = Counter[str]()
    for group in range(4):
        stages = [*RETRIEVED.stages()]
        memorizer = stages[k].memorizer
        assert isinstance(memorizer, Retrieval)
        for digit in range(memorizer.sizes.word_bits):
            words = [*memorizer.words]
            # The Gray code of 2^n - 1 is 2^(n-1): it changes one digit alone.
            words[group] ^= (2 << digit) - 1
            stages[k] = replace(stages[k], memorizer=replace(memorizer, words=words))
            why = reason(RETRIEVED, stages=tuple(stages))
            assert not why or OTHER_CODE in why, why
            if not why:
                network = RETRIEVED.network(tuple(stages))
                balls = true_balls(LINE, QUARTER)
                points, owners = hard_points(network, RETRIEVED.structure(tuple(stages)), balls)
                assert not wrong_balls(network, points, owners, LINE.y)
            found["right" if not why else "other"] += 1
    assert found["other"] >= 3, found


def edited(
    network: ReLUNetwork, number: int, rows: list[int], column: int | None, value: Fraction
) -> ReLUNetwork:
    """Return the network with a value added to some rows' biases or weights of one column."""
    layer = network.layers[number].at_exponent(-64)
    weight, bias = layer.weight.dense().astype(object), layer.bias.astype(object)
    for row in rows:
        if column is None:
            bias[row] += int(value * (1 << 64))
        else:
            weight[row, column] += int(value * (1 << 64))
    layers = [*network.layers]
    layers[number] = Affine(SparseIntegers.from_dense(weight), bias, -64)
    return ReLUNetwork(tuple(layers), network.activations)


@pytest.mark.parametrize(
    ("column", "units", "why"),
    [
        (0, 1, "layer 13: word 0 depends on what passes by"),
        (2, 1, "layer 13: word 0 depends on what passes by"),
        (2, -1, "layer 13: word 0 depends on what passes by"),
        (4, 1, "layer 13: word 0 is chosen by another hat"),
        (None, 1, "a word of row 0 has other digits than 4 bits"),
        (None, 32, "a word of row 0 has other digits than 4 bits"),
        (None, -32, "a word of row 0 has other digits than 4 bits"),
        (None, HALF, "a word of row 0 has other digits than 4 bits"),
        (3, 1, "a word of row 1 has other digits than 4 bits"),
        (3, -64, "a word of row 1 has other digits than 4 bits"),
    ],
)
def test_words_are_odd_multiples_of_their_unit(
    column: int | None, units: int | Fraction, why: str
) -> None:
    """Both rows with words are changed alike; they read S_1, key_1, X, a row and a column."""
    stages = RETRIEVED.stages()
    memorizer = stages[1].memorizer
    assert isinstance(memorizer, Retrieval)
    # Projection, folds, distances, folds; quotient, row, column, their knots; then the words.
    number = 1 + 3 + 1 + 2 + memorizer.sizes.quotient_bits + 1 + 1 + 1
    unit = Fraction(1, 1 << memorizer.sizes.word_bits + 1)
    network = edited(RETRIEVED.network(stages), number, [-2, -1], column, units * unit)
    assert reason(RETRIEVED, stages=stages, network=network) == why


def test_keys_below_the_modulus_alone_are_read() -> None:
    for k, stage in enumerate(RETRIEVED.stages()):
        memorizer = stage.memorizer
        assert isinstance(memorizer, Retrieval) and memorizer.sizes.quotient_bits
        stages = [*RETRIEVED.stages()]
        fewer = replace(memorizer.sizes, quotient_bits=memorizer.sizes.quotient_bits - 1)
        stages[k] = replace(stage, memorizer=replace(memorizer, sizes=fewer))
        assert reason(RETRIEVED, stages=tuple(stages)) == "the keys do not fit the retrieval"


# --- sizes and layers


def test_digits_and_translations_do_not_lower_keys() -> None:
    """A network with such weights exists; relu would cut keys and coordinates below 0."""
    stages = [*BASE.stages()]
    memorizer = stages[0].memorizer
    assert isinstance(memorizer, Shallow)
    lowered = [[-v for v in row] for row in memorizer.weights]
    stages[0] = replace(stages[0], memorizer=replace(memorizer, weights=lowered))
    assert "weights of digits must be >= 0" in reason(BASE, stages=tuple(stages))
    assert "1 translations >= 0 expected" in reason(with_round(1, translation=[-QUARTER]))


def test_nothing_stands_beside_the_last_bits() -> None:
    """A neuron before the bits would be taken for one of them by the layer that clips."""
    network = BASE.network()
    number = network.depth - 3
    layer = network.layers[number]
    dense = layer.weight.dense()
    weight = SparseIntegers.from_dense(np.vstack([np.zeros_like(dense), dense]))
    wider = Affine(weight, np.array([1 << -layer.exponent, *layer.bias]), layer.exponent)
    last = network.layers[number + 1]
    padded = SparseIntegers.from_dense(np.hstack([last.weight.dense(), [[0]]]))
    layers = [*network.layers]
    layers[number : number + 2] = [wider, Affine(padded, last.bias, last.exponent)]
    found = reason(BASE, network=ReLUNetwork(tuple(layers), network.activations))
    assert "clipping needs" in found, found


def test_every_layer_is_needed_and_none_may_follow() -> None:
    for hand in (BASE, RETRIEVED):
        network = hand.network()
        for depth in range(1, network.depth):
            layers, kinds = network.layers[:depth], network.activations[: depth - 1]
            assert reason(hand, network=ReLUNetwork(layers, kinds))
        last = Affine(SparseIntegers.from_dense(np.array([[1]])), np.array([0]), 0)
        kinds = (*network.activations, Activation.RELU)
        longer = reason(hand, network=ReLUNetwork((*network.layers, last), kinds))
        assert "1 layers follow the output" in longer


def test_threshold_neurons_are_refused(tmp_path: Path) -> None:
    built, files = BASE.built(QUARTER), Files(tmp_path)
    assert built.certificate is not None
    assert files.write(LINE, built.network, built.certificate).verified
    arrays = files.arrays(files.network)
    for at in range(len(arrays["activation"])):
        activation = arrays["activation"].copy()
        activation[at] = 1
        np.savez(files.network, **{**arrays, "activation": activation})
        assert "must be a ReLU" in files.certify(built.certificate).reason


def test_a_ball_over_very_many_cells_is_refused_at_once() -> None:
    """A radius of 2^28 cells once led to 2^29 steps, each of them kept."""
    data = dataset_of([[0], [1 << 31]], [1, 2])
    codes = {((1 << 39) - 1,): 0, ((1 << 39) + (1 << 30),): 1}
    hand = Hand([[1]], [1 << 38], [HandRound([0], codes)], levels=40)
    assert reason(hand, data, QUARTER) == "the balls meet too many cells"
