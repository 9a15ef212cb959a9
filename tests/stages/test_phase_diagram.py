"""experiment=phase_diagram: certified, filed, reported, tracked; a rerun counts nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest

EXPERIMENT = (
    "experiment=phase_diagram", "dataset.N=6", "dataset.d=4", "verification.on_constructed=[]",
    "phase_diagram.sizes=[[8,4]]", "phase_diagram.planned_sizes=[[20,3]]",
    "phase_diagram.rho=[1/100,1/3]", "phase_diagram.constructions=[parallel_balls,egosi2025]",
    "report.html=true", "report.formats=[svg]",
)  # fmt: skip


def test_counts_reach_every_place_where_results_are_kept(lab, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    (row,) = lab.run(tmp_path, *EXPERIMENT)
    assert (row.construction, row.status) == ("auto", "verified")
    assert "built; auto chose parallel_balls (projection=" in caplog.text
    run_dir = tmp_path / "run"
    counts = pd.read_csv(run_dir / "certified.csv")
    assert list(counts.groupby(["N", "d"]).size()) == [4, 4]
    ours = counts[counts["construction"] == "parallel_balls"]
    assert (ours.loc[ours["N"] == 8, "verdict"] == "verified").all()
    assert (ours.loc[ours["N"] == 20, "verdict"] == "planned").all()
    winners = pd.read_csv(run_dir / "crossovers.csv")
    assert set(winners["winner"]) == {"parallel_balls"} and len(winners) == 4
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert "Who needs the fewest parameters" in page and "auto chose" in page
    assert page.count("<figure>") >= 4
    for stem in ("phase_diagram", "exponents_map", "crossovers"):
        assert (run_dir / f"{stem}.svg").stat().st_size > 1000
    assert "fewest parameters" in caplog.text
    (run,) = lab.runs(tmp_path.name)
    assert run.data.metrics["time/count_s"] > 0
    kept = Path(lab.client.download_artifacts(run.info.run_id, ""))
    for name in ("certified.csv", "certified.json", "crossovers.csv", "crossovers.svg"):
        assert (kept / name).read_bytes() == (run_dir / name).read_bytes()
    logged = json.loads((kept / "phase_diagram.json").read_text(encoding="utf-8"))
    assert len(logged["data"]) == 8 and logged["columns"] == list(counts.columns)
    # A second job counts only the cell that is new; one that does not ask leaves no table behind.
    caplog.clear()
    lab.run(tmp_path, *EXPERIMENT, "phase_diagram.rho=[1/100,1/3,1/2]")
    assert caplog.text.count("(unchanged, reused)") == 3 + 4
    lab.run(tmp_path, *EXPERIMENT, "phase_diagram.sizes=[]", "phase_diagram.planned_sizes=[]")
    assert not (run_dir / "certified.csv").exists()
    assert "Who needs" not in (run_dir / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("phase_diagram.sizes=[[8]]", r"sizes are pairs \[N, d\], both >= 2, got \[8\]"),
        ("phase_diagram.planned_sizes=[[8,1]]", "sizes are pairs"),
        ("phase_diagram.rho=[5/4]", "rho must lie"),
        ("phase_diagram.constructions=[vardi2022]", "claim every open ball"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused_before_anything_is_built(
    lab, tmp_path, override, message
):
    with pytest.raises(ValueError, match=message):
        lab.run(tmp_path, *EXPERIMENT, override)
    assert not list((tmp_path / "cache").glob("*"))


def test_nothing_is_counted_unless_asked_for(lab):
    assert lab.config()["phase_diagram"]["sizes"] == []
    full = lab.config("experiment=phase_diagram_full")["phase_diagram"]
    assert len(full["sizes"]) * len(full["rho"]) > 50
