r"""Lemma B.16: the floor on [0, 2^n) outside thin bands; and exactly, by threshold units.

With g = gamma / 2^n let Delta(v) = 2 v on [0, 1/2 - g], down to 0 at 1/2, 2 v - 1 on [1/2, 1 - g],
down to 0 at 1. Then Floor_n(x) = x - 1 + Delta^n(1 - x / 2^n) equals floor(x) for x in [0, 2^n)
with x - floor(x) >= gamma (the paper has >; Floor_n is continuous). Width 5, n layers of 5 ReLUs:

    Delta(v) = 2 relu(v) - (1/g) (relu(v - 1/2 + g) - relu(v - 1/2) + relu(v - 1 + g)),

and the carried x. Deviation: gamma = 2^-q is a power of two, since weights are dyadic; 1/g =
2^(n + q) has n + q bits, within the paper's 2 n + log2(1/gamma).

With threshold units the bits of x are split off from the top, s = [v >= 2^t], v <- v - 2^t s, and
nothing is approximate.
"""

from __future__ import annotations

from fractions import Fraction

from pipeline.network import Circuit, Expression, ReLUNetwork, Repeat, repeated

_HALF = Fraction(1, 2)


def floor_network(n: int, gamma_bits: int) -> ReLUNetwork:
    """Return Floor_n of Lemma B.16 with gamma = 2**-gamma_bits.

    Args:
        n: the domain is [0, 2^n); also the number of hidden layers, each of width 5.
        gamma_bits: q >= 1; floors are exact at distance gamma = 2^-q and more from below.
    """
    circuit = Circuit(1)
    _, floors = floored(circuit, [], circuit.inputs, n, gamma_bits)
    return circuit.network(floors)


def floored(
    circuit: Circuit,
    carried: list[Expression],
    xs: list[Expression],
    n: int,
    gamma_bits: int,
) -> tuple[list[Expression], list[Expression]]:
    """Append Floor_n of every x side by side; return the carried values and the floors.

    Args:
        circuit: the circuit.
        carried: nonnegative values that pass by.
        xs: values in [0, 2^n).
        n: layers.
        gamma_bits: q with gamma = 2^-q.

    Raises:
        ValueError: if n < 1 or q < 1.
    """
    if n < 1 or gamma_bits < 1:
        raise ValueError(
            f"the floor needs n >= 1 and gamma < 1, got n = {n}, gamma = 2^-{gamma_bits} "
            f"(Lemma B.16)"
        )
    steep = 1 << (n + gamma_bits)
    g = Fraction(1, steep)
    kept = len(carried)
    vs = [1 - x * Fraction(1, 1 << n) for x in xs]
    for _ in range(n):
        rows = list(carried)
        for x, v in zip(xs, vs, strict=True):
            rows += [x, v, v - _HALF + g, v - _HALF, v - 1 + g]
        neurons = circuit.hidden(rows)
        carried, xs, vs = neurons[:kept], neurons[kept::5], []
        for at in range(kept, len(neurons), 5):
            _, whole, falling, half, last = neurons[at : at + 5]
            vs.append(whole * 2 - (falling - half + last) * steep)
    return carried, [x - 1 + v for x, v in zip(xs, vs, strict=True)]


def floor_widths(n: int, count: int, carried: int) -> tuple[Repeat, ...]:
    """Return the hidden widths of `floored` on `count` values."""
    return repeated(carried + 5 * count, times=n)


def threshold_floor_network(n: int) -> ReLUNetwork:
    """Return x -> floor(x) on all of [0, 2^n), exactly, by n threshold units one after another."""
    circuit = Circuit(1)
    _, total = floored_by_thresholds(circuit, [], circuit.inputs, [1], n)
    return circuit.network([total])


def floored_by_thresholds(
    circuit: Circuit,
    carried: list[Expression],
    xs: list[Expression],
    weights: list[int],
    n: int,
) -> tuple[list[Expression], Expression]:
    """Append sum_j weights[j] floor(x_j) for x_j in [0, 2^n), exact everywhere.

    Layer t = n - 1, ..., 0 holds the carried values, the sum so far, the rests v_j, and the
    threshold units [v_j >= 2^t].

    Args:
        circuit: the circuit.
        carried: nonnegative values that pass by.
        xs: values in [0, 2^n).
        weights: nonnegative integer factors.
        n: layers.
    """
    kept, m = len(carried), len(xs)
    total, rests = circuit.constant(0), xs
    for t in reversed(range(n)):
        neurons = circuit.hidden([*carried, total, *rests], [v - (1 << t) for v in rests])
        carried, total = neurons[:kept], neurons[kept]
        steps = neurons[kept + 1 + m :]
        rests = [
            v - s * (1 << t) for v, s in zip(neurons[kept + 1 : kept + 1 + m], steps, strict=True)
        ]
        for weight, step in zip(weights, steps, strict=True):
            total = total + step * (weight << t)
    return carried, total


def threshold_floor_widths(n: int, count: int, carried: int) -> tuple[Repeat, ...]:
    """Return the hidden widths of `floored_by_thresholds` on `count` values."""
    return repeated(carried + 1 + 2 * count, times=n)
