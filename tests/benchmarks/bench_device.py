"""Bounds and splits on a GPU against one CPU thread, the same balls in the same run.

`python -m tests.benchmarks.bench_device`; without CUDA it compares the CPU with itself and says so.
"""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch

from pipeline.baseline import train_baseline
from pipeline.data import generate_dataset
from pipeline.verification.bounds import Balls, Claims, RoundedNetwork, crown_lower
from pipeline.verification.projected_steps import torch_threads
from pipeline.verification.splitting.question import Question
from pipeline.verification.splitting.search import SearchOptions

Row = dict[str, str | float]
_SEED, _REPEATS = 0, 3


def rows(balls: int = 10_000, points: int = 200, steps: int = 400) -> list[Row]:
    """Return seconds and largest differences, CPU as `peer`.

    Args:
        balls: of the comparison of CROWN, on a 32-128-128-1 net.
        points: of the dataset whose balls are searched at once on the GPU and one batch on the CPU.
        steps: of the training.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dataset, _ = generate_dataset("cube", N=points, d=32, C=2, seed=_SEED)
    trained = train_baseline(
        dataset, Fraction(1, 2), width=128, depth=3, max_steps=steps, progress=False
    )
    network = trained.network
    found: dict[str, tuple[float, torch.Tensor]] = {}
    for name in ("cpu", device):
        found[name] = _crown(network, dataset, balls, name)
    (slow, reference), (fast, lower) = found["cpu"], found[device]
    gap = float((reference - lower.cpu()).abs().max())
    # Both are proved lower bounds; they may differ by what rounding errors are allowed to cost.
    made = [
        _row(f"rigorous CROWN, {balls:,} balls, {device} against one CPU thread", fast, slow),
        {"name": "largest difference of bounds", "metric": "g", "ours": gap, "peer": 1e-9}
        | {"ratio": gap / 1e-9},
    ]
    question = Question(network, dataset, Fraction(1, 4), 2)
    options = SearchOptions(seconds=60, nodes=2_000, batch=256)
    times, proved = [], []
    for name, batch in ((device, 8192), ("cpu", 256)):
        start = time.perf_counter()
        searched, _ = replace(question, device=name).search(
            np.arange(points), replace(options, batch=batch)
        )
        times.append(time.perf_counter() - start)
        proved.append(int(searched.proved.sum()))
    made.append(_row(f"splits, {points} balls at once, 2,000 regions each", times[0], times[1]))
    made.append(
        {"name": "balls proved within 60 s", "metric": "balls", "ours": proved[0]}
        | {"peer": proved[1], "ratio": proved[0] / max(proved[1], 1)}
    )
    return made


def _crown(network, dataset, count, device):  # type: ignore[no-untyped-def]
    """Return the best time and the bounds of `count` balls, points used repeatedly."""
    rounded = RoundedNetwork.of(network, device)
    some = np.arange(count) % dataset.N
    balls = Balls.of(network, dataset, Fraction(1, 8), 2, some, device)
    labels = torch.from_numpy(dataset.y[some].astype(np.float64)).to(device)
    claims = Claims.of(rounded, labels, 0.5)
    best = np.inf
    with torch_threads(1):
        for _ in range(_REPEATS):
            start = time.perf_counter()
            lower = crown_lower(rounded, balls, claims)
            if device == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - start)
    return best, lower


def _row(name: str, ours: float, peer: float) -> Row:
    return {"name": name, "metric": "s", "ours": ours, "peer": peer, "ratio": ours / peer}


if __name__ == "__main__":
    from tests.benchmarks.__main__ import table

    if torch.cuda.is_available():
        print(torch.cuda.get_device_name(0))
    else:
        print("no CUDA here: the CPU is compared with itself")
    print(table(rows()))
