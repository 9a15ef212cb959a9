"""Tables of the price of learning: read back as written, and no failure called impossible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipeline.baseline.price import LearningPrice
from pipeline.report import (
    PRICE_TABLES,
    price_figures,
    prices_frame,
    prices_json,
    prices_of_json,
    prices_table,
    write_prices,
)
from pipeline.report.price_of_learning import price_texts
from tests.report.test_page import Resources, page

FOUND = LearningPrice(
    "iris", 147, 4, 3, "1/5", 3, "nearest", 4, 2, 3, 5, 40, 66, 18, 27.4, 97.25, None,
    {"voting": 2205, "parallel_balls": 1375}, {"certified": 1, "not learned": 11}, 12.5,
)  # fmt: skip
OPEN = replace(
    FOUND, dataset="wide<b>", rho="4/5", seeds=8, failed=32, succeeded=None,
    parameters_failed=1_249, parameters=None, upper_bound=None, ours=90.5, built={},
    attempts={"diverged": 16},
)  # fmt: skip
ROWS = [FOUND, OPEN]


def test_rows_survive_their_json():
    assert prices_of_json(prices_json(ROWS)) == ROWS
    assert prices_of_json(prices_json([])) == []


def test_tables_hold_every_row_with_a_column_a_construction_and_an_outcome(tmp_path: Path):
    paths = write_prices(ROWS, tmp_path)
    assert [path.name for path in paths] == list(PRICE_TABLES)
    assert prices_of_json(paths[1].read_text(encoding="utf-8")) == ROWS
    table = pd.read_csv(paths[0])
    assert list(table["rho"]) == ["1/5", "4/5"] and list(table["failed"]) == [3, 32]
    assert table["succeeded"].isna().tolist() == [False, True]
    assert table["built_voting"].iloc[0] == 2205 and table["built_voting"].isna().iloc[1]
    assert table["attempts_not_learned"].iloc[0] == 11
    # Integers stay integers beside a missing one.
    assert ",2205," in paths[0].read_text(encoding="utf-8")


def test_a_frame_without_rows_is_empty():
    assert prices_frame([]).empty and price_figures([]) == {}


def test_the_figure_has_a_panel_for_every_dataset_and_its_caption():
    ((stem, (caption, figure)),) = price_figures(ROWS).items()
    assert stem == "price_of_learning" and "learning costs" in caption
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["iris: N = 147, d = 4", "wide<b>: N = 147, d = 4"]


def test_console_table_shows_intervals_the_cheapest_construction_and_the_ratio():
    lines = prices_table(ROWS).splitlines()
    assert lines[0].split() == [
        "dataset", "N", "d", "rho", "depth", "width", "trained", "P", "cheapest", "built", "its",
        "P", "ratio", "necessary", "Thm", "3.1",
    ]  # fmt: skip
    assert price_texts(FOUND) == (
        "iris", "147", "4", "1/5", "3", "(3, 5]", "(40, 66]", "parallel_balls", "1,375", "0.05",
        "18", "27",
    )  # fmt: skip
    assert price_texts(OPEN)[5:10] == ("none to 32", "none to 1,249", "-", "-", "-")
    assert lines[2].startswith("iris") and lines[3].startswith("wide<b>")


def test_a_large_row_fits_a_terminal_of_120_columns():
    row = replace(
        OPEN, dataset="breast_cancer_and_more", N=1797, d=64, rho="19/20",
        parameters_failed=12_345, necessary=12_345, lower_bound=98_765.4,
        built={"parallel_balls": 123_456},
    )  # fmt: skip
    assert max(map(len, prices_table([row, FOUND]).splitlines())) <= 120


def test_words_say_that_no_success_is_not_impossibility():
    words = " ".join(prices_table(ROWS).split())
    assert "none of 4 or 8 seeds a width was certified, not that it is impossible" in words
    assert "except up to the width that is proved impossible for every network" in words
    assert "decided by: nearest; built ones have f = y" in words


def test_the_page_has_the_section_only_with_rows():
    text = page(prices=ROWS)
    for words in (
        "What learning costs beside constructing",
        "(3, 5]",
        "none to 1,249",
        "not that it is impossible",
        "wide&lt;b&gt;",
        "<td>2</td></tr>",
    ):
        assert words in text
    assert "What learning costs" not in page()
    parser, plain = Resources(), Resources()
    parser.feed(text)
    plain.feed(page())
    assert parser.tags.count("table") == plain.tags.count("table") + 1
    assert parser.tags.count("td") - plain.tags.count("td") == 2 * 13
