"""Writing a journal: whole entries, on disk before the job goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from filelock import FileLock

from pipeline.tracking.entries import Artifact, Created, Entry, Module, entry_json
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.journal import FILES, JOURNAL, LOCK, Header
from pipeline.tracking.model import pickle_module
from pipeline.tracking.signals import uninterrupted


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


def _to_disk(folder: Path) -> None:
    """Have all files of a folder written before the journal names them: machines lose power."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
