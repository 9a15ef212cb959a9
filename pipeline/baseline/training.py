"""Adversarial training of MLPs on the balls of a dataset: many at once, deterministic by seed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import torch
from tqdm import tqdm

from pipeline.baseline.certified_share import certified_share
from pipeline.baseline.devices import deterministic_algorithms, torch_generator
from pipeline.baseline.losses import Loss, TrainingBatch
from pipeline.baseline.mlp import exact_network
from pipeline.baseline.problem import Balls, Problem
from pipeline.baseline.schedule import Schedule
from pipeline.baseline.stack import NetworkSpec, Stack
from pipeline.network import ReLUNetwork
from pipeline.verification.projected_steps import torch_threads


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and how it got there.

    Args:
        spec: which network.
        network: exact, from raw inputs to labels; None if training diverged.
        curve: one row an evaluation: step, loss, clean_error, pgd_error (shares of the balls in
            float arithmetic: a curve, not a verdict), certified (share that linear bounds prove).
        stopped: "certified", "no errors", "steps", "seconds" or "diverged".
        steps: optimizer steps taken.
        reason: what diverged, else empty.
    """

    spec: NetworkSpec
    network: ReLUNetwork | None
    curve: list[dict[str, float]]
    stopped: str
    steps: int
    reason: str = ""

    @property
    def rank(self) -> tuple[float, ...]:
        """What makes a network worse than another: errors, then the share not proved, the loss."""
        if self.network is None or not self.curve:
            return (float("inf"),)
        last = self.curve[-1]
        unproved = 1.0 - last.get("certified", 0.0)
        return (last["pgd_error"], last["clean_error"], unproved, last["loss"])


@dataclass(eq=False)
class _Slot:
    """The state of one network of a stack in training."""

    curve: list[dict[str, float]] = field(default_factory=list)
    clean_run: int = 0
    result: Trained | None = None


