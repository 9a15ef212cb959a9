"""The launcher of `make sweep LAUNCHER=slurm`, here because Hydra instantiates plugins only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher


class ArrayLauncher(SlurmLauncher):
    """Submits jobs as SLURM arrays and waits for all of them, whatever becomes of each.

    The launcher it extends asks accounting for a job's state, which hangs on a cluster without it,
    and ends at the first job that fails.
    """

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        """Return what became of every job."""
        # Hydra imports this module at every start, with or without a sweep.
        from pipeline.sweep.slurm_jobs import launch_on_slurm

        return launch_on_slurm(self, job_overrides, initial_job_idx)

    def __call__(self, *arguments: Any) -> JobReturn:
        """Run one job; SLURM's process calls this."""
        from pipeline.__main__ import register_configuration
        from pipeline.sweep.slurm_jobs import run_as_slurm_job

        register_configuration()
        return run_as_slurm_job(partial(super().__call__, *arguments))
