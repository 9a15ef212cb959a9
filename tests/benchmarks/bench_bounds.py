"""Rigorous CROWN against itself without error bounds and against auto_LiRPA's; complete searches.

`--complete` searches balls of trained networks between the radius that alpha-CROWN proves and the
one that PGD refutes; `--contradictions` compares all methods on random balls.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from pipeline.baseline import train_baseline
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.network import ReLUNetwork
from pipeline.verification.bounds import Balls, Claims, RoundedNetwork, crown_lower
from pipeline.verification.pgd import pgd_attack
from pipeline.verification.projected_steps import torch_threads
from pipeline.verification.splitting.question import Question
from pipeline.verification.splitting.search import SearchOptions
from tests.benchmarks.auto_lirpa import auto_lirpa, crown_of_auto_lirpa
from tests.verification.splitting.contradictions import compared

Row = dict[str, str | float]
REPEATS = 5
MARGIN = 1e-9
TOLERANCE = 1e-6
# d, width, affine layers, points.
SHAPES = ((8, 32, 3, 60), (16, 64, 3, 100), (16, 64, 4, 100), (32, 128, 3, 200))


def trained(
    d: int, width: int, depth: int, points: int, max_steps: int = 600
) -> tuple[ReLUNetwork, SeparatedDataset]:
    """Return a network trained with the plain loss on points of a cube, the same every time."""
    data, _ = generate_dataset("cube", N=points, d=d, C=2, seed=1)
    result = train_baseline(
        data,
        Fraction(1, 2),
        width=width,
        depth=depth,
        max_steps=max_steps,
        loss="standard",
        progress=False,
        seed=0,
    )
    return result.network, data


def rows(points: int = 1000, max_steps: int = 600) -> list[Row]:
    """Return seconds, proved balls and differences of rigorous CROWN and its peers, one thread.

    Args:
        points: of the dataset, all of whose balls are bounded.
        max_steps: of the training.
    """
    d, width, depth, _ = SHAPES[-1]
    network, data = trained(d, width, depth, points, max_steps)
    with torch_threads(1), torch.no_grad():
        return _compared(network, data, f"CROWN of {points} balls of {d}-{width}-{width}-1")


def _compared(network: ReLUNetwork, data: SeparatedDataset, name: str) -> list[Row]:
    rounded = RoundedNetwork.of(network)
    labels = torch.from_numpy(data.y.astype(np.float64))
    claims = Claims.of(rounded, labels, 0.5)
    balls = _half_proved(network, data, rounded, claims)

    def ours(rigorous: bool) -> Callable[[], torch.Tensor]:
        return lambda: crown_lower(rounded, balls, claims, rigorous=rigorous)

    jobs: dict[str, Callable[[], Any]] = {"ours": ours(True), "no error bounds": ours(False)}
    if auto_lirpa() is not None:
        centres = torch.from_numpy(data.X.nearest_float64())
        jobs["auto_LiRPA"] = crown_of_auto_lirpa(network, centres, balls.radius, 2)
    seconds, found = _side_by_side(jobs)
    others = {peer: seconds[peer] for peer in jobs if peer != "ours"}
    table = [row(f"{name}, against {p}", "seconds", seconds["ours"], s) for p, s in others.items()]
    bound = found["no error bounds"]
    sure = int((bound > MARGIN).all(1).sum())
    kept = int(((found["ours"] > 0).all(1) & (bound > MARGIN).all(1)).sum())
    table.append(row(f"{name}, proved of those with margin {MARGIN:g}", "balls", kept, sure))
    gaps = {"no error bounds": float((bound - found["ours"]).abs().max())}
    if "auto_LiRPA" in found:
        lower, upper = found["auto_LiRPA"]
        theirs = torch.stack([lower - (labels - 0.5), (labels + 0.5) - upper], 1)
        gaps["auto_LiRPA"] = float((theirs - found["ours"]).clamp(min=0).max())
    for peer, gap in gaps.items():
        unit = 1e-12
        table.append(row(f"{name}, most below {peer}", "1e-12", gap / unit, TOLERANCE / unit))
    return table


def _half_proved(
    network: ReLUNetwork, data: SeparatedDataset, rounded: RoundedNetwork, claims: Claims
) -> Balls:
    """Return the balls at the largest of some radii at which CROWN proves half of them."""
    for k in range(80):
        balls = Balls.of(network, data, 4 * Fraction(7, 8) ** k)
        if float((crown_lower(rounded, balls, claims) > 0).all(1).double().mean()) >= 0.5:
            break
    return balls


def _side_by_side(
    jobs: dict[str, Callable[[], Any]],
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the median seconds and a result of each job, all run in turn."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    found = {name: job() for name, job in jobs.items()}
    for _ in range(REPEATS):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            taken[name].append(time.perf_counter() - start)
    return {name: median(times) for name, times in taken.items()}, found


def complete_rows(
    shapes: tuple[tuple[int, int, int, int], ...] = SHAPES,
    seconds: float = 60.0,
    ball: int = 0,
    max_steps: int = 600,
) -> list[Row]:
    """Return how long complete searches take at five radii a network, one thread.

    Args:
        shapes: d, width, affine layers and points of each network.
        seconds: limit of a search; `peer` of the rows.
        ball: the ball searched.
        max_steps: of the training.

    Raises:
        ValueError: if the ball is not proved at any radius.
    """
    table = []
    for shape in shapes:
        network, data = trained(*shape, max_steps)
        low, high = _between(network, data, ball)
        if not low:
            raise ValueError(f"ball {ball} is not even proved at its centre")
        for k in range(1, 6):
            rho = Fraction(round((low + (high - low) * k / 6) * 4096), 4096)
            question = Question(network, data, rho, 2)
            start = time.perf_counter()
            searched, _ = question.search(
                np.array([ball]), SearchOptions(seconds=seconds, nodes=10**7)
            )
            taken = time.perf_counter() - start
            verdict = "proved" if searched.proved[0] else "refuted"
            if not (searched.proved | searched.refuted)[0]:
                verdict = f"open, bound {searched.lower.min():.3f}"
            widths = "-".join(map(str, (network.inputs, *network.hidden_widths, 1)))
            name = f"{widths} rho={float(rho):.4f} {verdict}, {searched.nodes[0]} nodes"
            table.append(row(name, "seconds", taken, seconds))
            print(name, f"{taken:.1f} s", flush=True)
    return table


def _between(network: ReLUNetwork, data: SeparatedDataset, ball: int) -> tuple[float, float]:
    """Return the largest rho that alpha-CROWN proves and the least that PGD refutes, about."""

    def proved(rho: Fraction) -> bool:
        options = SearchOptions(nodes=0, steps=60)
        searched, _ = Question(network, data, rho, 2).search(np.array([ball]), options)
        return bool(searched.proved[0])

    def stands(rho: Fraction) -> bool:
        some = np.array([ball])
        return not pgd_attack(network, data, rho, balls=some, restarts=200, work=None)

    low = _largest(proved, Fraction(0), Fraction(1))
    return float(low), float(_largest(stands, low, 2 * low + Fraction(1, 64)))


def _largest(holds: Callable[[Fraction], bool], low: Fraction, high: Fraction) -> Fraction:
    """Return by bisection about the largest value at which it holds."""
    while holds(high):
        low, high = high, 2 * high
    for _ in range(10):
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def contradiction_rows(networks: int = 400) -> list[Row]:
    """Return how all methods decide six balls each of random networks; any contradiction raises.

    Args:
        networks: how many.
    """
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, torch_threads(1):
        for seed in range(networks):
            counts += compared(seed, Path(folder))
    cases = counts.pop("cases")
    name = f"{cases} random balls without a contradiction"
    return [row(f"{name}: {k.replace('_', ' ')}", "balls", n, cases) for k, n in counts.items()]


def row(name: str, metric: str, ours: float, peer: float) -> Row:
    """Return a row of the table."""
    ratio = ours / peer if peer else float("inf")
    return {"name": name, "metric": metric, "ours": ours, "peer": peer, "ratio": ratio}
