"""Losses are hinges of what they say: errors at points, or bounds of errors on balls."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
import torch

from pipeline.baseline.losses import LOSSES, TrainingBatch, loss_by_name
from pipeline.baseline.problem import Balls, Problem
from pipeline.baseline.stack import NetworkSpec, Stack, padded_columns
from pipeline.verification.projected_steps import projected
from tests.baseline.cases import CPU, HALF, batch_of, problem, stack_of

NORMS = (1, 2, inf)
DUAL = {1: inf, 2: 2, inf: 1}
# A bound and the output it bounds are float32 sums of some hundred terms in another order.
SLACK = 1e-4


class Errors(TrainingBatch):
    """Shows the error that a loss hands to the hinge, ball by ball."""

    def hinge(self, error: torch.Tensor) -> torch.Tensor:
        return error


def bounds(name: str, stack: Stack, balls: Balls, progress: float = 1.0) -> torch.Tensor:
    """Return a loss's bound of |f - y| for every network and ball."""
    with torch.no_grad():
        found = LOSSES[name](batch_of(stack, balls, progress, kind=Errors))
    return found[: len(stack.specs), : balls.N]


def worst_errors(stack: Stack, balls: Balls, tries: int = 200) -> torch.Tensor:
    """Return the largest |f - y| at many points of each ball, corners and PGD's among them."""
    points = balls.points.expand(stack.slots, -1, -1)
    generator = torch.Generator().manual_seed(0)
    generators = [torch.Generator().manual_seed(spec.seed) for spec in stack.specs]
    worst = torch.zeros(stack.slots, len(balls.points))
    with torch.no_grad():
        for attempt in range(tries):
            noise = torch.randn(points.shape, generator=generator) * (1 + attempt % 3)
            delta = projected(noise.flatten(0, 1), 1.0, balls.p).view_as(points)
            error = (stack(points + delta * balls.scale) - balls.targets).abs()
            worst = torch.maximum(worst, error)
        moved = balls.attack(20, generators)(stack, points, balls.targets)
        worst = torch.maximum(worst, (stack(moved) - balls.targets).abs())
    return worst[: len(stack.specs), : balls.N]


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["interval", "linear"])
def test_bounds_hold_on_the_whole_ball(name, depth, p):
    balls = problem(p=p).on(CPU)
    stack = stack_of([NetworkSpec(width, depth, seed) for seed, width in enumerate((5, 8, 6, 8))])
    bound, worst = bounds(name, stack, balls), worst_errors(stack, balls)
    assert (worst <= bound + SLACK * (1 + bound)).all()


@pytest.mark.parametrize("p", NORMS)
def test_bounds_of_a_linear_network_are_its_maximum(p):
    balls = problem(p=p).on(CPU)
    stack = stack_of([NetworkSpec(8, 1, seed) for seed in range(3)])
    slopes = stack.weights[0][:3, :, 0].detach() * balls.scale
    with torch.no_grad():
        centre = stack(balls.points.expand(stack.slots, -1, -1))[:3, : balls.N]
    exact = (centre - balls.targets[: balls.N]).abs() + slopes.norm(p=DUAL[p], dim=1)[:, None]
    for name in ("interval", "linear"):
        # float32 sums of at most 8 terms.
        assert torch.allclose(bounds(name, stack, balls), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("bias", [300.0, -300.0])
def test_linear_bounds_are_exact_where_no_neuron_changes_its_sign(p, bias):
    balls = problem(p=p).on(CPU)
    # In float64: biases this large leave float32 no digits for what is bounded.
    parts = {part: getattr(balls, part).double() for part in ("points", "targets", "scale")}
    balls = replace(balls, **parts)
    stack = stack_of([NetworkSpec(8, 3, seed) for seed in range(3)])
    stack.weights = [weight.detach().double() for weight in stack.weights]
    stack.biases = [torch.zeros_like(b, dtype=torch.float64) for b in stack.biases]
    stack.biases[0][:3, 0, ::2], stack.biases[0][:3, 0, 1::2] = 300.0, bias
    stack.biases[1][:3, 0, ::2], stack.biases[1][:3, 0, 1::2] = 3e4, -10 * bias
    output, slopes = stack.output_and_gradient(balls.points.expand(stack.slots, -1, -1))
    most = (slopes * balls.scale).norm(p=DUAL[p], dim=2)
    exact = ((output - balls.targets).abs() + most)[:3, : balls.N]
    # float64 sums of terms up to about 1e6, in another order.
    assert torch.allclose(bounds("linear", stack, balls), exact, rtol=1e-9, atol=0)
    # Boxes forget what neurons have in common, and pay for it.
    assert (bounds("interval", stack, balls) > exact * (1 + 1e-6)).all()
    assert (most[:3, : balls.N] > 0).all()


def test_linear_bounds_are_mostly_tighter_than_intervals():
    balls = problem().on(CPU)
    stack = stack_of([NetworkSpec(8, 3, seed) for seed in range(8)])
    tighter = bounds("linear", stack, balls) < bounds("interval", stack, balls)
    assert tighter.float().mean() > 0.9


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0), (0.25, 0.5), (0.5, 1), (0.9, 1), (1, 1)])
def test_the_radius_grows_to_mu_over_the_first_half(progress, share):
    balls = problem().on(CPU)
    stack = stack_of([NetworkSpec(8, 3, 0)])
    assert torch.equal(batch_of(stack, balls, progress).ball_scale(), share * balls.scale)


