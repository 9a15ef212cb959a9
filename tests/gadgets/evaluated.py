"""Exact values of a network at rational points, for comparison with ==."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pipeline.network import ReLUNetwork
from tests.cases import Number, dyadic


def values(network: ReLUNetwork, points: Sequence[Number | Sequence[Number]]) -> list[Fraction]:
    """Return the first output at each point."""
    rows = tuple(tuple(p) if isinstance(p, Sequence) else (p,) for p in points)
    return list(network.evaluate_exact(dyadic(rows)).fractions()[:, 0])


def steps(low: Number, high: Number, step: Fraction) -> list[Fraction]:
    """Return low, low + step, ... up to high."""
    count = (Fraction(high) - low) / step
    return [low + step * k for k in range(int(count) + 1)]
