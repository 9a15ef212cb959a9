r"""A table of stored keys, confirmed: the code of each integer x >= 0, decoded from the weights.

G groups of n places; b bits of a gap, c of a code; w = c + (n - 1)(b + c) digits a word, e =
2^-(w+1). Layers: the key alone; steps at integers t_1 < .. < t_(G-1), t_1 >= 1; F and v; one layer
a digit; the last sum. Values kept pass by.

Lemma 1 (groups). For an integer x the step relu(x - t + 1) - relu(x - t) is [x >= t]. With t_0 = 0
and t_G infinite, an integer x in [t_g, t_(g+1)) therefore gives F = relu(x - base_g + 1) and v =
v_g, which are read off the coefficients of the steps; base_g is required to be an integer and v_g
to be (2 W_g + 1) / 2^(w+1) with an integer W_g of at most w bits, so that v lies in (0, 1).
Lemma 2 (digits). The i-th layer's digit is bit i of the Gray code of W_g (retrieval.py, Lemma 3).
Lemma 3 (gaps). Let F = relu(f) with an integer f, and let bits d_i of a gap D, the first one most
significant, take F to relu(F - 2^i d_i) one after the other. Then F ends as relu(f - D), as
relu(relu(f) - d) = relu(f - d) for d >= 0. In the last layer of a gap F - d_0 is not yet cut off.
Lemma 4 (codes). In the next c layers F is cut off, and L <- 2 L + digit ends as the code L <
2^c. The last of them holds q = relu(1 - F'), with F' = F - d_0 for c = 1 and F' = F for c > 1, and
F = relu(F'): t = F - 1 + 2 q is |F' - 1| where F' >= 0, and 1 - 2 F' >= 1 where F' < 0. F' is an
integer, so relu(L - 2^c t) is L if F' = 1 and 0 otherwise. F' = 1 holds if and only if x - base_g +
1 - (all gaps so far) = 1: where any relu has cut off anything, that number is below 1, and F' <= 0.

Theorem. For every integer x >= 0 the label is the sum of the codes at the places of x's group whose
key base_g + (gaps up to the place) is x. That sum is the table here; 0 for all integers that are
not in it. A key outside the integers of its group never counts, one that stands twice counts twice.
For every real x the label is >= 0, as a sum of relus.

Bits. u <- label; for t = 2^(c-1), ..., 2 the bit is s = relu(u - t + 1) - relu(u - t), u <- u - t
s; the last one 1 - relu(1 - u). For an integer u >= 0 these are the bits of min(u, 2^c - 1): the
first step is [u >= t], and what is left of a u >= 2^c - 1 is at least 2^(c-1) - 1 again. For every
real u >= 0 s lies in [0, 1] and u - t s >= 0 (u below t - 1: s = 0; above t: s = 1; between them u
- t s = (t - 1)(1 - s)). So all bits lie in [0, 1], whatever x is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.layers import Confirms, Reads, neurons, positive
from pipeline.verification.check.rejection import Rejected

_ONE = Form({}, Fraction(1))
_HALF, _ZERO = Fraction(1, 2), Fraction(0)
# A word ends 1 / 2^(w+1), and exponents of files are at most 2^16.
_MOST_DIGITS = 1 << 17


@dataclass(frozen=True)
class KeyedSizes:
    """What fixes the layers: G, n, b and c."""

    groups: int
    keys: int
    gap_bits: int
    code_bits: int

    @property
    def digits(self) -> int:
        """Digits of a word."""
        return self.code_bits + (self.keys - 1) * (self.gap_bits + self.code_bits)

    @property
    def hidden_layers(self) -> int:
        """Layers up to the label."""
        return (3 if self.groups > 1 else 1) + self.digits + 1

    @property
    def fact(self) -> str:
        """The sizes, for the reader."""
        return (
            f"keyed table: {self.groups} groups of {self.keys} keys, gaps of {self.gap_bits} bits, "
            f"labels of {self.code_bits} bits"
        )


@dataclass(frozen=True)
class KeyedTable:
    """A confirmed table.

    Args:
        table: label of every integer >= 0 that does not give 0.
        top: 2^c - 1, above which the bits of a label are all 1.
    """

    table: dict[int, int]
    top: int

    def codes(self, keys: np.ndarray) -> np.ndarray:
        """Return the number whose bits come out at each integer key >= 0, int64."""
        reachable = sorted(key for key in self.table if key < 1 << 62)
        labels = [min(self.table[key], self.top) for key in reachable]
        known, values = np.array([*reachable, -1]), np.array([*labels, 0])
        at = np.searchsorted(known[:-1], keys)
        return np.where(known[at] == keys, values[at], 0).astype(np.int64)


def keyed_sizes_of(structure: dict[str, Any], code_bits: int) -> KeyedSizes:
    """Return the sizes that a structure names.

    Raises:
        Rejected: if one is out of range, or words are longer than any file holds.
    """
    groups, keys, gap_bits = positive(structure, "groups", "keys_per_group", "gap_bits")
    sizes = KeyedSizes(groups, keys, gap_bits, code_bits)
    if sizes.digits > _MOST_DIGITS:
        raise Rejected(f"words of at most {_MOST_DIGITS} digits expected, got {sizes.digits}")
    return sizes


def confirm_keyed(
    layers: Reads, kept: list[Form], x: Form, sizes: KeyedSizes
) -> tuple[KeyedTable, list[Form], Form]:
    """Confirm a table; return what it holds, the kept values and the label.

    Args:
        layers: the layers, of which it reads `sizes.hidden_layers`.
        kept: values >= 0 that pass by.
        x: a value >= 0.
        sizes: what to look for.

    Raises:
        Rejected: if a layer is not what it must be, or a word or a group does not fit.
    """
    count, c = len(kept), sizes.code_bits
    starts, groups = _confirm_lookup(layers, kept, x, sizes)
    table = _table(starts, groups, sizes)
    at = _State(count, [], neuron(count), neuron(count + 1), 1 << (sizes.digits + 1))
    for place in range(sizes.keys):
        for bit in reversed(range(sizes.gap_bits if place else 0)):
            at, _, digit = _confirm_digit(layers, at, [])
            at = replace(at, F=at.F - digit * (1 << bit))
        code: list[Form] = []
        for bit in range(c):
            beside = [_ONE - at.F] if bit == c - 1 else []
            at, found, digit = _confirm_digit(layers, at, [*code, *beside])
            code = [found[0] * 2 + digit if code else digit]
        mismatch = (at.F + found[-1] * 2).plus(-1)
        at = replace(at, sums=[*at.sums, code[0] - mismatch * (1 << c)])
    layers.confirm([*neurons(0, count), *at.sums], "the label")
    return table, neurons(0, count), _sum(neurons(count, len(at.sums)))


def confirm_bits(
    layers: Confirms, kept: list[Form], label: Form, count: int
) -> tuple[list[Form], list[Form]]:
    """Confirm one layer a bit; return kept values and the bits, least significant first."""
    size = len(kept)
    bits: list[Form] = []
    for t in (1 << j for j in reversed(range(1, count))):
        layers.confirm([*kept, *bits, label, label.plus(1 - t), label.plus(-t)], "a label's bits")
        kept, done = neurons(0, size), len(bits)
        u, above, over = neurons(size + done, 3)
        bits = [*neurons(size, done), above - over]
        label = u - (above - over) * t
    layers.confirm([*kept, *bits, _ONE - label], "a label's last bit")
    done = len(bits)
    return neurons(0, size), [_ONE - neuron(size + done), *reversed(neurons(size, done))]


@dataclass(frozen=True)
class _State:
    """What is carried from digit to digit.

    Args:
        count: values that pass by, the first neurons.
        sums: what adds up to the label: y, and what was offered last.
        F: x - key + 1.
        v: what is left of the word.
        steep: 2^(w + 1).
    """

    count: int
    sums: list[Form]
    F: Form
    v: Form
    steep: int


def _confirm_digit(
    layers: Confirms, at: _State, more: list[Form]
) -> tuple[_State, list[Form], Form]:
    """Confirm a layer that reads a digit; return the state, the neurons of `more`, the digit."""
    ends = [at.v, at.v.plus(-_HALF), at.v.plus(Fraction(1, at.steep) - _HALF)]
    layers.confirm([*neurons(0, at.count), *at.sums, at.F, *more, *ends], "the digits")
    first = at.count + len(at.sums)
    F, *found, v, half, ramp = neurons(first, 1 + len(more) + 3)
    sums = [_sum(neurons(at.count, len(at.sums)))] if at.sums else []
    state = _State(at.count, sums, F, v * 2 - half * 4, at.steep)
    return state, found, (ramp - half) * at.steep


@dataclass(frozen=True)
class _Group:
    """What a group's integers are counted from, and v."""

    base: Fraction
    v: Fraction


