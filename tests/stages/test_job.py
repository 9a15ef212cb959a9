"""One job from data to report: its files, its summary, its tracked runs, and what it reuses."""

from __future__ import annotations

import html
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.construction import CONSTRUCTIONS, plan
from pipeline.data import load_dataset
from pipeline.exact import digest_of_file
from pipeline.network import load_network
from pipeline.report import read_summary
from pipeline.stages import job as job_module
from pipeline.stages.outcome import Outcome
from pipeline.stages.store import StoreError
from pipeline.theory import theorem_3_1, theorem_4_2
from pipeline.tracking import config_digest

ROOT = Path(__file__).resolve().parents[2]
# The keys of summary.json that others rely on; "p" tells the norm, for l_p jobs.
KEYS = {
    "construction", "dataset", "N", "d", "C", "rho", "parameter_count", "nonzero_count", "depth",
    "width", "first_hidden_width", "bit_complexity", "lower_bound", "verified", "falsified",
    "unknown", "seconds", "files",
}  # fmt: skip
TINY_BASELINE = (
    "baseline.width=4", "baseline.max_steps=20", "baseline.evaluate_every=10",
    "verification.samples=3", "verification.pgd_steps=2",
)  # fmt: skip
QUICK = ("baseline=none", "construction=parallel_balls", "verification.on_constructed=[]")


@pytest.fixture(scope="module")
def iris(lab, tmp_path_factory):
    """The job of the issue's summary: one network, one plan, one baseline on real data."""
    folder = tmp_path_factory.mktemp("iris")
    overrides = [
        "dataset=iris", "construction=[parallel_balls,thm_4_2_iii]",
        "construction.thm_4_2_iii.plan_only=true", "report.html=true", "report.formats=[svg]",
        *TINY_BASELINE,
    ]  # fmt: skip
    with pytest.warns(UserWarning, match="iris: 1 duplicate points"):
        rows = lab.run(folder, *overrides)
    run_dir = folder / "run"
    return SimpleNamespace(
        rows=rows,
        run_dir=run_dir,
        config=lab.config(*lab.arguments(folder, folder.name), *overrides),
        summary=json.loads((run_dir / "summary.json").read_text(encoding="utf-8")),
        runs=lab.runs(folder.name),
    )


def test_the_summary_has_the_agreed_keys_and_one_row_a_method(iris):
    assert set(iris.summary) == {"rows"}
    assert [set(row) - {"p"} for row in iris.summary["rows"]] == [KEYS] * 3
    names = [row["construction"] for row in iris.summary["rows"]]
    assert names == ["parallel_balls", "thm_4_2_iii", "pgd"]
    for row in iris.summary["rows"]:
        assert (row["dataset"], row["N"], row["d"], row["C"]) == ("iris", 149, 4, 3)
        assert row["rho"] == "1/2"
        assert set(row["files"]) == {"dataset", "network", "certificate"}
        assert all(seconds >= 0 for seconds in row["seconds"].values())
        assert row["lower_bound"] == float(theorem_3_1(149, 4, Fraction(1, 2)))
    assert read_summary(iris.run_dir / "summary.json") == iris.rows


def test_a_certified_row_counts_its_own_network(iris):
    row = iris.summary["rows"][0]
    network = load_network(iris.run_dir / row["files"]["network"])
    for key, value in {
        "parameter_count": network.parameter_count(),
        "nonzero_count": network.nonzero_count(),
        "depth": network.depth,
        "width": network.width,
        "first_hidden_width": network.first_hidden_width,
        "bit_complexity": network.bit_complexity,
    }.items():
        assert row[key] == value
    assert (row["verified"], row["falsified"], row["unknown"]) == (149, 0, 0)
    assert set(row["seconds"]) == {"generate", "construct", "verify"}


def test_a_plan_has_sizes_and_nulls_where_a_network_would_be_needed(iris):
    row = iris.summary["rows"][1]
    planned = plan("thm_4_2_iii", 149, 4, 3, Fraction(1, 2))
    assert row["parameter_count"] == planned.parameter_count()
    assert (row["depth"], row["width"]) == (planned.depth, planned.width)
    nulls = ("nonzero_count", "bit_complexity", "verified", "falsified", "unknown")
    assert all(row[key] is None for key in nulls)
    assert row["files"] == {"dataset": "dataset.npz", "network": None, "certificate": None}
    assert set(row["seconds"]) == {"generate", "construct"}


def test_a_baseline_row_never_verifies_and_its_counts_add_up(iris):
    row = iris.summary["rows"][2]
    assert row["verified"] == 0
    assert row["falsified"] + row["unknown"] == 149
    assert row["files"]["certificate"] is None
    assert set(row["seconds"]) == {"generate", "train", "verify"}
    table = pd.read_csv(iris.run_dir / "pgd" / "verdicts.csv")
    assert len(table) == 149
    counts = table["verdict"].value_counts()
    assert counts.get("FALSIFIED", 0) == row["falsified"]
    assert counts.get("UNKNOWN", 0) == row["unknown"]


