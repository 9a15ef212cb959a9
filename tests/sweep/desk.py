"""A store, a cache and a folder for the sweeps of a test, and what the store knows of them."""

from __future__ import annotations

import logging
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow.entities import Run

from pipeline.tracking import open_store
from pipeline.tracking.names import EXPERIMENT, TAG_JOB_DIGEST, TAG_SWEEP

# Jobs of a second: what is tested is what is around them.
GRID = ["experiment=smoke", "dataset.N=5", "report.html=false", "report.formats=[]"]


class Desk:
    """Everything of some sweeps below one folder.

    Args:
        folder: of everything.
        uri: of the store, a SQLite file in the folder by default.
        database: a store without runs to start from: to create one takes seconds.
    """

    def __init__(self, folder: Path, uri: str = "", database: Path | None = None) -> None:
        self.root = folder
        self.folder = folder / "sweeps"
        self.database = folder / "mlflow.db"
        if database is not None:
            shutil.copyfile(database, self.database)
        self.uri = uri or f"sqlite:///{self.database}"
        self.client = open_store(self.uri)

    def arguments(self, name: str, *overrides: str) -> list[str]:
        """Return the arguments of `make sweep` for a sweep of this name."""
        common = [
            f"tracking.uri={self.uri}",
            f"tracking.spool={self.root / 'spool'}",
            f"cache.folder={self.root / 'cache'}",
            f"sweep.folder={self.folder}",
            f"sweep.name={name}",
        ]
        return [*GRID, *common, *overrides]

    def runs(self, name: str) -> tuple[list[Run], list[Run]]:
        """Return the jobs' runs of all sweeps of a name, and of their drivers, oldest first."""
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            return [], []
        runs = self.client.search_runs(
            [found.experiment_id],
            f"tags.{TAG_SWEEP} = '{name}'",
            order_by=["attributes.start_time ASC"],
        )
        jobs = [run for run in runs if TAG_JOB_DIGEST in run.data.tags]
        return jobs, [run for run in runs if run not in jobs]

    def finished(self, name: str) -> Counter[str]:
        """Return job digest -> how many FINISHED runs it has."""
        jobs, _ = self.runs(name)
        return Counter(
            run.data.tags[TAG_JOB_DIGEST] for run in jobs if run.info.status == "FINISHED"
        )


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let something happen beside the block; it is told when the block is done."""
    over = threading.Event()
    thread = threading.Thread(target=act, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def logged() -> Iterator[list[str]]:
    """Yield what the driver says."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    ear, logger = Ear(), logging.getLogger("pipeline")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(ear)
    try:
        yield said
    finally:
        logger.removeHandler(ear)
        logger.setLevel(level)
