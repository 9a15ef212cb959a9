r"""Look-up of the bits that a table stores for integer keys: two wide layers, about 2 R weights.

For one bit let c_1 < c_2 < ... be half-integers at which the stored bit changes, in ascending order
of the keys, the first one where it becomes 1. The zigzag

    f(x) = relu(x - c_1 + 1/2) - 2 relu(x - s_2) + 2 relu(x - s_3) - ...,
    s_j = (c_{j-1} + c_j) / 2,

crosses 1/2 with slopes +1 and -1 exactly at the c_j: |f(x) - 1/2| = min_j |x - c_j| for
x >= c_1 - 1/2, f = 0 below. An integer is at least 1/2 from every c_j, so f >= 1 at keys whose bit
is 1, f <= 0 at keys whose bit is 0, and min(max(f, 0), 1) is the bit: one neuron a change.

With R changes one layer has R neurons, each of which reads all that is carried past the table. Two
layers need about sqrt(2 R) + sqrt(R / 2) neurons: keys are cut into G groups of consecutive ones
with at most n changes each, and knot j moves from group to group,

    relu(x - s_j(x)),   s_j(x) = s_{1,j} + sum_g (s_{g+1,j} - s_{g,j}) step_g(x),

with step_g a ramp on [last key of group g, that key + 1], two neurons. Every group starts from 0: a
group whose first bit is 1 has a change 1/2 before its first key. At integers all steps are 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.network import Circuit, Expression, ReLUNetwork

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class BitTable:
    """The knots of a table's bits.

    Args:
        ends: last key of every group but the last, ascending.
        knots: s_{g,j} of each bit, group and place, shape (bits, groups, n).
    """

    ends: tuple[int, ...]
    knots: tuple[tuple[tuple[Fraction, ...], ...], ...]

    @property
    def steps(self) -> int:
        """Neurons of the first layer: the key and two for each step."""
        return 1 + 2 * len(self.ends)

    @property
    def width(self) -> int:
        """Neurons of the second layer: the knots of all bits."""
        return sum(len(groups[0]) for groups in self.knots)


class StoredKeys:
    """Keys in ascending order with the places where a bit changes.

    Args:
        codes: code of every key >= 0, at least one.
        bits: bits of a code.
    """

    def __init__(self, codes: Mapping[int, int], bits: int) -> None:
        self.keys = sorted(codes)
        values = np.array([codes[key] for key in self.keys], dtype=np.int64)
        self.bits = (values[None, :] >> np.arange(bits)[:, None]) & 1
        self.changes = [np.flatnonzero(row[1:] != row[:-1]) + 1 for row in self.bits]

    @property
    def most(self) -> int:
        """The largest number of changes of a bit if all keys are one group."""
        rows = zip(self.changes, self.bits, strict=True)
        return max(1, *(len(at) + int(row[0]) for at, row in rows))

    def starts(self, knots: int) -> list[int]:
        """Return the first place of every group if each bit may change `knots` times in one."""
        starts, at = [0], 0
        while True:
            after = []
            for row, changes in zip(self.bits, self.changes, strict=True):
                passed = int(np.searchsorted(changes, at, side="right"))
                over = passed + knots - int(row[at])
                after.append(int(changes[over]) if over < len(changes) else len(self.keys))
            at = min(after)
            if at == len(self.keys):
                return starts
            starts.append(at)

    def table(self, knots: int) -> BitTable:
        """Return the table with `knots` changes of each bit a group."""
        starts = self.starts(knots)
        ends = [*starts[1:], len(self.keys)]
        return BitTable(
            tuple(self.keys[end - 1] for end in ends[:-1]),
            tuple(
                tuple(self._knots(b, s, e, knots) for s, e in zip(starts, ends, strict=True))
                for b in range(len(self.bits))
            ),
        )

    def _knots(self, bit: int, start: int, end: int, count: int) -> tuple[Fraction, ...]:
        """Return s_1, ..., s_n of one bit in the group of the keys number start..end - 1."""
        keys, row = self.keys, self.bits[bit]
        crossings = [Fraction(keys[start]) - _HALF] if row[start] else []
        for at in self.changes[bit]:
            if start < at < end:
                crossings.append((keys[at - 1] + keys[at]) // 2 + _HALF)
        places = [c - _HALF for c in crossings[:1]]
        places += [(a + b) / 2 for a, b in zip(crossings, crossings[1:], strict=False)]
        # A knot right of the group never acts in it.
        return tuple(places + [Fraction(keys[end - 1] + 1)] * (count - len(places)))


def step_rows(table: BitTable, key: Expression) -> list[Expression]:
    """Return the rows of the first layer: the key, and two for each step."""
    rows = [key]
    for end in table.ends:
        rows += [key - end, key - end - 1]
    return rows


def knot_rows(table: BitTable, neurons: list[Expression]) -> list[Expression]:
    """Return the rows x - s_j(x) of the second layer, bit after bit, from the first one's."""
    key, steps = neurons[0], neurons[1:]
    rows = []
    for groups in table.knots:
        for j, first in enumerate(groups[0]):
            row = key - first
            for g in range(len(table.ends)):
                move = groups[g + 1][j] - groups[g][j]
                row = row - (steps[2 * g] - steps[2 * g + 1]) * move
            rows.append(row)
    return rows


def zigzags(table: BitTable, neurons: list[Expression]) -> list[Expression]:
    """Return f of every bit from the second layer's neurons; clipped to [0, 1] it is the bit."""
    values, at = [], 0
    for groups in table.knots:
        count = len(groups[0])
        value = neurons[at]
        for j in range(1, count):
            value = value + neurons[at + j] * (2 * (-1) ** j)
        values.append(value)
        at += count
    return values


def bit_table_network(table: BitTable) -> ReLUNetwork:
    """Return key -> bits, clipped to [0, 1] for every real key."""
    circuit = Circuit(1)
    steps = circuit.hidden(step_rows(table, circuit.inputs[0]))
    found = circuit.hidden(zigzags(table, circuit.hidden(knot_rows(table, steps))))
    return circuit.network([1 - v for v in circuit.hidden([1 - f for f in found])])
