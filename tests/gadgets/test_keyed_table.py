"""Keyed tables: every key's code, 0 at every other integer, bits in [0, 1] at every real number."""

from __future__ import annotations

from itertools import product
from math import ceil, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exact import DyadicArray
from pipeline.gadgets.keyed_groups import keyed_groups, keyed_sizes_for, keyed_sizes_of
from pipeline.gadgets.keyed_table import (
    KeyedSizes,
    bits_of_label,
    keyed_label,
    keyed_network,
    keyed_widths,
    widths_of_bits,
)
from pipeline.network import Circuit, Plan, ReLUNetwork

KEYS = st.integers(0, 40)


def cost(sizes: KeyedSizes, kept: int) -> int:
    return Plan(kept + 1, keyed_widths(sizes, kept), {}, kept + 1).parameter_count()


def network_of(codes: dict[int, int], sizes: KeyedSizes, kept: int) -> ReLUNetwork:
    """Return (kept values, x) -> (kept values, label, bits)."""
    circuit = Circuit(kept + 1)
    *passing, x = circuit.inputs
    passing, label = keyed_label(circuit, passing, x, keyed_groups(codes, sizes), sizes)
    passing, bits = bits_of_label(circuit, [*passing, label], label, sizes.code_bits)
    return circuit.network([*passing, *bits])


@given(st.data())
@settings(max_examples=40)
def test_every_integer_gets_its_code_or_zero_and_the_plan_is_the_count(data: st.DataObject) -> None:
    c, kept = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 2))
    codes = data.draw(st.dictionaries(KEYS, st.integers(0, (1 << c) - 1)))
    how = data.draw(st.sampled_from(["keys", "numbers", "any"]))
    if how == "keys":
        sizes = keyed_sizes_of([sorted(codes)], c, kept)
    elif how == "numbers":
        sizes = keyed_sizes_for(max(len(codes), 1), 6, c, kept)
    else:
        n, b = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 7))
        sizes = KeyedSizes(len(codes) + data.draw(st.integers(1, 3)), n, b, c)
    network = network_of(codes, sizes, kept)
    carried = [[(x + j) % 7 for j in range(kept)] for x in range(60)]
    points = np.array([[*row, x] for x, row in enumerate(carried)])
    values = network.evaluate_exact(DyadicArray(points, 0)).fractions()
    assert values[:, :kept].tolist() == carried
    expected = [codes.get(x, 0) for x in range(60)]
    assert values[:, kept].tolist() == expected
    assert [sum(int(b) << j for j, b in enumerate(row[kept + 1 :])) for row in values] == expected
    plan = Plan(
        kept + 1, (*keyed_widths(sizes, kept), *widths_of_bits(c, kept + 1)), {}, kept + 1 + c
    )
    assert list(plan.hidden_widths()) == list(network.hidden_widths)
    assert plan.parameter_count() == network.parameter_count()


@pytest.mark.parametrize(
    "sizes", [KeyedSizes(1, 7, 6, 2), KeyedSizes(3, 3, 5, 3), KeyedSizes(9, 1, 1, 1)], ids=str
)
def test_bits_of_any_real_number_lie_between_zero_and_one(sizes: KeyedSizes) -> None:
    random = np.random.default_rng(0)
    # Neighbouring keys: between them both codes count.
    keys = [2, 3, 4, 9, 10, 30, 31]
    codes = {k: (1 << sizes.code_bits) - 1 - k % 2 * (sizes.code_bits > 1) for k in keys}
    network = keyed_network(keyed_groups(codes, sizes), sizes)
    points = DyadicArray(random.integers(0, 40 << 6, (600, 1)), -6)
    values = network.evaluate_exact(points).fractions()
    assert all(0 <= bit <= 1 for row in values for bit in row[1:])
    assert any(0 < bit < 1 for row in values for bit in row[1:])
    assert all(row[0] >= 0 for row in values)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_bits_of_a_label_are_cut_off_above_and_lie_between_zero_and_one(count: int) -> None:
    circuit = Circuit(1)
    _, bits = bits_of_label(circuit, [], circuit.inputs[0], count)
    network, top = circuit.network(bits), (1 << count) - 1
    values = network.evaluate_exact(DyadicArray(np.arange(161)[:, None], -4)).fractions().tolist()
    assert all(0 <= bit <= 1 for row in values for bit in row)
    codes = [sum(int(b) << j for j, b in enumerate(row)) for row in values[::16]]
    assert codes == [min(x, top) for x in range(11)]


