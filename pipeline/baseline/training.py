"""Adversarial training of an MLP on the balls of a dataset, deterministic by seed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite

import torch
from torch import nn
from tqdm import tqdm

from pipeline.baseline.attack import TrainingAttack
from pipeline.baseline.devices import (
    deterministic_algorithms,
    torch_generator,
    training_device,
)
from pipeline.baseline.losses import Loss, loss_by_name
from pipeline.baseline.mlp import Normalization, exact_network, initial_module
from pipeline.baseline.schedule import Schedule
from pipeline.data import SeparatedDataset
from pipeline.exact import parse_norm, parse_ratio
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import radius_below
from pipeline.verification.projected_steps import torch_threads


class NonFiniteLossError(FloatingPointError):
    """Training produced a loss that is not a finite number."""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained network and how it got there.

    Args:
        network: exact, from raw inputs to labels, to be read by the rule `nearest`.
        curve: one row an evaluation: step, loss, clean_error, pgd_error (fractions of the balls
            in float arithmetic: a curve, not a verdict).
        stopped_early: whether both errors stayed 0 for `patience` evaluations.
        steps: optimizer steps taken.
        seconds: wall time.
    """

    network: ReLUNetwork
    curve: list[dict[str, float]]
    stopped_early: bool
    steps: int
    seconds: float


@dataclass(frozen=True, eq=False)
class _Problem:
    """Normalized points and targets on the device, with what attacks and losses need."""

    points: torch.Tensor
    targets: torch.Tensor
    scale: torch.Tensor
    half_gap: float
    radius: float
    p: int | float
    generator: torch.Generator

    def attack(self, steps: int) -> TrainingAttack:
        return TrainingAttack(self.radius, self.p, self.scale, steps, self.generator)

    def batches(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield shuffled batches for ever."""
        while True:
            order = torch.randperm(len(self.points), generator=self.generator)
            for part in order.split(size):
                rows = part.to(self.points.device)
                yield self.points[rows], self.targets[rows]

    @torch.no_grad()
    def error(self, module: nn.Module, points: torch.Tensor) -> float:
        """Return the share of points at which rule `nearest` does not read the label."""
        wrong = (module(points)[:, 0] - self.targets).abs() >= self.half_gap
        return float(wrong.double().mean())


def train_baseline(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    width: int = 256,
    depth: int = 4,
    loss: str = "pgd",
    max_steps: int = 1500,
    max_seconds: float | None = None,
    batch_size: int = 256,
    learning_rate: float = 5e-3,
    attack_steps: int = 5,
    evaluation_attack_steps: int = 20,
    evaluate_every: int = 100,
    patience: int = 3,
    seed: int = 0,
    device: str = "auto",
    threads: int = 1,
    progress: bool = True,
) -> TrainingResult:
    """Return an MLP trained against PGD on the balls B(x_i, mu), as an exact network.

    The same arguments give the same weights on the same kind of processor and torch version,
    whatever the number of cores: the thread count is fixed here and torch's deterministic
    algorithms are on. Other processors may round sums differently, and a wall-clock budget stops
    where it stops.

    Args:
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        width: of every hidden layer.
        depth: affine layers.
        loss: `pgd`, `trades` or `plain`.
        max_steps: see `Schedule`, as the seven options that follow.
        max_seconds: wall-clock budget, none by default.
        batch_size: points a step.
        learning_rate: peak rate of Adam.
        attack_steps: PGD steps in training.
        evaluation_attack_steps: PGD steps in evaluations.
        evaluate_every: steps between evaluations.
        patience: evaluations without an error that stop the training.
        seed: of weights, batches and attacks.
        device: `auto`, `cpu` or `cuda`.
        threads: torch threads; another number may give other weights.
        progress: whether to show a progress bar when standard error is a terminal.

    Raises:
        ValueError: if an option is out of range, or `cuda` is asked for and missing.
        NonFiniteLossError: if the training loss becomes NaN or infinite.
    """
    started = time.perf_counter()
    rho, p = parse_ratio(rho), parse_norm(p)
    if p not in (1, 2, inf):
        raise ValueError(f"adversarial training needs p = 1, 2 or inf, got {p}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    schedule = Schedule(
        max_steps,
        max_seconds,
        batch_size,
        learning_rate,
        attack_steps,
        evaluation_attack_steps,
        evaluate_every,
        patience,
    )
    target, objective = training_device(device), loss_by_name(loss)
    normalization = Normalization.of_dataset(dataset, radius_below(dataset, rho, p))
    with torch_threads(threads), deterministic_algorithms():
        problem = _problem(dataset, rho, p, normalization, seed, target)
        module = initial_module(dataset.d, width, depth, seed).to(target)
        curve, stopped, steps = _trained(module, problem, objective, schedule, started, progress)
        network = exact_network(module, normalization)
    return TrainingResult(network, curve, stopped, steps, time.perf_counter() - started)


def _problem(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    normalization: Normalization,
    seed: int,
    device: torch.device,
) -> _Problem:
    def tensor(values: object) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32).to(device)

    radius = radius_below(dataset, rho, p)
    # Attacks move in units of the radius, which keeps float32 in range whatever the data's scale.
    return _Problem(
        tensor(normalization.inputs(dataset.X)),
        tensor(normalization.targets(dataset.y)),
        tensor(normalization.scale() * radius),
        normalization.half_gap,
        1.0,
        p,
        torch_generator(seed, "batches"),
    )


def _trained(
    module: nn.Sequential,
    problem: _Problem,
    loss: Loss,
    schedule: Schedule,
    started: float,
    progress: bool,
) -> tuple[list[dict[str, float]], bool, int]:
    """Train the module in place; return its curve, whether it stopped early, and the steps.

    Raises:
        NonFiniteLossError: naming the step at which loss or weights were no finite numbers.
    """
    optimizer = torch.optim.Adam(module.parameters())
    batches = problem.batches(schedule.batch_size)
    attack = problem.attack(schedule.attack_steps)
    curve: list[dict[str, float]] = []
    clean_run, recent = 0, 0.0
    bar = tqdm(range(schedule.max_steps), "training", disable=None if progress else True)
    for step in bar:
        points, targets = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        value = loss(module, points, targets, problem.half_gap, attack)
        recent = float(value.detach())
        if not isfinite(recent):
            raise NonFiniteLossError(
                f"the training loss became {recent} at step {step + 1}; a smaller "
                f"learning_rate than {schedule.learning_rate} may help"
            )
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        taken = step + 1
        late = schedule.max_seconds is not None and (
            time.perf_counter() - started >= schedule.max_seconds
        )
        if taken % schedule.evaluate_every == 0 or taken == schedule.max_steps or late:
            row = _evaluation(module, problem, schedule, taken, recent)
            curve.append(row)
            bar.set_postfix(clean=row["clean_error"], pgd=row["pgd_error"])
            clean_run = clean_run + 1 if row["clean_error"] == row["pgd_error"] == 0 else 0
        if late or clean_run == schedule.patience:
            break
    bar.close()
    if not all(bool(torch.isfinite(values).all()) for values in module.parameters()):
        raise NonFiniteLossError(f"the weights are not finite after step {taken}")
    return curve, clean_run == schedule.patience, taken


def _evaluation(
    module: nn.Module, problem: _Problem, schedule: Schedule, step: int, loss: float
) -> dict[str, float]:
    attacked = problem.attack(schedule.evaluation_attack_steps)(
        module, problem.points, problem.targets
    )
    return {
        "step": step,
        "loss": loss,
        "clean_error": problem.error(module, problem.points),
        "pgd_error": problem.error(module, attacked),
    }
