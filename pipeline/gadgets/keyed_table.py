r"""A compact table of integer keys: their codes, and 0 at every other integer (docs/theory.md 7).

Sorted keys are cut into G groups of at most n keys. The word of a group holds the code of its first
key, then for each further key the gap to the key before (b bits) and its code (c bits); empty
places have gap 0 and code 0. With first_g the first key of group g the layers are

    steps   [x >= first_g] = relu(x - first_g + 1) - relu(x - first_g), two neurons a group;
            F = x - first_g(x) + 1 and v = (2 W + 1) / 2^(w+1), W the word, are sums of them;
    gap     one layer a bit: digit of v by folding, F <- relu(F - 2^i digit);
    code    one layer a bit: L <- 2 L + digit, then y <- y + relu(L - 2^c |F - 1|).

Before the code of a key, F is x - key + 1 where that is positive, and 0 otherwise: gaps are >= 0,
so relu cuts off only what could no more become 1. So |F - 1| is 0 if x is the key and at least 1
for all other integers, and the code is added for the key alone. |F - 1| = F - 1 + 2 q with one
neuron q = relu(1 - F) beside F.

digit = (relu(v - 1/2 + e) - relu(v - 1/2)) / e with e = 2^-(w+1) and v <- 2 v - 4 relu(v - 1/2)
read the Gray code of W, which is what is stored (gadgets.retrieval). Neither the keys nor the first
key of a group cost bits: a group costs 4 (s + 2) parameters and a bit of a gap (s + 5)(s + 6), s
values passing by. Lemma B.10 stores all bits of every key, in three layers of width s + 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.network import Circuit, Expression, ReLUNetwork, Repeat, repeated

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class KeyedSizes:
    """What fixes the layers of a keyed table.

    Args:
        groups: G.
        keys: n, keys a group.
        gap_bits: b, bits of the gap between a key and the next one of its group.
        code_bits: c.

    Raises:
        ValueError: if a size is below 1.
    """

    groups: int
    keys: int
    gap_bits: int
    code_bits: int

    def __post_init__(self) -> None:
        if min(self.groups, self.keys, self.gap_bits, self.code_bits) < 1:
            raise ValueError(f"a keyed table needs sizes of at least 1, got {self}")

    @property
    def word_bits(self) -> int:
        """Digits of a word, w = c + (n - 1)(b + c)."""
        return self.code_bits + (self.keys - 1) * (self.gap_bits + self.code_bits)

    @property
    def hidden_layers(self) -> int:
        """Layers of the table: look-up, digits, and the last code's."""
        return (3 if self.groups > 1 else 1) + self.word_bits + 1

    def named(self) -> dict[str, int]:
        """Return the sizes by the names that plans, certificates and the checker use."""
        return {"groups": self.groups, "keys_per_group": self.keys, "gap_bits": self.gap_bits}


@dataclass(frozen=True)
class KeyedGroup:
    """A group: its first key, and the digits of its word, the first one most significant."""

    first: int
    word: int


def keyed_label(
    circuit: Circuit,
    kept: list[Expression],
    x: Expression,
    groups: Sequence[KeyedGroup],
    sizes: KeyedSizes,
) -> tuple[list[Expression], Expression]:
    """Append the table; return the kept values and the code of x, 0 where x is no key.

    Args:
        circuit: the circuit.
        kept: nonnegative values that pass by.
        x: an integer >= 0; for other values the code is some number >= 0.
        groups: `sizes.groups` groups (keyed_groups), first keys ascending.
        sizes: what fixes the layers.
    """
    kept, F, v = _looked_up(circuit, kept, x, groups, sizes)
    state = _State(circuit, kept, F, v, 1 << (sizes.word_bits + 1))
    for slot in range(sizes.keys):
        for bit in reversed(range(sizes.gap_bits if slot else 0)):
            state.subtract_bit(bit)
        state.offer_code(sizes.code_bits)
    return state.finished()


def keyed_widths(sizes: KeyedSizes, kept: int) -> tuple[int | Repeat, ...]:
    """Return the hidden widths of `keyed_label` with `kept` values passing by."""
    c, b, n = sizes.code_bits, sizes.gap_bits, sizes.keys
    last = range(c)
    codes = [kept + 4 + int(j > 0) + int(j == c - 1) for j in last]
    beside = [width + 1 for width in codes]
    lookup = (kept + 1, kept + 1 + 2 * (sizes.groups - 1)) if sizes.groups > 1 else ()
    slot: tuple[int | Repeat, ...] = (kept + 6, *repeated(kept + 5, times=b - 1), *beside)
    return (
        *lookup,
        kept + 2,
        *codes,
        *(repeated(kept + 5, times=b) if n > 1 else ()),
        *(beside if n > 1 else ()),
        *repeated(*slot, times=max(n - 2, 0)),
        kept + 1 + int(n > 1),
    )


