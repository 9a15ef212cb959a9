r"""Key-free retrieval: bits of integer keys, no key stored, by ribbons (docs/theory.md 7).

Every stored key gives one equation over GF(2): with X = key mod H, H = G P 2^b, read

    group floor(X / (P 2^b)),  position p = floor(X / 2^b) mod P,  row F = X mod 2^b,

and its bit is the inner product of the b bits of F with b consecutive bits of the word of group g,
from bit p on (a ribbon filter: Dillinger and Walzer, "Ribbon filter", 2021). The word has
w = P + b - 1 bits; a few per cent more bits than equations are enough. The network

    mod H, then the group's number g = g1 G2 + g2, one layer a bit: X <- X - t [X >= t];
    the words in two layers: a_j(g1), the words of group (g1, j), is piecewise linear in the integer
    g1, and v = sum_j relu(a_j(g1) + hat_j(g2) - 1), hat_j(g2) = [g2 = j], is word (g1, g2);
    to position p: blocks of l layers u <- T(u) = 1 - |1 - 2 u|, then v <- u if p >= l, else v;
    one layer a bit of F: digit [u >= 1/2], row bit, their conjunction into a count; u <- T(u);
    the parity of the count by folding.

T shifts a word written by its tent digits: for v = (2 W + 1) / 2^(w+1) the digits [T^i(v) >= 1/2]
are the bits of W in Gray code, so the word stored is the one whose Gray code is the ribbon's
solution, and T^i(v) keeps a distance of 2^-(w+1) from 1/2. Codes of c bits take c digits a
position.

Whatever real number the key is, the bits that come out lie in [0, 1]: conjunctions of values in
[0, 1] do, a count of b of them lies in [0, b], and folding keeps it in range.

The second of the two layers has about (G1 + G2) G2 weights, G = G1 G2 of which are words, and a
digit costs (s + 5)(s + 4) with s values carried: P is about 2 sqrt(1.4 (s + 5)(s + 4) n c) for n
keys, O(sqrt(n)) without a logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.network import Circuit, Expression, Repeat, repeated

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class RetrievalSizes:
    """What fixes the layers of a retrieval.

    Args:
        rows: G1 >= 2.
        columns: G2 >= 2.
        positions: P, first bits a row may start from.
        window: b, bits of a row.
        quotient_bits: the keys are below H 2^quotient_bits.
        code_bits: c, bits of a code.

    Raises:
        ValueError: if a size is out of range.
    """

    rows: int
    columns: int
    positions: int
    window: int
    quotient_bits: int
    code_bits: int

    def __post_init__(self) -> None:
        sizes = (self.positions, self.window, self.code_bits)
        if min(self.rows, self.columns) < 2 or min(sizes) < 1:
            raise ValueError(f"a retrieval needs 2 rows and columns, sizes above 0, got {self}")
        if self.quotient_bits < 0:
            raise ValueError(f"quotient_bits must not be negative, got {self.quotient_bits}")

    @property
    def groups(self) -> int:
        """G = G1 G2."""
        return self.rows * self.columns

    @property
    def span(self) -> int:
        """P 2^b, the remainders of one group."""
        return self.positions << self.window

    @property
    def modulus(self) -> int:
        """H, what keys are reduced by."""
        return self.groups * self.span

    @property
    def word_bits(self) -> int:
        """Digits of a word, (P + b - 1) c."""
        return (self.positions + self.window - 1) * self.code_bits

    @property
    def count_folds(self) -> int:
        """Layers that fold the count of 0..b to 0..2."""
        return max((self.window - 1).bit_length() - 1, 0)

    def blocks(self) -> list[int]:
        """Return the lengths l of the blocks that lead to the position, which halve the rest.

        >>> RetrievalSizes(2, 2, 6, 1, 0, 1).blocks()
        [3, 2, 1]
        """
        lengths, rest = [], self.positions - 1
        while rest:
            length = (rest + 2) // 2
            lengths.append(length)
            rest = length - 1
        return lengths

    def named(self) -> dict[str, int]:
        """Return the sizes by the names that certificates use."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "positions": self.positions,
            "window": self.window,
            "quotient_bits": self.quotient_bits,
        }


