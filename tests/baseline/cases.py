"""Small datasets, problems and options for the tests of training."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from pipeline.baseline.devices import torch_generator
from pipeline.baseline.losses import TrainingBatch
from pipeline.baseline.problem import Balls, Problem
from pipeline.baseline.stack import NetworkSpec, Stack
from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.network import ReLUNetwork

HALF = Fraction(1, 2)
CPU = torch.device("cpu")
SHORT: dict[str, Any] = dict(
    width=16,
    depth=3,
    max_steps=20,
    batch_size=8,
    evaluate_every=10,
    attack_steps=2,
    evaluation_attack_steps=2,
    progress=False,
    device="cpu",
)
# Three steps that see batches, the ramp of the radius and an evaluation.
GLIMPSE: dict[str, Any] = dict(
    max_steps=3, batch_size=8, attack_steps=1, evaluation_attack_steps=1, certified_balls=0
)


def clusters(n: int = 12, C: int = 3, scale: float = 1.0) -> SeparatedDataset:
    rng = np.random.default_rng(0)
    y = np.arange(n) % C + 1
    X = np.rint((rng.normal(size=(n, 4)) + 3 * np.eye(4)[y % 4]) * 64) * scale / 64
    return SeparatedDataset("clusters", as_dyadic(X), y)


def line() -> SeparatedDataset:
    """Two labels in turn on a line: learned within seconds."""
    points = np.array([[0.0], [1], [2], [3]])
    return SeparatedDataset("line", as_dyadic(points), np.array([1, 2, 1, 2]))


def problem(n: int = 21, p: int | float = 2, tolerance: float = 0.5) -> Problem:
    """n points are no multiple of a batch of 8 nor of the padding."""
    return Problem(clusters(n), HALF, p, tolerance)


def batch_of(
    stack: Stack,
    balls: Balls,
    progress: float = 1.0,
    steps: int = 1,
    kind: type[TrainingBatch] = TrainingBatch,
) -> TrainingBatch:
    """All balls at once, for a loss called by itself."""
    generators = [torch_generator(spec.seed, "batches") for spec in stack.specs]
    points, targets, weights = next(balls.batches(balls.N, stack.slots, generators))
    attack = balls.attack(steps, generators)
    sizes = balls.half_gap, balls.aim
    return kind(stack, points, targets, weights, *sizes, attack, progress)


def stack_of(specs: Sequence[NetworkSpec], d: int = 4, bias: float = 0.3) -> Stack:
    """Networks as drawn, with biases: without them ReLUs are linear along rays."""
    stack = Stack(specs, d, CPU)
    with torch.no_grad():
        for slot, spec in enumerate(stack.specs):
            sizes = [spec.width] * (spec.depth - 1) + [1]
            generator = torch.Generator().manual_seed(spec.seed)
            for tensor, n in zip(stack.biases, sizes, strict=True):
                tensor[slot, 0, :n] = torch.randn(n, generator=generator) * bias
    return stack


def bits(network: ReLUNetwork | None) -> list[object]:
    """What two networks share only if all their weights are equal, bit for bit."""
    assert network is not None
    parts: list[object] = []
    for layer in network.layers:
        weight, bias = layer.normalized().dense()
        parts += [weight.fractions().tolist(), bias.fractions().tolist()]
    return parts
