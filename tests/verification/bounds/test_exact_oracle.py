"""Rigorous float bounds never exceed the same bounds in rationals, nor what the network attains."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network import ReLUNetwork
from pipeline.verification.bounds import (
    Balls,
    Claims,
    LinearBound,
    Multipliers,
    PreActivations,
    Regions,
    RoundedNetwork,
    bound_with,
    pre_activation_bounds,
)
from tests.verification.bounds.exact_substitution import (
    Ball,
    exact_form,
    exact_rows,
    gap_to_exact,
    is_lower_bound,
)
from tests.verification.bounds.random_networks import random_dataset, random_network

NORMS = (1, 2, inf)
SHAPES = st.tuples(st.integers(1, 4), st.lists(st.integers(1, 6), min_size=1, max_size=3))
SCALES = st.sampled_from([(0, 0), (300, -300), (-300, 300), (-300, -300), (60, -60), (-9, 20)])
SEEDS = st.integers(0, 2**32 - 1)


class Region:
    """A random network, a ball, splits, slopes and multipliers, and the bounds with them."""

    def __init__(self, seed: int, shape: tuple[int, list[int]], scales: tuple[int, int], p: float):
        self.rng = rng = np.random.default_rng(seed)
        d, widths = shape
        first, later = scales
        # The last layer brings the output back to about 1.
        powers = [first, *[later] * (len(widths) - 1)]
        powers.append(-sum(powers) + int(rng.integers(-2, 3)))
        self.network = random_network(rng, d, widths, powers)
        self.data, self.p = random_dataset(rng, d, 2), p
        self.rho = Fraction(int(rng.integers(1, 32)), 32)
        self.ball = Ball.of(self.network, self.data, self.rho, p, 0)
        self.rounded = RoundedNetwork.of(self.network)
        self.balls = Balls.of(self.network, self.data, self.rho, p, np.array([0]))
        self.side = int(rng.choice([1, -1]))
        label = torch.from_numpy(self.data.y[:1].astype(np.float64))
        self.claims = Claims.of(self.rounded, label, 0.5, torch.tensor([[self.side]]))
        self.signs = self.random_splits()
        phases = list(self.signs.split(list(self.rounded.hidden), dim=1))
        self.known = pre_activation_bounds(self.rounded, self.balls, phases)
        alpha = torch.from_numpy(rng.integers(0, 129, size=self.signs.shape) / 128)
        beta = self.signs.abs() * torch.from_numpy(rng.random(self.signs.shape))
        self.at = Multipliers(alpha, beta)

    def random_splits(self) -> torch.Tensor:
        """Return splits that the centre satisfies, so that the region is not empty."""
        signs, values = [], self.data.X[np.array([0])]
        for number in range(self.network.depth - 1):
            part = ReLUNetwork(self.network.layers[: number + 1], self.network.activations[:number])
            z = part.evaluate_exact(values).fractions()[0]
            chosen = self.rng.random(len(z)) < 0.4
            signs += [float(np.sign(v)) if c else 0.0 for v, c in zip(z, chosen, strict=True)]
        return torch.tensor([signs], dtype=torch.float64)

    def layers(self, values: torch.Tensor) -> list[torch.Tensor]:
        return list(values[0].split(list(self.rounded.hidden)))

    def bound(self, *, rigorous: bool = True) -> LinearBound:
        regions = Regions(self.balls, self.known, self.claims, self.signs)
        return bound_with(self.rounded, regions, self.at, rigorous=rigorous)

    def exact(self) -> tuple[list[Fraction], Fraction]:
        """Return the same linear bound of the claim in rationals."""
        (row,), (bias,) = exact_rows(self.network.layers[-1])
        target = int(self.data.y[0]) - Fraction(self.side, 2)
        return exact_form(
            self.network,
            self.ball,
            self.known.layers,
            [self.side * w for w in row],
            self.side * (bias - target),
            self.layers(self.at.alpha),
            self.layers(self.at.beta * self.signs),
        )


def holds_lines(known: PreActivations) -> None:
    """Check that upper lines lie above relu at both ends, in rationals."""
    for layer in known.layers:
        slopes, shifts = layer.upper_lines
        for s, t, low, high in zip(
            *(v[0].tolist() for v in (slopes, shifts, layer.lower, layer.upper)), strict=True
        ):
            for z in (low, high):
                assert Fraction(s) * Fraction(z) + Fraction(t) >= max(Fraction(z), 0)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SHAPES, SCALES, st.sampled_from(NORMS))
def test_float_bounds_stay_below_exact_ones_and_near_them(seed, shape, scales, p) -> None:
    region = Region(seed, shape, scales, p)
    lower = float(region.bound().lower[0, 0])
    row, constant = region.exact()
    assert is_lower_bound(lower, region.ball, row, constant)
    holds_lines(region.known)
    if max(map(abs, scales)) < 100:
        # Errors are relative to the sizes of intermediate values, here below 2^20.
        assert gap_to_exact(lower, region.ball, row, constant) < 2.0**-20


@settings(max_examples=60, deadline=None)
@given(SEEDS, SHAPES, SCALES, st.sampled_from(NORMS))
def test_no_point_of_a_region_lies_below_its_bounds(seed, shape, scales, p) -> None:
    region = Region(seed, shape, scales, p)
    known, lower = region.known, Fraction(float(region.bound().lower[0, 0]))
    assert not known.empty.any()
    for values in inner_values(region, 24):
        for layer, z in zip(known.layers, values[:-1], strict=True):
            pairs = zip(layer.lower[0].tolist(), z, layer.upper[0].tolist(), strict=True)
            assert all(Fraction(low) <= v <= Fraction(high) for low, v, high in pairs)
        target = int(region.data.y[0]) - Fraction(region.side, 2)
        assert region.side * (values[-1][0] - target) >= lower


def inner_values(region: Region, count: int) -> list[list[list[Fraction]]]:
    """Return exact pre-activations of all layers at points of the region, among them the centre."""
    centre = region.data.X.fractions()[0]
    found = []
    for k in range(count):
        t = region.rng.normal(size=len(centre)) * (k > 0)
        t /= max(np.linalg.norm(t, ord=region.p), 1e-9)
        # Next to the sphere: no root of mu is needed up to 2^-30.
        radius = float(region.balls.radius) * (1 - 2.0**-30) * region.rng.random() ** 0.1
        h = [x + Fraction(float(v)) for x, v in zip(centre, t * radius, strict=True)]
        values = []
        for layer in region.network.layers:
            W, b = exact_rows(layer)
            z = [
                sum(w * v for w, v in zip(r, h, strict=True)) + c for r, c in zip(W, b, strict=True)
            ]
            values.append(z)
            h = [max(v, Fraction(0)) for v in z]
        signs = region.signs[0].tolist()
        flat = [v for z in values[:-1] for v in z]
        if all(s * v >= 0 for s, v in zip(signs, flat, strict=True)):
            found.append(values)
    assert found
    return found
