"""How many cores a process may use: what the scheduler gave it, and what it was asked to use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return the number of cores that this process may run on; on a shared machine not all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_cores() -> int:
    """Return how many threads or processes are of use: the cores, at most OMP_NUM_THREADS of them.

    A sweep sets that variable to `resources.cores`, so that jobs beside each other share a machine.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    cores = available_cores()
    return min(int(asked), cores) if asked.isdigit() and int(asked) else cores
