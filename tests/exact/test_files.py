"""NPZ files of a named format and digests."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.exact import digest_of_file, load_arrays


def written(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_arrays_of_the_named_format_are_returned(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", format=np.array("test 1"), x=np.arange(3))
    assert load_arrays(path, "test 1")["x"].tolist() == [0, 1, 2]


def test_a_file_truncated_anywhere_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", format=np.array("test 1"), x=np.arange(300))
    content = path.read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="truncated or not a test 1 file"):
            load_arrays(path, "test 1")


def test_a_flipped_byte_in_the_data_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", format=np.array("test 1"), x=np.full(300, 7))
    content = bytearray(path.read_bytes())
    content[content.index(np.int64(7).tobytes()) + 800] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="truncated or not a test 1 file"):
        load_arrays(path, "test 1")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_damage_of_packed_data_is_noticed(packing: int, tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(300))
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("x.npy", stream.getvalue())
    content = path.read_bytes()
    for position in range(60, len(content) - 100, 7):
        path.write_bytes(content[:position] + b"\xff" + content[position + 1 :])
        with pytest.raises(ValueError, match="not a test 1 file|has format 'none'"):
            load_arrays(path, "test 1")


@pytest.mark.parametrize("member", [b"no array", b"\x93NUMPY\x01\x00\x06\x00(((((\n"])
def test_a_member_that_is_no_array_is_refused(member: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", member)
    with pytest.raises(ValueError, match="truncated or not a test 1 file"):
        load_arrays(tmp_path / "a.npz", "test 1")


def test_a_file_of_a_single_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    with pytest.raises(ValueError, match="truncated or not a test 1 file"):
        load_arrays(tmp_path / "a.npy", "test 1")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match="no such file: nowhere.npz"):
        load_arrays("nowhere.npz", "test 1")


def test_another_format_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", format=np.array("other 2"))
    with pytest.raises(ValueError, match="has format 'other 2', expected 'test 1'"):
        load_arrays(path, "test 1")
    path = written(tmp_path / "b.npz", x=np.arange(2))
    with pytest.raises(ValueError, match="has format 'none', expected 'test 1'"):
        load_arrays(path, "test 1")


def test_the_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"balls")
    assert digest_of_file(path) == hashlib.sha256(b"balls").hexdigest()
