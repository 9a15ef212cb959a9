"""Our exact separation constant against scikit-learn's nearest neighbours in floating point.

Both get the same question on the same cores: the least distance between the points of class 1 and
those of class 2. Each runs in a process of its own, so that peak memory is its own too.
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from sklearn.neighbors import NearestNeighbors

from pipeline.data import nearest_other_label_pair
from pipeline.data.randomness import generator
from pipeline.exact import as_dyadic
from tests.benchmarks.peak import peak_gib

REPEATS = 2


def points(N: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return N uniform float64 points of the cube and labels 1, 2."""
    rng = generator(0, "benchmark", "separation")
    return rng.random((N, d)), np.tile([1, 2], (N + 1) // 2)[:N]


def our_separation(N: int, d: int) -> tuple[float, float, float]:
    """Return eps_D, seconds and peak memory in GiB of this project."""
    X, y = points(N, d)
    exact = as_dyadic(X)
    start = time.perf_counter()
    found = nearest_other_label_pair(exact, y)
    return found.nearest_float64, time.perf_counter() - start, peak_gib()


def peer_separation(N: int, d: int) -> tuple[float, float, float]:
    """Return eps_D, seconds and peak memory in GiB of scikit-learn."""
    X, y = points(N, d)
    start = time.perf_counter()
    neighbors = NearestNeighbors(n_neighbors=1, algorithm="brute", n_jobs=-1).fit(X[y == 1])
    distances, _ = neighbors.kneighbors(X[y == 2])
    return float(distances.min()) / 2, time.perf_counter() - start, peak_gib()


def rows(N: int = 100_000, d: int = 64, repeats: int | None = None) -> list[dict[str, str | float]]:
    """Return seconds and peak memory, ours and scikit-learn's, best of alternating repeats.

    Raises:
        ValueError: if the two answers differ by more than rounding.
    """
    ours, peer = [], []
    for _ in range(repeats or REPEATS):
        for results, function in ((ours, our_separation), (peer, peer_separation)):
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as process:
                results.append(process.submit(function, N, d).result())
    if not np.isclose(ours[0][0], peer[0][0], rtol=1e-6):
        raise ValueError(f"eps_D must agree, ours {ours[0][0]}, scikit-learn's {peer[0][0]}")
    name = f"separation N={N} d={d} against NearestNeighbors"
    return [
        {
            "name": name,
            "metric": metric,
            "ours": min(result[at] for result in ours),
            "peer": min(result[at] for result in peer),
            "ratio": min(result[at] for result in ours) / min(result[at] for result in peer),
        }
        for at, metric in ((1, "seconds"), (2, "peak GiB"))
    ]
