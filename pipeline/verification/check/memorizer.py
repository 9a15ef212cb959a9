r"""The memorizer of integers, confirmed: group look-ups, packed words, matches (Lemma B.10).

Input x >= 0 (the first layer holds relu(x)), eta = 2^-e with e >= 0.

Lemma 1 (look-ups). F_g(x) = relu(1 - relu((first_g - x)/eta) - relu((x - last_g - 1)/eta + 1)) with
integers first_g <= last_g is, for x in [k, k + 1 - eta] with an integer k, 1 if
first_g <= k <= last_g and 0 otherwise. Proof: in the first case x >= first_g and
x <= last_g + 1 - eta, both inner terms are 0. If k < first_g, then x <= first_g - eta and the first
inner term is at least 1; if k > last_g, then x >= last_g + 1 and the second is. Hence the sums
u(x), w(x) of the looked-up words are those of the only group that holds k, and 0 if there is none:
intervals of groups with nonzero words are disjoint. Words are nonnegative, so are partial sums.

Lemma 2 (bits). Let 0 <= u < 2^n, z_0 = (4u + 2)/2^(n+2), z'_0 = (4u + 1)/2^(n+2) and
phi(v) = relu(relu(2v) - relu(4v - 2)), on [0, 1] 2v up to 1/2 and 2 - 2v from there. Then
2^(n+2-i) relu(phi^i(z'_0) - phi^i(z_0)) is bit i of u, the most significant being bit 1.
Proof: by induction z_i = (4v + 2)/2^(n-i+2) and z'_i = (4v + 2 - s)/2^(n-i+2), where s = 1 and v
are the last n - i bits of u if bit i is 0, s = -1 and v their complement if it is 1 (bit 0 := 0).
If v < 2^(n-i-1), both lie at or below 1/2, phi doubles them: v and s stay. The next bit of u is 0
if s = 1 and 1 if s = -1, as claimed. Else both are at least 1/2, and 2 - 2 z_i =
(4(2^(n-i) - 1 - v) + 2)/2^(n-i+1): v is complemented (its leading 1 becomes 0) and s changes sign.
The next bit of u is 1 if s was 1 and 0 if s was -1, as claimed. So z'_i - z_i = -s/2^(n-i+2), and
relu of it times 2^(n-i+2) is 1 exactly if s = -1.

Lemma 3 (match). For x in [k, k + 1 - eta] and an integer key, relu((key - x)/eta) +
relu((x - key - 1)/eta + 1) is 0 if key = k and at least 1 otherwise. Proof: as in Lemma 1 with
first = last = key. So relu(label - 2^b (that sum)) with 0 <= label < 2^b is the label if key = k
and else 0.

Theorem. For every integer k >= 0 and every x in [k, k + 1 - eta] the output is the sum of the
labels that stand beside the key k in the words of the group that holds k; 0 if no group holds k.
That sum is the table returned here, decoded from the words in the weights. A key that stands
twice in a word counts twice, a key outside its group's interval never.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.layers import Layers, neurons, positive
from pipeline.verification.check.rejection import Rejected


@dataclass(frozen=True)
class Sizes:
    """What fixes the layers: groups, keys a word, bits of a key and of a label, e of eta = 2^-e."""

    groups: int
    keys: int
    key_bits: int
    label_bits: int
    eta_bits: int

    @property
    def hidden_layers(self) -> int:
        """Hidden layers of the whole memorizer."""
        return 2 + 3 * self.groups + self.keys * (3 * max(self.key_bits, self.label_bits) + 2)

    @property
    def fact(self) -> str:
        """The sizes, for the reader."""
        return (
            f"memorizer: {self.groups} groups of {self.keys} keys of {self.key_bits} bits, "
            f"labels of {self.label_bits} bits"
        )


@dataclass(frozen=True)
class Memorizer:
    """A confirmed memorizer.

    Args:
        table: label of every integer that does not give 0.
        output: the label, in the last layer's neurons; the carried values are its first ones.
    """

    table: dict[int, int]
    output: Form


@dataclass(frozen=True)
class _Bits:
    """An extraction: its place, and the bits of the present segment so far.

    Args:
        length: bits of the word.
        done: bits extracted so far.
        at: number of the neuron that holds z_i; z'_i follows.
        value: the bits of this segment as a number.
    """

    length: int
    done: int
    at: int
    value: Form


def sizes_of(structure: dict[str, Any], eta_bits: int) -> Sizes:
    """Return the sizes that a structure names."""
    names = ("groups", "keys_per_group", "key_bits", "label_bits")
    groups, keys, key_bits, label_bits = positive(structure, *names)
    return Sizes(groups, keys, key_bits, label_bits, eta_bits)


def confirm_memorizer(layers: Layers, carried: list[Form], x: Form, sizes: Sizes) -> Memorizer:
    """Confirm the memorizer of x; return what it maps every integer to.

    Args:
        layers: the layers, of which it reads `sizes.hidden_layers`.
        carried: values >= 0 that pass by.
        x: the key.
        sizes: what to look for.

    Raises:
        Rejected: if a layer is not what the memorizer needs, or words or groups do not fit.
    """
    kept = len(carried)
    layers.confirm([*carried, x, x, Form(), x, Form()], "the memorizer's start")
    groups = [_confirm_group(layers, kept, sizes) for _ in range(sizes.groups)]
    table = _table(groups, sizes)
    _confirm_match(layers, kept, sizes)
    return Memorizer(table, neuron(kept + 1) + neuron(kept + 6))


@dataclass(frozen=True)
class _Group:
    """The interval of a group and its words: w of labels, u of keys."""

    first: Fraction
    last: Fraction
    labels: Fraction
    keys: Fraction
    layer: int


def _confirm_group(layers: Layers, kept: int, sizes: Sizes) -> _Group:
    """Confirm three layers: ramps, indicators, sums; two look-ups side by side.

    Both read the same x and must hold the same interval.
    """
    steep, p = 1 << sizes.eta_bits, kept + 1
    passing = neurons(0, p)
    found = layers.read(p + 8)
    first = found[p].constant / steep
    last = (1 - found[p + 1].constant) / steep - 1
    rows = list(passing)
    for at in (p, p + 2):
        x = neuron(at) * steep
        left, right = x * -1, x.plus(1 - (last + 1) * steep)
        rows += [left.plus(first * steep), right, neuron(at), neuron(at + 1)]
    layers.same(found, rows, "a group's ramps")
    rows = list(passing)
    for at in (p, p + 4):
        inside = (neuron(at) + neuron(at + 1)) * -1
        rows += [inside.plus(1), neuron(at + 2), neuron(at + 3)]
    layers.confirm(rows, "a group's indicators")
    found = layers.read(p + 4)
    labels, keys = (found[p + 1].terms.get(p, _ZERO), found[p + 3].terms.get(p + 3, _ZERO))
    rows = list(passing)
    for at, word in ((p, labels), (p + 3, keys)):
        added = neuron(at) * word
        rows += [neuron(at + 1), neuron(at + 2) + added]
    layers.same(found, rows, "a group's words")
    return _Group(first, last, labels, keys, layers.number)


def _table(groups: list[_Group], sizes: Sizes) -> dict[int, int]:
    """Return the sum of labels of every integer, over the groups that look anything up.

    Raises:
        Rejected: if a word does not fit, an interval has no integer ends, or two intervals meet.
    """
    table: dict[int, int] = {}
    held: list[tuple[int, int]] = []
    for group in groups:
        if not group.labels and not group.keys:
            continue
        labels = _segments(group.labels, sizes.keys, sizes.label_bits, group.layer)
        keys = _segments(group.keys, sizes.keys, sizes.key_bits, group.layer)
        first, last = int(group.first), int(group.last)
        if first != group.first or last != group.last or not 0 <= first <= last:
            raise Rejected(f"layer {group.layer}: [{group.first}, {group.last}] is no group")
        held.append((first, last))
        for key, label in zip(keys, labels, strict=True):
            if label and first <= key <= last:
                table[key] = table.get(key, 0) + label
    held.sort()
    for (_, last), (first, _) in zip(held[:-1], held[1:], strict=True):
        if first <= last:
            raise Rejected(f"two groups of keys overlap, one from {first}, one up to {last}")
    return table


def _segments(word: Fraction, count: int, bits: int, layer: int) -> list[int]:
    """Return the numbers of `bits` bits in a word, the first one most significant.

    Raises:
        Rejected: if the word is no integer or has further bits.
    """
    integer = int(word)
    if integer != word or integer < 0 or integer.bit_length() > count * bits:
        raise Rejected(f"layer {layer}: a word does not fit in {count} times {bits} bits")
    mask = (1 << bits) - 1
    return [integer >> (bits * k) & mask for k in reversed(range(count))]


def _confirm_match(layers: Layers, kept: int, sizes: Sizes) -> None:
    """Confirm the start of the extractions and one block a key."""
    p = kept + 2
    lengths = (sizes.keys * sizes.key_bits, sizes.keys * sizes.label_bits)
    rows = [*neurons(0, kept + 1), Form()]
    # The look-ups end with x, w, x, u behind the carried values and x.
    for word, length in zip((kept + 4, kept + 2), lengths, strict=True):
        scaled = neuron(word) * Fraction(1, 1 << length)
        rows += [scaled.plus(Fraction(k, 1 << (length + 2))) for k in (2, 1)]
    layers.confirm(rows, "the start of the words' bits")
    keys, labels = (_Bits(lengths[k], 0, p + 2 * k, Form()) for k in (0, 1))
    y = neuron(kept + 1)
    for _ in range(sizes.keys):
        passing = [*neurons(0, kept + 1), y]
        for bit in range(max(sizes.key_bits, sizes.label_bits)):
            active = (bit < sizes.key_bits, bit < sizes.label_bits)
            keys, labels = _confirm_bit(layers, passing, (keys, labels), active)
            passing = neurons(0, p)
        keys, labels = _confirm_comparison(layers, kept, keys, labels, sizes)
        y = neuron(kept + 1) + neuron(kept + 6)


def _confirm_bit(
    layers: Layers, passing: list[Form], states: tuple[_Bits, _Bits], active: tuple[bool, bool]
) -> tuple[_Bits, _Bits]:
    """Confirm three layers: doubled, folded, compared; an extraction that waits is carried."""
    p = len(passing)
    doubled, folded, compared, after = _bit_layers(p, states[0].at, states[1].at, active)
    rows = [*passing, *doubled]
    for state, at in zip(states, after, strict=True):
        rows[at.doubled] = state.value
    layers.confirm(rows, "doubling")
    layers.confirm(folded, "folding")
    layers.confirm(compared, "comparing two tents")
    moved = []
    for state, at, moves in zip(states, after, active, strict=True):
        done, value = state.done, at.value
        if moves:
            done += 1
            value = value * 2 + at.difference * (1 << (state.length + 2 - done))
        moved.append(_Bits(state.length, done, at.place, value))
    return moved[0], moved[1]


@dataclass(frozen=True)
class _Place:
    """Where an extraction is in the three layers of a bit.

    Args:
        doubled: number of its value's neuron in the first layer.
        place: number of z's neuron in the third.
        difference: the third layer's relu(z' - z), if there is one.
        value: the third layer's value before the bit.
    """

    doubled: int
    place: int
    difference: Form
    value: Form


@cache
def _bit_layers(
    p: int, keys_at: int, labels_at: int, active: tuple[bool, bool]
) -> tuple[tuple[Form, ...], tuple[Form, ...], tuple[Form, ...], tuple[_Place, ...]]:
    """Return the rows of the three layers, the first without what passes by and the values."""
    doubled: list[Form] = []
    folded, compared = neurons(0, p), neurons(0, p)
    places = []
    for at, moves in zip((keys_at, labels_at), active, strict=True):
        z, other = neurons(at, 2)
        first, second, third = p + len(doubled), len(folded), len(compared)
        if moves:
            doubled += [z * 2, (z * 4).plus(-2), other * 2, (other * 4).plus(-2), Form()]
            a, b, c, d, value = neurons(first, 5)
            folded += [a - b, c - d, value]
        else:
            doubled += [z, other, Form()]
            folded += neurons(first, 3)
        z, other, value = neurons(second, 3)
        compared += [z, other, other - z, value] if moves else [z, other, value]
        last = p + len(doubled) - 1
        places.append(_Place(last, third, neuron(third + 2), neuron(len(compared) - 1)))
    return tuple(doubled), tuple(folded), tuple(compared), tuple(places)


def _confirm_comparison(
    layers: Layers, kept: int, keys: _Bits, labels: _Bits, sizes: Sizes
) -> tuple[_Bits, _Bits]:
    """Confirm the two layers that add the label if x matches the key."""
    p, steep = kept + 2, 1 << sizes.eta_bits
    x = neuron(kept)
    codes = [*neurons(keys.at, 2), *neurons(labels.at, 2)]
    left = (keys.value - x) * steep
    right = ((x - keys.value).plus(-1) * steep).plus(1)
    layers.confirm([*neurons(0, p), *codes, left, right, labels.value], "matching a key")
    ramps = (neuron(p + 4) + neuron(p + 5)) * (1 << sizes.label_bits)
    layers.confirm([*neurons(0, p + 4), neuron(p + 6) - ramps], "offering a label")
    return (
        _Bits(keys.length, keys.done, p, Form()),
        _Bits(labels.length, labels.done, p + 2, Form()),
    )


_ZERO = Fraction(0)
