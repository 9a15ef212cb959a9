"""A little disk space kept back, so that a run on a full disk can still be marked FAILED."""

from __future__ import annotations

import os
import tempfile
from types import TracebackType

from pipeline.tracking.errors import tracking_errors
from pipeline.tracking.store import sqlite_file

# SQLite writes a journal of the pages it changes, each 4 KiB, before it changes a run's status.
RESERVED_BYTES = 512 * 1024


class ReservedSpace:
    """Disk space beside a local store, held until `release` or the end of the block.

    Args:
        uri: the tracking store; nothing is held for a server.
    """

    def __init__(self, uri: str) -> None:
        self._file = None
        database = sqlite_file(uri)
        if database is None:
            return
        with tracking_errors("reserve disk space", uri):
            # Without a name: a process that is killed leaves nothing behind.
            self._file = tempfile.TemporaryFile(dir=database.parent)
            # Random, so that no file system compresses it away.
            self._file.write(os.urandom(RESERVED_BYTES))
            self._file.flush()

    def release(self) -> None:
        """Give the space back to the disk."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> ReservedSpace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
