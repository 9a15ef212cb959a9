"""A naive prover for tiny networks: all sign patterns, multipliers by linear programming."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from pipeline.network import ReLUNetwork
from tests.verification.check.proof_files import AFFINE, Leaf, fractions_of, hidden_neurons

Form = list[Fraction]


def forms_of(
    network: ReLUNetwork, centre: list[Fraction], signs: tuple[int, ...]
) -> tuple[list[Form], Form]:
    """Return z of every hidden neuron and f as forms a.t + b behind the signs, t = x - centre."""
    d = len(centre)
    rows = [[Fraction(j == k) for k in range(d)] + [centre[j]] for j in range(d)]
    hidden: list[Form] = []
    for number, (W, b) in enumerate(fractions_of(network)):
        constants = [[Fraction(0)] * d + [bias] for bias in b]
        z = [
            [
                c + sum((w * row[k] for w, row in zip(line, rows, strict=True)), Fraction(0))
                for k, c in enumerate(constant)
            ]
            for line, constant in zip(W, constants, strict=True)
        ]
        if number == network.depth - 1:
            return hidden, z[0]
        rows = []
        for form, step in zip(z, network.thresholds(number), strict=True):
            on = signs[len(hidden)] > 0
            hidden.append(form)
            rows.append([Fraction(0)] * d + [Fraction(int(on))] if step else [v * on for v in form])
    raise AssertionError


def tuned_leaves(
    network: ReLUNetwork, centre: list[Fraction], ball: int, label: int, radius: float
) -> list[Leaf]:
    """Return affine leaves of all patterns, with the multipliers that are best for p = inf."""
    leaves = []
    for signs in itertools.product((1, -1), repeat=hidden_neurons(network)):
        hidden, output = forms_of(network, centre, signs)
        path = tuple(s * (k + 1) for k, s in enumerate(signs))
        splits = np.array([[float(s * v) for v in z] for s, z in zip(signs, hidden, strict=True)])
        for side in (1, -1):
            g = np.array([side * float(v) for v in output])
            g[-1] -= side * label - 0.5
            beta = _multipliers(g, splits, radius)
            leaves.append(Leaf(ball, side, AFFINE, path, beta))
    return leaves


def _multipliers(g: np.ndarray, splits: np.ndarray, radius: float) -> tuple[float, ...]:
    """Return beta >= 0 that maximizes v - radius |a|_1 of g - beta.splits, at most 10^6."""
    k, d = len(splits), len(g) - 1
    cost = np.concatenate([splits[:, -1], np.full(d, radius)])
    slopes = splits[:, :-1].T
    upper = np.vstack([np.hstack([-slopes, -np.eye(d)]), np.hstack([slopes, -np.eye(d)])])
    bounds = [(0, 1e6)] * k + [(0, None)] * d
    found = linprog(cost, upper, np.concatenate([-g[:-1], g[:-1]]), bounds=bounds)
    return tuple(max(float(b), 0.0) for b in found.x[:k]) if found.success else (0.0,) * k
