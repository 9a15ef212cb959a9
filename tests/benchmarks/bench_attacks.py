"""PGD against a trained network: restarts against one long ascent, and against foolbox.

foolbox is no dependency: its rows are there where it can be imported (`pip install foolbox`).
`python -m tests.benchmarks.bench_attacks DATASET RHO` attacks all balls of another dataset.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from pipeline.baseline import train_baseline
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.exact import as_dyadic
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import radius_below
from pipeline.verification.pgd import pgd_attack
from pipeline.verification.verdicts import confirmed_witnesses

STEPS, RESTARTS = 100, 30


class NearestLabel(nn.Module):
    """Logits -(f - c)^2 of the labels c: the largest is that of the nearest label."""

    def __init__(self, network: ReLUNetwork, classes: int) -> None:
        super().__init__()
        self.outputs = network.to_torch(torch.float64)
        self.labels = torch.arange(1, classes + 1, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (n, C)."""
        return -((self.outputs(x) - self.labels) ** 2)


def foolbox_balls(
    network: ReLUNetwork, data: SeparatedDataset, rho: Fraction, balls: np.ndarray
) -> int:
    """Return how many balls foolbox's l2 PGD falsifies, by our exact rule."""
    import foolbox

    radius = radius_below(data, rho, 2) * (1 - 1e-9)
    model = foolbox.PyTorchModel(NearestLabel(network, data.C).eval(), bounds=(-1e9, 1e9))
    attack = foolbox.attacks.L2PGD(steps=STEPS).repeat(RESTARTS)
    inputs = torch.from_numpy(data.X[balls].nearest_float64())
    labels = torch.from_numpy(data.y[balls] - 1)
    _, clipped, _ = attack(model, inputs, labels, epsilons=radius)
    points = as_dyadic(clipped.numpy())
    return len(confirmed_witnesses(network, data, rho, 2, "nearest", balls, points, "foolbox"))


def rows(
    name: str = "digits", rho: str = "1/4", count: int | None = 300, max_steps: int = 300
) -> list[dict[str, str | float]]:
    """Return falsified balls and seconds of our restarts and of the peers.

    Args:
        name: the dataset.
        rho: robustness ratio, of training and attack.
        count: balls attacked, None for all.
        max_steps: of the training.
    """
    data, _ = generate_dataset(name)
    ratio = Fraction(rho)
    trained = train_baseline(data, ratio, width=128, max_steps=max_steps, progress=False)
    network, balls = trained.network, np.arange(data.N)[:count]

    def ours(**options: Any) -> Callable[[], int]:
        return lambda: len(pgd_attack(network, data, ratio, balls=balls, work=None, **options))

    mine = _timed(ours(steps=STEPS, restarts=RESTARTS))
    peers = {"one ascent as long": _timed(ours(steps=STEPS * RESTARTS, restarts=1))}
    if find_spec("foolbox") is not None:
        peers["foolbox"] = _timed(lambda: foolbox_balls(network, data, ratio, balls))
    label = f"{RESTARTS} restarts of {STEPS} PGD steps, {len(balls)} balls of {name} rho={rho}"
    return [
        {
            "name": f"{label}, against {peer}",
            "metric": metric,
            "ours": mine[at],
            "peer": theirs[at],
            "ratio": mine[at] / theirs[at] if theirs[at] else float("inf"),
        }
        for peer, theirs in peers.items()
        for at, metric in enumerate(("balls", "seconds"))
    ]


def _timed(attack: Callable[[], int]) -> tuple[int, float]:
    start = time.perf_counter()
    falsified = attack()
    return falsified, time.perf_counter() - start


if __name__ == "__main__":
    for row in rows(sys.argv[1], sys.argv[2], None, 500):
        print(row)
