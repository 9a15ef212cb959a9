"""A table in one layer: exact at its keys, in [0, 1] everywhere, two neurons a change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exact import DyadicArray
from pipeline.gadgets.shallow_table import looked_up_shallow, shallow_table
from pipeline.network import Circuit

tables = st.dictionaries(st.integers(0, 60), st.integers(0, 7), min_size=1, max_size=12)


@given(tables)
def test_every_key_gets_its_code_and_no_bit_leaves_the_interval(codes: dict[int, int]) -> None:
    table = shallow_table(codes, 3)
    circuit = Circuit(2)
    kept, key = circuit.inputs
    passing, bits = looked_up_shallow(circuit, [kept], key, table)
    network = circuit.network([*passing, *bits])
    points = np.stack([np.ones(64 * 4, dtype=np.int64), np.arange(64 * 4)], axis=1)
    values = network.evaluate_exact(DyadicArray(points, -2)).fractions()
    for code_key, code in codes.items():
        row = values[4 * code_key]
        assert row[0] * 4 == 1
        assert sum(int(b) << j for j, b in enumerate(row[1:])) == code
    assert all(0 <= bit <= 1 for row in values[:, 1:] for bit in row)
    ordered = [codes[k] for k in sorted(codes)]
    changes = sum(a != b for a, b in zip(ordered[:-1], ordered[1:], strict=True))
    assert len(table.knots) <= 2 * changes
