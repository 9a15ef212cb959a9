"""Bounds by backward substitution in rationals: what the checker's floats must stay below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

Row = list[Fraction]
Layers = list[tuple[list[Row], Row]]
Norm = Callable[[Row], Fraction]


@dataclass(frozen=True)
class Neuron:
    """l, u on the region, the sign of its split (0: none), multiplier and slope."""

    low: Fraction
    high: Fraction
    sign: int
    beta: Fraction
    alpha: Fraction

    @property
    def default(self) -> Fraction:
        return Fraction(self.high >= -self.low)


def exact_bound(
    layers: Layers,
    radius: Fraction,
    dual: Norm,
    objective: tuple[Row, Fraction],
    splits: Sequence[tuple[int, Fraction, Fraction]],
) -> tuple[Fraction | None, bool]:
    """Return the bound of the objective on the region, None if it is found empty.

    Args:
        layers: of the network in t = x - x_i.
        radius: mu.
        dual: the norm dual to l_p.
        objective: coefficients of the last hidden layer's outputs, and a constant.
        splits: sign, multiplier and slope of every hidden neuron.

    Returns:
        The bound, and whether some slope was close to being chosen otherwise.
    """
    known: list[list[Neuron]] = []
    close, first = False, 0
    for W, b in layers[:-1]:
        neurons = []
        for k, (row, bias) in enumerate(zip(W, b, strict=True)):
            low = _bound(layers, known, row, bias, radius, dual)
            high = -_bound(layers, known, [-v for v in row], -bias, radius, dual)
            if known:
                low = max(low, bias + _interval(row, known[-1]))
                high = min(high, bias - _interval([-v for v in row], known[-1]))
            sign, beta, alpha = splits[first + k]
            if (sign > 0 and high < 0) or (sign < 0 and low > 0):
                return None, close
            low, high = max(low, Fraction(0)) if sign > 0 else low, high
            high = min(high, Fraction(0)) if sign < 0 else high
            near = max(abs(low), abs(high), Fraction(1)) / 10**6
            close |= abs(low + high) < near or abs(low) < near or abs(high) < near
            neurons.append(Neuron(low, high, sign, beta, alpha))
        known.append(neurons)
        first += len(neurons)
    return _bound(layers, known, *objective, radius, dual, final=True), close


def _interval(row: Row, before: list[Neuron]) -> Fraction:
    total = Fraction(0)
    for a, n in zip(row, before, strict=True):
        total += a * max(n.low if a > 0 else n.high, Fraction(0))
    return total


def _bound(
    layers: Layers,
    known: list[list[Neuron]],
    row: Row,
    constant: Fraction,
    radius: Fraction,
    dual: Norm,
    final: bool = False,
) -> Fraction:
    for neurons, (W, b) in zip(reversed(known), reversed(layers[: len(known)]), strict=True):
        through = []
        for a, n in zip(row, neurons, strict=True):
            if n.low >= 0:
                slope = Fraction(1)
            elif n.high <= 0:
                slope = Fraction(0)
            elif a >= 0:
                slope = n.alpha if final else n.default
            else:
                slope = n.high / (n.high - n.low)
                constant -= a * slope * n.low
            through.append(a * slope - (n.beta * n.sign if final else 0))
        constant += sum((a * bias for a, bias in zip(through, b, strict=True)), Fraction(0))
        row = [
            sum((a * w[j] for a, w in zip(through, W, strict=True)), Fraction(0))
            for j in range(len(W[0]))
        ]
    return constant - radius * dual(row)
