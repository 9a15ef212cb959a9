"""What the checker says a keyed table maps integers to is what it maps them to, or it rejects."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exact import DyadicArray
from pipeline.gadgets.keyed_groups import keyed_groups, keyed_sizes_of
from pipeline.gadgets.keyed_table import KeyedGroup, KeyedSizes, keyed_network
from pipeline.network import ReLUNetwork
from pipeline.verification.check import keyed_table as check
from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.layers import LayerReader, Layers
from pipeline.verification.check.rejection import Rejected
from tests.verification.check.check_files import changed, in_memory, nonzero_entries, zero_entries
from tests.verification.check.test_check_mutations import changes

# Two groups of two keys, gaps and codes of two bits: words are code, gap, code.
SIZES = KeyedSizes(2, 2, 2, 2)


def table_of(network: ReLUNetwork, sizes: KeyedSizes) -> check.KeyedTable:
    """Return what the checker reads off a network that is a table with its bits and no more."""
    read = in_memory(network)
    at = check.KeyedSizes(sizes.groups, sizes.keys, sizes.gap_bits, sizes.code_bits)
    layers = Layers(read, at.hidden_layers + sizes.code_bits + 1)
    reader = LayerReader(read.layers)
    found = []
    for each in (layers, reader):
        table, kept, label = check.confirm_keyed(each, [], neuron(0), at)
        assert not kept
        (label,), bits = check.confirm_bits(each, [label], label, sizes.code_bits)
        each.confirm([label, *bits], "the output")
        found.append(table)
    assert layers.number == reader.used == len(read.layers)
    assert found[0] == found[1]
    return found[0]


def values_at(network: ReLUNetwork, xs: Sequence[int], bits: int = 0) -> list[list[Fraction]]:
    points = DyadicArray(np.array(xs, dtype=object)[:, None], -bits)
    return network.evaluate_exact(points).fractions().tolist()


def assert_table(network: ReLUNetwork, sizes: KeyedSizes, upto: int = 24) -> dict[int, int]:
    """Check label and bits at all integers up to a bound, and that bits are in [0, 1] between."""
    table = table_of(network, sizes)
    values = values_at(network, range(upto))
    assert [row[0] for row in values] == [table.table.get(k, 0) for k in range(upto)]
    codes = [sum(int(b) << j for j, b in enumerate(row[1:])) for row in values]
    assert codes == table.codes(np.arange(upto)).tolist()
    between = values_at(network, range(1, 8 * upto, 2), 3)
    assert all(0 <= bit <= 1 for row in between for bit in row[1:])
    return table.table


def word(*digits: tuple[int, int]) -> int:
    """Return the word whose Gray code is these numbers of so many bits, side by side."""
    text = "".join(format(number, f"0{bits}b") for number, bits in digits)
    ones = np.cumsum([int(t) for t in text]) % 2
    return int("".join(map(str, ones)), 2)


def group(first: int, code: int, gap: int, other: int) -> KeyedGroup:
    return KeyedGroup(first, word((code, 2), (gap, 2), (other, 2)))


@given(st.data())
@settings(max_examples=20)
def test_the_table_of_a_constructed_network_is_its_codes(data: st.DataObject) -> None:
    c = data.draw(st.integers(1, 3))
    codes = data.draw(st.dictionaries(st.integers(0, 20), st.integers(0, (1 << c) - 1)))
    if data.draw(st.booleans()):
        sizes = keyed_sizes_of([sorted(codes)], c, data.draw(st.integers(0, 3)))
    else:
        n, b = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
        sizes = KeyedSizes(len(codes) + data.draw(st.integers(1, 2)), n, b, c)
    network = keyed_network(keyed_groups(codes, sizes), sizes)
    assert assert_table(network, sizes) == {k: v for k, v in codes.items() if v}


@given(st.data())
@settings(max_examples=40)
def test_any_words_are_read_as_the_network_reads_them(data: st.DataObject) -> None:
    sizes = KeyedSizes(*[data.draw(st.integers(1, most)) for most in (4, 4, 3, 3)])
    firsts = data.draw(st.sets(st.integers(1, 15), min_size=sizes.groups, max_size=sizes.groups))
    words = st.integers(0, (1 << sizes.word_bits) - 1)
    groups = [KeyedGroup(first, data.draw(words)) for first in sorted(firsts)]
    assert_table(keyed_network(groups, sizes), sizes)


def test_unlike_sizes_are_rejected() -> None:
    network = keyed_network([group(1, 1, 2, 3), group(5, 0, 1, 2)], SIZES)
    assert assert_table(network, SIZES) == {1: 1, 3: 3, 6: 2}
    for wrong in ((3, 2, 2, 2), (1, 2, 2, 2), (2, 1, 2, 2), (2, 3, 2, 2), (2, 2, 1, 2)):
        with pytest.raises(Rejected):
            table_of(network, KeyedSizes(*wrong))
    for wrong in ((2, 2, 3, 2), (2, 2, 2, 1), (2, 2, 2, 3), (2, 2, 3, 1), (2, 1, 1, 6)):
        with pytest.raises(Rejected):
            table_of(network, KeyedSizes(*wrong))


@pytest.mark.parametrize(
    ("groups", "table"),
    [
        # A key that stands twice counts twice; its bits are those of what fits.
        ([group(2, 1, 0, 1), group(5, 3, 0, 2)], {2: 2, 5: 5}),
        # Keys of a group that lie in the next one are never reached there.
        ([group(2, 1, 3, 2), group(5, 3, 1, 1)], {2: 1, 5: 3, 6: 1}),
        ([group(2, 1, 3, 2), group(4, 3, 1, 1)], {2: 1, 4: 3, 5: 1}),
        # Counted from 0 a first group also holds 0; below the first key nothing is found.
        ([group(0, 1, 1, 2), group(3, 0, 0, 0)], {0: 1, 1: 2}),
        ([group(9, 1, 1, 2), group(20, 1, 3, 1)], {9: 1, 10: 2, 20: 1, 23: 1}),
    ],
)
def test_odd_words_give_the_sum_of_the_codes_beside_the_key(
    groups: list[KeyedGroup], table: dict[int, int]
) -> None:
    assert assert_table(keyed_network(groups, SIZES), SIZES) == table


def test_a_group_counted_from_another_key_is_read_as_it_is() -> None:
    # The second group, from 12 on, counts its keys from 5 + 3, so both lie before it; then from 12.
    groups = [group(5, 1, 1, 2), group(12, 2, 3, 3)]
    network = keyed_network(groups, SIZES)
    assert table_of(network, SIZES).table == {5: 1, 6: 2, 12: 2, 15: 3}
    # The third layer's first row is F; its weights on the step's two neurons move the base by 7.
    above, over = (
        e
        for e in nonzero_entries(network)
        if e.layer == 2 and not e.is_bias and e.position in (1, 2)
    )

    def moved_by(base: int) -> ReLUNetwork:
        other = changed(network, above, above.value * base // 7)
        return changed(other, over, over.value * base // 7)

    assert assert_table(moved_by(3), SIZES) == {5: 1, 6: 2}
    assert assert_table(moved_by(5), SIZES) == {5: 1, 6: 2, 13: 3}


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([group(5, 1, 1, 1), group(0, 1, 1, 1)], "does not follow"),
        ([group(1, 1, 1, 1), KeyedGroup(cast(int, Fraction(9, 2)), 3)], "does not follow"),
        ([KeyedGroup(cast(int, Fraction(1, 2)), 3), group(5, 1, 1, 1)], "no integer"),
        ([KeyedGroup(1, 1 << 6), group(5, 1, 1, 1)], "other digits"),
        ([KeyedGroup(1, -1), group(5, 1, 1, 1)], "other digits"),
        ([group(1, 1, 1, 1), KeyedGroup(5, cast(int, Fraction(1, 2)))], "other digits"),
        ([group(1, 1, 1, 1), KeyedGroup(5, cast(int, Fraction(1, 4)))], "other digits"),
    ],
)
def test_groups_that_prove_nothing_are_rejected(groups: list[KeyedGroup], reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        table_of(keyed_network(groups, SIZES), SIZES)


def test_three_groups_in_another_order_are_rejected() -> None:
    sizes = KeyedSizes(3, 1, 1, 2)
    for firsts, good in (((0, 4, 9), True), ((0, 9, 4), False), ((0, 4, 4), False)):
        network = keyed_network([KeyedGroup(first, 2) for first in firsts], sizes)
        if good:
            assert assert_table(network, sizes) == dict.fromkeys(firsts, 3)
        else:
            with pytest.raises(Rejected, match="does not follow"):
                table_of(network, sizes)


def test_sizes_out_of_range_are_rejected() -> None:
    known = {"groups": 2, "keys_per_group": 3, "gap_bits": 4}
    assert check.keyed_sizes_of(known, 2) == check.KeyedSizes(2, 3, 4, 2)
    for name in known:
        for wrong in (0, -1, 1 << 40):
            with pytest.raises(Rejected):
                check.keyed_sizes_of({**known, name: wrong}, 2)
    with pytest.raises(Rejected, match="digits"):
        check.keyed_sizes_of({**known, "keys_per_group": 1 << 15}, 2)
    assert check.KeyedTable({1 << 70: 1, 3: 2, 4: 9}, 3).codes(np.arange(6)).tolist() == [
        *[0, 0, 0, 2, 3, 0]
    ]
    assert check.KeyedTable({}, 1).codes(np.arange(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("sizes", "codes"),
    [
        (SIZES, {1: 1, 3: 3, 6: 2, 7: 1}),
        (KeyedSizes(1, 3, 2, 1), {0: 1, 2: 1, 5: 1}),
        (KeyedSizes(3, 1, 1, 3), {2: 5, 3: 7, 9: 1}),
        (KeyedSizes(2, 3, 1, 1), {4: 1, 5: 1, 6: 1}),
    ],
    ids=str,
)
def test_every_changed_weight_is_rejected_or_read_right(
    sizes: KeyedSizes, codes: dict[int, int]
) -> None:
    network = keyed_network(keyed_groups(codes, sizes), sizes)
    assert assert_table(network, sizes) == codes
    lookup = 3 if sizes.groups > 1 else 1
    rejected = accepted = 0
    for entry in [*nonzero_entries(network), *zero_entries(network, 5)]:
        for _, value, finer in changes(entry):
            if value == entry.value << finer:
                continue
            wrong = changed(network, entry, value, finer)
            try:
                table_of(wrong, sizes)
            except Rejected:
                rejected += 1
            else:
                # Only what groups are counted from and words may differ.
                assert entry.layer == lookup - 1
                assert_table(wrong, sizes)
                accepted += 1
    assert rejected > 20 * accepted


def test_a_layer_of_another_width_is_rejected() -> None:
    reader = LayerReader(
        in_memory(keyed_network([group(1, 1, 2, 3)] * 1, KeyedSizes(1, 2, 2, 2))).layers
    )
    with pytest.raises(Rejected, match="3 neurons expected"):
        reader.read(3)
    with pytest.raises(Rejected):
        reader.same([Form()], [neuron(0)], "nothing")
