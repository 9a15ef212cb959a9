"""One seed, split by name: every stage and every part of it draws from a stream of its own."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the random stream of a seed and a path of names, the same on every machine.

    Streams of different names are independent: each name is hashed (SHA-256) into the spawn key
    of a NumPy `SeedSequence`, so adding a stream never moves another.

    Args:
        seed: the run's seed, an integer >= 0.
        *names: path of the stream, such as "generate", "sphere".

    Raises:
        ValueError: if the seed is no integer >= 0.

    >>> int(generator(0, "generate").integers(1000)) == int(generator(0, "train").integers(1000))
    False
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {seed!r}")
    key: list[int] = []
    for name in names:
        digest = hashlib.sha256(name.encode()).digest()
        key += [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int(seed), spawn_key=key)))