def test_every_file_of_the_summary_lies_below_the_run_directory(iris):
    for row in iris.summary["rows"]:
        for name in filter(None, row["files"].values()):
            assert not Path(name).is_absolute()
            assert (iris.run_dir / name).resolve().is_relative_to(iris.run_dir.resolve())
            assert (iris.run_dir / name).is_file()


def test_the_check_command_of_the_report_verifies_in_the_run_directory(iris):
    page = (iris.run_dir / "report.html").read_text(encoding="utf-8")
    commands = re.findall(r"python -m pipeline\.verification\.check [^<]+", page)
    assert commands
    arguments = shlex.split(html.unescape(commands[0]))[1:]
    check = subprocess.run(
        [sys.executable, *arguments],
        cwd=iris.run_dir,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert check.returncode == 0, check.stderr
    assert "VERIFIED: 149 of 149 balls" in check.stdout


def test_the_report_states_the_run_and_shows_figure_1(iris):
    page = (iris.run_dir / "report.html").read_text(encoding="utf-8")
    for text in ("parallel_balls", "thm_4_2_iii", "pgd", "<svg", digest_of_file(
        iris.run_dir / "dataset.npz"
    )):
        assert text in page
    assert (iris.run_dir / "figure1.svg").is_file()
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"|http://www\.w3\.org\S*', "", page)


def test_the_job_is_one_run_with_a_nested_run_for_each_further_row_and_the_curve(iris):
    parent, *children = iris.runs
    assert parent.info.run_name == "iris d4 N149 rho1/2 parallel_balls+thm_4_2_iii+pgd"
    assert sorted(child.info.run_name for child in children) == [
        "iris d4 N149 rho1/2 pgd",
        "iris d4 N149 rho1/2 thm_4_2_iii",
        "pgd training curve",
    ]
    assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}
    assert {run.info.status for run in iris.runs} == {"FINISHED"}


def _run_of(iris, construction):
    (run,) = [
        r
        for r in iris.runs
        if r.data.tags.get("construction") == construction and "data/N" in r.data.metrics
    ]
    return run


@pytest.mark.parametrize("place", [0, 1, 2])
def test_metrics_are_the_summary_in_the_tracking_vocabulary(iris, place):
    row = iris.summary["rows"][place]
    metrics = dict(_run_of(iris, row["construction"]).data.metrics)
    separation = load_dataset(iris.run_dir / "dataset.npz").separation().nearest_float64
    expected = {
        "params/total": row["parameter_count"],
        "params/nonzero": row["nonzero_count"],
        "params/lower_bound": row["lower_bound"],
        "params/upper_bound": float(theorem_4_2(149, 4, Fraction(1, 2))),
        "params/paper_plan": plan("thm_4_2_iii", 149, 4, 3, Fraction(1, 2)).parameter_count(),
        "params/ratio_to_lower": row["parameter_count"] / row["lower_bound"],
        "net/depth": row["depth"],
        "net/width": row["width"],
        "net/first_hidden_width": row["first_hidden_width"],
        "net/bits": row["bit_complexity"],
        "data/N": 149,
        "data/d": 4,
        "data/C": 3,
        "data/separation": separation,
        "robust/rho": 0.5,
        **{f"time/{stage}_s": seconds for stage, seconds in row["seconds"].items()},
    }
    for verdict in ("verified", "falsified", "unknown"):
        expected[f"robust/{verdict}"] = None if row[verdict] is None else row[verdict] / 149
    error_upper, report = metrics.pop("robust/error_upper", None), metrics.pop("time/report_s", 0)
    assert metrics == pytest.approx({k: v for k, v in expected.items() if v is not None})
    assert error_upper == 0 if place == 0 else (error_upper is None) == (place == 1)
    assert (report > 0) == (place == 0)


def test_tags_tell_commit_configuration_construction_dataset_verdict_and_source(iris):
    parent = iris.runs[0]
    tags = parent.data.tags
    assert tags["config_digest"] == config_digest(iris.config)
    assert (tags["construction"], tags["dataset"]) == ("parallel_balls", "iris")
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True)
    if git.returncode == 0:
        assert tags["git_commit"] == tags["mlflow.source.git.commit"] == git.stdout.strip()
    found = {
        name: (run.data.tags["verdict"], run.data.tags["paper_item"])
        for name in ("parallel_balls", "thm_4_2_iii", "pgd")
        for run in [_run_of(iris, name)]
    }
    items = {name: known.paper_item for name, known in CONSTRUCTIONS.items()}
    assert found["parallel_balls"] == ("VERIFIED", items["parallel_balls"])
    assert found["thm_4_2_iii"] == ("PLANNED", items["thm_4_2_iii"])
    baseline = iris.summary["rows"][2]
    assert found["pgd"] == ("FALSIFIED" if baseline["falsified"] else "UNKNOWN", "")