def bits_of_label(
    circuit: Circuit, kept: list[Expression], label: Expression, count: int
) -> tuple[list[Expression], list[Expression]]:
    """Append one layer a bit; return kept values and the bits of min(label, 2^count - 1).

    With t = 2^j the bit is step = relu(u - t + 1) - relu(u - t), u <- u - t step, and the last one
    1 - relu(1 - u). For every real u >= 0 steps lie in [0, 1] and u stays >= 0: where 0 < step < 1,
    u - t step = (t - 1)(1 - step). So all bits lie in [0, 1].

    Args:
        circuit: the circuit.
        kept: nonnegative values that pass by.
        label: a value >= 0.
        count: how many bits.

    Returns:
        The kept values and the bits, least significant first.
    """
    size = len(kept)
    bits: list[Expression] = []
    for t in (1 << j for j in reversed(range(1, count))):
        neurons = circuit.hidden([*kept, *bits, label, label - t + 1, label - t])
        kept, bits = neurons[:size], neurons[size:-3]
        step = neurons[-2] - neurons[-1]
        label = neurons[-3] - step * t
        bits.append(step)
    neurons = circuit.hidden([*kept, *bits, 1 - label])
    return neurons[:size], [1 - neurons[-1], *reversed(neurons[size:-1])]


def widths_of_bits(count: int, kept: int) -> tuple[int, ...]:
    """Return the hidden widths of `bits_of_label` with `kept` values passing by."""
    return (*[kept + done + 3 for done in range(count - 1)], kept + count)


def keyed_network(groups: Sequence[KeyedGroup], sizes: KeyedSizes) -> ReLUNetwork:
    """Return x -> (code of x, its bits, least significant first), the bits for every real x."""
    circuit = Circuit(1)
    _, label = keyed_label(circuit, [], circuit.inputs[0], groups, sizes)
    (label,), bits = bits_of_label(circuit, [label], label, sizes.code_bits)
    return circuit.network([label, *bits])


def _looked_up(
    circuit: Circuit,
    kept: list[Expression],
    x: Expression,
    groups: Sequence[KeyedGroup],
    sizes: KeyedSizes,
) -> tuple[list[Expression], Expression, Expression]:
    """Append the steps; return kept values, F = x - first + 1 and v.

    The layers before and after the steps are as narrow as can be: each step is read and written by
    few neurons.
    """
    count, unit = len(kept), Fraction(1, 1 << (sizes.word_bits + 1))
    steps: list[Expression] = []
    if sizes.groups > 1:
        neurons = circuit.hidden([*kept, x])
        x = neurons[count]
        rows = [e for g in groups[1:] for e in (x - g.first + 1, x - g.first)]
        neurons = circuit.hidden([*neurons, *rows])
        kept, x, ramps = neurons[:count], neurons[count], neurons[count + 1 :]
        steps = [above - over for above, over in zip(ramps[::2], ramps[1::2], strict=True)]
    F, v = x - groups[0].first + 1, circuit.constant((2 * groups[0].word + 1) * unit)
    for before, group, step in zip(groups, groups[1:], steps, strict=False):
        F = F - step * (group.first - before.first)
        v = v + step * (2 * (group.word - before.word) * unit)
    neurons = circuit.hidden([*kept, F, v])
    return neurons[:count], neurons[count], neurons[count + 1]


class _State:
    """What is carried from digit to digit.

    Args:
        circuit: the circuit.
        kept: values that pass by.
        F: x - first + 1.
        v: the word.
        steep: 2^(w + 1).
    """

    def __init__(
        self, circuit: Circuit, kept: list[Expression], F: Expression, v: Expression, steep: int
    ) -> None:
        self._circuit, self._kept, self._F, self._v, self._steep = circuit, kept, F, v, steep
        self._sums: list[Expression] = []

    def subtract_bit(self, bit: int) -> None:
        """Append a layer: F <- F - 2^bit digit."""
        _, digit = self._digit([])
        self._F = self._F - digit * (1 << bit)

    def offer_code(self, bits: int) -> None:
        """Append one layer a bit of the code; offer it to y if F = 1."""
        code: list[Expression] = []
        for bit in range(bits):
            beside = [1 - self._F] if bit == bits - 1 else []
            found, digit = self._digit([*code, *beside])
            code = [found[0] * 2 + digit if code else digit]
        mismatch = self._F - 1 + found[-1] * 2
        self._sums.append(code[0] - mismatch * (1 << bits))

    def finished(self) -> tuple[list[Expression], Expression]:
        """Append the last layer; return kept values and y."""
        count = len(self._kept)
        neurons = self._circuit.hidden([*self._kept, *self._sums])
        return neurons[:count], _sum(neurons[count:])

    def _digit(self, more: list[Expression]) -> tuple[list[Expression], Expression]:
        """Append a layer that reads a digit and carries all else; return `more` and the digit.

        y and what was offered last are summed from now on.
        """
        count, start = len(self._kept), len(self._kept) + len(self._sums)
        ends = [self._v, self._v - _HALF, self._v - _HALF + Fraction(1, self._steep)]
        neurons = self._circuit.hidden([*self._kept, *self._sums, self._F, *more, *ends])
        self._kept, sums = neurons[:count], neurons[count:start]
        self._sums = [_sum(sums)] if sums else []
        self._F, found = neurons[start], neurons[start + 1 : -3]
        v, half, ramp = neurons[-3:]
        self._v = v * 2 - half * 4
        return found, (ramp - half) * self._steep


def _sum(parts: Sequence[Expression]) -> Expression:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
