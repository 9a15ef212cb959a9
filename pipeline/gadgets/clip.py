"""Clipping to [0, 1] and decoding clipped bits to a label."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pipeline.network import Affine, ReLUNetwork


def clipped_bits(count: int) -> ReLUNetwork:
    """Return s -> min(s, 1) for s >= 0 in R^count, as 1 - relu(1 - s), one neuron a bit."""
    diagonal = {(i, i): -1 for i in range(count)}
    ones = dict.fromkeys(range(count), 1)
    step = Affine.from_fractions((count, count), diagonal, ones)
    return ReLUNetwork.relu(step, step)


def bits_to_label(flipped: Sequence[bool]) -> Affine:
    """Return (t_0, t_1, ...) -> 1 + sum_b 2^b (t_b XOR flipped_b) for bits t_b in {0, 1}.

    XOR with a fixed bit is affine: t XOR 1 = 1 - t. So the class whose code is 0 can be any class
    at no cost: label - 1 = code XOR (majority - 1) (docs/theory.md 1).
    """
    weights = {(0, b): Fraction((-1 if flip else 1) << b) for b, flip in enumerate(flipped)}
    offset = 1 + sum(1 << b for b, flip in enumerate(flipped) if flip)
    return Affine.from_fractions((1, len(flipped)), dict(weights), {0: offset})