def test_parameters_are_the_flattened_configuration(iris):
    params = iris.runs[0].data.params
    assert params["rho"] == "1/2"
    assert params["dataset.name"] == "iris"
    assert params["baseline.width"] == "4"
    assert params["construction.thm_4_2_iii.plan_only"] == "true"
    assert params["construction.parallel_balls.m"] == "null"


def test_the_dataset_is_an_input_with_its_digest(iris):
    (entry,) = iris.runs[0].inputs.dataset_inputs
    profile = json.loads(entry.dataset.profile)
    digest = digest_of_file(iris.run_dir / "dataset.npz")
    assert entry.dataset.name == "iris"
    assert profile == {"N": 149, "d": 4, "C": 3, "sha256": digest}
    assert digest.startswith(entry.dataset.digest)


def test_artifacts_are_the_files_of_the_run_directory(lab, iris):
    kept = Path(lab.client.download_artifacts(iris.runs[0].info.run_id, ""))
    names = {p.relative_to(kept).as_posix() for p in kept.rglob("*") if p.is_file()}
    assert names == {
        "config.yaml", "dataset.npz", "figure1.svg", "report.html", "summary.json",
        "parallel_balls/certificate.json", "parallel_balls/network.npz",
        "parallel_balls/verdicts.csv",
    }  # fmt: skip
    for name in names - {"config.yaml"}:
        assert (kept / name).read_bytes() == (iris.run_dir / name).read_bytes()
    baseline = Path(lab.client.download_artifacts(_run_of(iris, "pgd").info.run_id, ""))
    assert (baseline / "pgd" / "network.npz").is_file()
    assert (baseline / "pgd" / "verdicts.csv").is_file()


def test_the_training_curve_is_a_nested_run(lab, iris):
    (curve,) = [run for run in iris.runs if run.info.run_name == "pgd training curve"]
    losses = lab.client.get_metric_history(curve.info.run_id, "train/loss")
    assert len(losses) >= 2 and all(np.isfinite(m.value) for m in losses)
    assert {"train/clean_error", "train/pgd_error"} < set(curve.data.metrics)


# Reuse.


def _reused(caplog) -> list[bool]:
    """Whether each stage that reported in was reused, in order; clears the log."""
    ends = [re.search(r"\((unchanged, reused|[\d.]+ s)\)$", r.getMessage()) for r in caplog.records]
    caplog.clear()
    return [end[1] == "unchanged, reused" for end in ends if end]


def test_a_second_run_reuses_every_stage_and_a_changed_input_only_what_it_leaves(
    lab, tmp_path, caplog
):
    caplog.set_level(logging.INFO, logger="pipeline")
    line = ("dataset=line", "dataset.N=4", "construction=parallel_balls", *TINY_BASELINE)
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
    cube = ("dataset=cube", "dataset.N=6", "dataset.d=2", *QUICK)
    lab.run(tmp_path, *cube)
    assert _reused(caplog) == [False] * 3
    lab.run(tmp_path, *cube, "seed=1")
    assert _reused(caplog) == [False] * 3
    lab.run(tmp_path, *cube, "cache.enabled=false")
    assert _reused(caplog) == [False] * 3


def test_a_run_directory_used_again_holds_the_files_of_the_last_run(lab, tmp_path):
    cube = ("dataset=cube", "dataset.N=6", "dataset.d=2", *QUICK)
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
    job = ("dataset=file", f"dataset.path={table}", *QUICK)
    table.write_text("a,b,label\n0,0,u\n4,0,v\n")
    lab.run(tmp_path, *job)
    assert _reused(caplog) == [False] * 3
    table.write_text("a,b,label\n0,0,u\n8,0,v\n")
    os.utime(table, (0, 0))
    lab.run(tmp_path, *job)
    assert _reused(caplog) == [False] * 3
    assert load_dataset(tmp_path / "run" / "dataset.npz").separation().power == 16


# Every family of data, and the user's own files.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hard_width", ("dataset.N=7", "dataset.d=4", "rho=4/5")),
        ("shattering", ("dataset.N=7", "dataset.d=3")),
        ("sphere", ("dataset.N=9", "dataset.d=3")),
        ("cube", ("dataset.N=9", "dataset.d=3", "dataset.C=4", "rho=9/10")),
        ("clusters", ("dataset.N=9", "dataset.d=3", "dataset.C=3", "dataset.spread=0.5")),
        ("lattice", ("dataset.N=9", "dataset.d=2", "dataset.labelling=checkerboard")),
        ("line", ("dataset.N=9", "dataset.d=2", "p=1", "rho=1/4")),
    ],
)
def test_every_synthetic_family_is_verified(lab, tmp_path, name, options):
    N = int(options[0].partition("=")[2])
    (row,) = lab.run(
        tmp_path, f"dataset={name}", "baseline=none", "construction=parallel_balls", *options
    )
    assert (row.dataset, row.N, row.verified, row.falsified) == (name, N, N, 0)


