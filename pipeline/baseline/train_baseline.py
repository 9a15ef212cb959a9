"""One network for a dataset: trained, the best of its restarts, rounded if f = y is asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction

from pipeline.baseline.problem import Problem
from pipeline.baseline.rule import rule_of
from pipeline.baseline.schedule import Schedule
from pipeline.baseline.stack import NetworkSpec
from pipeline.baseline.trainer import Recipe, Trainer
from pipeline.baseline.training import Trained
from pipeline.data import SeparatedDataset, generator
from pipeline.exact import parse_norm, parse_ratio
from pipeline.network import ReLUNetwork


class NonFiniteLossError(FloatingPointError):
    """Every restart of a training produced a loss that is not a finite number."""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained network and how it got there.

    Args:
        network: exact, from raw inputs to labels, to be read by the rule it was trained for.
        curve: see `Trained`.
        stopped: see `Trained`.
        steps: optimizer steps taken.
        seconds: wall time.
        others: the restarts that were not chosen.
    """

    network: ReLUNetwork
    curve: list[dict[str, float]]
    stopped: str
    steps: int
    seconds: float
    others: tuple[Trained, ...] = ()

    @property
    def stopped_early(self) -> bool:
        """Whether the errors stayed 0, or every ball was proved, before the last step."""
        return self.stopped in ("certified", "no errors")


def train_baseline(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    width: int = 256,
    depth: int = 4,
    loss: str = "pgd",
    margin: float = 0.5,
    decision: str = "nearest",
    restarts: int = 1,
    max_steps: int = 1500,
    max_seconds: float | None = None,
    batch_size: int = 256,
    optimizer: str = "adam",
    learning_rate: float = 5e-3,
    weight_decay: float = 0.0,
    decay: str = "cosine",
    attack_steps: int = 5,
    reach: float = 1.0,
    evaluation_attack_steps: int = 20,
    evaluate_every: int = 100,
    patience: int = 3,
    certified_balls: int = 64,
    seed: int = 0,
    device: str = "auto",
    threads: int = 1,
    workers: int | None = 1,
    progress: bool = True,
) -> TrainingResult:
    """Return an MLP trained on the balls B(x_i, mu), as an exact network.

    The same arguments give the same weights on the same kind of processor and torch version,
    whatever the number of cores (`pipeline.baseline.stack`): the thread count is fixed here and
    torch's deterministic algorithms are on. Other processors may round sums differently, and a
    wall-clock budget stops where it stops.

    Args:
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        width: of every hidden layer.
        depth: affine layers.
        loss: `standard`, `pgd`, `trades`, `interval` or `linear`.
        margin: share of the distance to a wrong label that the loss asks to be left free.
        decision: `nearest`, |f - y| < 1/2, or `exact`: a rounding gadget follows, so that f = y
            wherever the trained network is near enough to the label.
        restarts: networks trained from seeds of their own; the best one is returned.
        max_steps: see `Schedule`, as the options that follow up to `certified_balls`.
        max_seconds: wall-clock budget, none by default.
        batch_size: points a step.
        optimizer: `adam`, `adamw` or `sgd`.
        learning_rate: its peak rate.
        weight_decay: of the optimizer.
        decay: of the learning rate: `cosine`, `linear` or `constant`.
        attack_steps: PGD steps in training.
        reach: radius of the balls in training in units of mu.
        evaluation_attack_steps: PGD steps in evaluations.
        evaluate_every: steps between evaluations.
        patience: evaluations without an error that stop the training.
        certified_balls: most balls that an evaluation tries to prove by linear bounds, 0 for none.
        seed: of weights, batches and attacks.
        device: `auto`, `cpu` or `cuda`.
        threads: torch threads; another number may give other weights.
        workers: processes for restarts in several stacks, None for all cores.
        progress: whether to show a progress bar when standard error is a terminal.

    Raises:
        ValueError: if an option is out of range, or `cuda` is asked for and missing.
        NonFiniteLossError: if the training loss becomes NaN or infinite in every restart.
        BatchMemoryError: if the networks do not fit into memory together.
    """
    started = time.perf_counter()
    if restarts < 1:
        raise ValueError(f"restarts must be at least 1, got {restarts}")
    schedule = Schedule(
        max_steps,
        max_seconds,
        batch_size,
        optimizer,
        learning_rate,
        weight_decay,
        decay,
        attack_steps,
        reach,
        evaluation_attack_steps,
        evaluate_every,
        patience,
        certified_balls,
    )
    rule = rule_of(decision)
    problem = Problem(dataset, parse_ratio(rho), parse_norm(p), rule.tolerance, margin)
    specs = [NetworkSpec(width, depth, each) for each in restart_seeds(seed, restarts)]
    with Trainer(problem, Recipe(loss, schedule, device, threads), workers, progress) as trainer:
        trained = trainer.trained(specs)
    best, *others = sorted(trained, key=lambda each: each.rank)
    if best.network is None:
        raise NonFiniteLossError(best.reason)
    network = rule.finished(best.network, dataset.C)
    seconds = time.perf_counter() - started
    return TrainingResult(network, best.curve, best.stopped, best.steps, seconds, tuple(others))


def restart_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds of restarts: the seed itself, then others drawn from its stream."""
    drawn = generator(seed, "train", "restarts").integers(2**31, size=max(count - 1, 0))
    return [seed, *map(int, drawn)]
