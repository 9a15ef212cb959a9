"""The widths of a voting network and the cheapest way to spread each table over two layers.

With M = T k coordinates, Q walls each, B bits, table t of T with r = T - t tables after it, s_t
steps and k_t knots in its look-up (gadgets.bit_table), the hidden widths are

    M;  M if Q = 1 else 2 M Q;  T;                       coordinates, digits, keys
    r + v_t + s_t;  r + w_t + k_t;  r + w_t + B           for every table t
    v_{T+1};  B;  B                                       the votes counted, clipped

where v_t neurons carry the votes into table t's first layer (0, B, 2 B, 2 B, ... : the sum so far
and the last table's votes) and w_t past it (0, B, B, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.gadgets import StoredKeys
from pipeline.network import Plan


@dataclass(frozen=True)
class Sizes:
    """What fixes the architecture.

    Args:
        d: input dimension.
        coordinates: k, coordinates a table.
        walls: Q, walls a coordinate.
        bits: B, bits of a class code.
        steps: neurons of each table's first layer.
        knots: neurons of each table's second layer.
    """

    d: int
    coordinates: int
    walls: int
    bits: int
    steps: tuple[int, ...]
    knots: tuple[int, ...]

    @property
    def tables(self) -> int:
        """T."""
        return len(self.steps)

    def plan(self) -> Plan:
        """Return the widths."""
        resolved: dict[str, int | str] = {
            "tables": self.tables,
            "k": self.coordinates,
            "walls": self.walls,
        }
        return Plan(self.d, tuple(self._widths()), resolved)

    def _widths(self) -> Iterator[int]:
        M = self.tables * self.coordinates
        yield M
        yield M if self.walls == 1 else 2 * M * self.walls
        yield self.tables
        for t, (steps, knots) in enumerate(zip(self.steps, self.knots, strict=True)):
            entering, passing = _votes(t, self.bits)
            left = self.tables - 1 - t
            yield left + entering + steps
            yield left + passing + knots
            yield left + passing + self.bits
        yield _votes(self.tables, self.bits)[0]
        yield self.bits
        yield self.bits


def _votes(table: int, bits: int) -> tuple[int, int]:
    """Return how many neurons carry votes into the table number `table`, from 0, and past it."""
    return bits * min(table, 2), bits * min(table, 1)


def fewest_knots(stored: StoredKeys, table: int, tables: int, bits: int) -> int:
    """Return the changes a group that give the look-up with the fewest parameters.

    Args:
        stored: the table's keys.
        table: its number, from 0.
        tables: T.
        bits: B.
    """
    entering, passing = _votes(table, bits)
    left = tables - 1 - table
    before = left + 1 + (passing + bits if table else 0)
    best = (0, 0)
    for knots in _candidates(stored.most):
        first = left + entering + 1 + 2 * (len(stored.starts(knots)) - 1)
        second = left + passing + bits * knots
        count = (before + 1) * first + (first + 1) * second + second * (left + passing + bits)
        if not best[1] or count < best[0]:
            best = (count, knots)
    return best[1]


def _candidates(most: int) -> Sequence[int]:
    """Return 1, 2, 3, ... up to `most`, in steps of about an eighth."""
    found, at = [], 1
    while at < most:
        found.append(at)
        at += 1 + at // 8
    return [*found, most]
