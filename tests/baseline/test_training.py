"""Stacks in training: every network as if it were alone, padding that stays zero, divergence."""

from __future__ import annotations

from math import inf

import pytest
import torch

from pipeline.baseline import training
from pipeline.baseline.losses import LOSSES, TrainingBatch
from pipeline.baseline.mlp import exact_network
from pipeline.baseline.problem import Problem
from pipeline.baseline.schedule import OPTIMIZERS, Schedule
from pipeline.baseline.stack import NetworkSpec, Stack
from pipeline.baseline.training import Trained, train_stack
from tests.baseline.cases import CPU, GLIMPSE, HALF, bits, line, problem

NORMS = (1, 2, inf)


def trained(
    specs: list[NetworkSpec], loss: str, p: int | float = 2, **options: object
) -> list[Trained]:
    schedule = Schedule(**{**GLIMPSE, **options})
    return train_stack(problem(p=p), specs, LOSSES[loss], schedule, CPU)


def same(ours: Trained, theirs: Trained) -> bool:
    return bits(ours.network) == bits(theirs.network) and ours.curve == theirs.curve


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_is_trained_as_if_it_were_alone(loss, depth):
    for p in NORMS:
        spec = NetworkSpec(7, depth, 5)
        (alone,) = trained([spec], loss, p)
        narrow = [NetworkSpec(width, depth, seed) for seed, width in enumerate((8, 3, 5))]
        assert same(trained([*narrow, spec], loss, p)[3], alone)
    full = [NetworkSpec(8, depth, 100 + k) for k in range(spec.slots(CPU) - 1)]
    assert same(trained([spec, *full], loss, p)[0], alone)


@pytest.mark.parametrize("width", [1, 8, 12, 40])
def test_company_does_not_show_at_any_width(width):
    spec = NetworkSpec(width, 3, 5)
    (alone,) = trained([spec], "pgd")
    others = [NetworkSpec(spec.padded_width, 3, k) for k in range(3)]
    assert same(trained([*others, spec], "pgd")[3], alone)


@pytest.mark.parametrize("width", [40, 100])
def test_company_does_not_show_with_two_threads(width):
    # Here it would, were slots and rows those of the company: threads share the sums by shape.
    schedule = Schedule(**GLIMPSE)
    spec = NetworkSpec(width, 3, 5)
    (alone,) = train_stack(problem(), [spec], LOSSES["pgd"], schedule, CPU, 2)
    specs = [NetworkSpec(spec.padded_width, 3, 0), spec]
    assert same(train_stack(problem(), specs, LOSSES["pgd"], schedule, CPU, 2)[1], alone)


@pytest.mark.parametrize("batch_size", [5, 16, 21])
def test_company_does_not_show_at_any_batch_size(batch_size):
    spec = NetworkSpec(7, 3, 5)
    (alone,) = trained([spec], "linear", batch_size=batch_size, max_steps=9, evaluate_every=4)
    company = [NetworkSpec(8, 3, 1), spec]
    options = dict(batch_size=batch_size, max_steps=9, evaluate_every=4)
    assert same(trained(company, "linear", **options)[1], alone)


def test_other_seeds_are_other_networks():
    first, second, again = (trained([NetworkSpec(7, 3, seed)], "pgd")[0] for seed in (1, 2, 1))
    assert same(first, again) and bits(first.network) != bits(second.network)


def test_networks_that_stop_early_are_not_noticed():
    task = Problem(line(), HALF, 2)
    specs = [NetworkSpec(32, 3, seed) for seed in range(4)]
    schedule = Schedule(max_steps=120, learning_rate=1e-2, evaluate_every=10, patience=1)
    together = train_stack(task, specs, LOSSES["pgd"], schedule, CPU)
    assert len({each.steps for each in together}) > 1
    for spec, each in zip(specs, together, strict=True):
        (alone,) = train_stack(task, [spec], LOSSES["pgd"], schedule, CPU)
        assert same(alone, each) and (alone.steps, alone.stopped) == (each.steps, each.stopped)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_padding_stays_exactly_zero(loss, optimizer, monkeypatch):
    stacks: list[Stack] = []

    class Kept(Stack):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            stacks.append(self)

    monkeypatch.setattr(training, "Stack", Kept)
    specs = [NetworkSpec(width, 3, seed) for seed, width in enumerate((5, 8, 3))]
    for p in NORMS:
        trained(specs, loss, p, optimizer=optimizer, weight_decay=0.1)
        stack = stacks.pop()
        for slot, spec in enumerate(specs):
            sizes = [4] + [spec.width] * 2 + [1]
            for weight, bias, m, n in zip(
                stack.weights, stack.biases, sizes[:-1], sizes[1:], strict=True
            ):
                assert weight[slot, :m, :n].count_nonzero() > 0
                assert weight[slot].count_nonzero() == weight[slot, :m, :n].count_nonzero()
                assert bias[slot].count_nonzero() == bias[slot, 0, :n].count_nonzero()
        assert not any(tensor[len(specs) :].any() for tensor in stack.parameters)


def poisoned(slot: int, from_progress: float, value: float):
    """PGD, but for one network's loss from some moment on."""

    def loss(batch: TrainingBatch) -> torch.Tensor:
        factor = torch.ones(batch.stack.slots)
        if batch.progress >= from_progress:
            factor[slot] = value
        return LOSSES["pgd"](batch) * factor

    return loss


