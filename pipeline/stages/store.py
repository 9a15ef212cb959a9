"""Stage outputs on disk, addressed by what they were made from: same inputs, nothing recomputed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipeline.exact.files import digest_of_file
from pipeline.stages.code_salt import code_has_changed, code_salt
from pipeline.tracking import canonical_json

MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished-"
_LOCK = ".lock"


class StoreError(RuntimeError):
    """A stage whose outputs cannot be written."""


@dataclass(frozen=True)
class StageOutputs:
    """Files that a stage made, now or earlier.

    Args:
        path: the folder that holds them.
        key: digest of stage, configuration, upstream files and code.
        reused: whether they were found rather than made.
        seconds: wall time of making them, also when that was earlier.
        digests: SHA-256 of each file by its name relative to `path`.
    """

    path: Path
    key: str
    reused: bool
    seconds: float
    digests: Mapping[str, str]

    def file(self, name: str) -> Path:
        """Return the path of one output.

        Raises:
            ValueError: if the stage made no such file.
        """
        if name not in self.digests:
            raise ValueError(f"{self.path} holds {sorted(self.digests)}, not {name!r}")
        return self.path / name


def stage_key(stage: str, config: Mapping[str, Any], upstream: Mapping[str, str]) -> str:
    """Return the SHA-256 that addresses a stage's outputs.

    Args:
        stage: the stage's name.
        config: its resolved configuration, of JSON values.
        upstream: digests of the files it reads.
    """
    identity = {"stage": stage, "config": config, "upstream": upstream, "code": code_salt()}
    return hashlib.sha256(canonical_json(identity).encode("ascii")).hexdigest()


class StageStore:
    """Outputs of stages below one folder; any number of processes may share it.

    Args:
        root: the folder.
        enabled: whether outputs are reused; otherwise each call makes them in a new folder.

    Raises:
        StoreError: if the folder cannot be made.
    """

    def __init__(self, root: Path, enabled: bool = True) -> None:
        self.root = Path(root)
        self.enabled = enabled
        with write_errors("the stage store", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(self.root)

    def outputs(
        self,
        stage: str,
        config: Mapping[str, Any],
        upstream: Mapping[str, str],
        produce: Callable[[Path], None],
    ) -> StageOutputs:
        """Return a stage's outputs, made by `produce` unless they are there already, intact.

        Args:
            stage: the stage's name.
            config: its resolved configuration, of JSON values.
            upstream: digests of the files it reads.
            produce: writes the outputs into the empty folder it is given.

        Raises:
            StoreError: if the disk is full or the folder cannot be written.
        """
        key = stage_key(stage, config, upstream)
        name = f"{stage}-{key}" if self.enabled else f"{stage}-fresh-{uuid.uuid4().hex}"
        found = _intact_entry(self.root / name, key) if self.enabled else None
        if found is not None:
            return found
        identity = {"stage": stage, "key": key, "config": config, "upstream": upstream}
        what = f"stage {stage!r}"
        # The inner check measures the free space before the folder is removed.
        with write_errors(what, self.root), self._folder() as folder, write_errors(what, folder):
            start = time.monotonic()
            produce(folder)
            seconds = time.monotonic() - start
            digests = _seal(folder, {**identity, "seconds": seconds})
            if code_has_changed():
                # Perhaps made by other code than the key says: good for this run, never reused.
                name = f"{stage}-fresh-{uuid.uuid4().hex}"
            published = self._publish(folder, name, key)
        return published or StageOutputs(self.root / name, key, False, seconds, digests)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Yield a new folder beside the entries; whatever is left there at the end is removed.

        The lock is how others tell a folder in use from one that a killed run left behind.
        """
        folder = self.root / f"{_UNFINISHED}{uuid.uuid4().hex}"
        lock = folder.with_name(folder.name + _LOCK)
        with FileLock(lock):
            try:
                folder.mkdir()
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                lock.unlink(missing_ok=True)

    def _publish(self, folder: Path, name: str, key: str) -> StageOutputs | None:
        """Rename the folder into place, or return the intact entry of a process that was faster."""
        with FileLock(self.root / f".publish{_LOCK}"):
            entry = self.root / name
            if entry.exists():
                faster = _intact_entry(entry, key)
                if faster is not None:
                    return faster
                shutil.rmtree(entry)
            os.rename(folder, entry)
            _sync(self.root)
        return None


def _intact_entry(entry: Path, key: str) -> StageOutputs | None:
    """Return the outputs in a folder if every file is there as its manifest says."""
    try:
        manifest = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
        digests = dict(manifest["files"])
        seconds = float(manifest["seconds"])
        intact = manifest["key"] == key and all(
            digest_of_file(entry / file) == digest for file, digest in digests.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return StageOutputs(entry, key, True, seconds, digests) if intact else None


def _seal(folder: Path, identity: Mapping[str, Any]) -> dict[str, str]:
    """Force the outputs to disk, then write the manifest that declares them complete."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    digests = {file.relative_to(folder).as_posix(): digest_of_file(file) for file in files}
    for file in files:
        _sync(file)
    manifest = folder / MANIFEST
    text = json.dumps({**identity, "files": digests}, indent=1, sort_keys=True)
    manifest.write_text(text + "\n", encoding="utf-8")
    _sync(manifest)
    _sync(folder)
    return digests


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_leftovers(root: Path) -> None:
    """Remove folders of runs that were killed: those whose lock nobody holds."""
    for folder in root.glob(f"{_UNFINISHED}*"):
        if not folder.is_dir():
            continue
        lock = folder.with_name(folder.name + _LOCK)
        try:
            with FileLock(lock, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                lock.unlink(missing_ok=True)
        except (Timeout, OSError):
            continue


@contextmanager
def write_errors(what: str, root: Path) -> Iterator[None]:
    """Say which folder is full or not writable; other errors of a stage pass unchanged.

    Raises:
        StoreError: on a full disk, an exceeded quota or a folder that cannot be written.
        OSError: any other, for example of an input that `produce` reads.
    """
    try:
        yield
    except OSError as error:
        inside = error.filename is not None and Path(str(error.filename)).is_relative_to(root)
        if not _is_full(error) and not (inside and _is_refused(error)):
            raise
        raise StoreError(f"cannot write {what} to {root}: {error} ({_free(root)})") from error


def _is_full(error: OSError) -> bool:
    # NumPy reports a full disk as "800 requested and 512 written", without an error number.
    short_write = error.errno is None and "requested and" in str(error)
    return short_write or error.errno in (errno.ENOSPC, errno.EDQUOT)


def _is_refused(error: OSError) -> bool:
    return error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def _free(root: Path) -> str:
    for folder in (root, *root.parents):
        if folder.is_dir():
            return f"{shutil.disk_usage(folder).free / 2**20:.0f} MiB free in {folder}"
    return f"{root} does not exist"
