"""One job from data to report: its files, its summary, its tracked runs, and what it reuses."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
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
from pipeline.theory import theorem_3_1, theorem_4_2
from pipeline.tracking import config_digest
from pipeline.tracking.audit import audit
from pipeline.verification.check.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
# The keys of summary.json that others rely on; "p" tells the norm, for l_p jobs.
KEYS = {
    "construction", "dataset", "N", "d", "C", "rho", "parameter_count", "nonzero_count", "depth",
    "width", "first_hidden_width", "bit_complexity", "lower_bound", "verified", "falsified",
    "unknown", "seconds", "files", "claim", "holds", "points", "error_bound", "error_estimate",
    "error_lower", "error_upper", "trained",
}  # fmt: skip


@pytest.fixture(scope="module")
def iris(lab, tmp_path_factory):
    """The job of the issue's summary: one network, one plan, one baseline on real data."""
    folder = tmp_path_factory.mktemp("iris")
    overrides = [
        "dataset=iris", "construction=[parallel_balls,thm_4_2_iii]",
        "construction.thm_4_2_iii.plan_only=true", "report.html=true", "report.formats=[svg]",
        *lab.tiny_baseline,
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


def test_rows_tell_their_claim_and_whether_it_was_proved(iris):
    told = [(row["claim"], row["holds"], row["trained"]) for row in iris.summary["rows"]]
    assert told == [("balls", True, False), ("balls", None, False), ("none", None, True)]
    proved, planned, trained = iris.summary["rows"]
    assert (proved["points"], proved["error_bound"]) == (149, "0")
    assert planned["error_bound"] is None and trained["error_bound"] is None
    assert 0 <= trained["error_lower"] <= trained["error_estimate"] <= trained["error_upper"] <= 1


def test_a_plan_has_sizes_and_nulls_where_a_network_would_be_needed(iris):
    row = iris.summary["rows"][1]
    planned = plan("thm_4_2_iii", 149, 4, 3, Fraction(1, 2))
    assert row["parameter_count"] == planned.parameter_count()
    assert (row["depth"], row["width"]) == (planned.depth, planned.width)
    nulls = ("nonzero_count", "bit_complexity", "verified", "falsified", "unknown")
    assert all(row[key] is None for key in nulls)
    assert row["files"] == {"dataset": "dataset.npz", "network": None, "certificate": None}
    assert set(row["seconds"]) == {"generate", "construct"}


def test_a_baseline_row_verifies_what_the_checker_follows_and_its_counts_add_up(iris):
    row = iris.summary["rows"][2]
    assert row["verified"] + row["falsified"] + row["unknown"] == 149
    assert row["files"]["certificate"] is None
    assert set(row["seconds"]) == {"generate", "train", "verify"}
    table = pd.read_csv(iris.run_dir / "pgd" / "verdicts.csv", keep_default_na=False)
    assert len(table) == 149
    for verdict in ("VERIFIED", "FALSIFIED", "UNKNOWN"):
        assert (table["verdict"] == verdict).sum() == row[verdict.lower()]
    proofs = iris.run_dir / "pgd" / "proofs.npz"
    assert proofs.exists() == (row["verified"] > 0)
    if proofs.exists():
        files = [iris.run_dir / "dataset.npz", proofs.with_name("network.npz"), proofs]
        verdicts = proofs.with_name("verdicts.csv")
        assert main([*map(str, files), "--verdicts", str(verdicts)]) == 0


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
    for text in (
        "parallel_balls",
        "thm_4_2_iii",
        "pgd",
        "<svg",
        digest_of_file(iris.run_dir / "dataset.npz"),
    ):
        assert text in page
    assert (iris.run_dir / "figure1.svg").is_file()
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"|http://www\.w3\.org\S*', "", page)


def test_the_job_is_one_run_with_a_nested_run_for_each_further_row_and_the_curve(iris):
    parent, *children = iris.runs
    assert parent.info.run_name == "iris rho1/2 N149 d4 parallel_balls+thm_4_2_iii+pgd"
    assert sorted(child.info.run_name for child in children) == [
        "pgd iris rho1/2 N149 d4",
        "pgd training curve",
        "thm_4_2_iii iris rho1/2 N149 d4",
    ]
    assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}
    assert {run.info.status for run in iris.runs} == {"FINISHED"}
    note = parent.data.tags["mlflow.note.content"]
    assert "Proved for all 149 balls" in note and f"make audit RUN={parent.info.run_id}" in note


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
        "robust/log2_rho": -1,
        **{f"time/{stage}_s": seconds for stage, seconds in row["seconds"].items()},
    }
    for verdict in ("verified", "falsified", "unknown"):
        expected[f"robust/{verdict}"] = None if row[verdict] is None else row[verdict] / 149
    # 0 where every ball is proved, sampled for the baseline, absent for the plan.
    assert metrics.pop("robust/error_bound", None) == (0 if place == 0 else None)
    assert (metrics.pop("robust/error_estimate", None) is None) == (place != 2)
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
    claims = {name: _run_of(iris, name).data.tags["claim"] for name in found}
    assert claims == {"parallel_balls": "balls", "thm_4_2_iii": "balls", "pgd": "none"}
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
        "parallel_balls/verdicts.csv", "parallel_balls/decision.json",
    }  # fmt: skip
    for name in names - {"config.yaml"}:
        assert (kept / name).read_bytes() == (iris.run_dir / name).read_bytes()
    baseline = Path(lab.client.download_artifacts(_run_of(iris, "pgd").info.run_id, ""))
    assert (baseline / "pgd" / "network.npz").is_file()
    assert (baseline / "pgd" / "verdicts.csv").is_file()
    assert (baseline / "pgd" / "decision.json").is_file()


def test_the_tracked_run_passes_its_audit(lab, iris):
    counts = audit(lab.client, lab.uri, iris.runs[0].info.run_id)
    rows = [row for row in iris.summary["rows"] if row["verified"] is not None]
    for verdict in ("verified", "falsified", "unknown"):
        assert counts[verdict] == sum(row[verdict] for row in rows)


def test_the_training_curve_is_a_nested_run(lab, iris):
    (curve,) = [run for run in iris.runs if run.info.run_name == "pgd training curve"]
    losses = lab.client.get_metric_history(curve.info.run_id, "train/loss")
    assert len(losses) >= 2 and all(np.isfinite(m.value) for m in losses)
    assert {"train/clean_error", "train/pgd_error"} < set(curve.data.metrics)
