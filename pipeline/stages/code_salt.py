"""One digest of everything besides its inputs that can change a stage's outputs: the code."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pipeline

_LIBRARIES = ("numpy", "pandas", "python-flint", "scikit-learn", "scipy", "torch")
_SOURCES = (".py", ".jinja")


@lru_cache
def code_salt(package: Path = Path(pipeline.__file__).parent) -> str:
    """Return the SHA-256 of the package's sources and of its libraries' versions.

    A function called by a stage counts as much as the stage itself, so every source is in.
    """
    digest = hashlib.sha256(pipeline.__version__.encode())
    for library in _LIBRARIES:
        digest.update(f"\n{library} {_version(library)}".encode())
    for source in sorted(package.rglob("*")):
        if source.suffix in _SOURCES and source.is_file():
            digest.update(f"\n{source.relative_to(package).as_posix()} ".encode())
            digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