def _csv(folder: Path) -> tuple[Path, str]:
    (folder / "flowers.csv").write_text("kind,a,b\nrose,0,0\nelm,1.5,0\nrose,0,4\noak,-3,-3\n")
    return folder / "flowers.csv", "kind"


def _parquet(folder: Path) -> tuple[Path, str]:
    frame = pd.DataFrame(
        {"a": [0, 1.5, 0, -3], "kind": ["rose", "elm", "rose", "oak"], "b": [0, 0, 4, -3]}
    )
    frame.to_parquet(folder / "flowers.parquet")
    return folder / "flowers.parquet", "kind"


def _npz(folder: Path) -> tuple[Path, str]:
    X = np.array([[0, 0], [1.5, 0], [0, 4], [-3, -3]])
    np.savez(folder / "flowers.npz", X=X, kind=np.array(["rose", "elm", "rose", "oak"]))
    return folder / "flowers.npz", "kind"


@pytest.mark.parametrize("written", [_csv, _parquet, _npz])
def test_a_file_of_the_user_is_verified_with_its_label_names(lab, tmp_path, written):
    path, label = written(tmp_path)
    (row,) = lab.run(
        tmp_path, "dataset=file", f"dataset.path={path}", f"dataset.label={label}", "rho=4/5",
        "baseline=none", "construction=parallel_balls",
    )  # fmt: skip
    assert (row.dataset, row.N, row.d, row.C, row.verified) == ("flowers", 4, 2, 3, 4)
    data = load_dataset(tmp_path / "run" / "dataset.npz")
    assert data.label_names == ("elm", "oak", "rose")
    assert data.y.tolist() == [3, 1, 3, 2]
    assert data.X.fractions().tolist() == [[0, 0], [Fraction(3, 2), 0], [0, 4], [-3, -3]]


def test_zero_based_labels_in_the_last_column_become_1_to_C(lab, tmp_path):
    (tmp_path / "t.csv").write_text("0.5,1,0\n2,1,1\n4,4,0\n")
    (row,) = lab.run(tmp_path, "dataset=file", f"dataset.path={tmp_path / 't.csv'}", *QUICK)
    data = load_dataset(tmp_path / "run" / "dataset.npz")
    assert (row.verified, data.y.tolist(), data.label_names) == (3, [1, 2, 1], ("0", "1"))


def test_repeated_rows_are_merged_with_a_warning_that_counts_them(lab, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    (tmp_path / "t.csv").write_text("a,b,y\n0,1,u\n2,1,v\n0,1,u\n0,1,u\n")
    job = ("dataset=file", f"dataset.path={tmp_path / 't.csv'}", *QUICK)
    with pytest.warns(UserWarning, match="t: 2 duplicate points"):
        (row,) = lab.run(tmp_path, *job)
    assert (row.N, row.verified) == (2, 2)
    # Reused, the data are not read again: the line of the stage still says it.
    caplog.clear()
    lab.run(tmp_path, *job)
    assert "rows merged: 2" in caplog.text


# Bad input: a message that says what was required, and a run marked FAILED.

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
        (["construction.parallel_balls.m=0"], r"m must .*1\.\.2, got 0"),
        (["construction.parallel_balls.m=9"], r"m must .*1\.\.2, got 9"),
        (
            ["dataset=sphere", "dataset.N=9", "construction.parallel_balls.m=1", "rho=9/10"],
            "more than two radii apart .*m = 1 keeps a distance of .*use more dimensions",
        ),
        (["verification.on_constructed=[psd]"], "attacks must be among null_space.*got 'psd'"),
        (["dataset=file"], "needs a path to a .csv, .npz or .parquet file"),
        (["dataset=file", "dataset.path=FOLDER/absent.csv"], "no such file: .*absent.csv"),
        (
            ["dataset=file", "dataset.path=FOLDER/conflict.csv"],
            "same point with labels .*pairwise distinct points.*Section 2.2",
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
    assert run.info.run_name == "line d2 N4 rho1/2 parallel_balls"
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
    assert {p.name for p in kept.iterdir()} == {"certificate.json", "network.npz", "verdicts.csv"}
    # The rerun starts where the first one stopped.
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "run")
    rows = lab.run(
        tmp_path, "dataset=line", "dataset.N=4", "construction=parallel_balls", *TINY_BASELINE
    )
    assert [row.construction for row in rows] == ["parallel_balls", "pgd"]
