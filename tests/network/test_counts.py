"""Counts of networks and plans against Equation 3, written out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network import Activation, Plan, ReLUNetwork
from tests.cases import AFFINE, MAXIMUM, TENT, layer
from tests.network.laws import networks

WIDTHS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@settings(max_examples=60)
@given(networks())
def test_counts_are_equation_3(network: ReLUNetwork) -> None:
    sizes = [network.inputs, *network.hidden_widths, network.outputs]
    total, nonzero = 0, 0
    for number, affine in enumerate(network.layers):
        total += (sizes[number] + 1) * sizes[number + 1]
        W, b = (part.fractions() for part in affine.dense())
        nonzero += sum(v != 0 for v in W.reshape(-1)) + sum(v != 0 for v in b)
    assert network.parameter_count() == total
    assert network.nonzero_count() == nonzero
    assert network.depth == len(network.activations) + 1
    assert network.width == max(network.hidden_widths, default=0)
    assert network.first_hidden_width == (sizes[1] if network.depth > 1 else 0)


@settings(max_examples=60)
@given(networks())
def test_bit_complexity_is_that_of_the_longest_parameter(network: ReLUNetwork) -> None:
    longest = 0
    for affine in network.layers:
        for part in affine.dense():
            for value in part.fractions().reshape(-1):
                fraction_bits = value.denominator.bit_length() - 1
                longest = max(longest, fraction_bits + int(abs(value)).bit_length())
    assert network.bit_complexity == longest


@pytest.mark.parametrize(
    ("weight", "bits"),
    [
        (1, 1),
        (-8, 4),
        (Fraction(1, 2), 1),
        (Fraction(3, 8), 3),
        (Fraction(-13, 4), 4),
        (Fraction(1, 1 << 70), 70),
        (1 << 100, 101),
        (2**53 - 1, 53),
        (2**61 - 1, 61),
        (0, 0),
    ],
)
def test_bit_complexity_of_one_parameter(weight: Fraction | int, bits: int) -> None:
    assert ReLUNetwork.relu(layer([[weight]], [0])).bit_complexity == bits


@given(
    st.integers(1, 9),
    st.lists(st.tuples(WIDTHS, st.integers(1, 4)), min_size=1, max_size=3),
    st.integers(1, 3),
)
def test_a_plan_counts_what_its_network_would(
    inputs: int, groups: list[tuple[list[int], int]], outputs: int
) -> None:
    plan = Plan(inputs, tuple((tuple(w), r) for w, r in groups), outputs=outputs)
    widths = [w for group, repeats in groups for _ in range(repeats) for w in group]
    sizes = [inputs, *widths, outputs]
    assert list(plan.hidden_widths()) == widths
    assert plan.depth == len(widths) + 1
    assert plan.width == max(widths)
    assert plan.first_hidden_width == widths[0]
    assert plan.parameter_count() == sum(
        (a + 1) * b for a, b in zip(sizes[:-1], sizes[1:], strict=True)
    )


def test_a_plan_of_ten_to_the_twelve_blocks_is_counted_at_once() -> None:
    plan = Plan(2, (((3, 4), 10**12),))
    assert plan.parameter_count() == 9 + 16 * 10**12 + 15 * (10**12 - 1) + 5


@pytest.mark.parametrize(
    "groups", [(((3, 0), 1),), (((3,), 0),), (((), 1),)], ids=["width", "repeats", "empty"]
)
def test_a_plan_of_nothing_is_refused(groups: tuple[tuple[tuple[int, ...], int], ...]) -> None:
    with pytest.raises(ValueError, match="a group needs widths and repetitions >= 1"):
        Plan(2, groups)


def test_a_plan_without_hidden_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="a plan needs a hidden layer"):
        Plan(2, ())


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="layer 1 has 1 outputs, layer 2 expects 2 inputs"):
        ReLUNetwork.relu(TENT.layers[1], MAXIMUM.layers[0])
    with pytest.raises(ValueError, match="1 layers need 0 activations, got 1"):
        ReLUNetwork(AFFINE.layers, (Activation.RELU,))
    with pytest.raises(ValueError, match="a network needs at least one affine layer"):
        ReLUNetwork((), ())
    with pytest.raises(ValueError, match="'sigmoid' is not a valid Activation"):
        ReLUNetwork(TENT.layers, ("sigmoid",))  # type: ignore[arg-type]
