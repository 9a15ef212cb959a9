r"""Cells by folding: which unit cell x lies in, and how far from its walls (docs/theory.md 6).

For v in [0, 2^(b+1)] let

    digit = (relu(v - 2^b + gamma) - relu(v - 2^b)) / gamma,
    v <- |v - 2^b| = 2 relu(v - 2^b) - v + 2^b.

The fold maps [0, 2^(b+1)] to [0, 2^b] and integers to integers, so v keeps its distance to Z. From
x in [0, 2^n], b = n - 1, ..., 0 leave n digits and a rest v in [0, 1]. A digit is a ramp on
[2^b - gamma, 2^b] and exact off it: all digits are exact where dist(x, Z) >= gamma, and then they
name the cell: digit 1 says v >= 2^b and takes 2^b off, digit 0 reverses the cells below 2^b. Each
wall spoils one digit alone, every digit stays in [0, 1], and the rest is exact everywhere: unlike
Lemma B.16's floor, which says nothing about where it may be wrong. Width 3 and one layer a digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pipeline.network import Circuit, Expression, ReLUNetwork


def digits_of_cells(cells: np.ndarray, n: int) -> np.ndarray:
    """Return the n digits of the cells (c, c + 1), most significant level first.

    Args:
        cells: integers c in 0..2^n - 1, any shape.
        n: levels.

    Returns:
        Zeros and ones, int64, the shape of `cells` with one more axis of length n.

    >>> digits_of_cells(np.arange(4), 2).tolist()
    [[0, 1], [0, 0], [1, 0], [1, 1]]
    """
    rest = np.asarray(cells, dtype=np.int64)
    digits = []
    for b in reversed(range(n)):
        digit = rest >> b
        digits.append(digit)
        rest = np.where(digit == 1, rest - (1 << b), (1 << b) - 1 - rest)
    return np.stack(digits, axis=-1) if digits else np.zeros((*rest.shape, 0), dtype=np.int64)


def folded(
    circuit: Circuit,
    kept: list[Expression],
    xs: Sequence[Expression],
    weights: Sequence[Sequence[int]],
    gamma_bits: int,
    key: Expression | None = None,
) -> tuple[list[Expression], Expression, list[Expression]]:
    """Append one layer a digit, all x side by side; return kept values, the key and the rests.

    Args:
        circuit: the circuit.
        kept: nonnegative values that pass by.
        xs: values in [0, 2^n].
        weights: nonnegative integers, weights[j][l] of the digit of x_j at level l; n of each x.
        gamma_bits: q with gamma = 2^-q, q >= 0.
        key: what the weighted digits are added to, nonnegative.

    Returns:
        The kept values; key + sum_{j,l} weights[j][l] digit_{j,l}; the rests in [0, 1].

    Raises:
        ValueError: if the x have different numbers of digits, or none.
    """
    n = len(weights[0]) if weights else 0
    if n < 1 or any(len(row) != n for row in weights) or len(weights) != len(xs):
        raise ValueError(f"{len(xs)} values need as many rows of n >= 1 weights")
    count, steep = len(kept), 1 << gamma_bits
    vs = list(xs)
    for level, b in enumerate(reversed(range(n))):
        total = [] if key is None else [key]
        rows = [*kept, *total]
        for v in vs:
            rows += [v, v - (1 << b) + Fraction(1, steep), v - (1 << b)]
        neurons = circuit.hidden(rows)
        kept, at = neurons[:count], count + len(total)
        key = neurons[count] if total else circuit.constant(0)
        vs = []
        for j in range(len(xs)):
            v, above, over = neurons[at + 3 * j : at + 3 * j + 3]
            key = key + (above - over) * (steep * weights[j][level])
            vs.append(over * 2 - v + (1 << b))
    assert key is not None
    return kept, key, vs


def folded_widths(n: int, count: int, kept: int) -> tuple[int, ...]:
    """Return the hidden widths of `folded` with no key given, `kept` values passing by."""
    return (kept + 3 * count,) + (kept + 1 + 3 * count,) * (n - 1)


def folding_network(n: int, gamma_bits: int) -> ReLUNetwork:
    """Return x -> (sum_l 2^(n-1-l) digit_l, rest) on [0, 2^n]."""
    circuit = Circuit(1)
    weights = [[1 << b for b in reversed(range(n))]]
    _, key, rests = folded(circuit, [], circuit.inputs, weights, gamma_bits)
    return circuit.network([key, *rests])


def nearness(
    circuit: Circuit,
    kept: list[Expression],
    rests: Sequence[Expression],
    delta: Fraction,
) -> tuple[list[Expression], Expression]:
    """Append one layer; return kept values and sum_j relu(delta - dist(rest_j, {0, 1})).

    Args:
        circuit: the circuit.
        kept: nonnegative values that pass by.
        rests: values in [0, 1], with dist(rest_j, {0, 1}) the distance to the nearest wall.
        delta: dyadic, below 1/2.
    """
    ends = [e for v in rests for e in (delta - v, v - 1 + delta)]
    neurons = circuit.hidden([*kept, *ends])
    total = circuit.constant(0)
    for neuron in neurons[len(kept) :]:
        total = total + neuron
    return neurons[: len(kept)], total
