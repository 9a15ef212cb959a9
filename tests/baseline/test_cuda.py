"""Training on a GPU: what holds on the CPU holds there too, and both start alike.

Everything here needs a CUDA device and is skipped without one.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from fractions import Fraction
from math import inf

import pytest
import torch

from pipeline.baseline.losses import LOSSES, Loss, TrainingBatch
from pipeline.baseline.minimal_width import WidthSearch, minimal_width
from pipeline.baseline.problem import Problem
from pipeline.baseline.schedule import OPTIMIZERS, Schedule
from pipeline.baseline.stack import NetworkSpec, Stack
from pipeline.baseline.trainer import BatchMemoryError, Recipe, Trainer
from pipeline.baseline.training import Trained, train_stack
from pipeline.data import generate_dataset
from pipeline.verification.certify import checked
from tests.baseline.cases import CPU, GLIMPSE, HALF, bits, line, problem

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

CUDA = torch.device("cuda")
NORMS = (1, 2, inf)


def trained(
    specs: list[NetworkSpec],
    loss: str | Loss,
    p: int | float = 2,
    device: torch.device = CUDA,
    **options: object,
) -> list[Trained]:
    schedule = Schedule(**{**GLIMPSE, **options})
    function = LOSSES[loss] if isinstance(loss, str) else loss
    return train_stack(problem(p=p), specs, function, schedule, device)


def same(ours: Trained, theirs: Trained) -> bool:
    return bits(ours.network) == bits(theirs.network) and ours.curve == theirs.curve


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_is_trained_twice_alike_and_as_if_it_were_alone(loss, depth):
    spec = NetworkSpec(7, depth, 5)
    narrow = [NetworkSpec(width, depth, seed) for seed, width in enumerate((8, 3, 5))]
    for p in NORMS:
        alone, again = trained([spec], loss, p)[0], trained([spec], loss, p)[0]
        assert same(alone, again)
        assert same(trained([*narrow, spec], loss, p)[3], alone)
        assert same(trained([spec, *narrow], loss, p)[0], alone)


@pytest.mark.parametrize("width", [8, 40, 100, 300])
def test_a_full_stack_does_not_show_at_any_width(width):
    spec = NetworkSpec(width, 3, 5)
    others = [NetworkSpec(spec.padded_width, 3, 100 + k) for k in range(spec.slots(CUDA) - 1)]
    options = dict(max_steps=20, evaluate_every=20)
    (alone,) = trained([spec], "pgd", **options)
    assert same(trained([*others, spec], "pgd", **options)[-1], alone)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_repeats_itself(optimizer):
    spec = NetworkSpec(7, 3, 5)
    once, again = (
        trained([spec], "pgd", optimizer=optimizer, weight_decay=0.1, max_steps=9)[0]
        for _ in range(2)
    )
    assert same(once, again)


def test_initial_weights_are_those_of_the_cpu():
    specs = [NetworkSpec(width, 3, seed) for seed, width in enumerate((5, 8, 3))]
    ours, theirs = Stack(specs, 4, CUDA), Stack(specs, 4, CPU)
    assert all(tensor.device.type == "cuda" for tensor in ours.parameters)
    for mine, other in zip(ours.parameters, theirs.parameters, strict=True):
        assert torch.equal(mine[: len(specs)].cpu(), other[: len(specs)])


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("loss", LOSSES)
def test_ten_steps_lead_where_they_lead_on_the_cpu(loss, p):
    specs = [NetworkSpec(8, 3, seed) for seed in range(4)]
    options = dict(max_steps=10, evaluate_every=1)
    pairs = zip(
        trained(specs, loss, p, **options), trained(specs, loss, p, CPU, **options), strict=True
    )
    for ours, theirs in pairs:
        for mine, other in zip(ours.curve, theirs.curve, strict=True):
            # Sums in float32 in another order; on one H100 this made a difference of 2e-7.
            assert mine["loss"] == pytest.approx(other["loss"], rel=1e-5, abs=1e-6)


def test_all_stacks_of_mixed_shapes_come_in_order():
    specs = [
        NetworkSpec(width, depth, seed)
        for seed in range(2)
        for width in (7, 12, 30)
        for depth in (1, 3)
    ]
    with Trainer(problem(), Recipe("pgd", Schedule(**GLIMPSE), "auto")) as trainer:
        found = trainer.trained(specs)
    assert [each.spec for each in found] == specs
    for each in found:
        assert same(trained([each.spec], "pgd")[0], each)


@pytest.mark.parametrize("value", [float("nan"), inf])
def test_a_network_that_diverges_is_named_and_the_others_do_not_notice(value):
    def poisoned(batch: TrainingBatch) -> torch.Tensor:
        losses = LOSSES["pgd"](batch)
        factor = torch.ones_like(losses)
        if batch.progress >= 0.5:
            factor[1] = value
        return losses * factor

    specs = [NetworkSpec(8, 3, seed) for seed in range(3)]
    options = dict(max_steps=6, evaluate_every=2)
    found = trained(specs, poisoned, **options)
    assert (found[1].network, found[1].stopped, found[1].steps) == (None, "diverged", 4)
    assert f"became {value} at step 4 (width 8, seed 1)" in found[1].reason
    for slot in (0, 2):
        assert same(trained([specs[slot]], "pgd", **options)[0], found[slot])


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Half a GiB for torch, of what the device has."""
    gc.collect()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**29) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_stack_without_memory_is_named_and_what_is_done_is_kept(little_memory):
    huge, small = NetworkSpec(8192, 3, 0), NetworkSpec(7, 2, 0)
    kept: list[Trained] = []
    words = r"networks of width 8192 on 21 points with batch_size 8 does not fit .* memory of cuda"
    with Trainer(problem(), Recipe("pgd", Schedule(**GLIMPSE), "cuda")) as trainer:
        with pytest.raises(BatchMemoryError, match=words):
            trainer.trained([small, huge], kept.append)
        assert [each.spec for each in kept] == [small]
        # The trainer is as good as before.
        assert same(trainer.trained([small])[0], kept[0])


def test_torch_is_left_as_it_was():
    torch.cuda.manual_seed(0)
    state = torch.cuda.get_rng_state()
    trained([NetworkSpec(8, 2, 0)], "pgd")
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_network_learned_on_a_gpu_is_proved_by_the_checker(tmp_path):
    data, _ = generate_dataset("hard_width", N=5, d=4)
    task = Problem(data, Fraction(3, 5), 2, margin=0.3)
    schedule = Schedule(max_steps=300, learning_rate=0.05, evaluate_every=50)
    found = minimal_width(
        task,
        Recipe("pgd", schedule, "cuda"),
        WidthSearch(depth=3, seeds=4, max_width=8, grid=2),
        tmp_path,
        impossible=1,
    )
    assert found.succeeded is not None and found.succeeded >= 2
    files = {name: found.folder / f"{name}.npz" for name in ("dataset", "network")}
    assert checked({**files, "certificate": found.folder / "proofs.npz"}).verified


def test_a_line_is_learned_until_all_balls_are_proved():
    schedule = Schedule(max_steps=600, learning_rate=1e-2, evaluate_every=10, patience=50)
    specs = [NetworkSpec(32, 3, seed) for seed in range(4)]
    found = train_stack(Problem(line(), HALF, 2), specs, LOSSES["pgd"], schedule, CUDA)
    assert any(each.stopped == "certified" for each in found)
