"""What a job could not send, on disk: an append-only journal and the files it names.

A folder `<key>/` holds `journal.jsonl` (a header, then an entry a line), `files/` (copies of the
artifacts), `sent.jsonl` (what the server has acknowledged since) and `lock`, held by the job while
it writes and by whoever uploads. Names that begin with a dot are being made or removed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.tracking.entries import Ended, Entry, entry_of

JOURNAL, LOCK, SENT, FILES = "journal.jsonl", "lock", "sent.jsonl", "files"
VERSION = 1
_LAST_LINE_WITHIN = 4096


class JournalError(Exception):
    """A journal that cannot be read."""


@dataclass(frozen=True)
class Header:
    """What a journal is about.

    Args:
        uri: of the store, a password masked.
        experiment: its name.
        run: key of the job's own run, and name of the folder.
        job: digest of the job of a sweep, None for another run.
        version: of this format.
    """

    uri: str
    experiment: str
    run: str
    job: str | None = None
    version: int = VERSION


@dataclass(frozen=True)
class Journal:
    """A journal as it was read.

    Args:
        header: what it is about.
        entries: oldest first.
    """

    header: Header
    entries: tuple[Entry, ...]

    @property
    def complete(self) -> bool:
        """Whether the job's own run has ended: nothing follows its end."""
        last = self.entries[-1] if self.entries else None
        return isinstance(last, Ended) and last.run == self.header.run


def spool_folder(root: Path) -> Path:
    """Return where journals are kept by default."""
    return root.resolve() / "mlruns" / "spool"


def read_journal(folder: Path) -> Journal:
    """Return a journal; a last line that was cut short is left out.

    Raises:
        JournalError: if it cannot be read.
    """
    try:
        lines = (folder / JOURNAL).read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise JournalError(f"cannot read {JOURNAL}: {error}") from None
    entries = []
    header = _header(lines[0] if lines else b"")
    for number, line in enumerate(lines[1:], 2):
        try:
            entries.append(entry_of(line))
        except ValueError as error:
            raise JournalError(f"{JOURNAL}, line {number}: {error}") from None
    return Journal(header, tuple(entries))


def read_header(folder: Path) -> Header:
    """Return what a journal is about.

    Raises:
        JournalError: if it cannot be read.
    """
    try:
        with open(folder / JOURNAL, "rb") as file:
            return _header(file.readline())
    except OSError as error:
        raise JournalError(f"cannot read {JOURNAL}: {error}") from None


def journals(spool: Path) -> list[Path]:
    """Return the folders of all journals, oldest first."""
    if not spool.is_dir():
        return []
    return sorted(path for path in spool.iterdir() if _is_journal(path))


def spooled_jobs(spool: Path, uri: str, experiment: str) -> dict[str, Path]:
    """Return job digest -> journal of the jobs that FINISHED and are not in the store yet.

    Args:
        spool: the folder of all journals.
        uri: the store they are for, a password masked.
        experiment: its name.
    """
    found = {}
    for folder in journals(spool):
        try:
            first, last = _ends(folder / JOURNAL)
            header, end = _header(first), entry_of(last)
        except (OSError, ValueError, JournalError):
            # Uploaded meanwhile, or cut short: not known to be done.
            continue
        ended = isinstance(end, Ended) and end.run == header.run and end.status == "FINISHED"
        if header.job and ended and (header.uri, header.experiment) == (uri, experiment):
            found[header.job] = folder
    return found


def _is_journal(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir()


def _header(line: bytes) -> Header:
    """Return the header of a journal's first line.

    Raises:
        JournalError: if it is none of this version.
    """
    try:
        header = Header(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise JournalError(f"{JOURNAL} has no header: {error!r}") from None
    if header.version != VERSION:
        raise JournalError(f"{JOURNAL} has version {header.version}, not {VERSION}")
    return header


def _ends(path: Path) -> tuple[bytes, bytes]:
    """Return the first and the last line of a file; the last must end, and be short."""
    with open(path, "rb") as file:
        first = file.readline()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LAST_LINE_WITHIN))
        tail = file.read().split(b"\n")
    return first, tail[-2] if len(tail) > 1 and not tail[-1] else b""