class StackTraining:
    """The training of one stack, as a loop over optimizer steps.

    Args:
        problem: what is to be memorized.
        specs: the networks of the stack.
        loss: what is minimized.
        schedule: for how long.
        device: where.
    """

    def __init__(
        self,
        problem: Problem,
        specs: Sequence[NetworkSpec],
        loss: Loss,
        schedule: Schedule,
        device: torch.device,
    ) -> None:
        self._problem, self._loss, self._schedule = problem, loss, schedule
        self._balls: Balls = problem.on(device)
        self._stack = Stack(specs, problem.dataset.d, device)
        self._generators = [torch_generator(spec.seed, "batches") for spec in specs]
        self._slots = [_Slot() for _ in specs]

    def run(self, progress: bool = False) -> list[Trained]:
        """Return the networks trained, in the order of their specs."""
        schedule, stack = self._schedule, self._stack
        started = time.monotonic()
        optimizer = schedule.new_optimizer(stack.parameters)
        batches = self._balls.batches(schedule.batch_size, stack.slots, self._generators)
        attack = self._balls.attack(schedule.attack_steps, self._generators, schedule.reach)
        bar = tqdm(range(schedule.max_steps), "training", disable=None if progress else True)
        for step in bar:
            points, targets, weights = next(batches)
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            batch = TrainingBatch(
                stack,
                points,
                targets,
                weights,
                self._balls.half_gap,
                self._balls.aim,
                attack,
                step / schedule.max_steps,
            )
            values = self._loss(batch)
            optimizer.zero_grad()
            values.sum().backward()
            optimizer.step()
            taken = step + 1
            late = schedule.max_seconds is not None and (
                time.monotonic() - started >= schedule.max_seconds
            )
            last = late or taken == schedule.max_steps
            self._stop_diverged(taken, values.detach())
            if taken % schedule.evaluate_every == 0 or last:
                self._evaluate(taken, values.detach(), last, late)
                bar.set_postfix(self._postfix())
            if all(slot.result is not None for slot in self._slots):
                break
        bar.close()
        return [slot.result for slot in self._slots if slot.result is not None]

    @property
    def _all_balls(self) -> bool:
        """Whether the share that is proved is one of all balls."""
        return self._schedule.certified_balls >= self._problem.dataset.N

    def _open(self) -> list[tuple[int, _Slot]]:
        return [(k, slot) for k, slot in enumerate(self._slots) if slot.result is None]

    def _stop_diverged(self, step: int, values: torch.Tensor) -> None:
        """Leave behind the networks whose loss is no finite number."""
        losses = values.tolist()
        for k, slot in self._open():
            if not isfinite(losses[k]):
                self._diverged(k, slot, step, f"the training loss became {losses[k]}")

    def _diverged(self, k: int, slot: _Slot, step: int, what: str) -> None:
        reason = (
            f"{what} at step {step} (width {self._stack.specs[k].width}, seed "
            f"{self._stack.specs[k].seed}); a smaller learning_rate than "
            f"{self._schedule.learning_rate} may help"
        )
        slot.result = Trained(self._stack.specs[k], None, slot.curve, "diverged", step, reason)
        self._stack.clear(k)

    def _evaluate(self, step: int, values: torch.Tensor, last: bool, late: bool) -> None:
        """Add a row to every curve and stop the networks that are ready."""
        finite = self._stack.finite()
        for k, slot in self._open():
            if not finite[k]:
                self._diverged(k, slot, step, "the weights became infinite or NaN")
        attack = self._balls.attack(self._schedule.evaluation_attack_steps, self._generators)
        clean, attacked = self._balls.errors(self._stack, attack)
        losses = values.tolist()
        # Networks are read one by one, tensors fetched from a GPU once.
        here = self._stack.on_cpu()
        for k, slot in self._open():
            row = {
                "step": step,
                "loss": losses[k],
                "clean_error": clean[k],
                "pgd_error": attacked[k],
            }
            network = None
            if most := self._schedule.certified_balls:
                network = exact_network(here.module(k), self._problem.normalization)
                row["certified"] = certified_share(network, self._problem, most)
            slot.curve.append(row)
            if stopped := self._why_stopped(slot, last, late):
                if network is None:
                    network = exact_network(here.module(k), self._problem.normalization)
                slot.result = Trained(here.specs[k], network, slot.curve, stopped, step)

    def _why_stopped(self, slot: _Slot, last: bool, late: bool) -> str:
        """Return why a network stops after its latest evaluation, empty if it does not."""
        row = slot.curve[-1]
        faultless = row["clean_error"] == row["pgd_error"] == 0
        slot.clean_run = slot.clean_run + 1 if faultless else 0
        if row.get("certified") == 1 and self._all_balls:
            return "certified"
        if slot.clean_run == self._schedule.patience:
            return "no errors"
        if last:
            return "seconds" if late else "steps"
        return ""

    def _postfix(self) -> dict[str, float]:
        rows = [slot.curve[-1] for slot in self._slots if slot.curve]
        keys = ("clean_error", "pgd_error", "certified")
        return {key: sum(row.get(key, 0.0) for row in rows) / len(rows) for key in keys if rows}


def train_stack(
    problem: Problem,
    specs: Sequence[NetworkSpec],
    loss: Loss,
    schedule: Schedule,
    device: torch.device,
    threads: int = 1,
    progress: bool = False,
) -> list[Trained]:
    """Return the networks of one stack trained, in the order of their specs.

    Args:
        problem: what is to be memorized.
        specs: the networks; they fit one stack.
        loss: what is minimized.
        schedule: for how long.
        device: where.
        threads: torch threads; another number may give other weights.
        progress: whether to show a progress bar when standard error is a terminal.
    """
    with torch_threads(threads), deterministic_algorithms():
        return StackTraining(problem, specs, loss, schedule, device).run(progress)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on the device or on the machine."""
    words = (
        "not enough memory",
        "can't allocate memory",
        "out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
    )
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )
