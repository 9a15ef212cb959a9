"""Stacks compute what their networks compute, one by one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.baseline.stack import NetworkSpec, Stack, padded_columns, padded_rows
from tests.baseline.cases import CPU, stack_of

DEPTHS = (1, 2, 3, 4)


def networks(depth: int, widths: tuple[int, ...] = (5, 8, 7)) -> list[NetworkSpec]:
    return [NetworkSpec(width, depth, seed) for seed, width in enumerate(widths)]


def random_points(stack: Stack, n: int = 16) -> torch.Tensor:
    points = torch.zeros(stack.slots, n, padded_columns(stack.d))
    points[:, :, : stack.d] = torch.randn(
        stack.slots, n, stack.d, generator=torch.Generator().manual_seed(0)
    )
    return points


@pytest.mark.parametrize("depth", DEPTHS)
def test_output_and_gradient_are_those_of_autograd(depth):
    stack = stack_of(networks(depth))
    points = random_points(stack).requires_grad_(True)
    expected = stack(points)
    (slope,) = torch.autograd.grad(expected.sum(), points)
    output, gradient = stack.output_and_gradient(points.detach())
    # Equal but for the order of float32 sums of at most 8 terms of size 1, which autograd chooses.
    assert torch.allclose(output, expected.detach(), rtol=1e-5, atol=1e-5)
    assert torch.allclose(gradient, slope, rtol=1e-5, atol=1e-5)
    assert gradient[: len(stack.specs)].abs().amax(dim=(1, 2)).min() > 0


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_module_computes_what_its_slot_computes(depth):
    stack = stack_of(networks(depth))
    points = random_points(stack)
    with torch.no_grad():
        together = stack(points)
        for slot, spec in enumerate(stack.specs):
            module = stack.module(slot)
            alone = module(points[slot, :, : stack.d])[:, 0]
            # float32 sums of at most 8 terms, in another order.
            assert torch.allclose(alone, together[slot], rtol=1e-5, atol=1e-5)
            count = sum(tensor.numel() for tensor in module.parameters())
            assert count == spec.parameter_count(stack.d)


def test_a_module_is_a_copy():
    stack = stack_of(networks(2))
    module = stack.module(0)
    before = module[0].weight.clone()
    stack.clear(0)
    assert torch.equal(module[0].weight, before) and before.abs().max() > 0


def test_a_stack_brought_to_the_cpu_has_the_same_networks_and_no_gradients():
    stack = stack_of(networks(3))
    here = stack.on_cpu()
    assert not any(tensor.requires_grad for tensor in here.parameters)
    assert all(tensor.requires_grad for tensor in stack.parameters)
    for slot in range(3):
        pairs = zip(stack.module(slot).parameters(), here.module(slot).parameters(), strict=True)
        assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_initial_weights_depend_on_shape_and_seed_alone():
    spec = NetworkSpec(6, 3, 7)
    alone = Stack([spec], 4, CPU).module(0)
    company = Stack([*networks(3), spec], 4, CPU)
    for ours, theirs in zip(alone.parameters(), company.module(3).parameters(), strict=True):
        assert torch.equal(ours, theirs)
    other = Stack([NetworkSpec(6, 3, 8)], 4, CPU).module(0)
    assert not torch.equal(other[0].weight, alone[0].weight)


def test_initial_weights_have_the_variance_of_he():
    module = Stack([NetworkSpec(256, 3, 0)], 64, CPU).module(0)
    for layer, m in ((module[0], 64), (module[2], 256)):
        # 16384 draws or more: their deviation is right to 3 % but once in a million times.
        assert float(layer.weight.detach().std()) == pytest.approx((2 / m) ** 0.5, rel=0.03)
        assert not layer.bias.any()


@pytest.mark.parametrize("depth", DEPTHS)
def test_all_that_is_padding_is_zero(depth):
    stack = Stack(networks(depth), 5, CPU)
    own = sum(spec.parameter_count(5) for spec in stack.specs)
    biases = sum(spec.width * (depth - 1) + 1 for spec in stack.specs)
    assert sum(int(w.count_nonzero()) for w in stack.parameters) == own - biases


@given(st.integers(1, 300), st.integers(1, 5))
def test_the_shape_of_a_stack_is_a_function_of_one_network(width, depth):
    spec = NetworkSpec(width, depth, 0)
    padded = spec.padded_width
    assert (
        padded >= max(width, 8)
        and padded & (padded - 1) == 0
        and (padded < 2 * width or padded == 8)
    )
    slots = spec.slots(CPU)
    assert slots >= 1
    one, many = Stack([spec], 3, CPU), Stack([spec] * min(slots, 3), 3, CPU)
    for mine, theirs in zip(one.parameters, many.parameters, strict=True):
        assert mine.shape == theirs.shape and mine.shape[0] == slots


@given(st.integers(1, 10_000))
def test_rows_and_columns_are_padded_to_the_next_multiple(count):
    rows, columns = padded_rows(count), padded_columns(count)
    assert rows % 16 == columns % 8 == 0
    assert count <= rows < count + 16 and count <= columns < count + 8


def test_a_stack_knows_which_networks_are_finite_and_forgets_cleared_ones():
    stack = stack_of(networks(3))
    with torch.no_grad():
        stack.weights[1][1, 2, 3] = float("inf")
        stack.biases[0][2, 0, 0] = float("nan")
    assert stack.finite() == [True, False, False]
    before = [tensor[0].clone() for tensor in stack.parameters]
    stack.clear(1)
    assert stack.finite() == [True, True, False]
    assert all(not tensor[1].any() for tensor in stack.parameters)
    for tensor, kept in zip(stack.parameters, before, strict=True):
        assert torch.equal(tensor[0], kept)


@pytest.mark.parametrize(
    "specs",
    [
        [NetworkSpec(8, 3, 0), NetworkSpec(8, 2, 0)],
        [NetworkSpec(8, 3, 0), NetworkSpec(9, 3, 0)],
        [NetworkSpec(8, 3, seed) for seed in range(NetworkSpec(8, 3, 0).slots(CPU) + 1)],
    ],
    ids=["depth", "width", "number"],
)
def test_networks_that_do_not_fit_are_refused(specs):
    with pytest.raises(ValueError, match="fit no stack"):
        Stack(specs, 4, CPU)


@pytest.mark.parametrize(("width", "depth"), [(0, 2), (3, 0), (-1, 1)])
def test_networks_without_neurons_or_layers_are_refused(width, depth):
    with pytest.raises(ValueError, match=f"width and depth >= 1, got {width} and {depth}"):
        NetworkSpec(width, depth, 0)
