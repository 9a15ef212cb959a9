"""experiment=fig1, fig8: networks certified, drawn, filed, tracked, and wide enough."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

from pipeline.tracking.widths import main

EXPERIMENT = (
    "experiment=fig1", "dataset.N=4", "dataset.d=4", "construction=yu2024", "rho=1/2",
    "verification.on_constructed=[]", "figure_1.families=[sphere,hard_width]",
    "figure_1.sizes=[4,5]", "figure_1.rho=[9/10]", "figure_1.constructions=[yu2024,thm_4_2_ii]",
    "figure_1.largest_build=2000", "report.html=true", "report.formats=[svg]",
)  # fmt: skip


def test_networks_reach_every_place_where_results_are_kept(lab, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, logger="pipeline")
    lab.run(tmp_path, *EXPERIMENT)
    run_dir = tmp_path / "run"
    table = pd.read_csv(run_dir / "figure1_networks.csv")
    assert list(table["dataset"]) == ["sphere"] * 4 + ["hard_width"] * 4
    yu = table[table["construction"] == "yu2024"]
    assert set(yu["verdict"]) == {"verified", "planned"} and (yu["ratio_to_theorem_3_1"] > 1).all()
    (refused,) = set(table.loc[table["construction"] == "thm_4_2_ii", "verdict"])
    assert refused == "does not apply"
    assert (run_dir / "figure1_networks.svg").stat().st_size > 1000
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert "The constants that the theory omits" in page and "N = d = 4, 5" in page
    assert "P / leading term of Theorem 4.2" in caplog.text
    (run,) = lab.runs(tmp_path.name)
    assert run.data.metrics["time/figure_1_s"] > 0
    kept = Path(lab.client.download_artifacts(run.info.run_id, ""))
    for name in ("figure1_networks.csv", "figure1_networks.json", "figure1_networks.svg"):
        assert (kept / name).read_bytes() == (run_dir / name).read_bytes()
    assert (kept / "figure1_networks_table.json").is_file()
    # The certified ones on hard_width are found and are wide enough, like all that tests tracked.
    capsys.readouterr()
    assert main(["--uri", lab.uri, "--cache", str(tmp_path / "cache")]) == 0
    printed = capsys.readouterr().out
    certified = yu[(yu["dataset"] == "hard_width") & (yu["verdict"] == "verified")]
    assert len(certified) and "none below" in printed
    for each in certified.to_dict(orient="records"):
        width, least = int(each["first_hidden_width"]), {4: "3", 5: "4"}[each["N"]]
        cells = [line.split() for line in printed.splitlines() if run.info.run_id[:12] in line]
        assert ["yu2024", str(each["N"]), str(each["d"]), "9/10", "2", str(width), least] in [
            line[:7] for line in cells
        ]
    caplog.clear()
    lab.run(tmp_path, *EXPERIMENT)
    assert caplog.text.count("(unchanged, reused)") == 3 + 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("figure_1.sizes=[1]", "figure_1 sizes are N = d, d >= 2, got 1"),
        ("figure_1.rho=[5/4]", "rho must lie"),
        ("figure_1.families=[sfere]", "families must be among .*'sfere'"),
        ("figure_8.sizes=[8]", "figure_8 sizes are N = d², d >= 2, got 8"),
        ("figure_1.constructions=[vardi2022]", "every open ball or an error bound"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_built(lab, tmp_path, override, message):
    with pytest.raises(ValueError, match=message):
        lab.run(tmp_path, *EXPERIMENT, override)
    assert not list((tmp_path / "cache").glob("*"))


def test_nothing_is_drawn_unless_asked_for(lab):
    assert lab.config()["figure_1"]["sizes"] == []
    asked = lab.config("experiment=fig1")["figure_1"]
    assert asked["sizes"] == [8, 16, 32, 64] and len(asked["rho"]) >= 5
    assert asked["error_bounds"] and asked["thresholds"] and asked["constructions"] is None
