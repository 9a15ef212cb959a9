"""Lemma B.23: rounded networks stay within nu, with the bits the lemma claims."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network import ReLUNetwork
from pipeline.network.finite_precision import (
    finite_precision,
    lemma_b23_bits,
    lemma_b23_factor,
)
from tests.cases import THRESHOLD, layer
from tests.network.laws import naive_output

# Weights with far more bits than the errors below need.
FINE = st.integers(-(1 << 201), 1 << 201).map(lambda n: Fraction(n, 1 << 200))


@st.composite
def fine_networks(draw: st.DrawFn) -> ReLUNetwork:
    widths = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    layers = []
    for a, b in zip(widths[:-1], widths[1:], strict=True):
        rows = [[draw(FINE) for _ in range(a)] for _ in range(b)]
        layers.append(layer(rows, [draw(FINE) for _ in range(b)]))
    return ReLUNetwork.relu(*layers)


@settings(max_examples=50)
@given(fine_networks(), st.sampled_from([Fraction(1, 2), Fraction(1, 1000)]), st.data())
def test_rounded_network_is_within_nu(
    network: ReLUNetwork, nu: Fraction, data: st.DataObject
) -> None:
    R = 4
    rounded = finite_precision(network, R, nu)
    assert rounded.hidden_widths == network.hidden_widths
    d = network.inputs
    limit = Fraction(R, isqrt(d - 1) + 1)
    for _ in range(3):
        x = tuple(Fraction(data.draw(st.integers(-64, 64)), 64) * limit for _ in range(d))
        pairs = zip(naive_output(network, x), naive_output(rounded, x), strict=True)
        assert all(abs(a - b) <= nu for a, b in pairs)


@settings(max_examples=30)
@given(fine_networks(), st.sampled_from([Fraction(1, 2), Fraction(1, 1000)]))
def test_rounded_parameters_have_the_bits_of_the_lemma(network: ReLUNetwork, nu: Fraction) -> None:
    D = max(network.inputs, *network.hidden_widths, network.outputs, 1)
    M = Fraction(2)
    assert finite_precision(network, 4, nu).bit_complexity <= lemma_b23_bits(
        D, M, network.depth, Fraction(4), nu
    )


def test_bits_grow_linearly_in_the_depth() -> None:
    bits = [lemma_b23_bits(10, Fraction(8), L, Fraction(4), Fraction(1, 10)) for L in (100, 200)]
    assert 1.95 < bits[1] / bits[0] < 2.05
    # (D S + 2 D M Q + D) M is dominated by (D M)^L (2 D M)^L: log2(80 * 160) bits a layer.
    assert bits[0] == pytest.approx(100 * log2(80 * 160), rel=0.05)


def test_factor_is_the_polynomial_of_the_proof() -> None:
    D, M, L, R = 2, Fraction(3), 2, Fraction(5)
    S = (D * M) ** L * R + L * (D * M) ** L
    Q = D * L * (S + 1) * (2 * D * M) ** (L - 1)
    assert lemma_b23_factor(D, M, L, R) == D * S + 2 * D * M * Q + D


def test_arguments_outside_the_lemma_are_refused() -> None:
    with pytest.raises(ValueError, match="needs D, L, M, R >= 1"):
        lemma_b23_factor(2, Fraction(1, 2), 2, Fraction(1))
    with pytest.raises(ValueError, match=r"the error must lie in \(0, 1\), got 1"):
        lemma_b23_bits(2, Fraction(1), 2, Fraction(1), Fraction(1))
    with pytest.raises(ValueError, match="about ReLU networks, got a threshold"):
        finite_precision(THRESHOLD, 1, Fraction(1, 2))
