r"""Float64 with error bounds: what a computed number proves about the exact one.

Assumed: IEEE 754 double precision, round to nearest, u = 2^-53. A result below 2^-1022 may be
flushed to 0, when it is computed or when it is used, products may be fused with the sum after them
(FMA), and BLAS adds the products of an inner product in any order. So every operation gives

    fl(a op b) = (a op b)(1 + d) + e,   |d| <= u, |e| <= 2^-1022,

or an infinity or a NaN, which no operation here turns back into a finite number that counts.

Lemma 1 (inner products). For m <= 2^20 terms, |fl(x.y) - x.y| <= g |x|.|y| + 2^-1001 with
g = m u / (1 - m u) <= 1.001 m u: every product passes through at most m operations, and each of the
2 m - 1 operations adds at most 2^-1022, itself enlarged by less than 1.001.

Lemma 2 (`inflated`). Let T >= 0 be a sum of products of nonnegative floats whose terms pass through
at most k <= 2^22 operations each, with at most 2^21 operations in all, and X its computed value.
Then T <= inflated(X, k) = fl(fl(X F) + TINY), F = 1 + (k + 4) 2^-52. For T <= (X + 2^-1001)
/ (1 - u)^k <= (X + 2^-1001)(1 + 1.001 k u), and X F (1 - u)^2 - 2^-1022 + TINY (1 - u) is at least
that: F (1 - u)^2 >= 1 + (2 k + 8) u - 2.01 u (1 + 2 k u + 8 u) >= 1 + 1.001 k u, and TINY = 2^-1000
is twice 2^-1001 and more than what is left of it. (F is a float: k + 4 < 2^52.) A square root taken
of an inflated sum passes through one operation more.

Lemma 3 (`below`). Let v >= c - e - 4 u |c| - 2^-1002 for floats c and e >= 0. Then the float
below(c, e) = fl(c - s) <= v - 2^-1022, with s = inflated(e + 16 u |c|, 4). For s (1 - u) >=
e + 15 u |c| + 2^-1001 by Lemma 2 (its F has room for one operation more), and
fl(c - s) <= c - s + u (|c| + s) + 2^-1022 = c + u |c| - s (1 - u) + 2^-1022
<= c - e - 14 u |c| - 2^-1001 + 2^-1022 <= v - 2^-1022. So a bound that is flushed to 0 when it is
used, which moves it by less than 2^-1022, is still a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf, nextafter

import numpy as np

from pipeline.verification.check.geometry import root_up
from pipeline.verification.check.readers import Layer, Network

# Covers all underflow of one inner product of at most WIDEST terms.
TINY = 2.0**-1000
WIDEST = 1 << 20
_NORMAL = 2.0**-1022


@dataclass(frozen=True)
class FloatLayer:
    """Weights and biases rounded to nearest: |W - weight| <= 2^-53 |weight| + 2^-1022.

    Args:
        weight: shape (outputs, inputs); infinite where a weight is too large.
        size: |weight|.
        bias: shape (outputs,).
    """

    weight: np.ndarray
    size: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, layer: Layer) -> FloatLayer:
        """Return the layer in floats."""
        weight = np.zeros((layer.outputs, layer.inputs))
        weight[layer.rows, layer.columns] = nearest_of(layer.values.tolist(), layer.exponent)
        return cls(weight, np.abs(weight), nearest_of(layer.bias.tolist(), layer.exponent))


def float_layers(network: Network) -> list[FloatLayer]:
    """Return the network's layers in floats."""
    return [FloatLayer.of(layer) for layer in network.layers]


def unit_error(network: Network) -> float:
    """Return G = 2 (m + 16) u, m <= WIDEST the largest number of terms of any inner product.

    It is more than twice what Lemma 1 and a few operations more can add up to.
    """
    return (width_of(network) + 16) * 2.0**-52


def width_of(network: Network) -> int:
    """Return the largest number of inputs or outputs of a layer."""
    return max(max(layer.inputs, layer.outputs) for layer in network.layers)


def nearest(value: int, exponent: int) -> float:
    """Return value * 2**exponent rounded to nearest: relative error 2^-53, or inf, or 0.

    Below 2^-1022 the result is 0, so that no denormal is ever an operand.
    """
    size = value.bit_length() + exponent
    if size > 1100 or size < -1100:
        return inf if size > 0 and value else 0.0
    try:
        # Python divides integers with one correct rounding, whatever their lengths.
        found = value / (1 << -exponent) if exponent < 0 else float(value << exponent)
    except OverflowError:
        return inf
    return found if abs(found) >= _NORMAL else 0.0


def nearest_of(values: list[int], exponent: int) -> np.ndarray:
    """Return `nearest` of each."""
    return np.array([nearest(v, exponent) for v in values], dtype=np.float64)


def radius_above(power: Fraction, p: float) -> float:
    """Return a float at least mu and at least TINY, where `power` is mu^p (mu for p = inf).

    The comparison is of rationals: no root is trusted.
    """
    degree = 1 if p == inf else int(p)
    try:
        found = max(float(root_up(power, degree)), TINY)
    except OverflowError:
        return inf
    while found < inf and Fraction(found) ** degree < power:
        found = nextafter(found, inf)
    return found


def inflated(value: np.ndarray, operations: int) -> np.ndarray:
    """Return at least the exact sum of nonnegative terms behind a computed value (Lemma 2)."""
    return value * (1.0 + (operations + 4) * 2.0**-52) + TINY


def below(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return at most every number within `error` of a computed value (Lemma 3)."""
    return value - inflated(error + np.abs(value) * 2.0**-49, 4)


def dual_norm_above(rows: np.ndarray, p: float) -> np.ndarray:
    """Return at least the norm dual to l_p of the last axis: l_inf, l_2, l_1 for p = 1, 2, inf.

    It is one also for the exact numbers of which the rows are rounded to nearest: that is one
    operation more and an absolute 2^-1022 a term. An infinity or a NaN in a row gives one.
    """
    terms = rows.shape[-1] + 4
    if p == 1:
        return inflated(np.abs(rows).max(axis=-1), 4)
    if p == inf:
        return inflated(np.abs(rows).sum(axis=-1), terms)
    return inflated(np.sqrt(inflated(np.square(rows).sum(axis=-1), terms)), 4)
