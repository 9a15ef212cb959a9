"""CROWN against a textbook version in NumPy; batches, splits, slopes and devices change nothing."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
import torch

from pipeline.network import Activation, Affine, ReLUNetwork
from pipeline.verification.bounds import (
    Balls,
    Claims,
    Regions,
    RoundedNetwork,
    bound_with,
    claim_bounds,
    crown_lower,
    default_multipliers,
    optimised,
    pre_activation_bounds,
)
from tests.verification.bounds.random_networks import random_dataset, random_network

NORMS = (1, 2, inf)
RHO = Fraction(1, 2)


def example(seed: int, depth: int = 3):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 5))
    network = random_network(rng, d, [int(w) for w in rng.integers(2, 8, size=depth - 1)])
    return network, random_dataset(rng, d, 6)


def textbook(W, b, centre, radius, p, y, side):
    """Return CROWN's bound of side (f - y) + 1/2 as in the paper: one ball, one layer at a time."""
    q = {1: inf, 2: 2, inf: 1}[p]

    def substituted(a, c, known):
        for k in reversed(range(len(known))):
            low, high = known[k]
            cut = (low < 0) & (high > 0)
            width = np.where(cut, high - low, 1.0)
            upper = np.where(cut, high / width, low >= 0)
            shift = np.where(cut, -high * low / width, 0.0)
            lower = np.where(cut, high >= -low, low >= 0)
            c = c + np.minimum(a, 0) @ shift
            a = np.maximum(a, 0) * lower + np.minimum(a, 0) * upper
            c, a = c + a @ b[k], a @ W[k]
        return c + a @ centre - radius * np.linalg.norm(a, ord=q)

    known = []
    for k in range(len(W) - 1):
        low, high = (
            np.array(
                [s * substituted(s * w, s * v, known) for w, v in zip(W[k], b[k], strict=True)]
            )
            for s in (1.0, -1.0)
        )
        if known:
            before = [np.maximum(v, 0) for v in known[-1]]
            plus, minus = np.maximum(W[k], 0), np.minimum(W[k], 0)
            low = np.maximum(low, plus @ before[0] + minus @ before[1] + b[k])
            high = np.minimum(high, plus @ before[1] + minus @ before[0] + b[k])
        known.append((low, high))
    return substituted(side * W[-1][0], side * (b[-1][0] - y) + 0.5, known)


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_crown_is_the_textbook_bound_up_to_rounding(p: float, depth: int) -> None:
    for seed in range(4):
        network, data = example(seed, depth)
        rounded, balls = RoundedNetwork.of(network), Balls.of(network, data, RHO, p)
        labels = torch.from_numpy(data.y.astype(np.float64))
        claims = Claims.of(rounded, labels, 0.5)
        found = crown_lower(rounded, balls, claims, rigorous=False)
        proved = crown_lower(rounded, balls, claims)
        W, b = ([v.numpy() for v in part] for part in (rounded.weights, rounded.biases))
        X = data.X.nearest_float64()
        for k in range(data.N):
            for column, side in enumerate((1, -1)):
                known = textbook(W, b, X[k], balls.radius, p, float(data.y[k]), side)
                # The same sums in another order, of numbers below 2^8.
                assert abs(float(found[k, column]) - known) < 1e-12 * max(1, abs(known))
        assert bool((proved <= found).all()) and float((found - proved).max()) < 1e-11


@pytest.mark.parametrize("p", NORMS)
def test_many_balls_have_the_bounds_of_each_alone(p: float) -> None:
    network, data = example(5, 4)
    rounded, balls = RoundedNetwork.of(network), Balls.of(network, data, RHO, p)
    labels = torch.from_numpy(data.y.astype(np.float64))
    together = crown_lower(rounded, balls, Claims.of(rounded, labels, 0.5))
    for k in range(data.N):
        rows = torch.tensor([k])
        alone = crown_lower(rounded, balls[rows], Claims.of(rounded, labels[rows], 0.5))
        # Other shapes may be summed in another order.
        assert torch.allclose(alone[0], together[k], rtol=0, atol=1e-12)


