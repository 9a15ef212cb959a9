"""Train any set of networks: sorted into stacks, the stacks on all cores or on the GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context, get_start_method, set_start_method

import torch

from pipeline.baseline.devices import training_device
from pipeline.baseline.losses import loss_by_name
from pipeline.baseline.problem import Problem
from pipeline.baseline.schedule import Schedule
from pipeline.baseline.stack import NetworkSpec
from pipeline.baseline.training import Trained, is_out_of_memory, train_stack
from pipeline.exact import usable_cores

# The default in a worker of joblib, which the processes that it spawns do not know and end at.
_JOBLIBS_METHOD = "loky"


class BatchMemoryError(MemoryError):
    """A stack of networks does not fit into memory."""


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Args:
        loss: `standard`, `pgd`, `trades`, `interval` or `linear`.
        schedule: for how long and how fast.
        device: `auto`, `cpu` or `cuda`.
        threads: torch threads of one stack; another number may give other weights.

    Raises:
        ValueError: if an option is out of range, or `cuda` is asked for and missing.
    """

    loss: str = "pgd"
    schedule: Schedule = Schedule()
    device: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        loss_by_name(self.loss)
        training_device(self.device)
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")


def stacks_of(specs: Sequence[NetworkSpec], device: torch.device) -> list[tuple[NetworkSpec, ...]]:
    """Return the networks sorted into stacks, in their order as far as shapes allow."""
    shapes: dict[tuple[int, int], list[NetworkSpec]] = {}
    for spec in specs:
        shapes.setdefault((spec.depth, spec.padded_width), []).append(spec)
    stacks = []
    for alike in shapes.values():
        slots = alike[0].slots(device)
        stacks += [tuple(alike[k : k + slots]) for k in range(0, len(alike), slots)]
    return stacks


class Trainer:
    """Trains sets of networks for one problem; its processes live as long as its `with` block.

    The weights of a network depend on its spec, the problem and the recipe alone, not on the set
    nor on the number of workers (`pipeline.baseline.stack`), on one kind of device, processor and
    torch version. A wall-clock budget gives that up.

    Args:
        problem: what is to be memorized.
        recipe: how to train.
        workers: processes, all usable cores by default; a GPU and one stack take this process.
        progress: whether to show a progress bar when standard error is a terminal.
    """

    def __init__(
        self,
        problem: Problem,
        recipe: Recipe,
        workers: int | None = None,
        progress: bool = False,
    ) -> None:
        self._problem, self._recipe, self._progress = problem, recipe, progress
        self._device = training_device(recipe.device)
        self._workers = 1 if self._device.type == "cuda" else workers or usable_cores()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def trained(
        self,
        specs: Sequence[NetworkSpec],
        keep: Callable[[Trained], None] = lambda _: None,
    ) -> list[Trained]:
        """Return the networks trained, in the order of their specs.

        Args:
            specs: the networks, all different.
            keep: called with every network as soon as its stack is done.

        Raises:
            BatchMemoryError: if a stack does not fit into memory; what was done was kept.
        """
        done: dict[NetworkSpec, Trained] = {}
        for stack in self._trained_stacks(stacks_of(list(dict.fromkeys(specs)), self._device)):
            for each in stack:
                done[each.spec] = each
                keep(each)
        return [done[spec] for spec in specs]

    def _trained_stacks(self, stacks: list[tuple[NetworkSpec, ...]]) -> Iterator[list[Trained]]:
        if self._workers == 1 or len(stacks) < 2:
            for stack in stacks:
                yield _train(self._problem, self._recipe, stack, self._progress)
            return
        yield from self._trained_by_workers(stacks)

    def _trained_by_workers(self, stacks: list[tuple[NetworkSpec, ...]]) -> Iterator[list[Trained]]:
        """Yield stacks as they are done; after a failure those that had begun, then raise it.

        Raises:
            BatchMemoryError: if a process was killed, or a stack does not fit into memory.
            failure: of a stack, as it is.
        """
        if self._pool is None:
            if get_start_method(allow_none=True) == _JOBLIBS_METHOD:
                set_start_method("spawn", force=True)
            self._pool = ProcessPoolExecutor(
                self._workers, get_context("spawn"), _prepare, (self._problem, self._recipe)
            )
        running: set[Future[list[Trained]]] = {self._pool.submit(_in_worker, s) for s in stacks}
        failure: BaseException | None = None
        while running:
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                error = future.exception()
                if error is None:
                    yield future.result()
                failure = failure or error
            if failure is not None:
                running = {future for future in running if not future.cancel()}
        if isinstance(failure, BrokenProcessPool):
            self.__exit__()
            raise BatchMemoryError(
                f"a training process ended unasked ({failure}); the usual reason is memory that "
                f"ran out with {self._workers} workers at a time: fewer, or a smaller batch_size "
                "or width, need less, and networks that are done are kept"
            ) from failure
        if failure is not None:
            raise failure


def _train(
    problem: Problem, recipe: Recipe, specs: tuple[NetworkSpec, ...], progress: bool
) -> list[Trained]:
    """Train one stack.

    Raises:
        BatchMemoryError: naming the stack that does not fit.
        RuntimeError: any other one, as it is.
        MemoryError: never but as a BatchMemoryError.
    """
    device, loss = training_device(recipe.device), loss_by_name(recipe.loss)
    try:
        return train_stack(problem, specs, loss, recipe.schedule, device, recipe.threads, progress)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        slots, width = specs[0].slots(device), specs[0].padded_width
        raise BatchMemoryError(
            f"training {slots} networks of width {width} on {problem.dataset.N:,} points with "
            f"batch_size {recipe.schedule.batch_size} does not fit into the memory of "
            f"{device.type} ({error}); a smaller batch_size or width needs less, and networks "
            "that are done are kept"
        ) from error


_prepared: tuple[Problem, Recipe] | None = None


def _prepare(problem: Problem, recipe: Recipe) -> None:
    """Keep the problem in a worker process: it is sent once, not with every stack."""
    global _prepared
    _prepared = problem, replace(recipe, device="cpu")


def _in_worker(specs: tuple[NetworkSpec, ...]) -> list[Trained]:
    assert _prepared is not None
    return _train(*_prepared, specs, False)
