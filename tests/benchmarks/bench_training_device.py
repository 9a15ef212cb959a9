"""Training many networks: stacks on a GPU against stacks on all cores of the same machine.

`python -m tests.benchmarks.bench_training_device`; without CUDA only the CPU is timed, which is
said. `--sizes` times stacks of other sizes on the GPU as well. Starting up is not counted; two
evaluations under PGD and the exact networks are.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from dataclasses import dataclass
from fractions import Fraction

import torch

from pipeline.baseline import stack
from pipeline.baseline.problem import Problem
from pipeline.baseline.schedule import Schedule
from pipeline.baseline.stack import NetworkSpec
from pipeline.baseline.trainer import Recipe, Trainer
from pipeline.data import generate_dataset

DEPTH, STEPS = 3, 200


@dataclass(frozen=True)
class Case:
    """Networks that are trained, equally many of each width.

    Args:
        dataset: its name.
        widths: of the hidden layers.
        count: how many networks.
        batch_size: points a step.
        balls: most balls that each of two evaluations tries to prove, on the CPU.
    """

    dataset: str
    widths: tuple[int, ...]
    count: int
    batch_size: int
    balls: int = 0

    @property
    def specs(self) -> list[NetworkSpec]:
        """The networks."""
        return [NetworkSpec(self.widths[k % len(self.widths)], DEPTH, k) for k in range(self.count)]

    def __str__(self) -> str:
        proved = f", {self.balls} balls bounded" if self.balls else ""
        return f"{self.count} of {self.dataset}, widths {self.widths}{proved}"


CASES = (
    Case("iris", (8, 16), 32, 150),
    Case("iris", (8, 16), 256, 150),
    Case("iris", (8, 16), 1024, 150),
    Case("iris", (8, 16), 256, 150, 64),
    Case("digits", (64,), 64, 256),
    Case("digits", (256,), 32, 256),
)


def problem_of(name: str) -> Problem:
    """Return the balls of a dataset at rho = 1/2 in l2."""
    with warnings.catch_warnings():
        # One of the points of iris is there twice, which is no news here.
        warnings.simplefilter("ignore")
        data, _ = generate_dataset(name)
    return Problem(data, Fraction(1, 2), 2)


def seconds_of(case: Case, device: str, steps: int) -> tuple[float, float]:
    """Return the seconds of one training by PGD, and GiB at the peak on a GPU."""
    schedule = Schedule(
        max_steps=steps,
        batch_size=case.batch_size,
        evaluate_every=max(steps // 2, 1),
        patience=9,
        certified_balls=case.balls,
    )
    with Trainer(problem_of(case.dataset), Recipe("pgd", schedule, device)) as trainer:
        # Other shapes, hence stacks of their own: every process starts.
        cores = 1 if device == "cuda" else os.cpu_count() or 1
        trainer.trained([NetworkSpec(1, depth, 0) for depth in range(1, cores + 1)])
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        trainer.trained(case.specs)
        seconds = time.perf_counter() - start
    return seconds, torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0


def show(case: Case, device: str, steps: int) -> None:
    """Print one measurement."""
    seconds, peak = seconds_of(case, device, steps)
    size = stack._SLOTS_TIMES_WIDTH[device]
    memory = f"{peak:7.3f} GiB" if device == "cuda" else ""
    print(f"{case!s:52}{device:5}{size:7d}{seconds:8.2f} s{case.count / seconds:8.1f} /s{memory}")


def main(steps: int, sizes: list[int]) -> None:
    """Print all measurements: networks, device, slots times width, seconds, rate, memory."""
    there = torch.cuda.is_available()
    if there:
        print(torch.cuda.get_device_name(0), "torch", torch.__version__)
    else:
        print("no CUDA here: nothing to compare with")
    usual = stack._SLOTS_TIMES_WIDTH["cuda"]
    for size in dict.fromkeys([usual, *sizes]) if there else ():
        stack._SLOTS_TIMES_WIDTH["cuda"] = size
        for case in CASES:
            show(case, "cuda", steps)
    print(f"{os.cpu_count()} cores")
    for case in CASES:
        show(case, "cpu", steps)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    arguments = parser.parse_args()
    main(arguments.steps, arguments.sizes)
