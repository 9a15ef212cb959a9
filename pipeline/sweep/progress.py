"""How far the jobs of a sweep are, without asking again about those that have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.sweep.pending import SweepJob
from pipeline.tracking import TrackedRun
from pipeline.tracking.jobs import runs_of_jobs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Clocks of machines may disagree by so much, and a request takes its time.
_AGAIN_MS = 120_000


class SweepProgress:
    """Counts the jobs of a sweep by the status of their last run.

    Reading a run takes 5 ms: of those that have ended only the new ones are read.

    Args:
        jobs: of the sweep.
        run: of the sweep.
        client: of the store.
    """

    def __init__(self, jobs: Sequence[SweepJob], run: TrackedRun, client: MlflowClient) -> None:
        self._jobs, self._run, self._client = jobs, run, client
        self._ended: dict[str, Run] = {}
        self._until = 0

    def words(self) -> str:
        """Return the counts in words.

        Raises:
            TrackingError: if the store fails.
        """
        found = runs_of_jobs(*self._where(), f"attributes.end_time >= {self._until}")
        for digest, runs in found.items():
            known = [self._ended[digest]] if digest in self._ended else []
            self._ended[digest] = max([*known, *runs], key=lambda run: run.info.start_time)
            self._until = max([self._until, *(run.info.end_time - _AGAIN_MS for run in runs)])
        running = runs_of_jobs(*self._where(), "attributes.status = 'RUNNING'")
        now = self._ended | {digest: runs[-1] for digest, runs in running.items()}
        counts = Counter(run.info.status.lower() for run in now.values())
        before = sum(job.finished is not None and job.digest not in now for job in self._jobs)
        counts["to go"] = len(self._jobs) - before - sum(counts.values())
        parts = [f"{before} done before"] if before else []
        parts += [f"{number} {status}" for status, number in counts.items() if number]
        return f"{len(self._jobs)} jobs: {', '.join(parts)}"

    def _where(self) -> tuple[MlflowClient, str, str, str]:
        return self._client, self._run.uri, self._run.experiment, self._run.run_id