def retrieved(
    circuit: Circuit,
    kept: list[Expression],
    key: Expression,
    words: list[int],
    sizes: RetrievalSizes,
) -> tuple[list[Expression], list[Expression]]:
    """Append the retrieval; return the kept values and the bits of the key's code.

    Args:
        circuit: the circuit.
        kept: nonnegative values that pass by.
        key: an integer in [0, H 2^quotient_bits); for other values only the range [0, 1] is sure.
        words: the words W, one a group, of w c bits.
        sizes: what fixes the layers.
    """
    kept, X, _ = _divided(circuit, kept, key, sizes.modulus, sizes.quotient_bits, counted=False)
    across = sizes.span * sizes.columns
    kept, X, row = _divided(circuit, kept, X, across, _bits(sizes.rows), counted=True)
    (*kept, row), X, column = _divided(
        circuit, [*kept, row], X, sizes.span, _bits(sizes.columns), counted=True
    )
    kept, X, v = _word(circuit, kept, X, (row, column), words, sizes)
    for length in sizes.blocks():
        kept, X, v = _moved(circuit, kept, X, v, length, sizes)
    kept, counts = _counted(circuit, kept, X, v, sizes)
    return _parities(circuit, kept, counts, sizes)


def retrieval_widths(sizes: RetrievalSizes, kept: int) -> tuple[int | Repeat, ...]:
    """Return the hidden widths of `retrieved` with `kept` values passing by."""
    c = sizes.code_bits
    moves: list[int | Repeat] = []
    for length in (each * c for each in sizes.blocks()):
        if length == 1:
            moves += [kept + 5, kept + 3]
        else:
            moves += [kept + 3, *repeated(kept + 4, times=length - 2), kept + 6, kept + 3]
    digits = [kept + 6 + min(k, 1) + min(c, max(k - 1, 0)) for k in range(sizes.window * c)]
    return (
        *repeated(kept + 3, times=sizes.quotient_bits),
        kept + 3,
        *repeated(kept + 4, times=_bits(sizes.rows) - 1),
        kept + 4,
        *repeated(kept + 5, times=_bits(sizes.columns) - 1),
        kept + 1 + sizes.rows - 1 + sizes.columns - 1,
        kept + 1 + sizes.columns,
        *moves,
        *digits,
        kept + min(c, len(digits) - 1) + 1,
        *repeated(kept + 2 * c, times=sizes.count_folds + 1),
    )


def _divided(
    circuit: Circuit, kept: list[Expression], X: Expression, unit: int, bits: int, *, counted: bool
) -> tuple[list[Expression], Expression, Expression]:
    """Append one layer a bit of the quotient; return kept values, X mod unit, the quotient."""
    quotient, count = circuit.constant(0), len(kept)
    for i in reversed(range(bits)):
        threshold = unit << i
        known = [quotient] if counted and quotient.terms else []
        neurons = circuit.hidden([*kept, *known, X, X - threshold + 1, X - threshold])
        *rest, X, above, over = neurons
        kept = rest[:count]
        step = above - over
        quotient = (rest[count] if known else circuit.constant(0)) + step * (1 << i)
        X = X - step * threshold
    return kept, X, quotient


def _bits(count: int) -> int:
    """Return the bits of the numbers 0..count - 1."""
    return (count - 1).bit_length()


def _word(
    circuit: Circuit,
    kept: list[Expression],
    X: Expression,
    group: tuple[Expression, Expression],
    words: list[int],
    sizes: RetrievalSizes,
) -> tuple[list[Expression], Expression, Expression]:
    """Append the two layers of all words; return kept values, X and v = (2 W + 1) / 2^(w + 1)."""
    row, column = group
    knots = [row - j for j in range(sizes.rows - 1)]
    hats = [column - j for j in range(sizes.columns - 1)]
    neurons = circuit.hidden([*kept, X, *knots, *hats])
    first = len(kept) + 1
    kept, X = neurons[: len(kept)], neurons[len(kept)]
    knots, hats = neurons[first : first + len(knots)], neurons[first + len(knots) :]
    unit = Fraction(1, 1 << (sizes.word_bits + 1))
    chosen = []
    for j in range(sizes.columns):
        values = [(2 * word + 1) * unit for word in words[j :: sizes.columns]]
        hat = [int(g == j) for g in range(sizes.columns)]
        chosen.append(_through(knots, values) + _through(hats, hat) - 1)
    neurons = circuit.hidden([*kept, X, *chosen])
    v = circuit.constant(0)
    for neuron in neurons[first:]:
        v = v + neuron
    return neurons[: len(kept)], neurons[len(kept)], v


