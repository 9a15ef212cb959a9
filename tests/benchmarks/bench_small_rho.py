"""The literal network of Theorem 4.2(i): build it and evaluate it exactly at all its points.

`python -m tests.benchmarks.bench_small_rho N d` does so for one size.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from math import isqrt

from pipeline.construction import build
from pipeline.data import generate_dataset

# Seconds that the evaluation may take on two cores, by N (d = 8).
LIMITS = {1_000: 60.0, 10_000: 900.0}


def seconds(N: int, d: int) -> tuple[int, float, float]:
    """Return depth, seconds to build and seconds to evaluate exactly at all N points.

    Raises:
        ValueError: if an output is not the label.
    """
    data, _ = generate_dataset("cube", N=N, d=d, C=2)
    rho = Fraction(1, isqrt(25 * N * N * d - 1) + 1)
    start = time.perf_counter()
    network = build("thm_4_2_i", data, rho).network
    built = time.perf_counter()
    values = network.evaluate_exact(data.X).fractions()[:, 0]
    done = time.perf_counter()
    if values.tolist() != data.y.tolist():
        raise ValueError("the network must return the labels")
    return network.depth, built - start, done - built


def rows(sizes: tuple[int, ...] = (1_000, 10_000), d: int = 8) -> list[dict[str, str | float]]:
    """Return the seconds of the evaluation against the limit set for it."""
    out: list[dict[str, str | float]] = []
    for N in sizes:
        depth, _, spent = seconds(N, d)
        limit = LIMITS.get(N, 60.0)
        name = f"thm_4_2_i N={N} d={d}, {depth} layers, at its points against the limit"
        out.append(
            {
                "name": name,
                "metric": "seconds",
                "ours": spent,
                "peer": limit,
                "ratio": spent / limit,
            }
        )
    return out


if __name__ == "__main__":
    depth, build_seconds, evaluation = seconds(int(sys.argv[1]), int(sys.argv[2]))
    print(f"depth {depth:,}: built in {build_seconds:.1f} s, evaluated in {evaluation:.1f} s")