def test_blocks_of_balls_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network, data = example(6, 4)
    rounded, balls = RoundedNetwork.of(network), Balls.of(network, data, RHO)
    whole = pre_activation_bounds(rounded, balls)
    monkeypatch.setitem(pre_activation_bounds.__globals__, "_ENTRIES", {"cpu": 1})
    parts = pre_activation_bounds(rounded, balls)
    # Blocks of another size may be summed in another order; values are of size 1.
    for a, b in zip(whole.layers, parts.layers, strict=True):
        assert torch.allclose(a.lower, b.lower, rtol=0, atol=1e-12)
        assert torch.allclose(a.upper, b.upper, rtol=0, atol=1e-12)


def test_claims_may_be_bounded_together_or_one_a_region() -> None:
    network, data = example(7)
    rounded, balls = RoundedNetwork.of(network), Balls.of(network, data, RHO)
    labels = torch.from_numpy(data.y.astype(np.float64))
    known = pre_activation_bounds(rounded, balls)
    both = claim_bounds(rounded, balls, known, Claims.of(rounded, labels, 0.5)).lower
    for column, side in enumerate((1, -1)):
        sides = torch.full((data.N, 1), side)
        one = Claims.of(rounded, labels, 0.5, sides)
        lower = claim_bounds(rounded, balls, known, one).lower
        # One row and two may be summed in another order.
        assert torch.allclose(lower[:, 0], both[:, column], rtol=0, atol=1e-12)


@pytest.mark.parametrize("p", NORMS)
def test_optimised_slopes_are_never_worse_and_somewhere_better(p: float) -> None:
    better = 0
    for seed in range(6):
        network, data = example(seed)
        rounded, balls = RoundedNetwork.of(network), Balls.of(network, data, RHO, p)
        labels = torch.from_numpy(data.y.astype(np.float64))
        claims = Claims.of(rounded, labels, 0.5, torch.ones(data.N, 1))
        known = pre_activation_bounds(rounded, balls)
        signs = torch.zeros(data.N, sum(rounded.hidden), dtype=torch.float64)
        start = default_multipliers(known)
        regions = Regions(balls, known, claims, signs)
        found = optimised(rounded, regions, start, steps=10)
        before, after = (
            bound_with(rounded, regions, at, rigorous=False).lower for at in (start, found)
        )
        assert bool((after >= before - 1e-12).all())
        assert bool(((found.alpha >= 0) & (found.alpha <= 1) & (found.beta == 0)).all())
        better += int((after > before + 1e-6).sum())
    assert better > 0


def test_a_split_against_the_bounds_is_an_empty_region() -> None:
    network, data = example(8)
    rounded, balls = RoundedNetwork.of(network), Balls.of(network, data, Fraction(1, 100))
    known = pre_activation_bounds(rounded, balls)
    assert not known.empty.any()
    lower = known.layers[0].lower
    ball, neuron = (lower > 0).nonzero()[0].tolist()
    phases = [torch.zeros_like(layer.lower) for layer in known.layers]
    phases[0][ball, neuron] = -1
    empty = pre_activation_bounds(rounded, balls, phases).empty
    assert empty.tolist() == [k == ball for k in range(data.N)]
    phases[0][ball, neuron] = 1
    assert not pre_activation_bounds(rounded, balls, phases).empty.any()


def test_networks_and_norms_without_bounds_are_refused() -> None:
    layers = (
        Affine.from_floats(np.ones((2, 2)), np.zeros(2)),
        Affine.from_floats(np.ones((1, 2)), np.zeros(1)),
    )
    with pytest.raises(ValueError, match="ReLU networks, got a threshold"):
        RoundedNetwork.of(ReLUNetwork(layers, (Activation.THRESHOLD,)))
    with pytest.raises(ValueError, match="scalar networks, got 2 outputs"):
        RoundedNetwork.of(ReLUNetwork.relu(layers[0], layers[0]))
    network, data = example(0)
    with pytest.raises(ValueError, match="p = 1, 2 or inf, got 3"):
        Balls.of(network, data, RHO, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("p", NORMS)
def test_a_cuda_device_gives_the_same_bounds_up_to_rounding(p: float) -> None:
    network, data = example(9, 4)
    labels = torch.from_numpy(data.y.astype(np.float64))
    found = []
    for device in ("cpu", "cuda"):
        rounded = RoundedNetwork.of(network, device)
        balls = Balls.of(network, data, RHO, p, device=device)
        claims = Claims.of(rounded, labels.to(device), 0.5)
        found.append(crown_lower(rounded, balls, claims).cpu())
    assert torch.allclose(*found, rtol=0, atol=1e-11)