def _through(knots: list[Expression], values: Sequence[Fraction | int]) -> Expression:
    """Return the piecewise linear function of g with the given values at g = 0, 1, ...

    Args:
        knots: relu(g - j) for j = 0, 1, ..., one fewer than values.
        values: any numbers.
    """
    terms: dict[int, int | Fraction] = {}
    slope: int | Fraction = 0
    for knot, low, high in zip(knots, values[:-1], values[1:], strict=True):
        if high - low != slope:
            (neuron,) = knot.terms
            terms[neuron] = high - low - slope
        slope = high - low
    return Expression(knots[0].layer, terms, values[0])


def _moved(
    circuit: Circuit,
    kept: list[Expression],
    X: Expression,
    v: Expression,
    length: int,
    sizes: RetrievalSizes,
) -> tuple[list[Expression], Expression, Expression]:
    """Append a block: v <- T^(length c)(v) and X <- X - length 2^b where the position allows."""
    threshold, count, tents = length << sizes.window, len(kept), length * sizes.code_bits
    u = v
    for k in range(tents):
        steps = [X - threshold + 1, X - threshold] if k == tents - 1 else []
        started = [u] if k else []
        neurons = circuit.hidden([*kept, X, *steps, v, *started, u - _HALF])
        kept, X = neurons[:count], neurons[count]
        v, *_ = neurons[count + 1 + len(steps) :]
        u = neurons[-2] * 2 - neurons[-1] * 4
    moves = neurons[count + 1] - neurons[count + 2]
    neurons = circuit.hidden([*kept, X - moves * threshold, v - moves, u - 1 + moves])
    return neurons[:count], neurons[count], neurons[-2] + neurons[-1]


def _counted(
    circuit: Circuit,
    kept: list[Expression],
    X: Expression,
    v: Expression,
    sizes: RetrievalSizes,
) -> tuple[list[Expression], list[Expression]]:
    """Append one layer a digit of the window; return kept values and the count of each bit."""
    c, margin = sizes.code_bits, 1 << (sizes.word_bits + 1)
    counts = [circuit.constant(0)] * c
    pending: dict[int, Expression] = {}
    for k in range(sizes.window * c):
        threshold = 1 << (sizes.window - 1 - k // c)
        steps = [X - threshold + 1, X - threshold]
        rows = [X, *steps, v, v - _HALF, v - _HALF + Fraction(1, margin)]
        kept, counts, found = _added(circuit, kept, counts, pending, rows)
        X, above, over, v, half, ramp = found
        row = above - over
        pending = {k % c: (ramp - half) * margin + row - 1}
        v = v * 2 - half * 4
        if k % c == c - 1:
            X = X - row * threshold
    kept, counts, _ = _added(circuit, kept, counts, pending, [])
    return kept, counts


def _added(
    circuit: Circuit,
    kept: list[Expression],
    counts: list[Expression],
    pending: dict[int, Expression],
    rows: list[Expression],
) -> tuple[list[Expression], list[Expression], list[Expression]]:
    """Append a layer of kept values, counts above 0, what is added to them, and further rows."""
    held = [j for j, each in enumerate(counts) if each.terms]
    neurons = circuit.hidden([*kept, *[counts[j] for j in held], *pending.values(), *rows])
    start, after = len(kept), [circuit.constant(0)] * len(counts)
    for number, j in enumerate([*held, *pending], start):
        after[j] = after[j] + neurons[number]
    return neurons[:start], after, neurons[len(neurons) - len(rows) :]


def _parities(
    circuit: Circuit,
    kept: list[Expression],
    counts: list[Expression],
    sizes: RetrievalSizes,
) -> tuple[list[Expression], list[Expression]]:
    """Append the folds; return kept values and the parity of each count, in [0, 1]."""
    size = len(kept)
    for i in reversed(range(sizes.count_folds + 1)):
        neurons = circuit.hidden([*kept, *[e for t in counts for e in (t, t - (1 << i))]])
        kept, pairs = neurons[:size], neurons[size:]
        counts = [
            over * 2 - t + (1 << i) if i else t - over * 2
            for t, over in zip(pairs[::2], pairs[1::2], strict=True)
        ]
    return kept, counts