def _confirm_lookup(
    layers: Reads, kept: list[Form], x: Form, sizes: KeyedSizes
) -> tuple[list[Fraction], list[_Group]]:
    """Confirm the layers up to F and v; return t_0 = 0, t_1, ... and what each group has."""
    count, starts = len(kept), [_ZERO]
    steps: list[Form] = []
    if sizes.groups > 1:
        layers.confirm([*kept, x], "the key")
        kept, x = neurons(0, count), neuron(count)
        found = layers.read(count + 1 + 2 * (sizes.groups - 1))
        starts += [-row.constant for row in found[count + 2 :: 2]]
        rows = [e for t in starts[1:] for e in (x.plus(1 - t), x.plus(-t))]
        layers.same(found, [*kept, x, *rows], "the groups")
        ramps = neurons(count + 1, 2 * (sizes.groups - 1))
        steps = [above - over for above, over in zip(ramps[::2], ramps[1::2], strict=True)]
    found = layers.read(count + 2)
    groups = [_Group(1 - found[count].constant, found[count + 1].constant)]
    F, v = x.plus(found[count].constant), Form({}, groups[0].v)
    for k, step in enumerate(steps):
        at = count + 1 + 2 * k
        moved, added = (found[count + i].terms.get(at, _ZERO) for i in (0, 1))
        groups.append(_Group(groups[-1].base - moved, groups[-1].v + added))
        F, v = F + step * moved, v + step * added
    layers.same(found, [*kept, F, v], "the words")
    return starts, groups


