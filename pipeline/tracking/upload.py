"""The upload of one journal, entry by entry.

What the server acknowledges is noted beside the journal: an upload that is killed goes on where it
was. The journal's folder is removed only after the server has acknowledged all of it.
"""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pipeline.tracking.entries import (
    Batch,
    Created,
    Ended,
    Entry,
    create,
    created_before,
    send,
)
from pipeline.tracking.errors import TrackingError, Unreachable, tracking_errors
from pipeline.tracking.journal import JOURNAL, LOCK, SENT, Journal, JournalError, read_journal
from pipeline.tracking.names import TAG_ERROR
from pipeline.tracking.store import experiment_id, open_store, require_reachable, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

CUT_SHORT = "its process ended without a word while the tracking server was unreachable"
_REACHABLE_WITHIN_S = 2
_log = logging.getLogger("pipeline")


@dataclass(frozen=True)
class Synced:
    """What became of a journal.

    Args:
        folder: of the journal.
        run_id: the job's own run in the store, empty if the journal was left.
        sent: how many entries were sent now.
        left: why it was left, empty if it was uploaded.
        in_use: whether it was left because a job or another sync has it.
    """

    folder: Path
    run_id: str = ""
    sent: int = 0
    left: str = ""
    in_use: bool = False

    def __str__(self) -> str:
        if self.left:
            return f"left      {self.folder.name}: {self.left}"
        return f"uploaded  {self.folder.name}: run {self.run_id}, {self.sent} entries"


class Stores:
    """Clients of the stores that journals are for, each opened once.

    Args:
        uri: one store for all journals, None for the one that each names.
        root: the repository root.
    """

    def __init__(self, uri: str | None, root: Path) -> None:
        self._uri = tracking_uri(uri, root) if uri else None
        self._root = root
        self._opened: dict[str, MlflowClient | TrackingError] = {}

    def of(self, journal: Journal) -> tuple[MlflowClient, str, str]:
        """Return the client, the store and the experiment's id for a journal.

        Raises:
            TrackingError: if the store cannot be reached, or its password is not known.
        """
        uri = self._uri or journal.header.uri
        if ":***@" in uri:
            raise TrackingError(f'its password was not kept: make sync ARGS="--uri {uri}"')
        if uri not in self._opened:
            try:
                self._opened[uri] = open_store(uri)
            except TrackingError as error:
                self._opened[uri] = error
        client = self._opened[uri]
        if isinstance(client, TrackingError):
            raise client
        return client, uri, experiment_id(client, uri, journal.header.experiment, self._root)

    def check(self, journal: Journal, lost: Unreachable) -> None:
        """Ask a store that is gone no more: retries take long, and journals are many."""
        uri = self._uri or journal.header.uri
        try:
            require_reachable(uri, _REACHABLE_WITHIN_S)
        except TrackingError:
            self._opened[uri] = lost


def upload(folder: Path, stores: Stores) -> Synced:
    """Upload one journal and remove it; what stands in the way is returned, not raised."""
    try:
        with _held(folder / LOCK):
            if not (folder / JOURNAL).exists():
                # Uploaded by another sync meanwhile; the lock has made its folder again.
                shutil.rmtree(folder, ignore_errors=True)
                return Synced(folder, left="uploaded by another sync", in_use=True)
            journal = read_journal(folder)
            if not journal.entries:
                # The process was killed, or the disk was full, before the first entry.
                _remove(folder)
                return Synced(folder, left="nothing had been written to it", in_use=True)
            run_id, sent = _sent(folder, journal, stores)
            _remove(folder)
            return Synced(folder, run_id, sent)
    except Timeout:
        return Synced(folder, left="a job or another sync is writing it", in_use=True)
    except (TrackingError, JournalError, OSError) as error:
        return Synced(folder, left=str(error))
    except Exception as error:
        # A model pickled by other code, say: one journal must not stop the others, or a sweep.
        return Synced(folder, left=f"{type(error).__name__}: {error}")


