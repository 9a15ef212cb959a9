r"""Lemma B.8: bits i..j of an integer by Telgarsky's triangle function, three layers a bit.

phi(z) = relu(relu(2 z) - relu(4 z - 2)) is the tent on [0, 1]. For an n-bit x let
z = x / 2^n + 2^(-n-1) and z' = x / 2^n + 2^(-n-2), two points inside the dyadic interval of x.
phi^i rises where bit i of x (the most significant is bit 1) is 0 and falls where it is 1, with
slope 2^i, and z' < z, so

    bit_i = 2^(n+2-i) relu(phi^i(z') - phi^i(z)).

The lemma's network maps (phi^(i-1)(z), phi^(i-1)(z')) to (phi^j(z), phi^j(z'), BIN_{i:j}(x)). Width
5, depth 3 (j - i + 1) counted in layers with an activation, widths 5, 3, 4 a bit; the sum of bits
so far is the fifth neuron. Weights have at most n + 2 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pipeline.network import Circuit, Expression, ReLUNetwork

# Neurons of one extraction in the three layers of a bit, and of a finished one that is carried.
EXTRACTING, CARRIED = (5, 3, 4), 3


@dataclass(frozen=True)
class Extraction:
    """The state of an extraction from a word of `length` bits.

    Args:
        length: n, bits of the word.
        position: i - 1, bits extracted so far.
        z: phi^(i-1)(z).
        other: phi^(i-1)(z'), z' < z.
        value: the bits of the present segment so far, as a number.
    """

    length: int
    position: int
    z: Expression
    other: Expression
    value: Expression


def encoded(word: Expression, length: int) -> tuple[Expression, Expression]:
    """Return z = word / 2^n + 2^(-n-1) and z' = word / 2^n + 2^(-n-2) as pre-activations."""
    scaled = word * _power(-length)
    return scaled + _power(-length - 1), scaled + _power(-length - 2)


def bit_extraction(i: int, j: int, length: int) -> ReLUNetwork:
    """Return (phi^(i-1)(z), phi^(i-1)(z')) -> (phi^j(z), phi^j(z'), BIN_{i:j}(x)) (Lemma B.8).

    Args:
        i: first bit, from 1, the most significant.
        j: last bit.
        length: n, bits of x.

    Raises:
        ValueError: unless 1 <= i <= j <= n.
    """
    if not 1 <= i <= j <= length:
        raise ValueError(f"bits need 1 <= i <= j <= n, got i = {i}, j = {j}, n = {length}")
    circuit = Circuit(2)
    z, other = circuit.inputs
    state = Extraction(length, i - 1, z, other, circuit.constant(0))
    for _ in range(j - i + 1):
        _, (state,) = next_bits(circuit, [], [state], [True])
    return circuit.network([state.z, state.other, state.value])


def next_bits(
    circuit: Circuit,
    carried: list[Expression],
    states: list[Extraction],
    active: list[bool],
) -> tuple[list[Expression], list[Extraction]]:
    """Append three layers that extract one bit of each active state, the others carried.

    Args:
        circuit: the circuit.
        carried: nonnegative values that pass by.
        states: extractions side by side.
        active: which of them advance.
    """
    kept = len(carried)
    for step in (_doubled, _folded, _compared):
        rows = list(carried)
        sizes = []
        for state, advances in zip(states, active, strict=True):
            part = step(state) if advances else [state.z, state.other, state.value]
            sizes.append(len(part))
            rows += part
        neurons = circuit.hidden(rows)
        carried, at, after = neurons[:kept], kept, []
        for state, advances, size in zip(states, active, sizes, strict=True):
            part = neurons[at : at + size]
            after.append(_READ[step](state, part) if advances else _moved(state, part))
            at += size
        states = after
    return carried, states


def _doubled(state: Extraction) -> list[Expression]:
    z, other = state.z, state.other
    return [z * 2, z * 4 - 2, other * 2, other * 4 - 2, state.value]


def _after_doubling(state: Extraction, neurons: list[Expression]) -> Extraction:
    a, b, c, d, value = neurons
    return Extraction(state.length, state.position, a - b, c - d, value)


def _folded(state: Extraction) -> list[Expression]:
    return [state.z, state.other, state.value]


def _moved(state: Extraction, neurons: list[Expression]) -> Extraction:
    z, other, value = neurons
    return Extraction(state.length, state.position, z, other, value)


def _compared(state: Extraction) -> list[Expression]:
    return [state.z, state.other, state.other - state.z, state.value]


def _after_comparing(state: Extraction, neurons: list[Expression]) -> Extraction:
    z, other, difference, value = neurons
    position = state.position + 1
    bit = difference * (1 << (state.length + 2 - position))
    return Extraction(state.length, position, z, other, value * 2 + bit)


_READ = {_doubled: _after_doubling, _folded: _moved, _compared: _after_comparing}


def _power(exponent: int) -> Fraction:
    return Fraction(1, 1 << -exponent)
