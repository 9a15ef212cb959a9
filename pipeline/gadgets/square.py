"""Squares by folding (Yarotsky's tent interpolation; docs/theory.md 2), summed in one neuron.

For v in [0, h] let fold(v) = relu(v) - 2 relu(v - h/2), the tent of slope +-1 onto [0, h/2]. On a
cell of length h the gap between the chord of z^2 and z^2 itself is q(v) = v (h - v), where v is the
distance from either end; interpolating q at the middle gives (h/2) fold(v). Hence

    S_0 = M z,   v_0 = z,   v_t = fold(v_{t-1}),   S_t = S_{t-1} - (M / 2^t) v_t

is the interpolant of z^2 on [0, M] with 2^t equal pieces: z^2 <= S_t <= z^2 + M^2 / 4^(t+1).
On u > M, S_t continues with S_t >= M^2: v_1 = M - u < 0 there and relu ends the sum.

One layer can do q folds at once with 2^q neurons relu(v - i h / 2^q): v_t is the zigzag of 2^t
pieces, an affine function of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pipeline.network import Affine, ReLUNetwork


def square_error(side: Fraction, folds: int) -> Fraction:
    """Return M^2 / 4^(k+1), the largest excess of k folds on [0, M] over the square."""
    return side * side / Fraction(4) ** (folds + 1)


def fold_coefficients(folds: int, step: int) -> dict[int, int]:
    """Return the weights of v_step over the neurons relu(v - i h / 2^folds), by i.

    >>> fold_coefficients(2, 1)
    {0: 1, 2: -2}
    """
    stride = 1 << (folds - step)
    return {0: 1} | {stride * k: 2 * (-1) ** k for k in range(1, 1 << step)}


def first_square_step(
    sides: Sequence[Fraction], folds: Sequence[int], remaining: Sequence[bool]
) -> ReLUNetwork:
    """Return z -> (z, S, v): the first folds of every coordinate, z in the box prod [0, M_j].

    The neuron relu(z_j) both carries z_j and starts its folds. S = sum_j S^(j).

    Args:
        sides: M_j of each of the m coordinates.
        folds: folds of each coordinate in this layer, 0 where it gets none.
        remaining: whether coordinate j is folded again later; v holds those coordinates.
    """
    m = len(sides)
    hidden: dict[tuple[int, int], Fraction | int] = {(j, j): 1 for j in range(m)}
    bias: dict[int, Fraction | int] = {}
    neurons: list[list[int]] = []
    row = m
    for j, (side, q) in enumerate(zip(sides, folds, strict=True)):
        places = [j]
        for i in range(1, 1 << q):
            hidden[row, j], bias[row] = 1, -side * i / (1 << q)
            places.append(row)
            row += 1
        neurons.append(places)
    first = Affine.from_fractions((row, m), hidden, bias)
    readout: dict[tuple[int, int], Fraction | int] = {(j, j): 1 for j in range(m)}
    for j, side in enumerate(sides):
        readout[m, j] = side
    height = _read_folds(readout, m, sides, folds, neurons, remaining)
    return ReLUNetwork.relu(first, Affine.from_fractions((height, row), readout, {}))


def square_step(
    carried: int, sides: Sequence[Fraction], folds: Sequence[int], remaining: Sequence[bool]
) -> ReLUNetwork:
    """Return (z, S, v) -> (z, S', v'): one more layer of folds; z >= 0 and S >= 0 are carried.

    Args:
        carried: number m of carried coordinates z.
        sides: the current cell length h of each folded coordinate, v_j in [0, h_j].
        folds: folds of each of them in this layer, at least 1.
        remaining: which of them are folded again later; v' holds those.
    """
    size = carried + 1
    inputs = size + len(sides)
    hidden: dict[tuple[int, int], Fraction | int] = {(j, j): 1 for j in range(size)}
    bias: dict[int, Fraction | int] = {}
    neurons: list[list[int]] = []
    row = size
    for j, (side, q) in enumerate(zip(sides, folds, strict=True)):
        places = []
        for i in range(1 << q):
            hidden[row, size + j] = 1
            if i:
                bias[row] = -side * i / (1 << q)
            places.append(row)
            row += 1
        neurons.append(places)
    first = Affine.from_fractions((row, inputs), hidden, bias)
    readout: dict[tuple[int, int], Fraction | int] = {(j, j): 1 for j in range(size)}
    height = _read_folds(readout, carried, sides, folds, neurons, remaining)
    return ReLUNetwork.relu(first, Affine.from_fractions((height, row), readout, {}))


def _read_folds(
    readout: dict[tuple[int, int], Fraction | int],
    total: int,
    sides: Sequence[Fraction],
    folds: Sequence[int],
    neurons: Sequence[Sequence[int]],
    remaining: Sequence[bool],
) -> int:
    """Add the rows of S (row `total`) and of the folded coordinates; return the row count."""
    row = total + 1
    for side, q, places, again in zip(sides, folds, neurons, remaining, strict=True):
        for step in range(1, q + 1):
            height = side / (1 << step)
            for i, weight in fold_coefficients(q, step).items():
                key = (total, places[i])
                readout[key] = readout.get(key, 0) - height * weight
        if again:
            coefficients = fold_coefficients(q, q) if q else {0: 1}
            for i, weight in coefficients.items():
                readout[row, places[i]] = weight
            row += 1
    return row
