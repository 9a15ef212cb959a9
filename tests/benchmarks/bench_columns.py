"""Columns against limbs on the memorizer of Lemma B.10: deep, narrow, long numbers.

`python -m tests.benchmarks.bench_columns N` times columns alone on N keys, each given twice.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import numpy as np

from pipeline.data.randomness import generator
from pipeline.exact import DyadicArray
from pipeline.gadgets.memorizer import integer_memorizer, memorizer_sizes
from pipeline.network import ReLUNetwork
from pipeline.network.evaluate import limb_outputs
from pipeline.network.evaluate_columns import evaluate_columns

KEY_BITS = 60
CLASSES = 10


def random_labels(N: int, key_bits: int = KEY_BITS) -> dict[int, int]:
    """Return N random keys with labels."""
    rng = generator(0, "benchmark", "columns")
    keys = np.unique(rng.integers(1, 1 << key_bits, size=2 * N))
    chosen = rng.choice(keys, size=N, replace=False).tolist()
    return dict(zip(chosen, rng.integers(1, CLASSES + 1, size=N).tolist(), strict=True))


def memorizer(N: int, key_bits: int = KEY_BITS) -> tuple[ReLUNetwork, DyadicArray, DyadicArray]:
    """Return a memorizer of N keys, the keys and as many neighbours of keys, and the outputs."""
    labels = random_labels(N, key_bits)
    network = integer_memorizer(labels, memorizer_sizes(N, (1 << key_bits) - 1, CLASSES))
    points = np.array([*labels, *(key - 1 for key in labels)], dtype=np.int64)
    outputs = np.array([labels.get(x, 0) for x in points.tolist()])
    return network, DyadicArray(points[:, None], 0), DyadicArray(outputs[:, None], 0)


def rows(N: int = 100, key_bits: int = KEY_BITS) -> list[dict[str, str | float]]:
    """Return seconds of columns and of limbs on one memorizer and 2 N points.

    Raises:
        ValueError: if an output is not the label.
    """
    network, X, expected = memorizer(N, key_bits)
    ours = _seconds(lambda: evaluate_columns(network, X), expected)
    peer = _seconds(lambda: limb_outputs(network, X), expected)
    return [
        {
            "name": f"memorizer of {N} keys, depth {network.depth}: columns against limbs",
            "metric": "seconds",
            "ours": ours,
            "peer": peer,
            "ratio": ours / peer,
        }
    ]


def _seconds(outputs: Callable[[], DyadicArray], expected: DyadicArray) -> float:
    start = time.perf_counter()
    found = outputs()
    seconds = time.perf_counter() - start
    if found != expected:
        raise ValueError("a memorizer must return the labels")
    return seconds


def main() -> None:
    """Time columns on N keys."""
    network, X, expected = memorizer(int(sys.argv[1]))
    print(f"depth {network.depth}, width {network.width}, {len(X)} points", flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = _seconds(lambda: evaluate_columns(network, X), expected)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"columns: {seconds:.2f} s; peak {peak:.2f} GiB, {before:.2f} GiB before")


if __name__ == "__main__":
    main()