@given(st.lists(st.sets(st.integers(0, 300), min_size=1, max_size=25), min_size=1, max_size=3))
@settings(max_examples=25)
def test_sizes_of_keys_are_the_cheapest_of_all(tables: list[set[int]]) -> None:
    chosen = keyed_sizes_of([sorted(table) for table in tables], 2, 1)
    least = None
    for bits in range(1, 10):
        for n in range(1, max(map(len, tables)) + 1):
            sizes = KeyedSizes(100, n, bits, 2)
            used = [keyed_groups(dict.fromkeys(table, 1), sizes) for table in tables]
            groups = max(sum(each.word > 0 for each in found) for found in used)
            found_cost = cost(KeyedSizes(groups, n, bits, 2), 1)
            least = found_cost if least is None else min(least, found_cost)
    assert cost(chosen, 1) == least
    for table in tables:
        assert len(keyed_groups(dict.fromkeys(table, 1), chosen)) == chosen.groups


def test_a_group_and_a_bit_of_a_gap_cost_what_is_stated() -> None:
    for s in range(4):
        base = KeyedSizes(5, 6, 8, 2)
        group, bit = KeyedSizes(6, 6, 8, 2), KeyedSizes(5, 6, 9, 2)
        assert cost(group, s) - cost(base, s) == 4 * (s + 2)
        assert cost(bit, s) - cost(base, s) == 5 * (s + 5) * (s + 6)


def test_the_count_keeps_its_stated_bound() -> None:
    sizes = product((1, 2, 5, 30), (1, 2, 3, 9), (1, 2, 7), (1, 2, 5), range(5))
    for G, n, b, c, s in sizes:
        key = (s + 5) * (s + 6) * b + (s + 7) * (s + 8) * c + 4 * (s + 6)
        bound = 4 * (s + 2) * G + n * key + 4 * (s + 3) ** 2
        assert cost(KeyedSizes(G, n, b, c), s) - (s + 1) <= bound, (G, n, b, c, s)


def test_gaps_cut_at_large_ones_are_short_and_groups_few() -> None:
    random = np.random.default_rng(0)
    for N, K, n in ((40, 8, 3), (100, 12, 7), (200, 9, 5)):
        keys = random.choice(1 << K, N, replace=False).tolist()
        groups = -(-N // n)
        bits = max(ceil(K - log2(groups)), 1)
        assert len(keyed_groups(dict.fromkeys(keys, 1), KeyedSizes(2 * groups, n, bits, 1))) == (
            2 * groups
        )


def test_gaps_are_bounded_by_the_keys_alone_in_a_plan_of_sizes() -> None:
    sizes = keyed_sizes_for(6, 5, 1, 0)
    for keys in ([0, 31, 30, 1, 2, 15], [0, 1, 2, 3, 4, 31], [26, 27, 28, 29, 30, 31]):
        assert len(keyed_groups(dict.fromkeys(keys, 1), sizes)) == sizes.groups


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="sizes of at least 1"):
        KeyedSizes(1, 0, 1, 1)
    with pytest.raises(ValueError, match="3 keys need 2 groups"):
        keyed_groups(dict.fromkeys((1, 2, 3), 1), KeyedSizes(1, 2, 1, 1))
    for codes in ({-1: 1}, {1: 2}, {1: -1}):
        with pytest.raises(ValueError, match="codes of 1 bits"):
            keyed_groups(codes, KeyedSizes(1, 2, 1, 1))
