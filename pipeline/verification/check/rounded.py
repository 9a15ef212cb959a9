"""Networks that end in a rounding: on which values of their prefix the rest of them is a label.

Let the network be h(f(x)): the prefix f is its first k affine maps, with one output, and h(z) =
T(relu(z)) the rest of it: one ReLU neuron, one layer of ReLUs, one output.

Lemma. T(u) = b + sum_j v_j relu(w_j u + c_j) is piecewise linear and continuous and bends at the
zeros -c_j / w_j alone. On u >= 0 let 0 = q_0 < q_1 < ... be 0 and those above it. T(q_0) and the
slope right of q_0, that of the neurons with c_j > 0, or c_j = 0 and w_j > 0, follow from the
definition; at q_i the slope grows by v_j |w_j| of every neuron that bends there, for one with
w_j > 0 begins and one with w_j < 0 ends. So T is known on [0, inf), in rationals, and h = T(0) on
(-inf, 0].

Of a label y with h(y) = y the closed interval [lo, hi] joins all pieces of slope 0 that hang
together with y: h = y on it. Hence if lo <= f <= hi on a region, h(f) = y there, whatever f is made
of. Both ends are then rounded to multiples of 2^-64, inwards: y, an integer, stays between them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import inf

import numpy as np

from pipeline.verification.check.balls import at_most
from pipeline.verification.check.proofs import Proofs
from pipeline.verification.check.readers import Layer, Network
from pipeline.verification.check.rejection import Rejected

_GRID_BITS = 64


@dataclass(frozen=True)
class Interval:
    """A closed interval of values; None is an end that lies at infinity.

    Args:
        low: lower end.
        high: upper end.
    """

    low: Fraction | None
    high: Fraction | None

    @property
    def length(self) -> Fraction | float:
        """How long it is."""
        return inf if self.low is None or self.high is None else self.high - self.low

    def __str__(self) -> str:
        """Return the interval with ends of nine digits, for the reader alone."""
        low = "-inf" if self.low is None else at_most(self.low)
        return f"[{low}, {'inf' if self.high is None else at_most(self.high)}]"


class Rounding:
    """h of the Lemma.

    Args:
        neuron: the affine map whose one output is z; only its shape and kind are looked at.
        inner: w and c.
        outer: v and b.

    Raises:
        Rejected: if these are not one ReLU, one layer of ReLUs and one output.
    """

    def __init__(self, neuron: Layer, inner: Layer, outer: Layer) -> None:
        shapes = (neuron.outputs, inner.inputs, outer.inputs, outer.outputs)
        if shapes != (1, 1, inner.outputs, 1):
            raise Rejected("what follows the prefix must have one input and one output")
        if any(layer.thresholds.any() for layer in (neuron, inner, outer)):
            raise Rejected("what follows the prefix must be made of ReLUs")
        w, c, v = _column(inner, inner.rows), _bias(inner), _column(outer, outer.columns)
        bends: dict[Fraction, Fraction] = {Fraction(0): Fraction(0)}
        for wj, cj, vj in zip(w, c, v, strict=True):
            if cj > 0 or (cj == 0 and wj > 0):
                bends[Fraction(0)] += vj * wj
            if wj and -cj / wj > 0:
                bend = -cj / wj
                bends[bend] = bends.get(bend, Fraction(0)) + vj * abs(wj)
        start = _bias(outer)[0] + sum(
            (vj * max(cj, Fraction(0)) for vj, cj in zip(v, c, strict=True)), Fraction(0)
        )
        self._knots = sorted(bends)
        self._slopes = list(accumulate(bends[q] for q in self._knots))
        steps = zip(self._slopes, self._knots, self._knots[1:], strict=False)
        self._values = list(accumulate((s * (b - a) for s, a, b in steps), initial=start))

    def value(self, z: Fraction) -> Fraction:
        """Return h(z)."""
        u = max(z, Fraction(0))
        piece = bisect_right(self._knots, u) - 1
        return self._values[piece] + self._slopes[piece] * (u - self._knots[piece])

    def interval(self, label: int) -> Interval | None:
        """Return an interval that holds the label and on which h is the label, None if h(y) != y.

        Args:
            label: y >= 1.
        """
        y = Fraction(label)
        if y <= 0 or self.value(y) != y:
            return None
        place = bisect_right(self._knots, y) - 1
        last, high, low = len(self._knots), y, y
        right = place
        while right < last and not self._slopes[right]:
            right += 1
            high = self._knots[right] if right < last else high
        left = place if self._knots[place] < y else place - 1
        while left >= 0 and not self._slopes[left]:
            low, left = self._knots[left], left - 1
        return Interval(
            None if left < 0 else _rounded_up(low), None if right == last else -_rounded_up(-high)
        )


@dataclass(frozen=True)
class Targets:
    """What leaves prove: each its label's interval, from one side, of what one network computes.

    Args:
        network: the whole one, or a prefix of it.
        intervals: by label; without one nothing is proved of a label's balls.
        strict: whether the ends do not belong to the intervals.
    """

    network: Network
    intervals: Mapping[int, Interval]
    strict: bool

    @classmethod
    def of(cls, network: Network, proofs: Proofs, labels: np.ndarray) -> Targets:
        """Return what the leaves of a file must prove for the file's rule.

        Args:
            network: the whole one.
            proofs: the file; only its rule and its prefix are looked at.
            labels: of all balls.

        Raises:
            Rejected: if the file names a prefix that what follows does not round.
        """
        known = sorted(set(labels.tolist()))
        if proofs.prefix_layers is None:
            strict = proofs.decision == "nearest"
            reach = Fraction(int(strict), 2)
            ends = {label: Interval(label - reach, label + reach) for label in known}
            return cls(network, ends, strict)
        prefix, rounding = prefix_and_rounding(network, proofs.prefix_layers)
        found = {label: rounding.interval(label) for label in known}
        return cls(prefix, {k: v for k, v in found.items() if v is not None}, strict=False)

    def of_side(self, label: int, side: int) -> Fraction | None:
        """Return the lower end of a label's interval for the side 1, the upper one for -1."""
        interval = self.intervals[label]
        return interval.low if side > 0 else interval.high

    def unbounded(self, labels: np.ndarray, side: int) -> np.ndarray:
        """Return of which labels the side's end lies at infinity, so that nothing is to prove."""
        free = [k for k in self.intervals if self.of_side(k, side) is None]
        return np.isin(labels, free)


