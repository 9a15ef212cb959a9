"""Peak memory of a process."""

from __future__ import annotations

import resource
from pathlib import Path


def peak_gib() -> float:
    """Return the largest resident memory of this process so far, in GiB."""
    # On Linux ru_maxrss starts from the parent's size; VmHWM is the process's own.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
