"""A rerun makes only what its inputs changed, and leaves nothing of an earlier run behind."""

from __future__ import annotations

import json
import logging
import os
import re

import pytest

from pipeline.data import load_dataset
from pipeline.exact import digest_of_file


def _reused(caplog) -> list[bool]:
    """Whether each stage that reported in was reused, in order; clears the log."""
    ends = [re.search(r"\((unchanged, reused|[\d.]+ s)\)$", r.getMessage()) for r in caplog.records]
    caplog.clear()
    return [end[1] == "unchanged, reused" for end in ends if end]


def test_a_second_run_reuses_every_stage_and_a_changed_input_only_what_it_leaves(
    lab, tmp_path, caplog
):
    caplog.set_level(logging.INFO, logger="pipeline")
    line = ("dataset=line", "dataset.N=4", "construction=parallel_balls", *lab.tiny_baseline)
    first = lab.run(tmp_path, *line)
    assert _reused(caplog) == [False] * 5
    assert lab.run(tmp_path, *line) == first
    assert _reused(caplog) == [True] * 5
    # Another ratio leaves the dataset; other options of one method leave the other method.
    lab.run(tmp_path, *line, "rho=1/3")
    assert _reused(caplog) == [True, False, False, False, False]
    lab.run(tmp_path, *line, "baseline.width=3")
    assert _reused(caplog) == [True, True, True, False, False]
    lab.run(tmp_path, *line, "construction.parallel_balls.weight_bits=9")
    assert _reused(caplog)[1] is False
    lab.run(tmp_path, *line, "rho=2/4", "workers=1")
    assert _reused(caplog) == [True] * 5


def test_another_seed_and_a_disabled_cache_make_everything_anew(lab, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    cube = ("dataset=cube", "dataset.N=6", "dataset.d=2", *lab.quick)
    lab.run(tmp_path, *cube)
    assert _reused(caplog) == [False] * 3
    lab.run(tmp_path, *cube, "seed=1")
    assert f'dashboard  make ui ARGS="--uri {lab.uri}"   (run ' in caplog.text
    assert _reused(caplog) == [False] * 3
    lab.run(tmp_path, *cube, "cache.enabled=false")
    assert _reused(caplog) == [False] * 3


def test_a_run_directory_used_again_holds_the_files_of_the_last_run(lab, tmp_path):
    cube = ("dataset=cube", "dataset.N=6", "dataset.d=2", *lab.quick)
    run_dir = tmp_path / "run"
    lab.run(tmp_path, *cube)
    before = digest_of_file(run_dir / "dataset.npz")
    (row,) = lab.run(tmp_path, *cube, "seed=1")
    certificate = json.loads((run_dir / row.files["certificate"]).read_text(encoding="utf-8"))
    assert digest_of_file(run_dir / "dataset.npz") != before
    assert certificate["dataset_sha256"] == digest_of_file(run_dir / "dataset.npz")
    # A run that fails leaves no summary beside its files, also not that of an earlier one.
    with pytest.raises(ValueError, match="rho must lie"):
        lab.run(tmp_path, *cube, "rho=2")
    assert not (run_dir / "summary.json").exists()


def test_a_file_that_changes_under_its_name_is_read_again(lab, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    table = tmp_path / "mine.csv"
    job = ("dataset=file", f"dataset.path={table}", *lab.quick)
    table.write_text("a,b,label\n0,0,u\n4,0,v\n")
    lab.run(tmp_path, *job)
    assert _reused(caplog) == [False] * 3
    table.write_text("a,b,label\n0,0,u\n8,0,v\n")
    os.utime(table, (0, 0))
    lab.run(tmp_path, *job)
    assert _reused(caplog) == [False] * 3
    assert load_dataset(tmp_path / "run" / "dataset.npz").separation().power == 16