def test_balls_of_radius_nought_are_their_centres():
    balls = problem().on(CPU)
    stack = stack_of([NetworkSpec(8, 3, seed) for seed in range(2)])
    for name in ("interval", "linear"):
        # float32 sums in another order.
        expected = bounds("standard", stack, balls)
        assert torch.allclose(bounds(name, stack, balls, 0.0), expected, rtol=1e-5, atol=1e-5)
        assert (bounds(name, stack, balls, 1.0) > expected).all()


class Still(TrainingBatch):
    """Balls of radius 0 and an attack that does not move."""

    def attacked(self) -> torch.Tensor:
        return self.points

    def ball_scale(self) -> torch.Tensor:
        return 0 * self.attack.scale


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_zero_within_a_quarter_of_a_gap(name):
    # f(x) = relu(x): errors 0.24 and 0.75 are 0.24 and 0.75 of half a gap of 1/2 beyond half.
    stack = Stack([NetworkSpec(1, 2, 0)], 1, CPU)
    with torch.no_grad():
        stack.weights[0][0, 0, 0] = stack.weights[1][0, 0, 0] = 1.0
    points = torch.zeros(stack.slots, 2, padded_columns(1))
    points[0, :, 0] = torch.tensor([0.24, 0.75])
    targets, weights = torch.zeros(stack.slots, 2), torch.zeros(stack.slots, 2)
    weights[0] = 0.5
    attack = problem().on(CPU).attack(1, [])
    value = LOSSES[name](Still(stack, points, targets, weights, 0.5, 0.25, attack, 1.0))
    assert value.shape == (stack.slots,)
    # The mean of 0 and 1, exactly.
    assert float(value[0].detach()) == 0.5


def test_adversarial_losses_are_no_less_than_what_they_attack():
    balls = problem().on(CPU)
    stack = stack_of([NetworkSpec(8, 1, seed) for seed in range(3)])
    values = {}
    with torch.no_grad():
        for name in ("standard", "pgd", "trades"):
            values[name] = LOSSES[name](batch_of(stack, balls, steps=40))[:3]
    assert (values["pgd"] > values["standard"]).all()
    assert (values["trades"] > values["standard"]).all()


def test_trades_adds_the_mean_change_in_half_gaps():
    balls = problem().on(CPU)
    stack = stack_of([NetworkSpec(8, 3, seed) for seed in range(2)])
    with torch.no_grad():
        value = LOSSES["trades"](batch_of(stack, balls))
        batch = batch_of(stack, balls)
        clean, moved = stack(batch.points), stack(batch.attacked())
    change = (moved - clean).abs()[:2, : balls.N].mean(dim=1) / balls.half_gap
    hinge = ((clean - batch.targets).abs() / balls.half_gap - 0.5).clamp(min=0)
    # Means of 21 float32 numbers, in another order.
    expected = hinge[:2, : balls.N].mean(dim=1) + change
    assert torch.allclose(value[:2], expected, rtol=1e-5)


@pytest.mark.parametrize("p", NORMS)
def test_the_dual_norm_is_the_largest_product_and_moves_no_zero(p):
    batch = batch_of(stack_of([NetworkSpec(8, 2, 0)]), problem(p=p).on(CPU))
    rows = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    # float32 sums of 8 terms.
    assert torch.allclose(batch.dual_norm(rows), rows.norm(p=DUAL[p], dim=1), rtol=1e-6)
    zero = torch.zeros(3, 8, requires_grad=True)
    batch.dual_norm(zero).sum().backward()
    assert not batch.dual_norm(zero).any() and zero.grad is not None and not zero.grad.any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_gradient_for_every_network_and_none_for_padding(name):
    balls = problem().on(CPU)
    stack = stack_of([NetworkSpec(width, 3, seed) for seed, width in enumerate((5, 8))])
    padding = [tensor.detach() == 0 for tensor in stack.parameters]
    LOSSES[name](batch_of(stack, balls)).sum().backward()
    for tensor, padded in zip(stack.parameters, padding, strict=True):
        assert tensor.grad is not None and not tensor.grad[padded].any()
        assert tensor.grad[0].any() and tensor.grad[1].any()


def test_losses_are_found_by_name():
    assert loss_by_name("pgd") is LOSSES["pgd"]
    with pytest.raises(ValueError, match="loss must be one of standard, pgd, trades, interval, li"):
        loss_by_name("plain")


@pytest.mark.parametrize(("tolerance", "margin"), [(0.5, 0.2), (0.4375, 0.5)])
def test_the_aim_is_the_tolerance_less_its_margin(tolerance, margin):
    task = Problem(problem().dataset, HALF, 2, tolerance, margin)
    balls = task.on(CPU)
    assert balls.aim == 2 * tolerance * (1 - margin) * balls.half_gap
    assert 0 < balls.aim < balls.tolerance <= balls.half_gap


@pytest.mark.parametrize("margin", [0.0, 1.0, float("nan")])
def test_a_margin_out_of_range_is_refused(margin):
    with pytest.raises(ValueError, match="margin must lie in"):
        Problem(problem().dataset, HALF, 2, margin=margin)
