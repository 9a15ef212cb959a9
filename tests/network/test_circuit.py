"""Circuits: the network is the arithmetic written down, and layers cannot be mixed up."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network import Activation, Circuit
from tests.network.laws import affine_maps, naive_output, networks, numbers, points


@settings(max_examples=40)
@given(st.data())
def test_a_network_written_as_expressions_is_that_network(data: st.DataObject) -> None:
    network = data.draw(networks(thresholds=False))
    circuit = Circuit(network.inputs)
    values = circuit.inputs
    rows = []
    for number, affine in enumerate(network.layers):
        W, b = (part.fractions() for part in affine.dense())
        rows = []
        for i in range(affine.outputs):
            row = circuit.constant(b[i])
            for j, value in enumerate(values):
                row = row + value * W[i, j]
            rows.append(row)
        if number < network.depth - 1:
            values = circuit.hidden(rows)
    written = circuit.network(rows)
    assert written.hidden_widths == network.hidden_widths
    for x in data.draw(points(network.inputs, 2)):
        assert naive_output(written, x) == naive_output(network, x)


@settings(max_examples=30)
@given(numbers(), numbers(), numbers())
def test_arithmetic_of_expressions_is_arithmetic(a: Fraction, b: Fraction, x: Fraction) -> None:
    circuit = Circuit(1)
    (v,) = circuit.inputs
    forms = [v * a + b, b + a * v, -(v * -a) - (-b), (b - v) + v * (a + 1), 2 * v - v * (2 - a) + b]
    network = circuit.network(forms)
    assert naive_output(network, (x,)) == (a * x + b,) * 5


@settings(max_examples=20)
@given(affine_maps(2, 3), points(2, 1))
def test_a_layer_at_hand_is_appended_as_it_is(affine, point) -> None:
    circuit = Circuit(2)
    network = circuit.network(circuit.hidden_affine(affine))
    W, b = (part.fractions() for part in affine.dense())
    x = point[0]
    expected = [max(sum(W[i, j] * x[j] for j in range(2)) + b[i], 0) for i in range(3)]
    assert list(naive_output(network, x)) == expected
    with pytest.raises(ValueError, match="the map has 2 inputs, the layer 3 neurons"):
        circuit.hidden_affine(affine)


def test_thresholds_follow_the_relus_of_their_layer() -> None:
    circuit = Circuit(1)
    (x,) = circuit.inputs
    kept, step = circuit.hidden([x], [x - 3])
    network = circuit.network([kept - step * 3])
    assert network.activations == ((Activation.RELU, Activation.THRESHOLD),)
    assert [naive_output(network, (v,)) for v in (2, 3, 4)] == [(2,), (0,), (1,)]


def test_an_expression_of_an_earlier_layer_is_refused() -> None:
    circuit = Circuit(1)
    (x,) = circuit.inputs
    (y,) = circuit.hidden([x])
    with pytest.raises(ValueError, match="layer 2 reads layer 1, got an expression of layer 0"):
        circuit.hidden([x])
    with pytest.raises(ValueError, match="expressions of layers 1 and 0 cannot be added"):
        y + x


def test_weights_that_are_not_dyadic_are_refused() -> None:
    circuit = Circuit(1)
    with pytest.raises(ValueError, match="weights must be dyadic rationals, got 1/3"):
        circuit.hidden([circuit.inputs[0] * Fraction(1, 3)])


def test_terms_that_cancel_are_not_stored() -> None:
    circuit = Circuit(2)
    u, v = circuit.inputs
    network = circuit.network([u + v - u])
    assert network.nonzero_count() == 1
