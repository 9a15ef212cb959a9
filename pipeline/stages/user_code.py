"""The user's own constructions: found in the working directory, digested, their errors named."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.tracking import Terminated

_OWN_KEYS = ("target", "plan_only", "largest_build", "seed")


def construction_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a construction's options, what a custom one puts under `options` among them.

    Raises:
        ValueError: if `options` sets a key that has a place of its own.
    """
    own = {key: value for key, value in given.items() if key != "options"}
    passed_on = dict(given.get("options") or {})
    for key in _OWN_KEYS:
        if key in passed_on:
            place = "seed" if key == "seed" else f"construction.{name}.{key}"
            raise ValueError(f"construction.{name}.options cannot set {key}: use {place}")
    return own | passed_on


def digest_of_target(target: str) -> str:
    """Return the SHA-256 of the sources a target may depend on, of nothing where there is none.

    These are all modules of its package, or for a module outside of packages, those in its folder.
    """
    with _working_directory_importable():
        sources = _sources(target.partition(":")[0].partition(".")[0])
    digest = hashlib.sha256(target.encode())
    for source in sources:
        digest.update(f"\n{source.name} ".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def user_code(name: str, target: str | None) -> Iterator[None]:
    """Run a construction; whatever a user's own one raises becomes one plain error naming it.

    Args:
        name: of the construction.
        target: "module:name" of the user's, None for the project's, whose errors pass unchanged.

    Raises:
        ValueError: if the user's construction cannot be imported or raises.
        Terminated: on SIGTERM, whosever code runs.
        SystemExit: never of the user's own.
    """
    if target is None:
        yield
        return
    with _working_directory_importable():
        try:
            yield
        except Terminated:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, ValueError) and repr(target) in str(error):
                raise
            what = f"{type(error).__name__}: {error}{_place(target, error)}"
            raise ValueError(f"construction.{name}.target={target} failed with {what}") from error


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Put the working directory on the search path of modules, after everything else."""
    folder = os.getcwd()
    if folder in sys.path:
        yield
        return
    sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)


def _sources(module: str) -> list[Path]:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError, AttributeError):
        # The import itself will say what is wrong.
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations:
        folders = [Path(folder) for folder in spec.submodule_search_locations]
        return sorted(path for folder in folders for path in folder.rglob("*.py"))
    origin = Path(spec.origin or "")
    return sorted(origin.parent.glob("*.py")) if origin.is_file() else []


def _place(target: str, error: BaseException) -> str:
    """Return the file and line of the user's module where an error arose, if it did there."""
    module = sys.modules.get(target.partition(":")[0])
    file = getattr(module, "__file__", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f" ({Path(str(file)).name}, line {frames[-1].lineno})" if frames else ""
