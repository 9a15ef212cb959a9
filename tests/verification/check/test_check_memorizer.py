"""What the checker says a memorizer maps every integer to is what it maps it to, or it rejects."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exact import DyadicArray
from pipeline.gadgets import MemorizerSizes, WordSizes, integer_memorizer
from pipeline.gadgets.group_lookup import Group, looked_up, started
from pipeline.gadgets.key_match import matched
from pipeline.network import Circuit, ReLUNetwork
from pipeline.verification.check.forms import neuron
from pipeline.verification.check.layers import Layers
from pipeline.verification.check.memorizer import Sizes, confirm_memorizer
from pipeline.verification.check.rejection import Rejected
from tests.verification.check.check_files import (
    Entry,
    changed,
    in_memory,
    nonzero_entries,
    zero_entries,
)

Number = int | Fraction

SIZES = Sizes(groups=2, keys=2, key_bits=3, label_bits=2, eta_bits=1)


def table_of(network: ReLUNetwork, sizes: Sizes) -> dict[int, int]:
    """Return the table that the checker reads off a network that is a memorizer and no more."""
    layers = Layers(in_memory(network), sizes.hidden_layers + 1)
    memorizer = confirm_memorizer(layers, [], neuron(0), sizes)
    layers.confirm([memorizer.output], "the output")
    return memorizer.table


def values_at(network: ReLUNetwork, xs: Sequence[Fraction | int]) -> list[Fraction]:
    bits = max(Fraction(x).denominator.bit_length() - 1 for x in xs)
    points = np.array([[int(Fraction(x) * (1 << bits))] for x in xs], dtype=object)
    return network.evaluate_exact(DyadicArray(points, -bits), 1).fractions()[:, 0].tolist()


def assert_table(network: ReLUNetwork, sizes: Sizes, upto: int = 14) -> dict[int, int]:
    """Check the table at all integers up to a bound, at both ends of their intervals."""
    table = table_of(network, sizes)
    eta = Fraction(1, 1 << sizes.eta_bits)
    points = [(k, x) for k in range(upto) for x in (k, k + (1 - eta) / 2, k + 1 - eta)]
    found = values_at(network, [x for _, x in points])
    assert found == [table.get(k, 0) for k, _ in points]
    return table


def words(groups: Sequence[Group], sizes: Sizes = SIZES) -> ReLUNetwork:
    """Return the memorizer of hand-made groups, which packs whatever it is told to."""
    eta = Fraction(1, 1 << sizes.eta_bits)
    circuit = Circuit(1)
    (x,) = circuit.inputs
    passing, pairs = started(circuit, [x], x, 2)
    passing, ((_, w), (_, u)) = looked_up(circuit, passing, pairs, groups, eta)
    shape = WordSizes(sizes.keys, sizes.key_bits, sizes.label_bits)
    _, label = matched(circuit, [], passing[0], w, u, shape, eta)
    return circuit.network([label])


def word(values: Sequence[int], bits: int) -> int:
    return sum(v << bits * (len(values) - 1 - k) for k, v in enumerate(values))


def group(first: int, last: int, keys: Sequence[int], labels: Sequence[int]) -> Group:
    return Group(first, last, (word(labels, 2), word(keys, 3)))


def odd(first: Number, last: Number, words: tuple[Number, Number]) -> Group:
    """Return a group of numbers that need not be integers."""
    return Group(cast(int, first), cast(int, last), cast(tuple[int, int], words))


@given(st.data())
@settings(max_examples=25)
def test_the_table_of_a_constructed_memorizer_is_its_labels(data: st.DataObject) -> None:
    labels = data.draw(st.dictionaries(st.integers(0, 12), st.integers(1, 5), min_size=1))
    words_a_group = data.draw(st.integers(1, 4))
    shape = WordSizes(words_a_group, data.draw(st.integers(4, 6)), data.draw(st.integers(3, 7)))
    groups = -(-len(labels) // words_a_group) + data.draw(st.integers(0, 1))
    e = data.draw(st.integers(0, 3))
    network = integer_memorizer(labels, MemorizerSizes(groups, shape), Fraction(1, 1 << e))
    sizes = Sizes(groups, shape.keys, shape.key_bits, shape.label_bits, e)
    assert assert_table(network, sizes) == labels


def test_unlike_sizes_are_rejected() -> None:
    network = words([group(0, 1, (0, 1), (1, 2)), group(5, 7, (5, 7), (3, 1))])
    assert assert_table(network, SIZES) == {0: 1, 1: 2, 5: 3, 7: 1}
    for wrong in (
        Sizes(3, 2, 3, 2, 1),
        Sizes(2, 3, 3, 2, 1),
        Sizes(2, 2, 2, 2, 1),
        Sizes(2, 2, 3, 1, 1),
        Sizes(2, 2, 3, 3, 1),
        Sizes(2, 2, 2, 3, 1),
        Sizes(2, 2, 3, 2, 0),
        Sizes(2, 2, 3, 2, 2),
    ):
        with pytest.raises(Rejected):
            table_of(network, wrong)


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([group(0, 4, (0, 1), (1, 2)), group(4, 7, (4, 7), (3, 1))], "overlap"),
        ([group(0, 7, (0, 1), (1, 2)), group(2, 3, (2, 3), (3, 1))], "overlap"),
        ([group(4, 7, (4, 7), (1, 2)), group(0, 4, (1, 4), (3, 1))], "overlap"),
        ([group(0, 1, (0, 1), (1, 2)), group(5, 4, (5, 4), (3, 1))], "no group"),
        ([Group(0, 1, (1 << 4, 1)), group(5, 7, (5, 7), (3, 1))], "does not fit"),
        ([Group(0, 1, (1, 1 << 6)), group(5, 7, (5, 7), (3, 1))], "does not fit"),
        ([Group(0, 1, (-1, 1)), group(5, 7, (5, 7), (3, 1))], "does not fit"),
        ([Group(0, 1, (1, -1)), group(5, 7, (5, 7), (3, 1))], "does not fit"),
        ([odd(0, 1, (Fraction(1, 2), 1)), group(5, 7, (5, 7), (3, 1))], "does not fit"),
        ([odd(Fraction(1, 2), 3, (1, 1)), group(5, 7, (5, 7), (3, 1))], "no group"),
        ([odd(0, Fraction(5, 2), (1, 1)), group(5, 7, (5, 7), (3, 1))], "no group"),
    ],
)
def test_groups_that_prove_nothing_are_rejected(groups: list[Group], reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        table_of(words(groups), SIZES)


@pytest.mark.parametrize(
    ("groups", "table"),
    [
        # A key that stands twice counts twice; labels of padding keys in the interval count.
        ([group(2, 3, (2, 2), (1, 2)), group(5, 7, (5, 7), (3, 1))], {2: 3, 5: 3, 7: 1}),
        ([group(2, 3, (2, 2), (3, 3)), group(5, 7, (5, 7), (3, 1))], {2: 6, 5: 3, 7: 1}),
        ([group(2, 4, (2, 3), (1, 2)), group(5, 7, (5, 7), (3, 1))], {2: 1, 3: 2, 5: 3, 7: 1}),
        # Keys beyond the group's interval are never reached there.
        ([group(2, 3, (2, 6), (1, 2)), group(5, 7, (5, 3), (3, 1))], {2: 1, 5: 3}),
        # Groups that look up nothing may lie anywhere; the order of groups does not matter.
        ([group(5, 7, (5, 7), (3, 1)), group(6, 6, (0, 0), (0, 0))], {5: 3, 7: 1}),
        ([group(5, 7, (5, 7), (3, 1)), group(0, 4, (0, 4), (2, 2))], {0: 2, 4: 2, 5: 3, 7: 1}),
        # An integer of no group has words 0: key 0 with label 0, not the label of key 0.
        ([group(1, 3, (0, 2), (1, 2)), group(5, 7, (5, 0), (3, 3))], {2: 2, 5: 3}),
    ],
)
def test_odd_words_give_the_sum_of_the_labels_beside_the_key(
    groups: list[Group], table: dict[int, int]
) -> None:
    assert assert_table(words(groups), SIZES) == table


def changed_values(entry: Entry) -> list[tuple[int, int]]:
    v = entry.value
    if not v:
        return [(1, 0), (-1, 0), (1, 3)]
    return [(v + 1, 0), (v - 1, 0), (-v, 0), (0, 0), ((v << 20) + v, 20), (2 * v + 1, 1)]


@pytest.mark.parametrize("sizes", [SIZES, Sizes(2, 2, 1, 3, 0), Sizes(1, 3, 3, 1, 2)])
def test_every_changed_weight_is_rejected_or_read_right(sizes: Sizes) -> None:
    labels = {1: 1, 0: 2 % (1 << sizes.label_bits) or 1}
    shape = WordSizes(sizes.keys, sizes.key_bits, sizes.label_bits)
    if sizes.key_bits > 1:
        labels |= {5: 1, 7: 1}
    if sizes.groups == 1:
        labels.pop(7)
    eta = Fraction(1, 1 << sizes.eta_bits)
    network = integer_memorizer(labels, MemorizerSizes(sizes.groups, shape), eta)
    assert assert_table(network, sizes) == labels
    rejected = accepted = 0
    for entry in [*nonzero_entries(network), *zero_entries(network, 7)]:
        for value, finer in changed_values(entry):
            wrong = changed(network, entry, value, finer)
            try:
                table_of(wrong, sizes)
            except Rejected:
                rejected += 1
            else:
                # Only words and the ends of groups may differ, and then the table differs too.
                assert_table(wrong, sizes)
                accepted += 1
    assert accepted > 0
    assert rejected > 20 * accepted
