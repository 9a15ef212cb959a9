"""experiment=exponents: one job whose table is printed, filed, summarized, reported and tracked."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest

from pipeline.verification.certify import Checked

EXPERIMENT = (
    "experiment=exponents", "exponents.constructions=[thm_4_2_iii]", "dataset=line", "dataset.N=4",
    "verification.on_constructed=[]", "report.html=true",
)  # fmt: skip


def test_measured_exponents_reach_every_place_where_results_are_kept(lab, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    lab.run(tmp_path, *EXPERIMENT)
    run_dir = tmp_path / "run"
    fits = json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))["exponents"]
    assert set(fits) == {"thm_4_2_iii"} and set(fits["thm_4_2_iii"]) == {"rho", "d"}
    for variable, expected in (("rho", 4), ("d", 2)):
        fit = fits["thm_4_2_iii"][variable]
        assert fit["low"] <= fit["slope"] <= fit["high"]
        assert fit["slope"] == pytest.approx(expected, abs=0.1)
    table = pd.read_csv(run_dir / "exponents.csv")
    assert len(table) == 10 and set(table["variable"]) == {"rho", "d"}
    assert table["slope"].unique().tolist() == [
        fits["thm_4_2_iii"][v]["slope"] for v in ("rho", "d")
    ]
    assert "Measured exponents" in (run_dir / "report.html").read_text(encoding="utf-8")
    assert "construction  variable  exponent    95% interval  theorem  quantity" in caplog.text
    assert "lower-order terms shift a slope" in caplog.text
    (run,) = lab.runs(tmp_path.name)
    for variable in ("rho", "d"):
        metric = run.data.metrics[f"exponents/thm_4_2_iii/{variable}"]
        assert metric == fits["thm_4_2_iii"][variable]["slope"]
    assert run.data.metrics["time/exponents_s"] >= 0
    kept = Path(lab.client.download_artifacts(run.info.run_id, ""))
    assert (kept / "exponents.csv").read_bytes() == (run_dir / "exponents.csv").read_bytes()
    logged = json.loads((kept / "exponents.json").read_text(encoding="utf-8"))
    assert logged["columns"] == list(table.columns) and len(logged["data"]) == 10
    # A second job measures nothing again; one that does not ask leaves no table behind.
    caplog.clear()
    lab.run(tmp_path, *EXPERIMENT)
    assert caplog.text.count("(unchanged, reused)") == 4
    lab.run(tmp_path, *EXPERIMENT, "exponents.constructions=[]")
    assert not (run_dir / "exponents.csv").exists()
    assert "exponents" not in json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))


def test_a_name_without_a_measurement_is_refused_before_anything_is_built(lab, tmp_path):
    with pytest.raises(ValueError, match="exponents.constructions must be among .* got 'yu2024'"):
        lab.run(tmp_path, *EXPERIMENT, "exponents.constructions=[yu2024]")
    assert not list((tmp_path / "cache").glob("*"))


GROWTH = (
    "experiment=growth", "dataset.N=8", "exponents.certified_N=[16,32,64]",
    "exponents.certified_d=4", "verification.on_constructed=[]",
)  # fmt: skip


def test_growth_is_fitted_over_certified_networks_each_an_output_of_its_own(lab, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    lab.run(tmp_path, *GROWTH)
    fits = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))["exponents"]
    assert set(fits) == {"halving_lattice"} and set(fits["halving_lattice"]) == {"N"}
    table = pd.read_csv(tmp_path / "run" / "exponents.csv")
    assert table["value"].tolist() == [16, 32, 64]
    assert set(table["slope"]) == {fits["halving_lattice"]["N"]["slope"]}
    for N, P in zip(table["value"], table["measured"], strict=True):
        assert f"halving_lattice, N = {N:.0f}, d = 4, rho = 1/200 ..." in caplog.text
        assert f"P = {P:,.0f}, certified" in caplog.text
    assert "P, built and certified, d = 4, rho = 1/200, retrieval" in caplog.text
    (run,) = lab.runs(tmp_path.name)
    slope = run.data.metrics["exponents/halving_lattice/N"]
    assert slope == fits["halving_lattice"]["N"]["slope"]
    # One network more: the others are not built again, the fit is.
    caplog.clear()
    lab.run(tmp_path, *GROWTH, "exponents.certified_N=[16,32,64,24]")
    grown = caplog.text.partition("exponents  halving_lattice ...")[0].partition("grow ")[2]
    assert grown.count("(unchanged, reused)") == 3 and grown.count("certified") == 4
    assert len(pd.read_csv(tmp_path / "run" / "exponents.csv")) == 4


def test_a_network_that_is_not_certified_fails_the_job(lab, tmp_path, monkeypatch):
    rejected = Checked(False, {"verdict": "REJECTED", "reason": "a wall too near"}, "")
    monkeypatch.setattr("pipeline.verification.certified_counts.checked", lambda files: rejected)
    with pytest.raises(ValueError, match="only certified networks are fitted.*a wall too near"):
        lab.run(tmp_path, *GROWTH)
    assert not (tmp_path / "run" / "exponents.csv").exists()
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED" and "exponents/halving_lattice/N" not in run.data.metrics


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("certified_N=[16,32]", r"three numbers of points or more, .* got \[16, 32\]"),
        ("certified_N=[16,32,32,64]", "none twice"),
        ("certified_N=[1,32,64]", ">= 2"),
        ("certified_d=0", "certified_d must be >= 1, got 0"),
        ("certified_rho=5/4", "rho must lie in"),
    ],
)
def test_sizes_that_no_fit_is_made_of_are_refused_before_anything_is_built(
    lab, tmp_path, override, message
):
    with pytest.raises(ValueError, match=message):
        lab.run(tmp_path, *GROWTH, f"exponents.{override}")
    assert not list((tmp_path / "cache").glob("*"))


def test_the_growth_of_the_full_range_is_up_to_a_million_points_at_one_ratio(lab):
    options = lab.config("experiment=growth")["exponents"]
    assert options["constructions"] == ["halving_lattice"]
    assert options["certified_N"] == [10**4, 3 * 10**4, 10**5, 3 * 10**5, 10**6]
    assert (options["certified_d"], options["certified_rho"]) == (8, "1/200")
