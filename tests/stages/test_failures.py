"""Bad input and full disks: a message that says what was required, and a run marked FAILED."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.stages import job as job_module
from pipeline.stages.outcome import Outcome
from pipeline.stages.store import StoreError

LINE = ("dataset=line", "dataset.N=4", "baseline=none", "construction=parallel_balls")
FILES = {
    "conflict.csv": "a,b,y\n1,2,cat\n3,4,dog\n1,2,dog\n",
    "nan.csv": "a,b,y\n1,2,u\nnan,4,v\n",
    "inf.csv": "a,b,y\n1,2,u\n3,inf,v\n",
    "text.csv": "a,b,y\n1,2,u\n3,high,v\n",
    "one.csv": "a,b,y\n1,2,u\n3,4,u\n",
    "empty.csv": "",
    "header.csv": "a,b,y\n",
    "broken.npz": "PK no archive",
    "table.txt": "1,2,3\n",
}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["rho=5/4"], r"rho must lie in \(0, 1\), got 5/4 \(Definition 2\.2\)"),
        (["rho=0"], r"rho must lie in \(0, 1\), got 0 \(Definition 2\.2\)"),
        (["rho=1"], r"rho must lie in \(0, 1\), got 1 \(Definition 2\.2\)"),
        (["rho=-1/2"], r"rho must lie in \(0, 1\), got -1/2 \(Definition 2\.2\)"),
        (["rho=abc"], r"rho must be a rational such as 1/2 or 0\.5, got 'abc'"),
        (["rho=1/0"], r"rho must be a rational such as 1/2 or 0\.5, got '1/0'"),
        (["p=0"], "p must be 1, 2, another positive integer or inf, got '0'"),
        (["p=3/2"], "p must be 1, 2, another positive integer or inf, got '3/2'"),
        (["p=inf", "construction=thm_4_2_iii"], r"thm_4_2_iii is proved for p = 2, got p = inf"),
        (["construction=[]"], "a job needs a construction or a baseline"),
        (["dataset.N=1"], r"N must be 2 or more, got 1"),
        (["dataset.C=9"], r"C must be 2\.\.4, got 9"),
        (["dataset.spread=0.5"], "dataset line takes no spread, got 0.5"),
        (["seed=-1"], "seed must be"),
        (["construction.parallel_balls.projection=pcaa"], "identity.*random.*pca.*got 'pcaa'"),
        (["construction.parallel_balls.m=0"], r"m must .*1\.\..*, got 0"),
        (["construction.parallel_balls.m=9"], r"m must .*1\.\..*, got 9"),
        (
            ["dataset=sphere", "dataset.N=9", "construction.parallel_balls.m=1", "rho=9/10"],
            "more than two radii apart .*m = 1 keeps a distance of .*use more dimensions",
        ),
        (
            ["verification.on_constructed=[psd]"],
            "on_constructed must be among null_space.*got 'psd'",
        ),
        (["dataset=file"], "needs a path to a .csv, .npz or .parquet file"),
        (["dataset=file", "dataset.path=FOLDER/absent.csv"], "no such file: .*absent.csv"),
        (
            ["dataset=file", "dataset.path=FOLDER/conflict.csv"],
            "same point with labels cat and dog; .*pairwise distinct points.*Section 2.2",
        ),
        (
            ["dataset=file", "dataset.path=FOLDER/nan.csv"],
            "column 'a', row 2 is missing or NaN; .*finite numbers",
        ),
        (["dataset=file", "dataset.path=FOLDER/inf.csv"], "column 'b', row 2 is inf"),
        (["dataset=file", "dataset.path=FOLDER/text.csv"], "column 'b', row 2 is no number: 'high"),
        (["dataset=file", "dataset.path=FOLDER/one.csv"], "at least two classes.*'u'"),
        (["dataset=file", "dataset.path=FOLDER/empty.csv"], "empty.csv is empty"),
        (["dataset=file", "dataset.path=FOLDER/header.csv"], "header.csv is empty"),
        (["dataset=file", "dataset.path=FOLDER/broken.npz"], "truncated or not an NPZ file"),
        (["dataset=file", "dataset.path=FOLDER/table.txt"], r"must end in \.csv, \.npz, \.parquet"),
        (
            ["dataset=file", "dataset.path=FOLDER/nan.csv", "dataset.label=z"],
            r"no label column 'z', its columns are \['a', 'b', 'y'\]",
        ),
    ],
)
def test_bad_input_fails_the_run_with_a_message_that_says_what_was_required(
    lab, tmp_path, overrides, message
):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    changed = [each.replace("FOLDER", str(tmp_path)) for each in overrides]
    kept = [each for each in LINE if each.partition("=")[0] not in _groups(changed)]
    if any("file" in each or "sphere" in each for each in changed):
        kept = [each for each in kept if not each.startswith("dataset.N")]
    with pytest.raises(ValueError, match=message) as refusal:
        lab.run(tmp_path, *kept, *changed)
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == f"ValueError: {refusal.value}"
    assert not (tmp_path / "run" / "summary.json").exists()


def _groups(overrides: list[str]) -> set[str]:
    return {each.partition("=")[0] for each in overrides}


@pytest.mark.parametrize("place", ["below a file", "a file"])
def test_a_cache_folder_that_cannot_be_made_fails_the_run(lab, tmp_path, place):
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    folder = blocked / "cache" if place == "below a file" else blocked
    with pytest.raises(StoreError, match=f"cannot write the stage store to {folder}"):
        lab.run(tmp_path, *LINE, f"cache.folder={folder}")
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith("StoreError: cannot write the stage store")


def test_a_disk_that_fills_up_fails_the_run_and_nothing_done_is_lost(lab, tmp_path, monkeypatch):
    def full(folder: Path, network: object) -> None:
        raise OSError(28, os.strerror(28), str(folder))

    monkeypatch.setattr("pipeline.stages.construct.save_network", full)
    with pytest.raises(StoreError, match=r"cannot write stage 'construct' to .*MiB free in "):
        lab.run(tmp_path, *LINE)
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"
    assert run.info.run_name == "line rho1/2 N4 d2 parallel_balls"
    assert "No space left on device" in run.data.tags["error"]
    assert len(run.inputs.dataset_inputs) == 1
    entries = [p.name for p in (tmp_path / "cache").iterdir() if p.is_dir()]
    assert [name.partition("-")[0] for name in entries] == ["generate"]


def test_a_failure_after_the_first_row_keeps_the_first_row(lab, tmp_path, monkeypatch):
    def stop(*arguments: object) -> Outcome:
        raise MemoryError("no room for the network")

    monkeypatch.setattr(job_module, "train", stop)
    with pytest.raises(MemoryError, match="no room"):
        lab.run(tmp_path, "dataset=line", "dataset.N=4", "construction=parallel_balls")
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "MemoryError: no room for the network"
    assert run.data.metrics["robust/verified"] == 1
    kept = Path(lab.client.download_artifacts(run.info.run_id, "parallel_balls"))
    assert {p.name for p in kept.iterdir()} == {
        "certificate.json", "decision.json", "network.npz", "verdicts.csv",
    }  # fmt: skip
    # The rerun starts where the first one stopped.
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "run")
    rows = lab.run(
        tmp_path, "dataset=line", "dataset.N=4", "construction=parallel_balls", *lab.tiny_baseline
    )
    assert [row.construction for row in rows] == ["parallel_balls", "pgd"]


@pytest.mark.parametrize(
    ("kibibytes", "what"), [(8, "the files of parallel_balls"), (24, "report")]
)
def test_a_run_directory_on_a_full_disk_is_named(lab, tmp_path, kibibytes, what):
    disk = tmp_path / "run"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        with pytest.raises(StoreError, match=f"cannot write .*{what} to {disk}: .*MiB free in"):
            lab.run(tmp_path, *LINE, "report.html=true")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"
