"""The constants that the theory omits: P over the theorem's own term, none hidden or invented."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.construction.crossovers import Counted
from pipeline.report import counted_of_json, network_figures, ratios_table, write_networks
from pipeline.report.figure_networks import FIGURE_1, FIGURE_8, ratio_columns
from pipeline.theory import theorem_3_1, theorem_4_2, theorem_e_1, theorem_e_2


def row(name: str, N: int, rho: str, verdict: str, P: int | None, **more) -> Counted:
    depth = None if P is None else 3
    return Counted(name, name, N, N, rho, verdict, P, depth, dataset="sphere", **more)


ROWS = [
    row("parallel_balls", 16, "1/2", "verified", 160, first_hidden_width=4),
    row("thm_4_2_ii", 16, "1/2", "does not apply", None, reason="range", claim="error"),
    row("yu2024", 16, "1/2", "planned", 95_041),
    row("voting", 16, "1/2", "rejected", 9, reason="an answer"),
    row("parallel_balls", 64, "1/2", "verified", 1600),
    row("parallel_balls", 16, "1/50", "verified", 70),
    row("thm_4_2_ii", 16, "1/50", "error bound", 93_915, claim="error"),
]


def test_the_table_holds_every_count_and_both_constants(tmp_path: Path):
    paths = write_networks(ROWS, tmp_path)
    assert [path.name for path in paths] == list(FIGURE_1.tables)
    table = pd.read_csv(paths[0])
    assert list(table["verdict"]) == [each.verdict for each in ROWS]
    assert counted_of_json(paths[1].read_text(encoding="utf-8")) == ROWS
    for each, read in zip(ROWS, table.to_dict(orient="records"), strict=True):
        place = (each.N, each.d, 1 / 2 if each.rho == "1/2" else 1 / 50)
        for name, bound in (("theorem_3_1", theorem_3_1), ("theorem_4_2", theorem_4_2)):
            assert read[name] == float(bound(*place))
            if each.parameter_count is None:
                assert pd.isna(read[f"ratio_to_{name}"])
            else:
                assert read[f"ratio_to_{name}"] == each.parameter_count / read[name]
    assert read["first_hidden_width"] != read["first_hidden_width"]


def test_spans_run_over_the_sizes_and_mark_what_was_not_proved_on_every_ball():
    columns = ratio_columns(ROWS, "ratio_to_theorem_3_1")
    assert [each.title for each in columns] == ["construction", "1/50", "1/2"]
    lines = dict(
        zip(columns[0].cells, zip(*(c.cells for c in columns[1:]), strict=True), strict=True)
    )
    # Theorem 3.1 at rho = 1/2: 16 (16/4 + 1) + 4/sqrt(3/4) = 84.6 and 64 (64/4 + 1) + 9.2 = 1097.
    assert lines["parallel_balls"][1] == "1.5-1.9"
    assert lines["yu2024"] == ("-", "1.1k*")
    assert lines["thm_4_2_ii"][1] == "-" and lines["thm_4_2_ii"][0].endswith("k~")
    # A rejected network has no constant, and order is that of the rows.
    assert list(lines) == ["parallel_balls", "thm_4_2_ii", "yu2024"]


def test_the_console_table_fits_a_terminal_and_names_both_theorems():
    text = ratios_table(ROWS)
    for theorem in FIGURE_1.ratios.values():
        assert f"P / leading term of {theorem}" in text
    assert "N = d = 16, 64 (sphere)" in text
    assert max(map(len, text.splitlines())) <= 120


def test_rows_are_drawn_in_their_panel_and_what_does_not_apply_is_not():
    figures = network_figures(ROWS)
    assert list(figures) == ["figure1_networks"]
    _, figure = figures["figure1_networks"]
    drawn = [
        sorted(
            int(y)
            for line in axes.get_lines()
            if line.get_marker() not in ("None", None)
            for y in line.get_ydata()
        )
        for axes in figure.axes
    ]
    assert drawn == [[9, 70, 160, 93_915, 95_041], [1600]]
    assert network_figures([]) == {} and network_figures(ROWS[1:2]) == {}


@pytest.mark.parametrize("additive_d", [False, True])
def test_the_curves_drop_or_keep_the_input_layer(additive_d):
    _, figure = network_figures(ROWS[5:6], additive_d)["figure1_networks"]
    (curve,) = [
        line for line in figure.axes[0].get_lines() if line.get_label().endswith("Theorem 3.1")
    ]
    left = float(curve.get_xdata()[0])
    assert left < 1 / 50
    assert curve.get_ydata()[0] == float(theorem_3_1(16, 16, left, additive_d))


BUILT = Counted(
    "parallel_balls", "parallel_balls", 16, 4, "1/2", "verified", 160, 3, dataset="sphere",
    nonzero_count=144,
)  # fmt: skip
UNBUILT = Counted("yu2024", "yu2024", 16, 4, "1/2", "planned", 95_041, 3, dataset="sphere")


def test_on_figure_8_the_nonzero_parameters_count_and_a_network_without_them_is_left_out(tmp_path):
    paths = write_networks([BUILT, UNBUILT], tmp_path, FIGURE_8)
    assert [path.name for path in paths] == ["figure8_networks.csv", "figure8_networks.json"]
    built, unbuilt = pd.read_csv(paths[0]).to_dict(orient="records")
    for name, bound in (("theorem_e_1", theorem_e_1), ("theorem_e_2", theorem_e_2)):
        assert built[f"ratio_to_{name}"] == 144 / float(bound(16, 4, 0.5))
        assert pd.isna(unbuilt[f"ratio_to_{name}"])
    columns = ratio_columns([BUILT, UNBUILT], "ratio_to_theorem_e_1", FIGURE_8)
    assert columns[0].cells == ("parallel_balls",)
    figures = network_figures([BUILT, UNBUILT], on=FIGURE_8)
    _, figure = figures["figure8_networks"]
    drawn = [
        float(y)
        for line in figure.axes[0].get_lines()
        if line.get_marker() not in ("None", None)
        for y in line.get_ydata()
    ]
    assert drawn == [144.0]
    assert network_figures([UNBUILT], on=FIGURE_8) == {}
    assert "nonzero parameters / leading term of Theorem E.2" in ratios_table([BUILT], FIGURE_8)
    assert "N = d² = 16 (sphere)" in ratios_table([BUILT], FIGURE_8)


@pytest.mark.parametrize(
    ("on", "N", "d"), [(FIGURE_1, 2, 2), (FIGURE_1, 64, 64), (FIGURE_8, 4, 2), (FIGURE_8, 1024, 32)]
)
def test_the_dimension_follows_from_the_number_of_points(on, N, d):
    assert on.dimension(N) == d


@pytest.mark.parametrize(
    ("on", "N"), [(FIGURE_1, 1), (FIGURE_8, 1), (FIGURE_8, 63), (FIGURE_8, 65), (FIGURE_8, -4)]
)
def test_a_size_that_is_none_of_the_figure_is_refused(on, N):
    with pytest.raises(ValueError, match=f"{on.key} sizes are {on.size}, d >= 2, got {N}"):
        on.dimension(N)


@pytest.mark.parametrize(("P", "nonzero"), [(160, 161), (None, 3)])
def test_there_are_no_more_nonzero_parameters_than_parameters(P, nonzero):
    verdict, reason = ("verified", "") if P else ("does not apply", "range")
    with pytest.raises(ValueError, match=f"{nonzero} nonzero parameters of {P}"):
        Counted("a", "a", 4, 2, "1/2", verdict, P, P and 3, reason=reason, nonzero_count=nonzero)
