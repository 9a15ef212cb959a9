"""Steps, thresholds and maxima: what the constructions decide with.

A step of a continuous network has a ramp; on integers it is exact. A threshold unit has none.
"""

from __future__ import annotations

from fractions import Fraction

from pipeline.network import Circuit, Expression, ReLUNetwork


def integer_step(at: int) -> ReLUNetwork:
    """Return x -> [x >= at] on the integers: relu(x - at + 1) - relu(x - at), width 2."""
    return ramp_step(at, 0)


def ramp_step(at: int, steepness_bits: int) -> ReLUNetwork:
    """Return x -> [x >= at] for x outside (at - 2**-steepness_bits, at), a ramp in between.

    With t = 2**steepness_bits: relu(t (x - at) + 1) - relu(t (x - at)), which is 0 up to
    at - 1/t, 1 from `at` on. Width 2, one hidden layer.
    """
    circuit = Circuit(1)
    (x,) = circuit.inputs
    scaled = (x - at) * (1 << steepness_bits)
    above, below = circuit.hidden([scaled + 1, scaled])
    return circuit.network([above - below])


def threshold_step(at: Fraction | int) -> ReLUNetwork:
    """Return x -> [x >= at] for every real x, by one threshold unit."""
    circuit = Circuit(1)
    (x,) = circuit.inputs
    return circuit.network(circuit.hidden([], [x - at]))


def maximum() -> ReLUNetwork:
    """Return (y, v) -> max(y, v) = y + relu(v - y) for y >= 0, width 2, one hidden layer."""
    circuit = Circuit(2)
    (y, v) = circuit.inputs
    _, larger = raised(circuit, [], y, v)
    return circuit.network([larger])


def raised(
    circuit: Circuit, carried: list[Expression], y: Expression, v: Expression
) -> tuple[list[Expression], Expression]:
    """Append y <- max(y, v) for y >= 0; return the carried values and the maximum.

    One hidden layer: the carried values (all >= 0), y, and relu(v - y).
    """
    *kept, low, rise = circuit.hidden([*carried, y, v - y])
    return kept, low + rise
