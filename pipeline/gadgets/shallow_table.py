"""A table of integers in one hidden layer: two neurons where its value changes (docs/theory.md 7).

Bits of an integer key: between two stored keys of different bits one unit ramp, which ends at the
upper key; constant elsewhere. Values at keys that are not stored lie in [0, 1], no more is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.network import Circuit, Expression


@dataclass(frozen=True)
class ShallowTable:
    """Where the bits of a table change.

    Args:
        first: the bits below the first change, c of them.
        knots: increasing integers t, the places where neurons relu(key - t) stand.
        slopes: slopes[b][k], what bit b's slope changes by at knot k, integers.
    """

    first: tuple[int, ...]
    knots: tuple[int, ...]
    slopes: tuple[tuple[int, ...], ...]


def shallow_table(codes: Mapping[int, int], bits: int) -> ShallowTable:
    """Return the table of the codes of some keys.

    Args:
        codes: a code in 0..2^bits - 1 of each stored key, at least one of them.
        bits: c >= 1.
    """
    keys = sorted(codes)
    changes: dict[int, list[int]] = {}
    for low, high in zip(keys[:-1], keys[1:], strict=True):
        different = codes[low] ^ codes[high]
        for b in range(bits):
            if different >> b & 1:
                sign = 1 if codes[high] >> b & 1 else -1
                changes.setdefault(high - 1, [0] * bits)[b] += sign
                changes.setdefault(high, [0] * bits)[b] -= sign
    knots = [k for k in sorted(changes) if any(changes[k])]
    first = tuple(codes[keys[0]] >> b & 1 for b in range(bits))
    return ShallowTable(
        first, tuple(knots), tuple(tuple(changes[k][b] for k in knots) for b in range(bits))
    )


def looked_up_shallow(
    circuit: Circuit, kept: list[Expression], key: Expression, table: ShallowTable
) -> tuple[list[Expression], list[Expression]]:
    """Append one layer; return the kept values and the key's bits, each in [0, 1]."""
    neurons = circuit.hidden([*kept, *[key - t for t in table.knots]])
    count, bits = len(kept), []
    for first, slopes in zip(table.first, table.slopes, strict=True):
        bit = circuit.constant(first)
        for neuron, slope in zip(neurons[count:], slopes, strict=True):
            bit = bit + neuron * slope
        bits.append(bit)
    return neurons[:count], bits
