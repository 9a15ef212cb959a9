"""`python -m pipeline.tracking.sync` uploads what jobs spooled (`make sync`).

It may be killed and repeated, and several may run at a time: what the server has is not sent again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.tracking.errors import TrackingError, masked
from pipeline.tracking.journal import JournalError, journals, read_header, spool_folder
from pipeline.tracking.upload import Stores, Synced, upload

ROOT = Path(__file__).resolve().parents[2]
_REMNANTS_AFTER_S = 3600


def sync(spool: Path, uri: str | None, root: Path, *, own: bool = False) -> list[Synced]:
    """Upload every journal of a spool, oldest first; return what became of each.

    Args:
        spool: the folder of all journals.
        uri: the store to upload to, None for the one that each journal names.
        root: the repository root.
        own: leave out journals that name another store than `uri`.

    Raises:
        TrackingError: if `uri` names no store.
    """
    stores = Stores(uri, root)
    _remove_remnants(spool)
    folders = journals(spool)
    if own and uri is not None:
        folders = [folder for folder in folders if _store_of(folder) == masked(uri)]
    return [upload(folder, stores) for folder in folders]


def main(arguments: Sequence[str] | None = None) -> int:
    """Upload what jobs spooled; return 0 unless something had to be left."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.tracking.sync", description=main.__doc__
    )
    parser.add_argument("--uri", help="upload to this store, whichever the jobs could not reach")
    parser.add_argument(
        "--spool", type=Path, default=spool_folder(ROOT), help="default: %(default)s"
    )
    options = parser.parse_args(arguments)
    try:
        done = sync(options.spool, options.uri, ROOT)
    except TrackingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for each in done:
        print(each)
    left = [each for each in done if each.left]
    print(f"{len(done) - len(left)} uploaded, {len(left)} left in {options.spool}")
    return 1 if any(not each.in_use for each in left) else 0


def _store_of(folder: Path) -> str | None:
    try:
        return read_header(folder).uri
    except JournalError:
        return None


def _remove_remnants(spool: Path) -> None:
    """Remove what was being made or removed when its process was killed, an hour ago or longer."""
    for path in spool.glob(".*"):
        if path.is_dir() and time.time() - path.stat().st_mtime > _REMNANTS_AFTER_S:
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
