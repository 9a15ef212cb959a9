"""Exact evaluation of a network against torch float64 and python-flint on the same network."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from flint import fmpz_mat

from pipeline.construction.registry import build
from pipeline.data.bundled import bundled_points
from pipeline.data.generate import generate_dataset
from pipeline.data.randomness import generator
from pipeline.exact import DyadicArray
from pipeline.network import Affine, ReLUNetwork, SparseIntegers, load_network

# Shape of parallel_balls on digits at rho = 1/2 and about the size of its weights.
WIDTHS = (64, 14, 27, 41, 41, 41, 41, 41, 41, 1614, 4, 1)
WEIGHT_BITS = 20
TORCH_THREADS = 2


def synthetic_network(widths: tuple[int, ...] = WIDTHS) -> ReLUNetwork:
    """Return a random network with dense weights of about 20 bits, all of size at most 1.

    Between the first and the widest layer weights are sparse with few bits, as tent maps are.
    """
    rng = generator(0, "benchmark", "evaluate")
    widest = int(np.argmax(widths[1:-1]))
    layers = []
    for number, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        bits = 2 if 0 < number < widest else WEIGHT_BITS
        W = rng.integers(-(1 << bits), 1 << bits, size=(outputs, inputs))
        if 0 < number < widest:
            W[rng.random(W.shape) > 4 / inputs] = 0
        b = rng.integers(-(1 << bits), 1 << bits, size=outputs)
        layers.append(Affine(SparseIntegers.from_dense(W), b, -bits))
    return ReLUNetwork.relu(*layers)


def digits_network() -> ReLUNetwork:
    """Return parallel_balls on digits at rho = 1/2, the network of the main job."""
    data, _ = generate_dataset("digits")
    return build("parallel_balls", data, Fraction(1, 2)).network


def inputs_for(network: ReLUNetwork, count: int) -> DyadicArray:
    """Return the first `count` points of digits, or random ones where d is not 64."""
    if network.inputs == 64:
        return bundled_points("digits")[0][:count]
    rng = generator(0, "benchmark", "inputs")
    return DyadicArray(rng.integers(-(1 << 20), 1 << 20, size=(count, network.inputs)), -20)


def flint_outputs(network: ReLUNetwork, X: DyadicArray) -> DyadicArray:
    """Return f(x) of every row of X through products of FLINT integer matrices."""
    exponent = min(X.exponent, 0)
    values = fmpz_mat(X.at_exponent(exponent).T.tolist())
    for number, layer in enumerate(network.layers):
        W = fmpz_mat(layer.weight.dense().tolist())
        bias = fmpz_mat([[int(b) << -exponent] for b in layer.bias])
        ones = fmpz_mat(1, values.ncols(), [1] * values.ncols())
        values = W * values + bias * ones
        exponent += layer.exponent
        if exponent > 0:
            values, exponent = values * (1 << exponent), 0
        if number < len(network.activations):
            values, exponent = _activated(values, exponent, network.thresholds(number))
    out = np.empty((values.ncols(), values.nrows()), dtype=object)
    out[:] = [[int(v) for v in row] for row in values.transpose().tolist()]
    return DyadicArray(out, exponent)


def _activated(values: fmpz_mat, exponent: int, mask: np.ndarray) -> tuple[fmpz_mat, int]:
    """Return relu or threshold of every row, with the exponent of what comes out."""
    exponent = 0 if mask.all() else exponent
    # A threshold's 1 among values with an exponent is 2**-exponent units.
    if exponent > 0 and mask.any():
        values, exponent = values * (1 << exponent), 0
    one = 1 << -exponent if mask.any() else 1
    rows = [
        [(one if v >= 0 else 0) if step else (v if v > 0 else 0) for v in row]
        for row, step in zip(values.tolist(), mask, strict=True)
    ]
    return fmpz_mat(rows), exponent


def rows(
    source: Path | str | ReLUNetwork | None = None,
    name: str = "",
    count: int = 1797,
    repeats: int = 7,
) -> list[dict[str, str | float]]:
    """Return seconds of exact evaluation, torch float64 and FLINT; best of alternating repeats.

    Args:
        source: network or network file; by default a synthetic network.
        name: what the network is called, by default the file's name.
        count: number of points.
        repeats: repeats of ours and of torch; FLINT takes part in the first one.

    Raises:
        ValueError: if FLINT and we disagree.
    """
    if source is None:
        network, name = synthetic_network(), name or "synthetic network"
    elif isinstance(source, ReLUNetwork):
        network, name = source, name or "network"
    else:
        network, name = load_network(source), name or Path(source).stem
    X = inputs_for(network, count)
    if network.evaluate_exact(X) != flint_outputs(network, X):
        raise ValueError("exact evaluation and FLINT must agree")
    module, points = network.to_torch(torch.float64), torch.from_numpy(X.nearest_float64())
    before = torch.get_num_threads()
    torch.set_num_threads(TORCH_THREADS)
    try:
        with torch.no_grad():
            best = _best_seconds(
                {
                    "exact": lambda: network.evaluate_exact(X),
                    "torch float64": lambda: module(points),
                    "python-flint": lambda: flint_outputs(network, X),
                },
                repeats,
            )
    finally:
        torch.set_num_threads(before)
    return [
        {
            "name": f"evaluate {name} on {count} points against {peer}",
            "metric": "seconds",
            "ours": best["exact"],
            "peer": best[peer],
            "ratio": best["exact"] / best[peer],
        }
        for peer in ("torch float64", "python-flint")
    ]


def _best_seconds(tasks: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    best: dict[str, float] = {}
    for repeat in range(repeats):
        for name, task in tasks.items():
            if repeat and name == "python-flint":
                continue
            start = time.perf_counter()
            task()
            seconds = time.perf_counter() - start
            best[name] = min(seconds, best.get(name, seconds))
    return best
