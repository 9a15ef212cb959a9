"""One digest of everything besides its inputs that can change a stage's outputs: the code."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pipeline

_LIBRARIES = ("numpy", "pandas", "python-flint", "scikit-learn", "scipy", "torch")
_SOURCES = (".py", ".jinja")
_PACKAGE = Path(pipeline.__file__).parent


class CodeChangedError(RuntimeError):
    """Sources that are not, or no longer, those whose results were asked for."""


def code_salt(package: Path = _PACKAGE) -> str:
    """Return the SHA-256 of the package's sources and of its libraries' versions.

    A function called by a stage counts as much as the stage itself, so every source is in. It is
    the same for the life of a process: see `code_has_changed`.
    """
    return _first_look(package)[1]


def code_has_changed(package: Path = _PACKAGE) -> bool:
    """Return whether the sources were edited since this process asked for their digest.

    What is imported or started from then on, training or the checker, may be other code.
    """
    stamps, digest = _first_look(package)
    # The stamps first: they are read in a fraction of the time.
    return _stamps(package) != stamps and _digest(package) != digest


def require_code(asked: str | None) -> None:
    """Check that the sources are still those with this digest; None asks for none.

    Raises:
        CodeChangedError: if they are not.
    """
    if asked is not None and (code_salt() != asked or code_has_changed()):
        raise CodeChangedError(
            "the sources changed since the sweep was launched: nothing is filed under code that "
            "may not have made it; the same command begins anew with the sources as they are"
        )


@lru_cache
def _first_look(package: Path) -> tuple[list[tuple[str, int, int]], str]:
    return _stamps(package), _digest(package)


def _stamps(package: Path) -> list[tuple[str, int, int]]:
    looks = [(source, source.stat()) for source in _sources(package)]
    return [(str(source), look.st_mtime_ns, look.st_size) for source, look in looks]


def _digest(package: Path) -> str:
    digest = hashlib.sha256(pipeline.__version__.encode())
    for library in _LIBRARIES:
        digest.update(f"\n{library} {_version(library)}".encode())
    for source in _sources(package):
        digest.update(f"\n{source.relative_to(package).as_posix()} ".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def _sources(package: Path) -> list[Path]:
    return [
        source
        for source in sorted(package.rglob("*"))
        if source.suffix in _SOURCES and source.is_file()
    ]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
