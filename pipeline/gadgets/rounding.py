"""Rounding to the nearest label: near labels become labels, exactly, by one hidden layer.

Derivation. With s = 2^b and u_c = s (z - c - 1/2), the ramp relu(u_c + 1/2) - relu(u_c - 1/2) is 0
for z <= c + 1/2 - 1/(2 s), 1 for z >= c + 1/2 + 1/(2 s) and linear with slope s in between. The
staircase

    T(z) = 1 + sum_{c=1}^{C-1} [relu(u_c + 1/2) - relu(u_c - 1/2)]

therefore counts the boundaries c + 1/2 below z. With t = 1/2 - 1/(2 s) = 1/2 - 2^-(b+1) it is y on
[y - t, y + t] for every label y in 1..C, 1 also below 1 - t and C above C + t, and it is monotone,
with ramps of width 2^-b between the steps. All weights are dyadic.

If |f - y| <= t on a ball, T(relu(f)) = y on it: y - t > 0, so relu(f) = f there. (Where f < 0,
T(relu(f)) = T(0) = 1 = T(f).) So T follows f through one more ReLU neuron: f's output layer stays
what it is, and layers of 1 and 2 (C - 1) neurons follow, for 6 (C - 1) + 1 parameters. Merging f's
output layer of w inputs into T instead makes (w + 1) 2 (C - 1) of its w + 1 parameters and the
4 (C - 1) of T's first layer: more if (w + 1)(2 (C - 1) - 1) > 4 (C - 1), so for all C if w > 3.
"""

from __future__ import annotations

from fractions import Fraction

from pipeline.network import Activation, Circuit, Expression, ReLUNetwork


def rounding_tolerance(slope_bits: int) -> Fraction:
    """Return t = 1/2 - 2^-(slope_bits + 1): how far from a label its step reaches."""
    return Fraction(1, 2) - Fraction(1, 2 << slope_bits)


def rounding_tail(C: int, slope_bits: int = 3) -> ReLUNetwork:
    """Return the staircase z -> y on [y - t, y + t], y = 1..C: width 2 (C - 1), one hidden layer.

    Args:
        C: number of labels.
        slope_bits: b; slopes are 2^b and t = 1/2 - 2^-(b+1) (the module's derivation).

    Raises:
        ValueError: if C < 2 or slope_bits < 1, where t would be 0.
    """
    if C < 2 or slope_bits < 1:
        raise ValueError(f"a staircase needs C >= 2 and slope_bits >= 1, got {C}, {slope_bits}")
    circuit = Circuit(1)
    (z,) = circuit.inputs
    ramps: list[Expression] = []
    for c in range(1, C):
        u = (z - c - Fraction(1, 2)) * (1 << slope_bits)
        ramps += [u + Fraction(1, 2), u - Fraction(1, 2)]
    total: Expression | int = 1
    for place, neuron in enumerate(circuit.hidden(ramps)):
        total = neuron * (-1 if place % 2 else 1) + total
    assert isinstance(total, Expression)
    return circuit.network([total])


def rounded(network: ReLUNetwork, C: int, slope_bits: int = 3) -> ReLUNetwork:
    """Return x -> T(relu(f(x))), which is y wherever |f(x) - y| <= t for a label y.

    Two layers deeper, 6 (C - 1) + 1 parameters more than f (the module's derivation).

    Args:
        network: f, with one output.
        C: number of labels.
        slope_bits: t = 1/2 - 2^-(slope_bits + 1).

    Raises:
        ValueError: if f has more than one output, C < 2 or slope_bits < 1.
    """
    if network.outputs != 1:
        raise ValueError(f"only one output can be rounded to a label, got {network.outputs}")
    tail = rounding_tail(C, slope_bits)
    activations = (*network.activations, Activation.RELU, *tail.activations)
    return ReLUNetwork((*network.layers, *tail.layers), activations)
