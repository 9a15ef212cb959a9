r"""Digits by folding, confirmed; and which cell has which digits.

Lemma 1. Let x in [0, 2^n], gamma = 2^-q <= 1 and v = x at first. Level b = n - 1, ..., 0 holds v,
relu(v - 2^b + gamma), relu(v - 2^b); put digit = (second - third) / gamma and v <- 2 relu(v - 2^b)
- v + 2^b = |v - 2^b|. Then before level b v lies in [0, 2^(b+1)] (so relu(v) = v), after it in [0,
2^b], and dist(v, Z) = dist(x, Z): v - 2^b differs from v by an integer, and |.| does not change a
distance to Z. So all v stay exact. Every digit is min(1, max(0, (v - 2^b + gamma) / gamma)), in [0,
1] always; it is [v >= 2^b] unless |v - 2^b| < gamma, where dist(x, Z) < gamma.

Lemma 2. If dist(x, Z) >= gamma and x lies in (c, c + 1), the digits are those of the integer c by
the rule: digit 1 if c >= 2^b, then c <- c - 2^b; else digit 0, c <- 2^b - 1 - c. Proof: v in (c, c
+ 1) with c >= 2^b goes to v - 2^b in (c - 2^b, c - 2^b + 1); with c < 2^b, v < 2^b, to 2^b - v in
(2^b - 1 - c, 2^b - c).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.layers import Confirms, neurons


def confirm_digits(
    reader: Confirms,
    kept: list[Form],
    xs: list[Form],
    weights: list[list[int]],
    gamma_bits: int,
    key: Form | None,
) -> tuple[list[Form], Form, list[Form]]:
    """Confirm n layers; return the kept values, key + weighted digits, and the rests.

    Args:
        reader: the layers.
        kept: values >= 0 that pass by.
        xs: values in [0, 2^n].
        weights: weights[j][l] >= 0 of digit l of x_j, n of each.
        gamma_bits: q with gamma = 2^-q.
        key: a value >= 0 that the digits are added to, None for nothing.
    """
    count, steep, n = len(kept), 1 << gamma_bits, len(weights[0])
    vs = xs
    for level in range(n):
        half = 1 << (n - 1 - level)
        rows = [*kept, *([] if key is None else [key])]
        at = len(rows)
        for v in vs:
            rows += [v, v.plus(Fraction(1, steep) - half), v.plus(-half)]
        reader.confirm(rows, "folding")
        kept, total, vs = neurons(0, count), Form() if key is None else neuron(count), []
        for row in weights:
            v, above, over = neurons(at, 3)
            total = total + (above - over) * (steep * row[level])
            vs.append((over * 2 - v).plus(half))
            at += 3
        key = total
    assert key is not None
    return kept, key, vs


def keys_of_cells(cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of the digits of each cell, int64, shape (k,).

    Args:
        cells: integers in 0..2^n - 1, shape (k, m).
        weights: int64, shape (m, n), whose sum is below 2^62.
    """
    total = np.zeros(len(cells), dtype=np.int64)
    n = weights.shape[1]
    for j, column in enumerate(cells.T):
        rest = column
        for level in range(n):
            half = 1 << (n - 1 - level)
            upper = rest >= half
            total += np.where(upper, weights[j, level], 0)
            rest = np.where(upper, rest - half, half - 1 - rest)
    return total


def cell_of_digits(digits: list[int]) -> int:
    """Return the integer c of Lemma 2 whose digits these are, the first one at the top level.

    >>> [cell_of_digits([a, b]) for a, b in ((0, 1), (0, 0), (1, 0), (1, 1))]
    [0, 1, 2, 3]
    """
    cell = 0
    for level, digit in enumerate(reversed(digits)):
        half = 1 << level
        cell = cell + half if digit else half - 1 - cell
    return cell
