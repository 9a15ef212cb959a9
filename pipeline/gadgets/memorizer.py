"""Lemma B.10: a memorizer of N integers with O~(sqrt N) parameters, 0 on every other integer.

Keys are sorted and cut into g groups of at most n keys. For the group of x two words are looked up
(Lemma B.7): w packs the group's labels, u its keys; then x is matched against the keys (Lemma B.9).
The paper takes g = ceil(sqrt N) and n = floor(sqrt N) + 1. An integer of no group looks up
w = u = 0, whose labels are all 0; an integer of a group that is no key matches none. A group with
fewer than n keys is filled up with further integers, label 0.

Width 12, depth O~(sqrt N): the two look-ups and x side by side (width 9), then the match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, islice
from math import isqrt

from pipeline.gadgets.group_lookup import Group, looked_up, lookup_widths, started
from pipeline.gadgets.key_match import WordSizes, match_widths, matched
from pipeline.network import Circuit, Expression, ReLUNetwork, Repeat


@dataclass(frozen=True)
class MemorizerSizes:
    """What fixes the architecture of a memorizer.

    Args:
        groups: g.
        words: keys a group and bits of keys and labels.
    """

    groups: int
    words: WordSizes

    def named(self) -> dict[str, int]:
        """Return the sizes by the names that plans, certificates and the checker use."""
        return {
            "groups": self.groups,
            "keys_per_group": self.words.keys,
            "key_bits": self.words.key_bits,
            "label_bits": self.words.label_bits,
        }

    @property
    def depth(self) -> int:
        """Affine maps of the memorizer as a network of its own, the last one included."""
        longest = max(self.words.key_bits, self.words.label_bits)
        return 3 * self.groups + 1 + self.words.keys * (3 * longest + 2) + 2


def memorizer_sizes(N: int, largest_key: int, C: int) -> MemorizerSizes:
    """Return the sizes of Lemma B.10 for N keys up to `largest_key` with labels up to C.

    g = ceil(sqrt N), n = floor(sqrt N) + 1, key bits = bit length of the largest key (and enough
    for n distinct ones), label bits = floor(log2 C) + 1.
    """
    keys = isqrt(N) + 1
    key_bits = max(largest_key.bit_length(), (keys - 1).bit_length(), 1)
    return MemorizerSizes(isqrt(N - 1) + 1, WordSizes(keys, key_bits, C.bit_length()))


def integer_memorizer(
    labels: Mapping[int, int], sizes: MemorizerSizes, eta: Fraction = Fraction(1, 2)
) -> ReLUNetwork:
    """Return F with F(key) = label, and F = 0 at every other integer >= 0 (Lemma B.10).

    Args:
        labels: label >= 1 of each key >= 0.
        sizes: at least what these keys need.
        eta: F also has its value at k on all of [k, k + 1 - eta]. A power of two.
    """
    circuit = Circuit(1)
    (x,) = circuit.inputs
    _, label = memorized(circuit, [], x, labels, sizes, eta)
    return circuit.network([label])


def memorized(
    circuit: Circuit,
    carried: list[Expression],
    x: Expression,
    labels: Mapping[int, int],
    sizes: MemorizerSizes,
    eta: Fraction = Fraction(1, 2),
) -> tuple[list[Expression], Expression]:
    """Append the memorizer; return the carried values and the label of x."""
    groups = packed_groups(labels, sizes)
    kept = len(carried)
    # x itself passes the look-ups as one more carried value.
    passing, pairs = started(circuit, [*carried, x], x, 2)
    passing, pairs = looked_up(circuit, passing, pairs, groups, eta)
    (_, w), (_, u) = pairs
    return matched(circuit, passing[:kept], passing[kept], w, u, sizes.words, eta)


def memorizer_widths(sizes: MemorizerSizes, carried: int) -> tuple[int | Repeat, ...]:
    """Return the hidden widths of `memorized`."""
    return (
        *lookup_widths(sizes.groups, 2, carried + 1),
        *match_widths(sizes.words, carried),
    )


def packed_groups(labels: Mapping[int, int], sizes: MemorizerSizes) -> list[Group]:
    """Return `sizes.groups` groups of consecutive keys with their words (w, u).

    Raises:
        ValueError: if the sizes are too small for the keys.
    """
    keys, n = sorted(labels), sizes.words.keys
    if len(keys) > sizes.groups * n or (keys and keys[0] < 0):
        raise ValueError(
            f"{len(keys)} keys >= 0 must fit into {sizes.groups} groups of {n} (Lemma B.10)"
        )
    groups = []
    for start in range(0, len(keys), n):
        group = keys[start : start + n]
        held = set(group)
        more = list(islice((k for k in count() if k not in held), n - len(group)))
        values = [labels[k] for k in group] + [0] * len(more)
        groups.append(Group(group[0], group[-1], sizes.words.packed(group + more, values)))
    # Groups without keys add words 0: wherever they are placed, they add nothing.
    return groups + [Group(0, 0, (0, 0))] * (sizes.groups - len(groups))