def _sent(folder: Path, journal: Journal, stores: Stores) -> tuple[str, int]:
    """Return the id of the job's own run, and how many entries were sent now.

    Raises:
        TrackingError: if the store does not take an entry.
        Unreachable: if it does not answer.
    """
    try:
        sending = _Sending(folder, journal, *stores.of(journal))
        return sending.all(), sending.sent
    except Unreachable as error:
        stores.check(journal, error)
        raise


def upload_if_reachable(folder: Path, uri: str, root: Path) -> str | None:
    """Return the id of a run that was spooled, if its server is there again and takes it."""
    try:
        require_reachable(uri, _REACHABLE_WITHIN_S)
    except TrackingError:
        return None
    done = upload(folder, Stores(uri, root))
    _log.warning("tracking server reachable again: %s", done)
    return done.run_id or None


class _Sending:
    """The upload of one journal, whose lock is held.

    Args:
        folder: of the journal.
        journal: as it was read.
        client: of the store.
        uri: the store.
        experiment: the experiment's id.
    """

    def __init__(
        self, folder: Path, journal: Journal, client: MlflowClient, uri: str, experiment: str
    ) -> None:
        self.sent = 0
        self._folder, self._journal = folder, journal
        self._client, self._uri, self._experiment = client, uri, experiment
        self._ids: dict[str, str] = {}

    def all(self) -> str:
        """Send what was not acknowledged yet; return the id of the job's own run.

        Raises:
            TrackingError: if the store does not take an entry.
            OSError: if what it acknowledged cannot be noted.
        """
        done = self._acknowledged()
        with open(self._folder / SENT, "a", encoding="utf-8") as notes:
            for number, entry in enumerate(self._journal.entries):
                if number < done:
                    continue
                with tracking_errors(f"upload entry {number + 1}, {_words(entry)},", self._uri):
                    self._send(entry)
                self.sent += 1
                notes.write(json.dumps([number, self._ids[entry.run]]) + "\n")
                notes.flush()
        if not self._journal.complete:
            self._end_open_runs()
        return self._ids[self._journal.header.run]

    def _acknowledged(self) -> int:
        """Return how many entries the store has, by the notes of earlier syncs; learn run ids."""
        path = self._folder / SENT
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        known: list[str] = []
        for line, entry in zip(text.split("\n")[:-1], self._journal.entries, strict=False):
            try:
                self._ids[entry.run] = str(json.loads(line)[1])
            except (ValueError, TypeError, LookupError):
                break
            known.append(f"{line}\n")
        if "".join(known) != text:
            # Cut short by a kill or a power cut: those entries are sent once more.
            path.write_text("".join(known), encoding="utf-8")
        return len(known)

    def _send(self, entry: Entry) -> None:
        if not isinstance(entry, Created):
            send(self._client, self._uri, self._ids[entry.run], entry, self._folder)
        elif entry.run_id is not None:
            self._ids[entry.run] = str(self._client.get_run(entry.run_id).info.run_id)
        else:
            parent = self._ids[entry.parent] if entry.parent else None
            before = created_before(self._client, self._experiment, entry)
            self._ids[entry.run] = before or create(self._client, self._experiment, entry, parent)

    def _end_open_runs(self) -> None:
        """End the runs of a job that was killed, with what is known about that.

        Raises:
            TrackingError: if the store refuses.
        """
        ended = {entry.run for entry in self._journal.entries if isinstance(entry, Ended)}
        at = int((self._folder / JOURNAL).stat().st_mtime * 1000)
        for run in self._ids.keys() - ended:
            with tracking_errors("end a run whose process died", self._uri):
                for entry in (Batch(run, tags={TAG_ERROR: CUT_SHORT}), Ended(run, "KILLED", at)):
                    send(self._client, self._uri, self._ids[run], entry)


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold a lock that nobody else has.

    Raises:
        Timeout: if somebody has it.
    """
    with FileLock(lock, timeout=0):
        yield


def _words(entry: Entry) -> str:
    path = getattr(entry, "path", "")
    return f"{type(entry).__name__.lower()}{f' {path}' if path else ''}"


def _remove(folder: Path) -> None:
    """Remove a journal at once for everybody, then its files."""
    gone = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    folder.rename(gone)
    shutil.rmtree(gone)
