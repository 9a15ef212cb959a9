r"""Key-free retrieval, confirmed: integer -> group, position and row -> parities of a word's bits.

X >= 0 is the key. H = G1 G2 P 2^b, w = (P + b - 1) c.

Lemma 1 (division). For an integer X in [0, u 2^k) the steps s = relu(X - t + 1) - relu(X - t) = [X
>= t], X <- X - t s for t = u 2^(k-1), ..., u end with X mod u, and sum 2^i s_i is the quotient.
Lemma 2 (words). A sum of relu(g - j), j = 0..G - 2, and a constant has some values at the integers
g = 0..G - 1, which are read off. So a_j(g1) and hat_j(g2), required to be [g2 = j], are known, and
sum_j relu(a_j(g1) + hat_j(g2) - 1) = a_(g2)(g1) for a_j in [0, 1].
Lemma 3 (tents). T(u) = 2 u - 4 relu(u - 1/2) for 0 <= u <= 1. If u = (2 V + 1) / 2^(k+1) with 0 <=
V < 2^k, then T(u) = (2 V' + 1) / 2^k with V' the last k - 1 bits of V, complemented if its first
bit is 1.
Proof: u <= 1/2 iff the first bit is 0, and then T(u) = (2 V + 1)/2^k; else T(u) = 2 - 2u = (2 (2^k
- 1 - V) + 1)/2^k. So for v = (2 W + 1)/2^(w+1) the bit [T^i(v) > 1/2] is bit i of W, the first one
being bit 0, exclusive or bit i - 1 (bit -1 being 0): the Gray code of W. |T^i(v) - 1/2| >= 2^-(w+1)
for i < w, so a ramp of that width below 1/2 gives it exactly.
Lemma 4 (position). For X < Q, s = [X >= l 2^b]: relu(v - s) + relu(u - 1 + s), v, u in [0, 1], is v
if s = 0 and u if s = 1. With u = T^(lc)(v) and X <- X - l 2^b s, blocks that lead from p <= P - 1
to 0 move the word by p c digits: after a block of l = ceil((r + 1)/2) a rest p <= r is at most l -
1.
Lemma 5 (rows). X is now F < 2^b. Digit k = i c + j of the window and bit i of F, the first one most
significant, give relu(digit + bit - 1), their product, which is added to count j.
Lemma 6 (parity). For an integer t in [0, 2^(i+1)], i >= 1, |t - 2^i| = 2 relu(t - 2^i) - t + 2^i is
in [0, 2^i] and of the same parity; t - 2 relu(t - 1) is the parity of t in {0, 1, 2}.

For EVERY real X >= 0, steps lie in [0, 1], digits lie in [0, 1] (ramps), products relu(a + b - 1)
of such do, counts in [0, b], folds keep them in range, and the parities are in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.verification.check.forms import Form, neuron, require_rows
from pipeline.verification.check.layers import LayerReader, neurons
from pipeline.verification.check.rejection import Rejected

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Sizes:
    """G1, G2, P, b, bits of the first quotient, and c."""

    rows: int
    columns: int
    positions: int
    window: int
    quotient_bits: int
    code_bits: int

    @property
    def groups(self) -> int:
        """G1 G2."""
        return self.rows * self.columns

    @property
    def span(self) -> int:
        """P 2^b."""
        return self.positions << self.window

    @property
    def digits(self) -> int:
        """W."""
        return (self.positions + self.window - 1) * self.code_bits


@dataclass(frozen=True)
class Retrieval:
    """A confirmed retrieval.

    Args:
        sizes: its sizes.
        digits: Gray code of each group's word, shape (G, w).
    """

    sizes: Sizes
    digits: np.ndarray

    def codes(self, keys: np.ndarray) -> np.ndarray:
        """Return the code at each key in [0, H 2^quotient_bits), int64."""
        at, out = self.sizes, np.zeros(len(keys), dtype=np.int64)
        rest = keys % (at.groups * at.span)
        group, rest = rest // at.span, rest % at.span
        first = (rest >> at.window) * at.code_bits
        flat, start = self.digits.reshape(-1), group * at.digits + first
        for j in range(at.code_bits):
            parity = np.zeros(len(keys), dtype=np.int64)
            for i in range(at.window):
                row = rest >> (at.window - 1 - i) & 1
                parity ^= row & flat[start + i * at.code_bits + j]
            out |= parity << j
        return out


def confirm_retrieval(
    reader: LayerReader, kept: list[Form], key: Form, sizes: Sizes
) -> tuple[Retrieval, list[Form], list[Form]]:
    """Confirm a retrieval; return what it knows, the kept values and the bits of the code.

    Args:
        reader: the layers.
        kept: values >= 0 that pass by.
        key: a value >= 0.
        sizes: what to look for.

    Raises:
        Rejected: if a layer is not what it must be, or a word has other digits.
    """
    at, X = sizes, key
    kept, X, _ = _divided(reader, kept, X, at.groups * at.span, at.quotient_bits, False)
    across = at.span * at.columns
    kept, X, row = _divided(reader, kept, X, across, (at.rows - 1).bit_length(), True)
    passing = [*kept, row]
    passing, X, column = _divided(reader, passing, X, at.span, (at.columns - 1).bit_length(), True)
    *kept, row = passing
    count = len(kept)
    knots = [row.plus(-j) for j in range(at.rows - 1)]
    hats = [column.plus(-j) for j in range(at.columns - 1)]
    reader.confirm([*kept, X, *knots, *hats], "the groups of words")
    digits = _confirm_words(reader, count, at)
    kept, X, v = neurons(0, count), neuron(count), Form()
    for chosen in neurons(count + 1, at.columns):
        v = v + chosen
    rest = at.positions - 1
    while rest > 0:
        length = -(-(rest + 1) // 2)
        kept, X, v = _confirm_block(reader, kept, X, v, length, at)
        rest = length - 1
    kept, counts = _confirm_window(reader, kept, X, v, at)
    for i in reversed(range(max((at.window - 1).bit_length(), 1))):
        reader.confirm(
            [*kept, *[f for t in counts for f in (t, t.plus(-(1 << i)))]], "the parities"
        )
        kept, pairs = neurons(0, count), neurons(count, 2 * len(counts))
        sign = 1 if i else -1
        counts = [
            (over * (2 * sign) - t * sign).plus((1 << i) if i else 0)
            for t, over in zip(pairs[::2], pairs[1::2], strict=True)
        ]
    return Retrieval(at, digits), kept, counts


def _divided(
    reader: LayerReader, kept: list[Form], X: Form, unit: int, bits: int, counted: bool
) -> tuple[list[Form], Form, Form]:
    """Confirm one layer a bit of the quotient; return kept values, the rest and the quotient."""
    count, quotient = len(kept), Form()
    for i in reversed(range(bits)):
        t = unit << i
        known = [quotient] if counted and quotient.terms else []
        reader.confirm([*kept, *known, X, X.plus(1 - t), X.plus(-t)], "dividing")
        kept, at = neurons(0, count), count + len(known)
        step = neuron(at + 1) - neuron(at + 2)
        quotient = (neuron(count) if known else Form()) + step * (1 << i)
        X = neuron(at) - step * t
    return kept, X, quotient


def _confirm_words(reader: LayerReader, count: int, at: Sizes) -> np.ndarray:
    """Confirm the layer of all words; return their Gray codes, shape (G1 G2, w).

    Raises:
        Rejected: if a neuron is not a_j(g1) + hat_j(g2) - 1 with words for values of a_j.
    """
    found = reader.rows()
    passing = neurons(0, count + 1)
    require_rows(reader.used, found[: count + 1], passing, "the groups of words")
    if len(found) != count + 1 + at.columns:
        raise Rejected(f"layer {reader.used}: {at.columns} words expected")
    out = np.zeros((at.groups, at.digits), dtype=np.int64)
    first = count + 1
    last = first + at.rows - 1
    for j, form in enumerate(found[count + 1 :]):
        hat = {i: v for i, v in form.terms.items() if i >= last}
        # The slopes of [g2 = j] change at j - 1, j and j + 1; [g2 = j] - 1 is -1 or 0 at g2 = 0.
        slopes = {j - 1: 1, j: -2 if j else -1, j + 1: 1}
        expected = {last + k: v for k, v in slopes.items() if 0 <= k < at.columns - 1}
        if hat != expected:
            raise Rejected(f"layer {reader.used}: word {j} is chosen by another hat")
        words = {i: v for i, v in form.terms.items() if i < last}
        if any(i < first for i in words):
            raise Rejected(f"layer {reader.used}: word {j} depends on what passes by")
        out[j :: at.columns] = _digits(words, form.constant + (0 if j == 0 else 1), first, at)
    return out


def _digits(words: dict[int, Fraction], value: Fraction, first: int, at: Sizes) -> np.ndarray:
    """Return the Gray codes of the words at g1 = 0..G1 - 1, shape (G1, w).

    Args:
        words: coefficients of relu(g1 - j) by neuron.
        value: at g1 = 0.
        first: number of the neuron relu(g1).
        at: sizes.

    Raises:
        Rejected: if a value is no (2 W + 1) / 2^(w + 1) in (0, 1).
    """
    scale, out = 1 << (at.digits + 1), np.zeros((at.rows, at.digits), dtype=np.int64)
    value, slope = value * scale, Fraction(0)
    for g in range(at.rows):
        if value.denominator != 1 or value.numerator % 2 == 0 or not 0 < value < scale:
            raise Rejected(f"a word of row {g} has other digits than {at.digits} bits")
        word = value.numerator >> 1
        text = format(word ^ word >> 1, f"0{at.digits}b").encode()
        out[g] = np.frombuffer(text, dtype=np.uint8) - ord("0")
        slope += words.get(first + g, Fraction(0)) * scale
        value += slope
    return out


def _confirm_block(
    reader: LayerReader, kept: list[Form], X: Form, v: Form, length: int, at: Sizes
) -> tuple[list[Form], Form, Form]:
    """Confirm a block that moves the word by `length` positions where X allows."""
    count, tents, t = len(kept), length * at.code_bits, length << at.window
    u = v
    for k in range(tents):
        steps = [X.plus(1 - t), X.plus(-t)] if k == tents - 1 else []
        tent = [u, u.plus(-_HALF)] if k else [u.plus(-_HALF)]
        reader.confirm([*kept, X, *steps, v, *tent], "moving to a position")
        kept, X = neurons(0, count), neuron(count)
        place = count + 1 + len(steps)
        v = neuron(place)
        last = place + len(tent)
        u = neuron(last - 1) * 2 - neuron(last) * 4
    step = neuron(count + 1) - neuron(count + 2)
    reader.confirm([*kept, X - step * t, v - step, (u + step).plus(-1)], "choosing")
    return neurons(0, count), neuron(count), neuron(count + 1) + neuron(count + 2)


def _confirm_window(
    reader: LayerReader, kept: list[Form], X: Form, v: Form, at: Sizes
) -> tuple[list[Form], list[Form]]:
    """Confirm the digits of the window; return kept values and the counts."""
    count, c, steep = len(kept), at.code_bits, 1 << (at.digits + 1)
    counts, product = [Form()] * c, Form()
    for k in range(at.window * c + 1):
        held = [j for j in range(c) if counts[j].terms]
        rows = [*kept, *[counts[j] for j in held], *([product] if k else [])]
        places = dict(zip(held, range(count, count + len(held)), strict=True))
        counts = [neuron(places[j]) if j in places else Form() for j in range(c)]
        if k:
            counts[(k - 1) % c] += neuron(len(rows) - 1)
        first = len(rows)
        if k < at.window * c:
            t = 1 << (at.window - 1 - k // c)
            ramp = v.plus(Fraction(1, steep) - _HALF)
            rows += [X, X.plus(1 - t), X.plus(-t), v, v.plus(-_HALF), ramp]
        reader.confirm(rows, "the window")
        kept = neurons(0, count)
        X, above, over, v, half, ramp = neurons(first, 6)
        bit = above - over
        product = ((ramp - half) * steep + bit).plus(-1)
        v = v * 2 - half * 4
        if k % c == c - 1:
            X = X - bit * (1 << (at.window - 1 - k // c)) if k < at.window * c else X
    return kept, counts
