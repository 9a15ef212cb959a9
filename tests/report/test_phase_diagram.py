"""Tables of the phase diagram: what is written can be read back, and says what was counted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.construction.crossovers import Counted, crossovers
from pipeline.report import (
    TABLES,
    counted_json,
    counted_of_json,
    crossovers_table,
    phase_figures,
    write_tables,
)

ROWS = [
    Counted("parallel_balls", "parallel_balls (m=2)", 64, 8, "1/50", "verified", 413, 9, 0.3),
    Counted("egosi2025", "egosi2025", 64, 8, "1/50", "planned", 5705, 300),
    Counted("yu2024", "yu2024", 64, 8, "1/50", "rejected", 110_297, 400, 0.5, "an answer"),
    Counted("thm_4_2_i", "thm_4_2_i", 64, 8, "1/50", "does not apply", None, None, 0.0, "range"),
]


def test_rows_survive_their_json():
    assert counted_of_json(counted_json(ROWS)) == ROWS


def test_tables_hold_every_row_and_every_winner(tmp_path: Path):
    paths = write_tables(ROWS, tmp_path)
    assert [path.name for path in paths] == list(TABLES)
    counts = pd.read_csv(tmp_path / "certified.csv", dtype={"parameter_count": "Int64"})
    assert list(counts["verdict"]) == [row.verdict for row in ROWS]
    assert counts["parameter_count"].isna().tolist() == [False, False, False, True]
    assert ",413," in (tmp_path / "certified.csv").read_text(encoding="utf-8")
    (winner,) = pd.read_csv(tmp_path / "crossovers.csv").to_dict(orient="records")
    assert (winner["winner"], winner["runner_up"]) == ("parallel_balls", "egosi2025")
    assert winner["ratio"] == 5705 / 413
    assert counted_of_json((tmp_path / "certified.json").read_text(encoding="utf-8")) == ROWS


def test_console_table_names_winner_runner_up_and_margin():
    lines = crossovers_table(crossovers(ROWS)).splitlines()
    assert lines[-1].split() == [
        "64", "8", "1/50", "parallel_balls", "413", "verified", "egosi2025", "13.8",
    ]  # fmt: skip


def test_the_first_size_is_drawn_with_its_networks_and_without_what_does_not_apply():
    others = [Counted("yu2024", "yu2024", 9, 3, "1/2", "planned", 77, 5)]
    figures = phase_figures(ROWS + others)
    names = ["phase_diagram", "exponents_map", "crossovers", "crossovers_published"]
    assert list(figures) == names
    _, alone = figures["crossovers_published"]
    legend = alone.legends[0].get_texts()
    assert {text.get_text().split()[-1] for text in legend} == {"egosi2025", "yu2024"}
    caption, figure = figures["phase_diagram"]
    assert "N = 64, d = 8" in caption
    drawn = [
        int(line.get_ydata()[0])
        for line in figure.axes[0].get_lines()
        if line.get_marker() not in ("None", None)
    ]
    assert sorted(drawn) == [413, 5705, 110_297]
    assert phase_figures([]) == {}
