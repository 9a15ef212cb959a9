"""The stage store: same inputs are not recomputed, and nothing damaged or unfinished is reused."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.stages import code_salt as code_module
from pipeline.stages import store as stage_store
from pipeline.stages.code_salt import (
    CodeChangedError,
    _first_look,
    code_has_changed,
    code_salt,
    require_code,
)
from pipeline.stages.store import MANIFEST, StageStore, StoreError, stage_key

ROOT = Path(__file__).resolve().parents[2]

RACER = """
import sys, time
from pathlib import Path
from pipeline.stages.store import StageStore
def produce(folder):
    (folder / "big").write_bytes(b"x" * 2_000_000)
    print("producing", flush=True)
    time.sleep(float(sys.argv[2]))
    (folder / "last").write_text("done")
out = StageStore(Path(sys.argv[1])).outputs("race", {"N": 1}, {}, produce)
assert out.file("last").read_text() == "done" and len(out.digests) == 2
"""


class Producer:
    """Writes two files and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        assert list(folder.iterdir()) == []
        self.calls += 1
        (folder / "data.npz").write_bytes(b"exact")
        (folder / "inner").mkdir()
        (folder / "inner" / "table.csv").write_text("a,b\n")


@pytest.fixture
def produce() -> Producer:
    return Producer()


def _start(folder: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RACER, str(folder), str(seconds)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def _unfinished(folder: Path) -> list[Path]:
    return [p for p in folder.glob(".unfinished-*") if p.is_dir()]


def test_the_same_inputs_are_made_once(tmp_path, produce):
    store = StageStore(tmp_path / "cache")
    first = store.outputs("generate", {"N": 5, "path": None}, {}, produce)
    again = StageStore(tmp_path / "cache").outputs("generate", {"path": None, "N": 5}, {}, produce)
    assert produce.calls == 1
    assert (first.reused, again.reused) == (False, True)
    assert (first.path, first.key, first.digests) == (again.path, again.key, again.digests)
    assert first.seconds == again.seconds > 0
    assert set(first.digests) == {"data.npz", "inner/table.csv"}
    assert again.file("inner/table.csv").read_text() == "a,b\n"
    with pytest.raises(ValueError, match="not 'network.npz'"):
        first.file("network.npz")


@pytest.mark.parametrize(
    ("stage", "config", "upstream"),
    [
        ("construct", {"N": 5}, {"d": "ab"}),
        ("generate", {"N": 6}, {"d": "ab"}),
        ("generate", {"N": "5"}, {"d": "ab"}),
        ("generate", {"N": 5}, {"d": "ac"}),
        ("generate", {"N": 5}, {"e": "ab"}),
    ],
)
def test_any_other_input_is_made_anew(tmp_path, produce, stage, config, upstream):
    store = StageStore(tmp_path)
    store.outputs("generate", {"N": 5}, {"d": "ab"}, produce)
    assert not store.outputs(stage, config, upstream, produce).reused
    assert produce.calls == 2


def test_other_code_is_another_key(tmp_path, monkeypatch):
    before = stage_key("generate", {}, {})
    monkeypatch.setattr(stage_store, "code_salt", lambda: "other")
    assert stage_key("generate", {}, {}) != before


def test_the_code_salt_sees_every_source_but_no_bytecode(tmp_path):
    package = tmp_path / "pipeline"
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "a.py").write_text("x = 1\n")

    def salt() -> str:
        _first_look.cache_clear()
        return code_salt(package)

    salts = [salt()]
    (package / "inner" / "a.py").write_text("x = 2\n")
    salts.append(salt())
    (package / "inner" / "report.jinja").write_text("hello")
    salts.append(salt())
    (package / "inner" / "a.py").rename(package / "a.py")
    salts.append(salt())
    assert len(set(salts)) == 4
    (package / "a.pyc").write_bytes(b"x")
    assert salt() == salts[-1]
    _first_look.cache_clear()


def _flip_a_byte(entry: Path) -> None:
    (entry / "data.npz").write_bytes(b"exacT")


def _truncate(entry: Path) -> None:
    (entry / "data.npz").write_bytes(b"exac")


def _remove_a_file(entry: Path) -> None:
    (entry / "inner" / "table.csv").unlink()


def _remove_the_manifest(entry: Path) -> None:
    (entry / MANIFEST).unlink()


def _truncate_the_manifest(entry: Path) -> None:
    (entry / MANIFEST).write_text((entry / MANIFEST).read_text()[:-5])


def _take_the_manifest_of_another_key(entry: Path) -> None:
    manifest = json.loads((entry / MANIFEST).read_text())
    (entry / MANIFEST).write_text(json.dumps({**manifest, "key": "0" * 64}))


