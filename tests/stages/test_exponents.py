"""experiment=exponents: one job whose table is printed, filed, summarized, reported and tracked."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest

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
