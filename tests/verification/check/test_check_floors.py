"""Floors that the checker confirms are floors where it says so; all others it rejects."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.exact import DyadicArray
from pipeline.gadgets import floored, floored_by_thresholds
from pipeline.network import Activation, Circuit, ReLUNetwork
from pipeline.verification.check.floors import confirm_floors, confirm_threshold_floors
from pipeline.verification.check.layers import Layers, neurons
from pipeline.verification.check.rejection import Rejected
from tests.verification.check.check_files import changed, in_memory, nonzero_entries, zero_entries

WEIGHTS = [1, 5]


def floors(n: int, q: int) -> ReLUNetwork:
    """Return (y, x_1, x_2) -> floor(x_1) + 5 floor(x_2), y carried along."""
    circuit = Circuit(3)
    y, *xs = circuit.inputs
    _, (first, second) = floored(circuit, [y], xs, n, q)
    return circuit.network([first + second * 5])


def exact_floors(n: int) -> ReLUNetwork:
    circuit = Circuit(3)
    y, *xs = circuit.inputs
    _, key = floored_by_thresholds(circuit, [y], xs, WEIGHTS, n)
    return circuit.network([key])


def confirm(network: ReLUNetwork, n: int, q: int | None, weights: list[int] = WEIGHTS) -> None:
    """Confirm floors with bands of 2^-q, or exact ones for q None."""
    layers = Layers(in_memory(network), n + 1)
    y, *xs = neurons(0, 3)
    if q is None:
        key = confirm_threshold_floors(layers, [y], xs, weights, n)
    else:
        first, second = confirm_floors(layers, [y], xs, n, q)
        key = first * weights[0] + second * weights[1]
    layers.confirm([key], "the output")


def at(network: ReLUNetwork, xs: list[tuple[Fraction, Fraction]]) -> list[Fraction]:
    bits = 12
    points = [[0, *(int(x * (1 << bits)) for x in pair)] for pair in xs]
    array = DyadicArray(np.array(points), -bits)
    return network.evaluate_exact(array, 1).fractions()[:, 0].tolist()


@pytest.mark.parametrize(("n", "q"), [(1, 1), (1, 3), (2, 2), (3, 1), (3, 5)])
def test_confirmed_floors_are_floors_from_gamma_on(n: int, q: int) -> None:
    network, gamma = floors(n, q), Fraction(1, 1 << q)
    confirm(network, n, q)
    parts = [gamma, (gamma + 1) / 2, 1 - Fraction(1, 1 << 11)]
    xs = [k + part for k in range(1 << n) for part in parts]
    pairs = [(x, xs[-1 - i]) for i, x in enumerate(xs)]
    assert at(network, pairs) == [x // 1 + 5 * (z // 1) for x, z in pairs]
    # Within the band of the middle integer the value is wrong at once: gamma is no smaller.
    middle = Fraction(1 << (n - 1))
    inside = middle + gamma - Fraction(1, 1 << 11)
    assert at(network, [(inside, inside)]) != [6 * middle]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_confirmed_threshold_floors_are_floors_everywhere(n: int) -> None:
    network = exact_floors(n)
    confirm(network, n, None)
    eighths = [Fraction(k, 8) for k in range(8 << n)]
    pairs = [(x, eighths[-1 - i]) for i, x in enumerate(eighths)]
    assert at(network, pairs) == [x // 1 + 5 * (z // 1) for x, z in pairs]


def test_another_depth_or_gamma_is_rejected() -> None:
    network = floors(3, 4)
    confirm(network, 3, 4)
    for n, q in ((2, 4), (4, 4), (3, 3), (3, 5), (2, 5), (4, 3)):
        with pytest.raises(Rejected):
            confirm(network, n, q)
    for n in (2, 4):
        with pytest.raises(Rejected):
            confirm(exact_floors(3), n, None)
    for weights in ([5, 1], [1, 1], [1, 4]):
        with pytest.raises(Rejected):
            confirm(network, 3, 4, weights)
        with pytest.raises(Rejected):
            confirm(exact_floors(3), 3, None, weights)


def test_thresholds_for_relus_and_relus_for_thresholds_are_rejected() -> None:
    with pytest.raises(Rejected):
        confirm(floors(2, 3), 2, None)
    with pytest.raises(Rejected):
        confirm(exact_floors(2), 2, 3)
    for network, q in ((floors(2, 3), 3), (exact_floors(2), None)):
        for number in range(network.depth - 1):
            kinds = network.thresholds(number)
            for k in range(len(kinds)):
                swapped = [
                    Activation.THRESHOLD if bool(kind) != (i == k) else Activation.RELU
                    for i, kind in enumerate(kinds)
                ]
                activations = list(network.activations)
                activations[number] = tuple(swapped)
                wrong = ReLUNetwork(network.layers, tuple(activations))
                with pytest.raises(Rejected, match="ReLUs"):
                    confirm(wrong, 2, q)


@pytest.mark.parametrize("q", [3, None])
def test_any_changed_weight_is_rejected(q: int | None) -> None:
    network = exact_floors(2) if q is None else floors(2, q)
    confirm(network, 2, q)
    for entry in [*nonzero_entries(network), *zero_entries(network, 1)]:
        v = entry.value
        for value, finer in ((v + 1, 0), (v - 1, 0), (-v, 0), (0, 0), ((v << 20) + v, 20)):
            if value == v << finer:
                continue
            with pytest.raises(Rejected):
                confirm(changed(network, entry, value, finer), 2, q)