@pytest.mark.parametrize(
    "damage",
    [
        _flip_a_byte,
        _truncate,
        _remove_a_file,
        _remove_the_manifest,
        _truncate_the_manifest,
        _take_the_manifest_of_another_key,
    ],
)
def test_a_damaged_entry_is_made_anew_in_the_same_place(tmp_path, produce, damage):
    store = StageStore(tmp_path)
    first = store.outputs("generate", {}, {}, produce)
    damage(first.path)
    mended = store.outputs("generate", {}, {}, produce)
    assert (mended.reused, produce.calls) == (False, 2)
    assert (mended.path, mended.digests) == (first.path, first.digests)
    assert mended.file("data.npz").read_bytes() == b"exact"
    assert store.outputs("generate", {}, {}, produce).reused


def test_a_disabled_store_makes_everything_anew_and_reuses_nothing(tmp_path, produce):
    cached = StageStore(tmp_path).outputs("generate", {}, {}, produce)
    store = StageStore(tmp_path, enabled=False)
    one, two = (store.outputs("generate", {}, {}, produce) for _ in range(2))
    assert produce.calls == 3
    assert not one.reused and not two.reused
    assert len({cached.path, one.path, two.path}) == 3
    assert one.key == two.key == cached.key
    assert one.digests == two.digests == cached.digests


def test_a_stage_that_fails_leaves_nothing_behind(tmp_path):
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise ValueError("rho must lie in (0, 1), got 5/4 (Definition 2.2)")

    with pytest.raises(ValueError, match="rho must lie"):
        StageStore(tmp_path).outputs("construct", {}, {}, fail)
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == []


def test_an_error_of_the_inputs_is_not_blamed_on_the_store(tmp_path):
    def fail(folder: Path) -> None:
        open(tmp_path / "absent.csv").close()

    with pytest.raises(FileNotFoundError):
        StageStore(tmp_path / "cache").outputs("generate", {}, {}, fail)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        OSError("8000 requested and 512 written"),
    ],
    ids=["full", "quota", "short write"],
)
def test_a_full_disk_is_named_and_nothing_half_written_remains(tmp_path, error):
    def fill(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise error

    with pytest.raises(StoreError, match=r"cannot write stage 'construct' to .*MiB free in "):
        StageStore(tmp_path).outputs("construct", {}, {}, fill)
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == []


def test_a_disk_that_really_is_full_is_named(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        store = StageStore(disk)
        with pytest.raises(StoreError, match=f"to {disk}.*No space left.*0 MiB free in {disk}"):
            store.outputs("big", {}, {}, lambda f: (f / "x").write_bytes(bytes(2**21)) and None)
        assert shutil.disk_usage(disk).free > 2**19
        small = store.outputs("big", {}, {}, lambda f: (f / "x").write_bytes(b"1") and None)
        assert not small.reused
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot write the stage store to .*Not a directory"):
        StageStore(tmp_path / "file" / "cache")


def test_processes_that_race_leave_one_intact_entry(tmp_path):
    racers = [_start(tmp_path, 0.2) for _ in range(3)]
    for racer in racers:
        racer.communicate(timeout=60)
        assert racer.returncode == 0
    entries = [p for p in tmp_path.iterdir() if p.is_dir()]
    assert len(entries) == 1
    assert (entries[0] / "last").read_text() == "done"


def test_a_killed_run_is_cleaned_up_and_a_running_one_is_left_alone(tmp_path):
    killed, running = _start(tmp_path, 60), _start(tmp_path, 60)
    for process in (killed, running):
        assert process.stdout.readline() == "producing\n"
    assert len(_unfinished(tmp_path)) == 2
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    StageStore(tmp_path)
    assert len(_unfinished(tmp_path)) == 1
    running.kill()
    running.communicate()
    StageStore(tmp_path)
    assert _unfinished(tmp_path) == []


def test_sources_edited_since_the_first_look_are_noticed_and_a_touched_file_is_not(tmp_path):
    source = tmp_path / "a.py"
    source.write_text("x = 1\n")
    salt = code_salt(tmp_path)
    source.touch()
    assert not code_has_changed(tmp_path)
    source.write_text("x = 2\n")
    assert code_has_changed(tmp_path) and code_salt(tmp_path) == salt
    source.write_text("x = 1\n")
    assert not code_has_changed(tmp_path)
    (tmp_path / "b.py").write_text("")
    assert code_has_changed(tmp_path)


def test_no_other_code_than_was_asked_for_is_taken_for_it(monkeypatch):
    require_code(None)
    require_code(code_salt())
    with pytest.raises(CodeChangedError, match="since the sweep was launched"):
        require_code("other")
    monkeypatch.setattr(code_module, "code_has_changed", lambda: True)
    with pytest.raises(CodeChangedError, match="the same command begins anew"):
        require_code(code_salt())


def test_what_may_be_of_edited_code_is_good_for_its_own_run_alone(tmp_path, produce, monkeypatch):
    store = StageStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(stage_store, "code_has_changed", lambda: True)
        made = store.outputs("generate", {}, {}, produce)
    assert made.file("data.npz").read_bytes() == b"exact" and not made.reused
    assert not store.outputs("generate", {}, {}, produce).reused
    assert store.outputs("generate", {}, {}, produce).reused and produce.calls == 2
