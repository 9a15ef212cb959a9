"""Balls as padded tensors: every pass sees every ball once, and errors are counted right."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import pytest
import torch

from pipeline.baseline import problem as problem_module
from pipeline.baseline.devices import torch_generator
from pipeline.baseline.problem import Problem
from pipeline.baseline.stack import NetworkSpec
from tests.baseline.cases import CPU, HALF, clusters, problem, stack_of


def generators_of(*seeds: int) -> list[torch.Generator]:
    return [torch_generator(seed, "batches") for seed in seeds]


def names(points: torch.Tensor, of: torch.Tensor) -> list[int]:
    """Return the numbers of points, which are all different."""
    return [int((of == point).all(dim=1).nonzero()) for point in points]


@pytest.mark.parametrize("size", [1, 4, 5, 8, 20])
def test_a_pass_shows_every_ball_once_to_every_network(size):
    balls = problem(21).on(CPU)
    batches = balls.batches(size, 4, generators_of(3, 4))
    parts = -(-21 // size)
    for _ in range(2):
        seen: list[list[int]] = [[], []]
        for _ in range(parts):
            points, targets, weights = next(batches)
            assert points.shape == (4, len(targets[0]), 8) and points.shape[1] % 16 == 0
            assert not weights[2:].any()
            for slot in range(2):
                shown = weights[slot] > 0
                # A mean over as many points as the batch has.
                assert (weights[slot][shown] == 1 / shown.sum()).all()
                numbers = names(points[slot][shown], balls.points)
                assert torch.equal(targets[slot][shown], balls.targets[numbers])
                seen[slot] += numbers
        assert [sorted(numbers) for numbers in seen] == [list(range(21))] * 2
        assert seen[0] != seen[1] and seen[0] != sorted(seen[0])


def test_the_order_of_balls_is_the_networks_own():
    balls = problem(21).on(CPU)
    alone = balls.batches(8, 4, generators_of(5))
    company = balls.batches(8, 4, generators_of(3, 5))
    for _ in range(7):
        for ours, theirs in zip(next(alone), next(company), strict=True):
            assert torch.equal(ours[0], theirs[1])


def test_one_batch_of_all_points_is_in_their_order():
    balls = problem(21).on(CPU)
    points, targets, weights = next(balls.batches(21, 2, generators_of(0)))
    assert torch.equal(points[0, :21], balls.points[:21])
    assert torch.equal(targets[0, :21], balls.targets[:21])
    assert int((weights[0] > 0).sum()) == 21


@pytest.mark.parametrize("block", [2048, 16])
def test_errors_are_those_of_the_networks_one_by_one(block, monkeypatch):
    monkeypatch.setattr(problem_module, "_BLOCK", block)
    balls = problem(37).on(CPU)
    stack = stack_of([NetworkSpec(8, 3, seed) for seed in range(5)])
    clean, attacked = balls.errors(stack, balls.attack(3, generators_of(*range(5))))
    for slot in range(5):
        with torch.no_grad():
            output = stack.module(slot)(balls.points[:37, :4])[:, 0]
        wrong = (output - balls.targets[:37]).abs() >= balls.half_gap
        assert round(clean[slot] * 37) == int(wrong.sum())
        assert clean[slot] <= attacked[slot] <= 1
    assert sum(attacked) > sum(clean) > 0 and len(clean) == 5


def test_an_output_that_is_no_number_is_an_error():
    balls = problem(21).on(CPU)
    stack = stack_of([NetworkSpec(8, 2, 0)])
    with torch.no_grad():
        stack.biases[1][0] = float("nan")
    assert balls.errors(stack, balls.attack(1, generators_of(0))) == ([1.0], [1.0])


@pytest.mark.parametrize("tolerance", [0.5, 0.4375, 0.01])
def test_an_output_is_wrong_from_the_tolerance_on(tolerance):
    data = clusters(12, 3)
    task = Problem(data, HALF, 2, tolerance)
    balls = task.on(CPU)
    stack = stack_of([NetworkSpec(1, 1, 0)])
    stack.clear(0)
    # The output is the last label, 3, and an offset, whatever the input.
    for offset, share in ((0.99 * tolerance, 8 / 12), (1.01 * tolerance, 1.0)):
        with torch.no_grad():
            stack.biases[0][0, 0, 0] = 2 * (1 + offset) * task.normalization.half_gap
        clean, _ = balls.errors(stack, balls.attack(1, generators_of(0)))
        assert clean == [share]


def test_normalized_balls_are_those_of_the_data():
    task = problem(21, inf)
    balls = task.on(CPU)
    raw = torch.as_tensor(task.dataset.X.nearest_float64())
    width = torch.as_tensor(task.normalization.scale())
    centre = torch.as_tensor(task.normalization.centre.nearest_float64())
    # Data and centres have few bits, scales are powers of two.
    assert torch.equal(balls.points[:21, :4].double() / width + centre, raw)
    assert torch.equal(balls.scale[:4], (width * task.radius).float())
    assert not balls.points[21:].any() and not balls.points[:, 4:].any()
    assert not balls.scale[4:].any() and (balls.N, balls.d, balls.p) == (21, 4, inf)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"p": 3}, "needs p = 1, 2 or inf, got 3"),
        ({"rho": Fraction(5, 4)}, "Definition 2.2"),
        ({"tolerance": 0.0}, "tolerance must lie in .0, 1/2., got 0.0"),
        ({"tolerance": 0.6}, "tolerance must lie in .0, 1/2., got 0.6"),
        ({"tolerance": float("nan")}, "tolerance must lie in .0, 1/2., got nan"),
    ],
)
def test_problems_out_of_range_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        Problem(**{"dataset": clusters(), "rho": HALF, "p": 2, **option})
