"""The attack of the training loop stays in the ball and finds what there is to find."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
import torch

from pipeline.baseline.attack import TrainingAttack
from pipeline.baseline.stack import NetworkSpec, Stack
from tests.baseline.cases import CPU, stack_of

NORMS = (1, 2, inf)
SCALE = torch.tensor([1.0, 2.0, 0.5, 1.0, 0, 0, 0, 0])
DUAL = {1: inf, 2: 2, inf: 1}


def attack_on(stack: Stack, p: int | float, steps: int) -> TrainingAttack:
    generators = [torch.Generator().manual_seed(spec.seed) for spec in stack.specs]
    return TrainingAttack(p, SCALE, steps, generators, 4)


def points_of(stack: Stack, n: int = 32) -> torch.Tensor:
    points = torch.zeros(stack.slots, n, 8)
    points[:, :, :4] = torch.randn(n, 4, generator=torch.Generator().manual_seed(1))
    return points


def displacements(stack: Stack, attacked: torch.Tensor, points: torch.Tensor) -> np.ndarray:
    """In units of the radius, one row a ball of a network."""
    moved = (attacked - points)[: len(stack.specs)]
    return (moved[:, :, :4] / SCALE[:4]).flatten(0, 1).numpy()


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("steps", [1, 10])
def test_attacked_points_stay_in_the_ball_and_hurt(p, steps):
    stack = stack_of([NetworkSpec(8, 3, 0), NetworkSpec(6, 3, 1)])
    points, targets = points_of(stack), torch.zeros(stack.slots, 32)
    attacked = attack_on(stack, p, steps)(stack, points, targets)
    delta = displacements(stack, attacked, points)
    # Four float32 numbers are added up, and the point itself is rounded.
    assert np.linalg.norm(delta, ord=p, axis=1).max() <= 1 + 1e-5
    assert not (attacked - points)[:, :, 4:].any()
    with torch.no_grad():
        before, after = stack(points).square(), stack(attacked).square()
    assert (after.mean(dim=1) > before.mean(dim=1))[:2].all()


@pytest.mark.parametrize("p", NORMS)
def test_many_steps_reach_the_maximum_over_the_ball_of_a_linear_network(p):
    stack = stack_of([NetworkSpec(8, 1, seed) for seed in range(3)])
    points = points_of(stack)
    with torch.no_grad():
        centre = stack(points)
    # Targets far above and far below, so that the worst side is the same on all of a ball.
    sides = torch.where(torch.arange(32) % 2 == 0, 1.0, -1.0)
    targets = centre + 50 * sides
    attacked = attack_on(stack, p, 200)(stack, points, targets)
    with torch.no_grad():
        gained = ((stack(attacked) - targets).abs() - 50)[:3].numpy()
    slopes = (stack.weights[0][:3, :, 0].detach() * SCALE).numpy()
    most = np.linalg.norm(slopes, ord=DUAL[p], axis=1)[:, None]
    # The gain is a difference of numbers near 50 in float32.
    assert (gained <= most + 1e-4).all()
    # A path of two radii leads from any point to the best one but for p = 2: sliding along a sphere
    # it ends, in the worst case, where the cosine to the best one is 0.899.
    least = most - 1e-4 if p != 2 else 0.89 * most
    assert (gained >= least).all()


@pytest.mark.parametrize("p", NORMS)
def test_starts_are_those_of_the_networks_own_seed(p):
    few = stack_of([NetworkSpec(8, 2, 5)])
    many = stack_of([NetworkSpec(8, 2, seed) for seed in (3, 4, 5)])
    moved = [
        attack_on(stack, p, 2)(stack, points_of(stack), torch.zeros(stack.slots, 32))[slot]
        for stack, slot in ((few, 0), (many, 2))
    ]
    assert torch.equal(*moved)
    assert not torch.equal(moved[0], points_of(few)[0])


@pytest.mark.parametrize("p", NORMS)
def test_a_flat_network_or_one_without_numbers_leaves_points_in_the_ball(p):
    stack = Stack([NetworkSpec(8, 2, seed) for seed in range(2)], 4, CPU)
    stack.clear(0)
    with torch.no_grad():
        stack.weights[0][1] = float("nan")
    points = points_of(stack)
    attacked = attack_on(stack, p, 3)(stack, points, torch.zeros(stack.slots, 32))
    delta = displacements(stack, attacked, points)
    # As above.
    assert np.linalg.norm(delta, ord=p, axis=1).max() <= 1 + 1e-5
