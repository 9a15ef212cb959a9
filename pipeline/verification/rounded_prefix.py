"""Networks that end in a rounding, for the prover and for attacks: the prefix and its intervals.

Which values of the prefix become the label is derived by the checker's own Lemma
(`check/rounded.py`), so that what is searched is what is checked.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fractions import Fraction
from math import inf, nextafter

import numpy as np

from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.check.readers import Layer
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.rounded import Interval, Rounding


@dataclass(frozen=True, eq=False)
class RoundedPrefix:
    """What a network computes before its rounding, and where that becomes which label.

    Args:
        network: all layers but the last two.
        low: lower ends of the intervals of the labels 1..C, float64 rounded up, shape (C,).
        high: upper ends, rounded down; either may be infinite.
    """

    network: ReLUNetwork
    low: np.ndarray
    high: np.ndarray


def rounded_prefix(network: ReLUNetwork, C: int) -> RoundedPrefix | None:
    """Return the prefix of a network that ends in a rounding to the labels 1..C, else None.

    The prefix must be made of ReLUs and have a hidden layer, and each label must lie inside its
    interval: others are for exact regions, which need no room.

    Args:
        network: scalar network.
        C: number of labels.
    """
    layers = network.layers
    if len(layers) < 4 or any(network.thresholds(k).any() for k in range(len(layers) - 1)):
        return None
    try:
        rounding = Rounding(*map(_as_read, layers[-3:]))
    except Rejected:
        return None
    low, high = np.empty(C), np.empty(C)
    for label in range(1, C + 1):
        ends = _float_ends(rounding.interval(label))
        if not ends[0] < label < ends[1]:
            return None
        low[label - 1], high[label - 1] = ends
    return RoundedPrefix(ReLUNetwork(layers[:-2], network.activations[:-2]), low, high)


def _as_read(affine: Affine) -> Layer:
    """Return a layer of ReLUs as the checker's reader would."""
    weight = affine.weight
    return Layer(
        affine.inputs,
        affine.outputs,
        weight.rows,
        weight.columns,
        weight.values,
        affine.bias,
        affine.exponent,
        np.zeros(affine.outputs, dtype=bool),
    )


def _float_ends(interval: Interval | None) -> tuple[float, float]:
    """Return both ends as floats that lie in the interval, (0, 0) if it is None."""
    if interval is None:
        return 0.0, 0.0
    low = -inf if interval.low is None else -_float_below(-interval.low)
    return low, inf if interval.high is None else _float_below(interval.high)


def _float_below(value: Fraction) -> float:
    """Return the largest float that is at most the value."""
    try:
        found = float(value)
    except OverflowError:
        return -inf if value < 0 else sys.float_info.max
    return found if Fraction(found) <= value else nextafter(found, -inf)
