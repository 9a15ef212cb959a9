"""A construction that waits when the test asks it to: a job whose time the test controls."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from pipeline.construction import Built, build
from pipeline.data import SeparatedDataset
from pipeline.tracking.slurm import own_job


def job_name(N: int, d: int, rho: str | Fraction) -> str:
    """Return what a job's files are called."""
    return f"N{N}-d{d}-rho{rho}".replace("/", "_")


def waiting(dataset: SeparatedDataset, rho: Fraction, p: int, *, seed: int, folder: str) -> Built:
    """Return a network that is certified, after waiting once, deaf to signals or not."""
    name = job_name(dataset.N, dataset.d, rho)
    for asked in ("wait", "deaf"):
        file = Path(folder) / f"{name}.{asked}"
        if file.exists():
            if asked == "deaf":
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2})
            (Path(folder) / f"{name}.tmp").write_text(own_job() or "")
            file.unlink()
            os.replace(Path(folder) / f"{name}.tmp", Path(folder) / f"{name}.waits")
            time.sleep(3600)
    built = build("parallel_balls", dataset, rho, p, seed=seed)
    return replace(built, certificate=replace(built.certificate, construction="waiting"))
