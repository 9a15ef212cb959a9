"""Convex programs of stable regions: minimisers, multipliers without a gap, affine forms."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
import torch

from pipeline.verification.bounds import Balls, Claims, RoundedNetwork, pre_activation_bounds
from pipeline.verification.splitting.leaf_program import solved_leaf
from pipeline.verification.splitting.regions import Regions, affine_forms, minimisers
from tests.verification.bounds.random_networks import random_dataset, random_network

NORMS = (1, 2, inf)
DUAL = {1: inf, 2: 2, inf: 1}


@pytest.mark.parametrize("p", NORMS)
def test_minimiser_and_multipliers_have_the_same_value(p: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        d, k = int(rng.integers(1, 6)), int(rng.integers(0, 5))
        a, slopes = rng.normal(size=d), rng.normal(size=(k, d))
        radius, constants = float(rng.random() + 0.1), rng.random(k)
        found = solved_leaf(a, slopes, constants, radius, p)
        assert found is not None and (found.multipliers >= 0).all()
        # The solver's tolerance is 1e-8.
        assert np.linalg.norm(found.point, ord=p) <= radius * (1 + 1e-6)
        assert (slopes @ found.point + constants >= -1e-6).all()
        rest = a - found.multipliers @ slopes
        bound = -found.multipliers @ constants - radius * np.linalg.norm(rest, ord=DUAL[p])
        assert bound <= a @ found.point + 1e-6
        assert bound >= a @ found.point - 1e-6


@pytest.mark.parametrize("p", NORMS)
def test_multipliers_of_an_empty_region_bound_everything(p: float) -> None:
    a, slopes, constants = np.array([-3.0, 1.0]), np.eye(2), np.array([-2.0, 0.5])
    found = solved_leaf(a, slopes, constants, 1.0, p)
    assert found is not None
    rest = a - found.multipliers @ slopes
    assert -found.multipliers @ constants - np.linalg.norm(rest, ord=DUAL[p]) > 1e5


def test_an_infinite_number_has_no_solution() -> None:
    one = np.eye(2)
    assert solved_leaf(np.array([inf, 0.0]), one[:1], np.array([0.0]), 1.0, 2) is None
    assert solved_leaf(one[0], one[:1], np.array([np.nan]), 1.0, 2) is None


@pytest.mark.parametrize("p", NORMS)
def test_minimisers_lie_on_the_sphere_and_reach_the_dual_norm(p: float) -> None:
    rows = torch.from_numpy(np.random.default_rng(1).normal(size=(20, 5)))
    t = minimisers(rows, 0.75, p)
    lengths, values = torch.linalg.vector_norm(t, p, 1), (rows * t).sum(1)
    reached = -0.75 * torch.linalg.vector_norm(rows, DUAL[p], 1)
    assert torch.allclose(lengths, torch.full_like(lengths, 0.75))
    assert torch.allclose(values, reached)


def test_forms_of_a_stable_region_are_the_networks_values() -> None:
    rng = np.random.default_rng(3)
    network, data = random_network(rng, 3, [5, 4]), random_dataset(rng, 3, 2)
    rounded = RoundedNetwork.of(network)
    balls = Balls.of(network, data, Fraction(1, 2**20), 2, np.array([0]))
    known = pre_activation_bounds(rounded, balls)
    assert not any(layer.any() for layer in known.unstable())
    claims = Claims.of(rounded, torch.ones(1, dtype=torch.float64), 0.5, torch.ones(1, 1))
    region = Regions(balls, known, claims, torch.zeros(1, 9, dtype=torch.float64))
    slopes, constants = affine_forms(rounded, region)
    t = torch.from_numpy(rng.normal(size=3)) * balls.radius / 4
    z = rounded.weights[0] @ t + balls.first[0]
    later = rounded.weights[1] @ z.clamp(min=0) + rounded.biases[1]
    assert torch.allclose(slopes @ t + constants, torch.cat([z, later]), rtol=0, atol=1e-12)
