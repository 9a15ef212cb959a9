"""What a job could not send, on disk: an append-only journal and the files it names.

A folder `<key>/` holds `journal.jsonl` (a header, then an entry a line), `files/` (copies of the
artifacts), `sent.jsonl` (what the server has acknowledged since) and `lock`, held by the job while
it writes and by whoever uploads. Names that begin with a dot are being made or removed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock

from pipeline.tracking.entries import Artifact, Created, Ended, Entry, Module, entry_json, entry_of
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.model import pickle_module
from pipeline.tracking.signals import uninterrupted

JOURNAL, LOCK, SENT, FILES = "journal.jsonl", "lock", "sent.jsonl", "files"
_VERSION = 1
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
    version: int = _VERSION


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


class Spool:
    """The journal of a job that is running.

    Args:
        spool: the folder of all journals.
        header: what this one is about.
        open_runs: runs of the job that have begun and not ended.

    Raises:
        TrackingError: if it cannot be written.
    """

    def __init__(self, spool: Path, header: Header, open_runs: Sequence[Created]) -> None:
        self.folder = spool / header.run
        unready = spool / f".{header.run}"
        self._count = 0
        with spool_errors(self.folder):
            try:
                self._begin(unready, [json.dumps(asdict(header)), *map(entry_json, open_runs)])
            except OSError:
                shutil.rmtree(unready, ignore_errors=True)
                raise

    def append(self, entry: Entry) -> None:
        """Write an entry down, after a copy of the file that it names.

        Raises:
            TrackingError: if the disk is full or the folder cannot be written.
        """
        with spool_errors(self.folder):
            entry = self._with_file(entry)
            self._write(entry_json(entry) + "\n")

    def close(self) -> None:
        """Let others have the journal."""
        os.close(self._journal)
        self._lock.release()

    def _begin(self, unready: Path, lines: Sequence[str]) -> None:
        """Make the folder under another name first: nobody meets it half made."""
        unready.mkdir(parents=True)
        # The lock stays with the file when its folder gets its final name.
        self._lock = FileLock(unready / LOCK)
        self._lock.acquire()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._journal = os.open(unready / JOURNAL, flags, 0o644)
        self._write("".join(f"{line}\n" for line in lines))
        unready.rename(self.folder)

    def _with_file(self, entry: Entry) -> Entry:
        if not isinstance(entry, Artifact | Module):
            return entry
        self._count += 1
        place = Path(FILES) / f"{self._count:06d}"
        if isinstance(entry, Module):
            assert entry.module is not None
            (self.folder / place).mkdir(parents=True)
            pickle_module(entry.module, self.folder / place / "module.pt")
            entry = replace(entry, module=None, path=(place / "module.pt").as_posix())
        else:
            source = Path(entry.path)
            if source.is_dir():
                shutil.copytree(source, self.folder / place)
            else:
                (self.folder / place).mkdir(parents=True)
                place /= source.name
                shutil.copyfile(source, self.folder / place)
            entry = replace(entry, path=place.as_posix())
        _to_disk(self.folder / FILES / f"{self._count:06d}")
        return entry

    def _write(self, text: str) -> None:
        """Append whole lines or nothing: no signal and no full disk leaves half a line.

        Raises:
            OSError: if the disk refuses.
        """
        data = text.encode()
        with uninterrupted():
            before = os.fstat(self._journal).st_size
            try:
                while data:
                    data = data[os.write(self._journal, data) :]
                os.fsync(self._journal)
            except OSError:
                os.ftruncate(self._journal, before)
                raise


@contextmanager
def spool_errors(folder: Path) -> Iterator[None]:
    """Turn failures of the disk into `TrackingError`, naming the spool.

    Raises:
        TrackingError: if the disk refused.
    """
    try:
        yield
    except OSError as error:
        raise TrackingError(f"cannot spool to {folder}: {error}") from error


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
    if header.version != _VERSION:
        raise JournalError(f"{JOURNAL} has version {header.version}, not {_VERSION}")
    return header


def _ends(path: Path) -> tuple[bytes, bytes]:
    """Return the first and the last line of a file; the last must end, and be short."""
    with open(path, "rb") as file:
        first = file.readline()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LAST_LINE_WITHIN))
        tail = file.read().split(b"\n")
    return first, tail[-2] if len(tail) > 1 and not tail[-1] else b""


def _to_disk(folder: Path) -> None:
    """Have all files of a folder written before the journal names them: machines lose power."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
