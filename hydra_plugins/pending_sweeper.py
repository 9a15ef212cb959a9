"""The sweeper of `make sweep`, here because Hydra instantiates plugins of this package only."""

from __future__ import annotations

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.utils import JobReturn


class PendingSweeper(BasicSweeper):
    """Launches the jobs of the grid that have no FINISHED run, after listing all of them.

    A job that fails does not raise here: its run says why, and the others go on.
    """

    def sweep(self, arguments: list[str]) -> list[JobReturn]:
        """Return what the launcher returned."""
        # Hydra imports this module at every start, with or without a sweep.
        from pipeline.sweep.pending import launch_pending

        return launch_pending(self, arguments)
