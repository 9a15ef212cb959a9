"""Training many networks: stacks on two workers against an ordinary loop over torch modules.

The peer trains the same networks one by one, each an `nn.Sequential` with PGD by autograd, the same
loss, optimizer, rates, steps and full batches; of one and two torch threads it gets the better.
Starting processes is not counted, as it is paid once; no side proves anything meanwhile.
`python -m tests.benchmarks.bench_training` also times our own trainer one network at a time.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from statistics import median

import torch
from torch import nn

from pipeline.baseline.problem import Balls, Problem
from pipeline.baseline.schedule import Schedule
from pipeline.baseline.stack import NetworkSpec, Stack
from pipeline.baseline.trainer import Recipe, Trainer
from pipeline.data import generate_dataset
from pipeline.verification.projected_steps import ascent_direction, projected, torch_threads

WIDTHS, SEEDS, DEPTH, STEPS, WORKERS, REPEATS = (8, 16), 16, 3, 200, 2, 3


def networks(seeds: int = SEEDS) -> list[NetworkSpec]:
    """Return the networks to be trained."""
    return [NetworkSpec(width, DEPTH, seed) for width in WIDTHS for seed in range(seeds)]


def train_module(spec: NetworkSpec, balls: Balls, schedule: Schedule) -> nn.Sequential:
    """Return one network trained as anybody would: modules, autograd, full batches.

    Args:
        spec: the network.
        balls: normalized points and targets.
        schedule: the same as ours.
    """
    module = Stack([spec], balls.d, torch.device("cpu")).module(0)
    points, targets = balls.points[: balls.N, : balls.d], balls.targets[: balls.N]
    optimizer = torch.optim.Adam(module.parameters(), schedule.learning_rate)
    for step in range(schedule.max_steps):
        optimizer.param_groups[0]["lr"] = schedule.rate(step)
        moved = attacked(module, points, targets, balls, schedule.attack_steps)
        error = (module(moved)[:, 0] - targets).abs()
        loss = (error / balls.half_gap - 0.5).clamp(min=0).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    attacked(module, points, targets, balls, schedule.evaluation_attack_steps)
    return module


def attacked(
    module: nn.Sequential, points: torch.Tensor, targets: torch.Tensor, balls: Balls, steps: int
) -> torch.Tensor:
    """Return points after l2 PGD on |f - y|, from random starts."""
    scale = balls.scale[: balls.d]
    delta = projected(torch.randn_like(points), 1.0, balls.p)
    for _ in range(steps):
        at = (points + delta * scale).requires_grad_(True)
        (slope,) = torch.autograd.grad((module(at)[:, 0] - targets).abs().sum(), at)
        delta = projected(
            delta + 2.0 / steps * ascent_direction(slope * scale, balls.p), 1.0, balls.p
        )
    return (points + delta * scale).detach()


def rows(
    steps: int = STEPS, seeds: int = SEEDS, alone: bool = False
) -> list[dict[str, str | float]]:
    """Return networks trained a second by our trainer and by the peers, the median of rounds.

    Args:
        steps: of every training.
        seeds: networks of each width.
        alone: whether to time our trainer with one network at a time as well.
    """
    with warnings.catch_warnings():
        # One of its points is there twice, which is no news here.
        warnings.simplefilter("ignore")
        data, _ = generate_dataset("iris")
    specs = networks(seeds)
    schedule = Schedule(max_steps=steps, batch_size=data.N, evaluate_every=steps, certified_balls=0)
    problem = Problem(data, Fraction(1, 2), 2)
    recipe = Recipe("pgd", schedule, "cpu")
    with Trainer(problem, recipe, WORKERS) as many, Trainer(problem, recipe, 1) as one:
        ways: dict[str, Callable[[], object]] = {
            "ours": lambda: many.trained(specs),
            "1": lambda: by_modules(specs, problem, schedule, 1),
            "2": lambda: by_modules(specs, problem, schedule, 2),
        }
        if alone:
            ways["alone"] = lambda: [one.trained([spec]) for spec in specs]
        many.trained(specs)  # starts the processes
        rates = {name: len(specs) / seconds for name, seconds in alternating(ways).items()}
    ours, peer = rates["ours"], max(rates["1"], rates["2"])
    peers = {"one by one by torch modules": peer}
    if alone:
        peers["one by one by our trainer"] = rates["alone"]
    label = f"{len(specs)} networks of {steps} steps on {data.name}, {WORKERS} workers, against"
    return [
        {
            "name": f"{label} {name}",
            "metric": "1/seconds",
            "ours": ours,
            "peer": theirs,
            "ratio": ours / theirs,
        }
        for name, theirs in peers.items()
    ]


def by_modules(
    specs: list[NetworkSpec], problem: Problem, schedule: Schedule, threads: int
) -> list[nn.Sequential]:
    """Return the networks trained one after another by the peer."""
    with torch_threads(threads):
        balls = problem.on(torch.device("cpu"))
        return [train_module(spec, balls, schedule) for spec in specs]


def alternating(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each way, in turns: none has a quieter machine."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(times) for name, times in seconds.items()}


if __name__ == "__main__":
    for row in rows(alone=True):
        print(row)
