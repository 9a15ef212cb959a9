"""The words of a retrieval: banded systems over GF(2), one a group, solved exactly.

Equations are eliminated as they come (Dillinger and Walzer 2021): a row of b bits that starts at
bit p takes the pivot of its first 1, or the row that holds it is added and the search goes on.
"""

from __future__ import annotations

import numpy as np

from pipeline.gadgets.retrieval import RetrievalSizes


def ribbon_words(keys: np.ndarray, codes: np.ndarray, sizes: RetrievalSizes) -> list[int] | None:
    """Return the words, one a group, that give every key its code; None if some group has none.

    Args:
        keys: distinct integers >= 0, int64, shape (n,).
        codes: of the keys, 0..2^c - 1, shape (n,).
        sizes: groups, positions, window and code bits.
    """
    X = keys % sizes.modulus
    order = np.argsort(X, kind="stable")
    X, ordered = X[order], codes[order]
    groups = X // sizes.span
    starts = np.searchsorted(groups, np.arange(sizes.groups + 1))
    positions = ((X >> sizes.window) % sizes.positions).tolist()
    rows = (X & ((1 << sizes.window) - 1)).tolist()
    values = ordered.tolist()
    words = []
    for low, high in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        solution = _solved(positions[low:high], rows[low:high], values[low:high], sizes)
        if solution is None:
            return None
        words.append(_word(solution, sizes.code_bits))
    return words


def _solved(
    positions: list[int], rows: list[int], values: list[int], sizes: RetrievalSizes
) -> list[int] | None:
    """Return the code at each of the P + b - 1 places of a group's word."""
    b = sizes.window
    length = sizes.positions + b - 1
    pivots, sides = [0] * length, [0] * length
    # Bits of a row from the first place on, lowest first, so that shifting moves along the word.
    for place, row, value in zip(positions, rows, values, strict=True):
        at, bits, side = place, _reversed(row, b), value
        while bits:
            zeros = (bits & -bits).bit_length() - 1
            at, bits = at + zeros, bits >> zeros
            if not pivots[at]:
                pivots[at], sides[at] = bits, side
                break
            bits, side = bits ^ pivots[at], side ^ sides[at]
        else:
            if side:
                return None
    solution = [0] * length
    for at in reversed(range(length)):
        value, bits, place = sides[at], pivots[at] >> 1, at + 1
        while bits:
            if bits & 1:
                value ^= solution[place]
            bits, place = bits >> 1, place + 1
        solution[at] = value
    return solution


def _reversed(row: int, bits: int) -> int:
    """Return the bits of a row in the opposite order, the most significant one lowest."""
    return int(format(row, f"0{bits}b")[::-1], 2)


def _word(solution: list[int], code_bits: int) -> int:
    """Return W whose tent digits are the solution's bits, the lowest bit of each place first."""
    word, before = 0, 0
    for code in solution:
        for j in range(code_bits):
            # Gray code: a digit is the exclusive or of a bit with the one before it.
            before ^= code >> j & 1
            word = word << 1 | before
    return word
