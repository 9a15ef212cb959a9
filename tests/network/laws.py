"""Random networks over exact numbers and their evaluation by the definition, in Fractions."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from pipeline.network import Activation, Affine, ReLUNetwork
from tests.cases import Number, layer

RELU, THRESHOLD = Activation.RELU, Activation.THRESHOLD


@st.composite
def numbers(draw: st.DrawFn) -> Fraction:
    """Return zero, a small integer, or a number of up to 70 bits times 2**e, |e| <= 60."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return Fraction(0)
    if kind == 1:
        return Fraction(draw(st.integers(-8, 8)))
    bits = 20 if kind == 2 else 70
    numerator = draw(st.integers(-(1 << bits), 1 << bits))
    return numerator * Fraction(2) ** draw(st.integers(-60, 60))


@st.composite
def affine_maps(draw: st.DrawFn, inputs: int, outputs: int) -> Affine:
    """Return a random affine map."""
    entries = draw(st.lists(numbers(), min_size=outputs * (inputs + 1), max_size=200))
    rows = [entries[i * inputs : (i + 1) * inputs] for i in range(outputs)]
    return layer(rows, entries[-outputs:])


@st.composite
def networks(
    draw: st.DrawFn,
    inputs: int | None = None,
    outputs: int | None = None,
    hidden: int | None = None,
    thresholds: bool = True,
) -> ReLUNetwork:
    """Return a random network of depth 1 to 4 and width 1 to 4."""
    depth = draw(st.integers(0, 3)) if hidden is None else hidden
    widths = [inputs or draw(st.integers(1, 3))]
    widths += [draw(st.integers(1, 4)) for _ in range(depth)]
    kinds = st.sampled_from([RELU, RELU, THRESHOLD] if thresholds else [RELU])
    # One kind a neuron: layers of one kind and mixed ones.
    activations = tuple(tuple(draw(st.lists(kinds, min_size=w, max_size=w))) for w in widths[1:])
    widths += [outputs or draw(st.integers(1, 2))]
    maps = [draw(affine_maps(a, b)) for a, b in zip(widths[:-1], widths[1:], strict=True)]
    return ReLUNetwork(tuple(maps), activations)


@st.composite
def points(draw: st.DrawFn, d: int, count: int = 3) -> tuple[tuple[Fraction, ...], ...]:
    """Return random rational points of shape (count, d)."""
    return tuple(tuple(draw(numbers()) for _ in range(d)) for _ in range(count))


def naive_output(network: ReLUNetwork, x: tuple[Number, ...]) -> tuple[Fraction, ...]:
    """Return f(x) by the definition of Section 2.3, entry by entry."""
    values = [Fraction(v) for v in x]
    for number, affine in enumerate(network.layers):
        W, b = (part.fractions() for part in affine.dense())
        values = [
            sum((W[i, j] * values[j] for j in range(len(values))), Fraction(0)) + b[i]
            for i in range(affine.outputs)
        ]
        if number < len(network.activations):
            mask = network.thresholds(number)
            values = [
                Fraction(int(v >= 0)) if step else max(v, Fraction(0))
                for v, step in zip(values, mask, strict=True)
            ]
    return tuple(values)