@pytest.mark.parametrize("value", [float("nan"), inf])
def test_a_network_that_diverges_is_left_behind_and_the_others_do_not_notice(value):
    specs = [NetworkSpec(8, 3, seed) for seed in range(3)]
    schedule = Schedule(**{**GLIMPSE, "max_steps": 6, "evaluate_every": 2})
    found = train_stack(problem(), specs, poisoned(1, 0.5, value), schedule, CPU)
    diverged = found[1]
    assert (diverged.network, diverged.stopped, diverged.steps) == (None, "diverged", 4)
    assert diverged.reason.startswith(f"the training loss became {value} at step 4 (width 8, seed")
    assert "smaller learning_rate than 0.005 may help" in diverged.reason
    assert [row["step"] for row in diverged.curve] == [2] and diverged.rank == (inf,)
    for slot in (0, 2):
        (alone,) = train_stack(problem(), [specs[slot]], LOSSES["pgd"], schedule, CPU)
        assert same(alone, found[slot]) and found[slot].reason == ""
        assert found[slot].rank < diverged.rank


def test_weights_that_overflow_are_noticed_though_the_loss_is_finite():
    def steep(batch: TrainingBatch) -> torch.Tensor:
        # The value is 0 but the slope infinite: one step makes the weights NaN.
        bias = batch.stack.biases[-1][:, 0, 0]
        step = torch.zeros_like(bias)
        step[0] = (bias - bias.detach())[0].sqrt()
        return LOSSES["pgd"](batch) + step

    specs = [NetworkSpec(8, 3, seed) for seed in range(2)]
    schedule = Schedule(**{**GLIMPSE, "evaluate_every": 1})
    found = train_stack(problem(), specs, steep, schedule, CPU)
    assert found[0].reason.startswith("the weights became infinite or NaN at step 1 (width 8, seed")
    assert found[0].network is None and found[0].curve == []
    (alone,) = train_stack(problem(), specs[1:], LOSSES["pgd"], schedule, CPU)
    assert same(alone, found[1])


def test_a_huge_learning_rate_diverges_for_all():
    specs = [NetworkSpec(8, 3, seed) for seed in range(2)]
    schedule = Schedule(**{**GLIMPSE, "max_steps": 20, "learning_rate": 1e30})
    found = train_stack(problem(), specs, LOSSES["pgd"], schedule, CPU)
    assert all(each.network is None and each.steps < 20 for each in found)


def test_curves_have_a_row_an_evaluation_and_count_what_is_proved_if_asked():
    specs = [NetworkSpec(8, 2, seed) for seed in range(2)]
    columns = {"step", "loss", "clean_error", "pgd_error"}
    for balls, more in ((0, set()), (5, {"certified"})):
        for each in trained(specs, "pgd", max_steps=5, evaluate_every=2, certified_balls=balls):
            assert [row["step"] for row in each.curve] == [2, 4, 5]
            assert all(set(row) == columns | more for row in each.curve)
            assert (each.stopped, each.steps) == ("steps", 5)
            assert all(row["clean_error"] <= row["pgd_error"] for row in each.curve)


def test_training_stops_when_all_balls_are_proved_or_stay_without_an_error():
    task = Problem(line(), HALF, 2)
    for balls, patience, stopped in ((100, 50, "certified"), (0, 2, "no errors")):
        schedule = Schedule(
            max_steps=600,
            learning_rate=1e-2,
            evaluate_every=10,
            patience=patience,
            certified_balls=balls,
        )
        (found,) = train_stack(task, [NetworkSpec(32, 3, 0)], LOSSES["pgd"], schedule, CPU)
        assert found.stopped == stopped and found.steps < 600
        last = found.curve[-1]
        assert last["clean_error"] == last["pgd_error"] == 0
        if balls:
            assert last["certified"] == 1 and found.curve[-2]["certified"] < 1
        else:
            assert [row["pgd_error"] == 0 for row in found.curve[-3:]] == [False, True, True]


def test_the_time_budget_stops_training_with_a_network():
    (found,) = trained([NetworkSpec(8, 3, 0)], "pgd", max_steps=50, max_seconds=1e-6)
    assert (found.stopped, found.steps, len(found.curve)) == ("seconds", 1, 1)
    assert found.network is not None


def test_a_network_is_made_exact_only_if_it_is_looked_at(monkeypatch):
    made = []
    monkeypatch.setattr(
        training, "exact_network", lambda *arguments: made.append(1) or exact_network(*arguments)
    )
    specs = [NetworkSpec(8, 2, seed) for seed in range(2)]
    for balls, count in ((0, 2), (5, 6)):
        made.clear()
        found = trained(specs, "pgd", max_steps=5, evaluate_every=2, certified_balls=balls)
        assert len(made) == count and all(each.network is not None for each in found)


def test_torch_is_left_as_it_was():
    before = torch.get_num_threads()
    state = torch.get_rng_state()
    train_stack(problem(), [NetworkSpec(8, 2, 0)], LOSSES["pgd"], Schedule(**GLIMPSE), CPU, 2)
    assert torch.get_num_threads() == before
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_errors_that_speak_of_memory_are_told_from_others():
    assert training.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert training.is_out_of_memory(MemoryError())
    words = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    assert training.is_out_of_memory(RuntimeError(words))
    words = (
        "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"
    )
    assert training.is_out_of_memory(RuntimeError(words))
    assert training.is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you"))
    assert not training.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not training.is_out_of_memory(ValueError("out of memory"))
