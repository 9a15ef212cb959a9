"""Where what a job logs goes: to the store, or to the spool once a server is unreachable."""

from __future__ import annotations

import datetime
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.tracking.entries import Created, Ended, Entry, create, created_before, send
from pipeline.tracking.errors import Unreachable, masked, tracking_errors
from pipeline.tracking.journal import Header
from pipeline.tracking.names import TAG_JOB_DIGEST
from pipeline.tracking.spool import Spool
from pipeline.tracking.store import experiment_id, open_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger("pipeline")


class Outbox:
    """The way of a job's entries to the store.

    A server that was lost is not asked again by this job: what comes later must not overtake what
    was spooled.

    Args:
        uri: the store.
        experiment: the experiment's name.
        spool: the folder of all journals.
        root: the repository root.

    Raises:
        TrackingError: if the store refuses; a server that does not answer is no error.
    """

    def __init__(self, uri: str, experiment: str, spool: Path, root: Path) -> None:
        self.uri = uri
        self.experiment = ""
        self._name = experiment
        self._spool_folder = spool
        self._spool: Spool | None = None
        self._client: MlflowClient | None = None
        self._lost = ""
        self._open: dict[str, Created] = {}
        self._ids: dict[str, str] = {}
        try:
            self._client = open_store(uri)
            self.experiment = experiment_id(self._client, uri, experiment, root)
        except Unreachable as error:
            self._client, self._lost = None, str(error)

    @property
    def folder(self) -> Path | None:
        """The journal's folder, None while the store has everything."""
        return self._spool.folder if self._spool else None

    def run_id(self, run: str) -> str:
        """Return the id of a run, or its key where the store has not created it."""
        return self._ids.get(run, run)

    def write(self, entry: Entry, doing: str) -> None:
        """Send an entry, or spool it.

        Args:
            entry: what is logged.
            doing: what that is, continuing "cannot ...".

        Raises:
            TrackingError: if the store refuses it, or the spool cannot be written.
        """
        if self._spool is None and self._client is not None:
            try:
                with tracking_errors(doing, self.uri):
                    self._send(self._client, entry)
                return
            except Unreachable as error:
                self._lost = str(error)
        if self._spool is None:
            self._spool = self._opened(entry)
        self._spool.append(entry)

    def delivered(self, run_id: str) -> None:
        """Note that the journal was uploaded, and the id of the job's own run."""
        assert self._spool is not None
        self._ids[self._spool.folder.name] = run_id
        self._spool = None

    def close(self) -> None:
        """Let others have the journal, if there is one."""
        if self._spool is not None:
            self._spool.close()

    def _send(self, client: MlflowClient, entry: Entry) -> None:
        if isinstance(entry, Created):
            self._ids[entry.run] = self._created(client, entry)
            self._open[entry.run] = entry
            return
        send(client, self.uri, self._ids[entry.run], entry)
        if isinstance(entry, Ended):
            del self._open[entry.run]

    def _created(self, client: MlflowClient, entry: Created) -> str:
        """Return the id of a new run, asked for again if the answer was lost but not the run."""
        parent = self._ids[entry.parent] if entry.parent else None
        try:
            with tracking_errors("create a run", self.uri):
                return create(client, self.experiment, entry, parent)
        except Unreachable:
            before = created_before(client, self.experiment, entry)
            return before or create(client, self.experiment, entry, parent)

    def _opened(self, entry: Entry) -> Spool:
        """Return the journal, which begins with the runs that are under way."""
        under_way = [replace(run, run_id=self._ids[run.run]) for run in self._open.values()]
        first = under_way[0] if under_way else entry
        assert isinstance(first, Created)
        job = first.tags.get(TAG_JOB_DIGEST)
        header = Header(masked(self.uri), self._name, first.run, job)
        spool = Spool(self._spool_folder, header, under_way)
        _log.warning(
            "tracking server unreachable: spooled to %s, upload with make sync\n  %s",
            spool.folder,
            self._lost,
        )
        return spool


@contextmanager
def opened_outbox(uri: str, experiment: str, spool: Path, root: Path) -> Iterator[Outbox]:
    """Open an outbox and close it in the end."""
    outbox = Outbox(uri, experiment, spool, root)
    try:
        yield outbox
    finally:
        outbox.close()


def new_key() -> str:
    """Return a key for a run that sorts by time and is nobody else's."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now.strftime('%Y%m%d-%H%M%S-%f')}-{uuid.uuid4().hex[:8]}"
