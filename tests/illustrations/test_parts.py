"""Parts of networks: what is read off a layer, and every corner of a graph."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from pipeline.exact import as_dyadic
from pipeline.gadgets import floor_network, threshold_floor_network
from pipeline.illustrations.parts import breakpoints, from_layer, read_neurons
from pipeline.network import ReLUNetwork, serial
from tests.cases import layer
from tests.gadgets.evaluated import steps, values


def random_network(seed: int, widths: tuple[int, ...]) -> ReLUNetwork:
    """Return a network with small random integer weights and quarter biases."""
    random = np.random.default_rng(seed)
    return ReLUNetwork.relu(
        *(
            layer(
                random.integers(-3, 4, (after, before)).tolist(),
                [Fraction(int(b), 4) for b in random.integers(-9, 10, after)],
            )
            for before, after in pairwise(widths)
        )
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_graph_is_straight_between_its_breakpoints_and_bends_at_each(seed: int) -> None:
    network = random_network(seed, (1, 3, 4, 1))
    corners = breakpoints(network, Fraction(-4), Fraction(4))
    found = iter(values(network, steps(-4, 4, Fraction(1, 64))))
    at, slopes = Fraction(-4), []
    for (a, low), (b, high) in pairwise(corners):
        assert a < b
        slopes.append((high - low) / (b - a))
        while at <= b and at <= 4:
            value = next(found)
            assert value == low + slopes[-1] * (at - a)
            at += Fraction(1, 64)
    assert all(s != t for s, t in pairwise(slopes))
    assert (corners[0][0], corners[-1][0]) == (-4, 4)


def test_neurons_before_their_activation_and_the_rest_of_the_network_make_the_whole() -> None:
    network = random_network(7, (2, 3, 4, 1))
    points = as_dyadic(np.random.default_rng(0).integers(-8, 9, (20, 2)))
    inner = read_neurons(network, 1, [2, 0]).evaluate_exact(points).fractions()
    whole = read_neurons(network, 1, range(4)).evaluate_exact(points)
    assert (inner == whole.fractions()[:, [2, 0]]).all()
    activated = as_dyadic(np.maximum(whole.nearest_float64(), 0))
    again = from_layer(network, 2).evaluate_exact(activated)
    assert again == network.evaluate_exact(points)


def test_only_the_graph_of_a_relu_network_of_one_variable_is_drawn() -> None:
    with pytest.raises(ValueError, match="one input, one output and low < high, got 2, 1"):
        breakpoints(random_network(0, (2, 3, 1)), Fraction(0), Fraction(1))
    with pytest.raises(ValueError, match="low < high"):
        breakpoints(floor_network(2, 2), Fraction(1), Fraction(1))
    with pytest.raises(ValueError, match="got thresholds"):
        breakpoints(threshold_floor_network(2), Fraction(0), Fraction(1))


def test_an_affine_map_has_no_corner() -> None:
    line = serial(ReLUNetwork.relu(layer([[3]], [Fraction(1, 2)])))
    assert breakpoints(line, Fraction(0), Fraction(2)) == [
        (0, Fraction(1, 2)),
        (2, Fraction(13, 2)),
    ]
