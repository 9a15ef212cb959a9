"""Backward substitution in rationals along given bounds, lines, slopes and multipliers.

The oracle of the float bounds: the same linear bound without any rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np
import torch

from pipeline.data import SeparatedDataset
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.bounds.relaxation import Relaxation

Row = list[Fraction]


@dataclass(frozen=True)
class Ball:
    """W_1 x_i + b_1 exact, mu^p (mu for p = inf) exact, and p."""

    first: Row
    power: Fraction
    p: float

    @classmethod
    def of(
        cls, network: ReLUNetwork, data: SeparatedDataset, rho: Fraction, p: float, k: int
    ) -> Ball:
        affine = ReLUNetwork((network.layers[0],), ())
        first = affine.evaluate_exact(data.X[np.array([k])]).fractions()[0].tolist()
        return cls(first, data.radius_power(rho, p), p)


def exact_rows(affine: Affine) -> tuple[list[Row], Row]:
    weight, bias = affine.dense()
    return weight.fractions().tolist(), bias.fractions().tolist()


def exact_form(
    network: ReLUNetwork,
    ball: Ball,
    known: Sequence[Relaxation],
    row: Row,
    constant: Fraction,
    alphas: Sequence[torch.Tensor],
    betas: Sequence[torch.Tensor],
) -> tuple[Row, Fraction]:
    """Return a, c with row . h_k + constant >= a . t + c on the region, without rounding.

    Args:
        network: the network.
        ball: the ball.
        known: relaxations of layers 1..k on one region.
        row: exact.
        constant: exact.
        alphas: lower slopes where unstable, one (n,) a layer.
        betas: beta sigma of every neuron, one (n,) a layer.
    """
    for layer in reversed(range(len(known))):
        at = known[layer]
        slopes, shifts = (line[0].tolist() for line in at.upper_lines)
        through = []
        for j, a in enumerate(row):
            if a < 0:
                constant += a * Fraction(shifts[j])
                slope = Fraction(slopes[j])
            elif bool(at.unstable[0, j]):
                slope = Fraction(alphas[layer][j].item())
            else:
                slope = Fraction(bool(at.lower[0, j] >= 0))
            through.append(a * slope - Fraction(betas[layer][j].item()))
        W, b = exact_rows(network.layers[layer])
        bias = ball.first if layer == 0 else b
        constant += sum((a * v for a, v in zip(through, bias, strict=True)), Fraction(0))
        row = [
            sum((a * w[k] for a, w in zip(through, W, strict=True)), Fraction(0))
            for k in range(len(W[0]))
        ]
    return row, constant


def is_lower_bound(value: float, ball: Ball, row: Row, constant: Fraction) -> bool:
    """Return whether value <= constant - mu ||row||_q, in rationals: no root is taken."""
    gap = constant - Fraction(value)
    sizes = [abs(a) for a in row]
    if ball.p == 2:
        return gap >= 0 and gap**2 >= ball.power * sum(a * a for a in sizes)
    return gap >= ball.power * (max(sizes) if ball.p == 1 else sum(sizes))


def gap_to_exact(value: float, ball: Ball, row: Row, constant: Fraction) -> float:
    """Return constant - mu ||row||_q - value, in units of what was added up; a float estimate."""
    sizes = [abs(a) for a in row]
    norms = {1: max(sizes), inf: sum(sizes, Fraction(0))}
    unit = max(abs(constant), abs(Fraction(value)), *sizes, Fraction(1, 2**1000))
    if ball.p != 2:
        return float((constant - ball.power * norms[ball.p] - Fraction(value)) / unit)
    reach = float(sum(a * a for a in sizes) * ball.power / unit**2) ** 0.5
    return float((constant - Fraction(value)) / unit) - reach
