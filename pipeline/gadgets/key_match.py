"""Lemma B.9: the label of the key that x matches, out of two packed words.

The word u holds n keys of `key_bits` bits, w holds their labels of `label_bits` bits, first ones
most significant. A first layer starts the extractions (Lemma B.8). One block a key: extract the
next key and the next label side by side, then

    a = relu((key - x) / eta), b = relu((x - key - 1 + eta) / eta)      (Lemma B.6)
    y <- y + relu(label - 2^label_bits (a + b)),

which adds the label if x lies in [key, key + 1 - eta] and 0 if x <= key - eta or x >= key + 1. Keys
of a word are distinct, so at most one label is added. Width 12, depth
3 n max{key_bits, label_bits} + 2 n + 2 with all affine maps counted, bits n max{...} + 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.gadgets.bit_extraction import CARRIED, EXTRACTING, Extraction, encoded, next_bits
from pipeline.gadgets.indicator import distances_outside
from pipeline.network import Circuit, Expression, ReLUNetwork, Repeat, repeated


@dataclass(frozen=True)
class WordSizes:
    """How keys and labels are packed.

    Args:
        keys: n, keys a word.
        key_bits: bits of a key.
        label_bits: bits of a label.

    Raises:
        ValueError: if a size is below 1.
    """

    keys: int
    key_bits: int
    label_bits: int

    def __post_init__(self) -> None:
        if min(self.keys, self.key_bits, self.label_bits) < 1:
            raise ValueError(f"words need sizes of at least 1, got {self} (Lemma B.9)")

    def packed(self, keys: Sequence[int], labels: Sequence[int]) -> tuple[int, int]:
        """Return (w, u), the labels and the keys in one word each.

        Raises:
            ValueError: if they do not fit, or two keys are equal.
        """
        if len(keys) != self.keys or len(labels) != self.keys or len(set(keys)) < self.keys:
            raise ValueError(f"a word needs {self.keys} distinct keys with labels (Lemma B.9)")
        return _packed(labels, self.label_bits), _packed(keys, self.key_bits)


def _packed(values: Sequence[int], bits: int) -> int:
    word = 0
    for value in values:
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} has more than {bits} bits (Lemma B.9)")
        word = (word << bits) + value
    return word


def key_match(sizes: WordSizes, eta: Fraction) -> ReLUNetwork:
    """Return (x, w, u) -> the label in w of the key in u that x matches, else 0 (Lemma B.9).

    Args:
        sizes: n, key bits, label bits; w and u are words packed so.
        eta: x matches a key if x lies in [key, key + 1 - eta], and must be at least eta below or 1
            above every other one. A power of two.
    """
    circuit = Circuit(3)
    x, w, u = circuit.inputs
    _, label = matched(circuit, [], x, w, u, sizes, eta)
    return circuit.network([label])


def matched(
    circuit: Circuit,
    carried: list[Expression],
    x: Expression,
    w: Expression,
    u: Expression,
    sizes: WordSizes,
    eta: Fraction,
) -> tuple[list[Expression], Expression]:
    """Append the match of x against the keys of u; return carried values and the label."""
    kept = len(carried)
    lengths = (sizes.keys * sizes.key_bits, sizes.keys * sizes.label_bits)
    starts = [*encoded(u, lengths[0]), *encoded(w, lengths[1])]
    neurons = circuit.hidden([*carried, x, circuit.constant(0), *starts])
    passing, rest = neurons[: kept + 2], neurons[kept + 2 :]
    zero = circuit.constant(0)
    states = [
        Extraction(length, 0, rest[2 * k], rest[2 * k + 1], zero)
        for k, length in enumerate(lengths)
    ]
    for _ in range(sizes.keys):
        for bit in range(max(sizes.key_bits, sizes.label_bits)):
            active = [bit < sizes.key_bits, bit < sizes.label_bits]
            passing, states = next_bits(circuit, passing, states, active)
        passing, states = _compared(circuit, passing, states, sizes.label_bits, eta)
    return passing[:kept], passing[kept + 1]


def _compared(
    circuit: Circuit,
    passing: list[Expression],
    states: list[Extraction],
    label_bits: int,
    eta: Fraction,
) -> tuple[list[Expression], list[Extraction]]:
    """Append the two layers that add the label if x matches the key; start the next segment."""
    *carried, x, y = passing
    kept = len(carried)
    keys, labels = states
    codes = [keys.z, keys.other, labels.z, labels.other]
    outside = distances_outside(x, keys.value, keys.value + 1, eta)
    neurons = circuit.hidden([*carried, x, y, *codes, *outside, labels.value])
    *codes, a, b, label = neurons[kept + 2 :]
    offered = label - (a + b) * (1 << label_bits)
    neurons = circuit.hidden([*neurons[: kept + 2], *codes, offered])
    *passing, y = neurons[: kept + 2]
    *codes, label = neurons[kept + 2 :]
    zero = circuit.constant(0)
    return [*passing, y + label], [
        Extraction(keys.length, keys.position, codes[0], codes[1], zero),
        Extraction(labels.length, labels.position, codes[2], codes[3], zero),
    ]


def match_widths(sizes: WordSizes, carried: int) -> tuple[int | Repeat, ...]:
    """Return the hidden widths of `matched`."""
    common = min(sizes.key_bits, sizes.label_bits)
    longest = max(sizes.key_bits, sizes.label_bits)
    passing = carried + 2
    both = [passing + 2 * width for width in EXTRACTING]
    one = [passing + width + CARRIED for width in EXTRACTING]
    block: tuple[int | Repeat, ...] = (
        *repeated(*both, times=common),
        *repeated(*one, times=longest - common),
        passing + 7,
        passing + 5,
    )
    return (passing + 4, *repeated(*block, times=sizes.keys))
