"""Lemma B.23: how many bits a parameter needs so that the output is off by at most nu.

Let f have depth L, all widths (the input's too) at most D, parameters bounded by M >= 1, and let
||x|| <= R with R >= 1. Rounding every parameter by at most zeta <= M changes f(x) by at most
(D S + 2 D M Q + D) zeta with

    S = (D M)^L R + L (D M)^L,        Q = D L (S + 1) (2 D M)^(L - 1).

Proof. ||W_l|| <= ||W_l||_F <= D M and ||b_l|| <= D M, so ||a_l|| <= D M ||a_(l-1)|| + D M and
||a_l|| <= S. The rounded layer has norm at most 2 D M, and relu is 1-Lipschitz, so
||da_l|| <= 2 D M ||da_(l-1)|| + D zeta (S + 1), which sums to ||da_(L-1)|| <= Q zeta. The last
layer adds 2 D M Q zeta + D S zeta + D zeta. QED

So log2((D S + 2 D M Q + D) M / nu) bits suffice, which is O~(L).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.network.affine import Affine, SparseIntegers
from pipeline.network.relu_network import ReLUNetwork


def lemma_b23_factor(D: int, M: Fraction, L: int, R: Fraction) -> Fraction:
    """Return D S + 2 D M Q + D: the output's error over the parameters' error zeta (Lemma B.23).

    Args:
        D: largest width, input included.
        M: bound on the parameters, at least 1.
        L: depth.
        R: radius of the domain, at least 1.

    Raises:
        ValueError: if D or L is below 1, or M or R.
    """
    if min(D, L) < 1 or M < 1 or R < 1:
        raise ValueError(f"Lemma B.23 needs D, L, M, R >= 1, got {D}, {L}, {M}, {R}")
    power = (D * M) ** L
    S = power * R + L * power
    Q = D * L * (S + 1) * (2 * D * M) ** (L - 1)
    return D * S + 2 * D * M * Q + D


def lemma_b23_bits(D: int, M: Fraction, L: int, R: Fraction, nu: Fraction) -> int:
    """Return ceil(log2((D S + 2 D M Q + D) M / nu)), the bits of a parameter (Lemma B.23).

    Raises:
        ValueError: if nu is not in (0, 1), or an argument is below 1.
    """
    return _bits(lemma_b23_factor(D, M, L, R) * M / _error(nu))


def _error(nu: Fraction) -> Fraction:
    if not 0 < nu < 1:
        raise ValueError(f"the error must lie in (0, 1), got {nu} (Lemma B.23)")
    return nu


def _bits(ratio: Fraction) -> int:
    """Return ceil(log2(ratio)) of a ratio of at least 1."""
    return (-(-ratio.numerator // ratio.denominator) - 1).bit_length()


def finite_precision(network: ReLUNetwork, R: Fraction | int, nu: Fraction) -> ReLUNetwork:
    """Return the network with parameters rounded so that |f - f'| <= nu on ||x|| <= R (Lemma B.23).

    The architecture is the same. Every output is within nu.

    Args:
        network: with ReLUs only: a threshold is not continuous.
        R: radius of the domain; below 1 it is taken as 1.
        nu: the error, in (0, 1).

    Raises:
        ValueError: if a neuron is a threshold, or nu is out of range.
    """
    if any(network.thresholds(number).any() for number in range(network.depth - 1)):
        raise ValueError("Lemma B.23 is about ReLU networks, got a threshold neuron")
    D = max(network.inputs, *network.hidden_widths, network.outputs)
    M = max(Fraction(1), *(_largest(layer) for layer in network.layers))
    radius = max(Fraction(R), Fraction(1))
    bits = _bits(lemma_b23_factor(D, M, network.depth, radius) / _error(nu))
    layers = tuple(_rounded(layer, bits) for layer in network.layers)
    return ReLUNetwork(layers, network.activations)


def _largest(layer: Affine) -> Fraction:
    entries = [abs(int(v)) for v in (*layer.weight.values, *layer.bias)]
    return max(entries, default=0) * Fraction(2) ** layer.exponent


def _rounded(layer: Affine, fraction_bits: int) -> Affine:
    """Return the layer with parameters on multiples of 2**-fraction_bits, off by half at most."""
    shift = -fraction_bits - layer.exponent
    if shift <= 0:
        return layer
    half = 1 << (shift - 1)
    values = (layer.weight.values.astype(object) + half) >> shift
    bias = (layer.bias.astype(object) + half) >> shift
    keep = np.flatnonzero(values != 0)
    weight = SparseIntegers(layer.weight.shape, layer.weight.index[keep], values[keep])
    return Affine(weight, bias, -fraction_bits)