def _table(starts: list[Fraction], groups: list[_Group], sizes: KeyedSizes) -> KeyedTable:
    """Return the sum of codes of every integer >= 0.

    Raises:
        Rejected: if a group has no integer ends or a word does not fit.
    """
    for before, start in zip(starts, starts[1:], strict=False):
        if start.denominator != 1 or start <= before:
            raise Rejected(f"a group from {start} on does not follow one from {before}")
    table: dict[int, int] = {}
    for k, (start, group) in enumerate(zip(starts, groups, strict=True)):
        if group.base.denominator != 1:
            raise Rejected(f"keys of a group are counted from {group.base}, which is no integer")
        end = starts[k + 1] if k + 1 < len(starts) else None
        for key, code in _entries(int(group.base), _digits(group.v, sizes), sizes):
            if code and start <= key and (end is None or key < end):
                table[key] = table.get(key, 0) + code
    return KeyedTable(table, (1 << sizes.code_bits) - 1)


def _digits(v: Fraction, sizes: KeyedSizes) -> int:
    """Return the Gray code of W, v = (2 W + 1) / 2^(w + 1).

    Raises:
        Rejected: if v is no such number in (0, 1).
    """
    scaled = v * (1 << (sizes.digits + 1))
    if scaled.denominator != 1 or scaled.numerator % 2 == 0 or not 0 < v < 1:
        raise Rejected(f"a word has other digits than {sizes.digits} bits")
    word = scaled.numerator >> 1
    return word ^ word >> 1


def _entries(base: int, digits: int, sizes: KeyedSizes) -> list[tuple[int, int]]:
    """Return key and code of each place of a word."""
    b, c, left = sizes.gap_bits, sizes.code_bits, sizes.digits - sizes.code_bits
    entries, key = [(base, digits >> left)], base
    while left:
        left -= b + c
        place = digits >> left
        key += place >> c & (1 << b) - 1
        entries.append((key, place & (1 << c) - 1))
    return entries


def _sum(parts: Sequence[Form]) -> Form:
    total = Form()
    for part in parts:
        total = total + part
    return total