def prefix_and_rounding(network: Network, prefix_layers: int) -> tuple[Network, Rounding]:
    """Return the first layers of a network as a network of their own, and what follows them.

    Args:
        network: the whole.
        prefix_layers: k, affine maps of the prefix; two more must follow.

    Raises:
        Rejected: if the network is not of the Lemma's form.
    """
    layers = network.layers
    if prefix_layers < 1 or prefix_layers != len(layers) - 2:
        raise Rejected(
            f"a prefix of {prefix_layers} layers is not followed by one ReLU, a layer and an output"
        )
    rounding = Rounding(*layers[prefix_layers - 1 :])
    return Network(layers[:prefix_layers], network.sha256), rounding


def _rounded_up(value: Fraction) -> Fraction:
    """Return the least multiple of 2^-64 that is at least the value."""
    return Fraction(-((-value.numerator << _GRID_BITS) // value.denominator), 1 << _GRID_BITS)


def _column(layer: Layer, places: np.ndarray) -> list[Fraction]:
    """Return the weights of a layer with one input or one output, by the place of the other."""
    found = [Fraction(0)] * max(layer.inputs, layer.outputs)
    unit = Fraction(2) ** layer.exponent
    for place, value in zip(places.tolist(), layer.values.tolist(), strict=True):
        found[place] = int(value) * unit
    return found


def _bias(layer: Layer) -> list[Fraction]:
    unit = Fraction(2) ** layer.exponent
    return [int(b) * unit for b in layer.bias.tolist()]
