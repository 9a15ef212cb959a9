"""Clipped bits decode to the label for every class and every choice of the class with code 0."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gadgets import bits_to_label, clipped_bits
from pipeline.network import ReLUNetwork, serial
from tests.cases import dyadic


@given(st.lists(st.integers(0, 64), min_size=1, max_size=6))
def test_clip_is_the_minimum_with_one_from_zero_on(eighths: list[int]) -> None:
    sums = tuple(Fraction(n, 8) for n in eighths)
    network = clipped_bits(len(sums))
    assert network.hidden_widths == (len(sums),)
    clipped = network.evaluate_exact(dyadic((sums,))).fractions()[0]
    assert clipped.tolist() == [min(s, Fraction(1)) for s in sums]


@pytest.mark.parametrize("classes", range(2, 17))
def test_bits_decode_to_every_label_for_every_majority(classes: int) -> None:
    bits = (classes - 1).bit_length()
    for majority in range(1, classes + 1):
        flipped = [bool((majority - 1) >> b & 1) for b in range(bits)]
        network = ReLUNetwork.relu(bits_to_label(flipped))
        codes = [(label - 1) ^ (majority - 1) for label in range(1, classes + 1)]
        assert codes[majority - 1] == 0
        rows = tuple(tuple(code >> b & 1 for b in range(bits)) for code in codes)
        decoded = network.evaluate_exact(dyadic(rows)).fractions()[:, 0]
        assert decoded.tolist() == list(range(1, classes + 1))


def test_sums_above_one_decode_as_one() -> None:
    network = serial(clipped_bits(2), ReLUNetwork.relu(bits_to_label([True, False])))
    rows = ((Fraction(0), Fraction(7, 2)), (Fraction(1), Fraction(9)), (Fraction(5), Fraction(0)))
    assert network.evaluate_exact(dyadic(rows)).fractions()[:, 0].tolist() == [4, 3, 1]
