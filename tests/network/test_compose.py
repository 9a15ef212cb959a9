"""Composition laws: serial, parallel and carry are the functions they are named after."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network import (
    Activation,
    Affine,
    ReLUNetwork,
    SparseIntegers,
    carry,
    parallel,
    serial,
)
from tests.cases import ABSOLUTE, MAXIMUM, TENT, THRESHOLD, dyadic, layer
from tests.network.laws import affine_maps, naive_output, networks, numbers, points

COUNT = st.integers(1, 3)


@settings(max_examples=60)
@given(st.data())
def test_serial_is_composition(data: st.DataObject) -> None:
    middle = data.draw(COUNT)
    first = data.draw(networks(outputs=middle))
    second = data.draw(networks(inputs=middle))
    joined = serial(first, second)
    assert joined.depth == first.depth + second.depth - 1
    for x in data.draw(points(first.inputs, 2)):
        assert naive_output(joined, x) == naive_output(second, naive_output(first, x))


@settings(max_examples=60)
@given(st.data())
def test_parallel_is_the_product_map(data: st.DataObject) -> None:
    first = data.draw(networks())
    second = data.draw(networks(hidden=first.depth - 1))
    both = parallel(first, second)
    assert both.width == max(
        (a + b for a, b in zip(first.hidden_widths, second.hidden_widths, strict=True)), default=0
    )
    (u,), (v,) = data.draw(points(first.inputs, 1)), data.draw(points(second.inputs, 1))
    assert naive_output(both, u + v) == naive_output(first, u) + naive_output(second, v)


@settings(max_examples=60)
@given(st.data())
def test_carry_leaves_nonnegative_values_alone(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 2))
    network = data.draw(networks())
    (x,) = data.draw(points(network.inputs, 1))
    kept = tuple(abs(data.draw(numbers())) for _ in range(count))
    longer = carry(network, count)
    assert longer.depth == network.depth
    assert naive_output(longer, kept + x) == kept + naive_output(network, x)


@settings(max_examples=60)
@given(st.data())
def test_a_merged_affine_map_is_the_composition(data: st.DataObject) -> None:
    a, b, c = (data.draw(COUNT) for _ in range(3))
    first, second = data.draw(affine_maps(a, b)), data.draw(affine_maps(b, c))
    merged = ReLUNetwork.relu(second.after(first))
    (x,) = data.draw(points(a, 1))
    inner = naive_output(ReLUNetwork.relu(first), x)
    assert naive_output(merged, x) == naive_output(ReLUNetwork.relu(second), inner)


@settings(max_examples=60)
@given(affine_maps(2, 3), st.integers(0, 70))
def test_rewriting_an_affine_map_keeps_its_entries(affine: Affine, shift: int) -> None:
    W, b = affine.dense()
    for other in (affine.normalized(), affine.at_exponent(affine.exponent - shift)):
        assert other.dense()[0] == W and other.dense()[1] == b


def test_serial_refuses_dimensions_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="serial: 1 outputs meet 2 inputs"):
        serial(TENT, MAXIMUM)
    with pytest.raises(ValueError, match="serial needs at least one network"):
        serial()


def test_parallel_refuses_other_depths() -> None:
    with pytest.raises(ValueError, match=r"parallel needs networks of one depth, got \[2, 3\]"):
        parallel(TENT, serial(TENT, TENT))
    with pytest.raises(ValueError, match="parallel needs at least one network"):
        parallel()


def test_a_value_is_carried_past_thresholds_by_relu_neurons() -> None:
    longer = carry(THRESHOLD, 1)
    assert longer.activations == ((Activation.RELU, Activation.THRESHOLD, Activation.THRESHOLD),)
    assert longer.evaluate_exact(dyadic(((7, 1), (0, 2)))) == dyadic(((7, 3), (0, 1)))


def test_serial_of_one_network_is_that_network() -> None:
    X = dyadic(((-3,), (5,)))
    assert serial(ABSOLUTE).evaluate_exact(X) == ABSOLUTE.evaluate_exact(X)


def test_weights_must_be_dyadic() -> None:
    with pytest.raises(ValueError, match="weights must be dyadic rationals, got 1/3"):
        layer([[Fraction(1, 3)]], [0])


def test_repeated_entries_are_added_up_without_overflow() -> None:
    big = (1 << 62) - 1
    places = np.zeros(3, dtype=np.int64)
    weight = SparseIntegers.from_entries((1, 1), places, places, np.array([big, big, big]))
    assert [int(v) for v in weight.values] == [3 * big]
    cancelled = SparseIntegers.from_entries((1, 1), places[:2], places[:2], np.array([big, -big]))
    assert len(cancelled.values) == 0


@pytest.mark.parametrize(
    ("index", "values", "message"),
    [
        ([0, 6], [1, 1], "an entry lies outside the 2 x 3 matrix"),
        ([-1, 0], [1, 1], "an entry lies outside the 2 x 3 matrix"),
        ([1, 0], [1, 1], "strictly increasing row-major order"),
        ([1, 1], [1, 1], "strictly increasing row-major order"),
        ([0, 1], [1, 0], "stored entries must be nonzero"),
        ([0], [1, 1], "index and values must match"),
    ],
)
def test_a_malformed_sparse_matrix_is_refused(
    index: list[int], values: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SparseIntegers((2, 3), np.array(index), np.array(values))


def test_a_malformed_affine_map_is_refused() -> None:
    weight = SparseIntegers.from_dense(np.ones((2, 3), dtype=np.int64))
    with pytest.raises(ValueError, match=r"bias must have shape \(2,\), got \(3,\)"):
        Affine(weight, np.zeros(3, dtype=np.int64), 0)
    empty = SparseIntegers((0, 3), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    with pytest.raises(ValueError, match="an affine map needs inputs and outputs"):
        Affine(empty, np.zeros(0, dtype=np.int64), 0)
