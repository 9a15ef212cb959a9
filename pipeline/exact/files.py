"""NPZ files of plain arrays with a named format, and digests of files."""

from __future__ import annotations

import hashlib
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

# What zipfile and NumPy raise about damaged archives, packed data and headers of arrays.
_DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def load_arrays(path: Path | str, expected_format: str) -> dict[str, np.ndarray]:
    """Return all arrays of an NPZ file of the named format.

    Raises:
        ValueError: if the file is missing, truncated, damaged or of another format.
    """
    try:
        # np.load leaks the handle it opens itself when the archive is damaged.
        with open(path, "rb") as handle:
            if not zipfile.is_zipfile(handle):
                raise ValueError("no archive of arrays")
            with zipfile.ZipFile(handle) as archive:
                if not {member.compress_type for member in archive.infolist()} <= _PACKINGS:
                    raise ValueError("arrays are stored or deflated")
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("a member is no array")
    except FileNotFoundError:
        raise ValueError(f"no such file: {path}") from None
    except _DAMAGED as error:
        raise ValueError(f"{path} is truncated or not a {expected_format} file: {error}") from None
    found = str(arrays.get("format", "none"))
    if found != expected_format:
        raise ValueError(f"{path} has format {found!r}, expected {expected_format!r}")
    return arrays


def digest_of_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
