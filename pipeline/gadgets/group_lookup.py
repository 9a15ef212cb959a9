"""Lemma B.7: which word belongs to the group of keys that x lies in, width 4, depth 3 N1 + 2.

A first layer maps x to (x, y) = (x, 0). One block of three layers a group j with keys in
[first_j, last_j] adds word_j F_j(x), F_j the indicator of [first_j, last_j + 1 - eta] (Lemma B.6):

    (a, b, x, y) -> (F_j, x, y) -> (x, y + word_j F_j),     a, b the inner ReLUs of Lemma B.6.

Groups are disjoint intervals, so at most one word is added. Depth counts all affine maps, the last
one included: 1 + 3 N1 + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.gadgets.indicator import distances_outside
from pipeline.network import Circuit, Expression, ReLUNetwork, Repeat, repeated


@dataclass(frozen=True)
class Group:
    """A group of consecutive keys.

    Args:
        first: its smallest key.
        last: its largest key.
        words: the words looked up for it, one a look-up.
    """

    first: int
    last: int
    words: tuple[int, ...]


def group_lookup(groups: Sequence[Group], eta: Fraction) -> ReLUNetwork:
    """Return F with F(x) = word_j on [first_j, last_j + 1 - eta], 0 outside all ramps (Lemma B.7).

    Args:
        groups: disjoint groups in increasing order, each with one word.
        eta: width of the ramps, a power of two; F is 0 for x at least eta left of a group's first
            key and x >= last_j + 1, in particular at every integer of no group.
    """
    circuit = Circuit(1)
    (x,) = circuit.inputs
    (pair,) = started(circuit, [], x, 1)[1]
    _, ((_, word),) = looked_up(circuit, [], [pair], groups, eta)
    return circuit.network([word])


def started(
    circuit: Circuit, carried: list[Expression], x: Expression, copies: int
) -> tuple[list[Expression], list[tuple[Expression, Expression]]]:
    """Append the first layer x -> (x, 0), `copies` times side by side, with carried values."""
    zero = circuit.constant(0)
    neurons = circuit.hidden([*carried, *[x, zero] * copies])
    kept, rest = neurons[: len(carried)], neurons[len(carried) :]
    return kept, list(zip(rest[::2], rest[1::2], strict=True))


def looked_up(
    circuit: Circuit,
    carried: list[Expression],
    pairs: list[tuple[Expression, Expression]],
    groups: Sequence[Group],
    eta: Fraction,
) -> tuple[list[Expression], list[tuple[Expression, Expression]]]:
    """Append one block of three layers a group for look-ups side by side.

    Args:
        circuit: the circuit.
        carried: nonnegative values that pass by.
        pairs: (x, y) of each look-up; look-up number i adds words[i] of x's group to its y.
        groups: the groups.
        eta: width of the ramps.

    Returns:
        The carried values and the pairs afterwards.
    """
    kept = len(carried)
    for group in groups:
        rows = list(carried)
        for x, y in pairs:
            rows += [*distances_outside(x, group.first, group.last + 1, eta), x, y]
        neurons = circuit.hidden(rows)
        rows = neurons[:kept]
        for at in range(kept, len(neurons), 4):
            a, b, x, y = neurons[at : at + 4]
            rows += [1 - a - b, x, y]
        neurons = circuit.hidden(rows)
        rows = neurons[:kept]
        for word, at in zip(group.words, range(kept, len(neurons), 3), strict=True):
            inside, x, y = neurons[at : at + 3]
            rows += [x, y + inside * word]
        neurons = circuit.hidden(rows)
        carried, rest = neurons[:kept], neurons[kept:]
        pairs = list(zip(rest[::2], rest[1::2], strict=True))
    return carried, pairs


def lookup_widths(groups: int, copies: int, carried: int) -> tuple[int | Repeat, ...]:
    """Return the hidden widths of `started` and `looked_up` together."""
    block = tuple(carried + copies * width for width in (4, 3, 2))
    return (carried + 2 * copies, *repeated(*block, times=groups))
