"""Lemma B.6: the indicator of an interval, width 2 and depth 2.

F(x) = relu(1 - relu((m - x) / eta) - relu((x - n + eta) / eta)) is 1 on [m, n - eta] and 0 outside
(m - eta, n): inside, both inner terms vanish; at m - eta and below the first is at least 1, at n
and above the second is. Depth counts layers with an activation (2: widths 2 and 1); as a network of
its own there is one more affine map, the identity.
"""

from __future__ import annotations

from fractions import Fraction

from pipeline.network import Circuit, Expression, ReLUNetwork


def interval_indicator(m: int | Fraction, n: int | Fraction, eta: Fraction) -> ReLUNetwork:
    """Return F with F = 1 on [m, n - eta] and F = 0 outside (m - eta, n) (Lemma B.6).

    Args:
        m: left end.
        n: right end, n >= m + eta.
        eta: width of the two ramps, a power of two, so that the weights are dyadic.

    Raises:
        ValueError: if the interval is empty or 1 / eta is no power of two.
    """
    if n < m + eta:
        raise ValueError(f"the interval needs m <= n - eta, got [{m}, {n} - {eta}] (Lemma B.6)")
    circuit = Circuit(1)
    (x,) = circuit.inputs
    outside = circuit.hidden(distances_outside(x, m, n, eta))
    (inside,) = circuit.hidden([1 - outside[0] - outside[1]])
    return circuit.network([inside])


def distances_outside(
    x: Expression,
    m: int | Fraction | Expression,
    n: int | Fraction | Expression,
    eta: Fraction,
) -> list[Expression]:
    """Return the pre-activations (m - x) / eta and (x - n + eta) / eta of Lemma B.6.

    Raises:
        ValueError: if 1 / eta is no power of two.
    """
    steepness = 1 / Fraction(eta)
    if steepness.denominator != 1 or steepness.numerator & (steepness.numerator - 1):
        raise ValueError(f"eta must be 1, 1/2, 1/4, ..., got {eta} (Lemma B.6)")
    factor = steepness.numerator
    return [(m - x) * factor, (x - n) * factor + 1]
