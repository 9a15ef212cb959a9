"""Counts of networks and plans against Equation 3, written out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network import Activation, Plan, ReLUNetwork, Repeat
from tests.cases import AFFINE, MAXIMUM, TENT, layer
from tests.network.laws import networks

WIDTHS = st.integers(1, 9)
RUNS = st.recursive(
    WIDTHS,
    lambda runs: st.builds(
        Repeat, st.lists(runs, min_size=1, max_size=3).map(tuple), st.integers(1, 3)
    ),
    max_leaves=6,
)


def written_out(hidden: list[int | Repeat]) -> list[int]:
    """Return the widths of a plan, every repetition written out."""
    widths = []
    for part in hidden:
        widths += [part] if isinstance(part, int) else written_out(list(part.body)) * part.times
    return widths


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


@given(st.integers(1, 9), st.lists(RUNS, min_size=1, max_size=3), st.integers(1, 3))
def test_a_plan_counts_what_its_network_would(
    inputs: int, hidden: list[int | Repeat], outputs: int
) -> None:
    plan = Plan(inputs, tuple(hidden), outputs=outputs)
    widths = written_out(hidden)
    sizes = [inputs, *widths, outputs]
    assert list(plan.hidden_widths()) == widths
    assert plan.depth == len(widths) + 1
    assert plan.width == max(widths)
    assert plan.first_hidden_width == widths[0]
    assert plan.parameter_count() == sum(
        (a + 1) * b for a, b in zip(sizes[:-1], sizes[1:], strict=True)
    )


def test_a_plan_of_ten_to_the_twelve_blocks_is_counted_at_once() -> None:
    plan = Plan(2, (Repeat((3, 4), 10**12),))
    assert plan.parameter_count() == 9 + 16 * 10**12 + 15 * (10**12 - 1) + 5
    nested = Plan(2, (Repeat((Repeat((3,), 10**6), 4), 10**6),))
    assert nested.depth == 1 + 10**12 + 10**6
    inner = (10**6 - 1) * 12 + 16
    assert nested.parameter_count() == 9 + 10**6 * inner + 15 * (10**6 - 1) + 5


@pytest.mark.parametrize("body, times", [((3, 0), 1), ((3,), 0), ((), 1)])
def test_a_run_of_nothing_is_refused(body: tuple[int, ...], times: int) -> None:
    with pytest.raises(ValueError, match="a run needs widths and repetitions >= 1"):
        Repeat(body, times)
    with pytest.raises(ValueError, match="a run needs widths and repetitions >= 1"):
        Plan(2, (3, 0))


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
