"""Any set of networks: sorted into stacks, on any number of workers, memory errors that name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Barrier

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from joblib.externals.loky import get_reusable_executor

from pipeline.baseline import trainer as trainer_module
from pipeline.baseline.schedule import Schedule
from pipeline.baseline.stack import NetworkSpec
from pipeline.baseline.trainer import BatchMemoryError, Recipe, Trainer, stacks_of
from pipeline.baseline.training import Trained
from tests.baseline.cases import CPU, GLIMPSE, bits, problem

RECIPE = Recipe("pgd", Schedule(**GLIMPSE), "cpu")
# Three stacks: padded widths 8, 16 and 32.
SPECS = [NetworkSpec(width, 2, seed) for seed in range(2) for width in (7, 12, 30)]


@given(
    st.lists(
        st.builds(
            NetworkSpec, st.sampled_from([3, 8, 9, 200]), st.integers(1, 2), st.integers(0, 9)
        ),
        max_size=60,
        unique=True,
    )
)
def test_stacks_hold_every_network_once_and_no_more_than_fit(specs):
    stacks = stacks_of(specs, CPU)
    assert sorted(spec.seed for stack in stacks for spec in stack) == sorted(s.seed for s in specs)
    assert {spec for stack in stacks for spec in stack} == set(specs)
    for stack in stacks:
        assert len({(spec.depth, spec.padded_width) for spec in stack}) == 1
        assert 1 <= len(stack) <= stack[0].slots(CPU)
        assert list(stack) == [spec for spec in specs if spec in stack]


def test_networks_come_in_the_order_asked_for_and_are_kept_as_they_come():
    kept = []
    with Trainer(problem(), RECIPE, workers=1) as trainer:
        found = trainer.trained(SPECS, kept.append)
    assert [each.spec for each in found] == SPECS
    assert {each.spec for each in kept} == set(SPECS) and len(kept) == len(SPECS)


def test_a_network_asked_for_twice_is_trained_once():
    kept = []
    with Trainer(problem(), RECIPE, workers=1) as trainer:
        first, second = trainer.trained([SPECS[0], SPECS[0]], kept.append)
        assert first is second and len(kept) == 1
        assert trainer.trained([]) == []


def test_the_number_of_processes_and_of_threads_before_does_not_show():
    before = torch.get_num_threads()
    found = []
    try:
        for workers, threads in ((1, 1), (1, 2), (2, 2)):
            torch.set_num_threads(threads)
            torch.manual_seed(threads)
            with Trainer(problem(), RECIPE, workers) as trainer:
                found.append([bits(each.network) for each in trainer.trained(SPECS)])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def _trained_beside(workers: int) -> list[int]:
    """Train in several processes, in whatever process this is."""
    with Trainer(problem(), RECIPE, workers) as trainer:
        return [each.spec.width for each in trainer.trained(SPECS)]


def test_a_job_of_a_local_sweep_trains_in_processes_of_its_own():
    """A worker of joblib has a default start method that what it spawns does not know."""
    executor = get_reusable_executor(max_workers=1, kill_workers=True)
    try:
        widths = executor.submit(_trained_beside, 2).result(timeout=120)
    finally:
        executor.shutdown(kill_workers=True)
    assert widths == [spec.width for spec in SPECS]


def scarce(error: Exception):
    """Return a train_stack that has memory for all widths but 12."""
    original = trainer_module.train_stack

    def train_stack(problem, specs, *options):
        if specs[0].width == 12:
            raise error
        return original(problem, specs, *options)

    return train_stack


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError("numpy has none"),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_a_stack_without_memory_is_named_and_what_is_done_is_kept(error, monkeypatch):
    monkeypatch.setattr(trainer_module, "train_stack", scarce(error))
    kept = []
    words = "training 16 networks of width 16 on 21 points with batch_size 8 does not fit into the"
    with Trainer(problem(), RECIPE, workers=1) as trainer:
        with pytest.raises(BatchMemoryError, match=words) as raised:
            trainer.trained(SPECS, kept.append)
        assert [each.spec for each in kept] == [spec for spec in SPECS if spec.width == 7]
        assert str(error) in str(raised.value) and "memory of cpu" in str(raised.value)
        assert "smaller batch_size or width" in str(raised.value)
        # The trainer is as good as before.
        assert len(trainer.trained(kept and [kept[0].spec])) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("none"), "networks of width 16 on 21 points"),
        (BrokenProcessPool("ended"), "process ended unasked .* usual reason is memory"),
    ],
    ids=["refused", "killed"],
)
def test_workers_keep_what_is_done_when_one_runs_out_of_memory(error, words, monkeypatch):
    together = Barrier(3, timeout=60)

    def train_stack(problem, specs, *options):
        together.wait()
        if specs[0].width == 12:
            raise error
        return [Trained(spec, None, [], "diverged", 1) for spec in specs]

    def threads(workers, context, initializer, arguments):
        return ThreadPoolExecutor(workers, initializer=initializer, initargs=arguments)

    monkeypatch.setattr(trainer_module, "train_stack", train_stack)
    monkeypatch.setattr(trainer_module, "ProcessPoolExecutor", threads)
    monkeypatch.setattr(trainer_module, "_prepared", None)
    kept = []
    with Trainer(problem(), RECIPE, workers=3) as trainer:
        with pytest.raises(BatchMemoryError, match=words):
            trainer.trained(SPECS, kept.append)
    assert {each.spec for each in kept} == {spec for spec in SPECS if spec.width != 12}


def test_other_errors_pass_as_they_are(monkeypatch):
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    monkeypatch.setattr(trainer_module, "train_stack", scarce(error))
    with Trainer(problem(), RECIPE, workers=1) as trainer:
        with pytest.raises(RuntimeError) as raised:
            trainer.trained(SPECS)
    assert raised.value is error


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"loss": "plain"}, "loss must be one of standard, pgd, trades, interval, linear"),
        ({"device": "tpu"}, "device must be auto, cpu or cuda"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
    ],
)
def test_recipes_out_of_range_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**option)
