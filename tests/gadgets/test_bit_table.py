"""Bits of a table by two wide layers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exact import DyadicArray
from pipeline.gadgets import StoredKeys, bit_table_network

TABLES = st.dictionaries(st.integers(0, 60), st.integers(0, 7), min_size=1, max_size=25)


@settings(max_examples=40)
@given(codes=TABLES, knots=st.integers(1, 9))
def test_stored_bits_are_returned_at_every_stored_key(codes: dict[int, int], knots: int) -> None:
    network = bit_table_network(StoredKeys(codes, 3).table(knots))
    keys = sorted(codes)
    values = network.evaluate_exact(DyadicArray(np.array(keys)[:, None], 0)).fractions().tolist()
    assert values == [[codes[key] >> b & 1 for b in range(3)] for key in keys]


@settings(max_examples=20)
@given(codes=TABLES, knots=st.integers(1, 9), eighths=st.lists(st.integers(-20, 600), min_size=1))
def test_any_real_key_gives_bits_between_0_and_1(
    codes: dict[int, int], knots: int, eighths: list[int]
) -> None:
    network = bit_table_network(StoredKeys(codes, 3).table(knots))
    values = network.evaluate_exact(DyadicArray(np.array(eighths)[:, None], -3)).fractions()
    assert min(values.ravel()) >= 0
    assert max(values.ravel()) <= 1


@given(codes=TABLES, knots=st.integers(1, 9))
def test_groups_hold_at_most_so_many_changes_and_are_as_few_as_can_be(
    codes: dict[int, int], knots: int
) -> None:
    stored = StoredKeys(codes, 3)
    starts = [*stored.starts(knots), len(stored.keys)]

    def changes(start: int, end: int) -> int:
        return max(
            int(row[start]) + int(np.count_nonzero(row[start + 1 : end] != row[start : end - 1]))
            for row in stored.bits
        )

    for start, end in zip(starts, starts[1:], strict=False):
        assert changes(start, end) <= knots
    for start, end in zip(starts, starts[1:-1], strict=False):
        assert changes(start, end + 1) > knots
    assert len(stored.starts(stored.most)) == 1


@pytest.mark.parametrize("knots", [1, 4, 16])
def test_widths_are_the_changes_spread_over_two_layers(knots: int) -> None:
    codes = {3 * key: key % 2 for key in range(64)}
    stored = StoredKeys(codes, 1)
    table = stored.table(knots)
    network = bit_table_network(table)
    assert network.hidden_widths == (table.steps, table.width, 1, 1)
    assert table.width == knots
    assert table.steps == 1 + 2 * (len(stored.starts(knots)) - 1)
    assert all(k.denominator <= 2 for groups in table.knots for g in groups for k in g)
    assert isinstance(table.knots[0][0][0], Fraction)
