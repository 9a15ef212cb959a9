"""Claims about the figure of the price of learning: series at their counts, open intervals open."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import figure_bytes, figure_price_of_learning
from pipeline.figures.price_of_learning import (
    CHEAPEST,
    NECESSARY,
    OPEN,
    PRICE_CURVES,
    SHAPES,
    TRAINED,
)
from tests.figures.test_figures import texts_of
from tests.figures.test_phase_diagram import overlapping

RATIOS = ("1/20", "1/10", "1/5", "1/2", "4/5")
LONGEST = ("hard_width", "line", "sphere", "clusters", "iris", "wine", "breast_cancer", "digits")


def prices(datasets=("iris",), ratios=RATIOS, **changes) -> pd.DataFrame:
    """Return a table in which everything grows with the ratio, but for what is changed."""
    rows = [
        {
            "dataset": dataset, "N": 1797, "d": 64, "C": 3, "rho": rho, "depth": 3,
            "decision": "nearest", "seeds": 4, "impossible": 1 + k, "failed": 2 + k,
            "succeeded": 4 + k, "parameters_failed": 20 + k, "parameters": 40 + k,
            "necessary": 10 + k // 2, "lower_bound": 30.0 + k, "upper_bound": 600.0 + k,
            "ours": 90.0 + k, "built_parallel_balls": 400 + k, "built_voting": 402 - k,
        }
        for dataset in datasets
        for k, rho in enumerate(ratios)
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(**changes)
    return table.astype({"parameters": "Int64", "built_voting": "Int64"})


def drawn(axes, label: str) -> list[tuple[float, float]]:
    """Return the points of all lines with a label."""
    lines = [line for line in axes.get_lines() if line.get_label() == label]
    return [point for line in lines for point in zip(*line.get_data(), strict=True)]


def bars(axes) -> list[tuple[float, float, float]]:
    """Return ratio, lower and upper end of every interval."""
    lines = [line.get_data() for line in axes.get_lines() if line.get_color() == "#e69f00"]
    return [(x[0], *y) for x, y in lines if len(x) == 2]


def test_every_series_stands_at_its_counts_on_logarithmic_axes():
    (axes,) = figure_price_of_learning(prices()).axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert drawn(axes, TRAINED) == [(0.05, 40), (0.1, 41), (0.2, 42), (0.5, 43), (0.8, 44)]
    assert bars(axes)[0] == (0.05, 20, 40) and bars(axes)[4] == (0.8, 24, 44)
    assert drawn(axes, OPEN) == []
    for column, first in (("lower_bound", 30), ("upper_bound", 600), ("ours", 90)):
        curve = drawn(axes, PRICE_CURVES[column][0])
        assert curve[0] == (0.05, first) and curve[3] == (0.5, first + 3)
    assert sorted(drawn(axes, "voting"))[2] == (0.2, 400)
    bottom, top = axes.get_ylim()
    assert bottom < 10 and 604 < top


def test_ratios_out_of_order_are_drawn_in_order():
    table = prices()
    for label in (NECESSARY, PRICE_CURVES["ours"][0]):
        straight, shuffled = (
            drawn(figure_price_of_learning(rows).axes[0], label) for rows in (table, table[::-1])
        )
        assert straight == shuffled and len(straight) >= 5


def test_where_nothing_succeeded_an_arrow_points_up_from_the_last_failure():
    table = prices(parameters=[40, 41, None, 43, None])
    (axes,) = figure_price_of_learning(table).axes
    assert [x for x, _ in drawn(axes, TRAINED)] == [0.05, 0.1, 0.5]
    tips = drawn(axes, OPEN)
    assert [x for x, _ in tips] == [0.2, 0.8]
    assert [(x, low, high) for x, low, high in bars(axes) if x in (0.2, 0.8)] == [
        (0.2, 22, tips[0][1]),
        (0.8, 24, tips[1][1]),
    ]
    assert all(high > 1.2 * low for x, low, high in bars(axes) if x in (0.2, 0.8))
    (mark, _) = [line for line in axes.get_lines() if line.get_label() == OPEN]
    assert mark.get_marker() == "^" and "^" not in SHAPES
    assert max(high for _, _, high in bars(axes)) < axes.get_ylim()[1]


def test_an_interval_from_width_zero_reaches_the_bottom_of_the_panel():
    (axes,) = figure_price_of_learning(prices(parameters_failed=0)).axes
    assert [low for _, low, _ in bars(axes)] == [axes.get_ylim()[0]] * 5


def test_what_is_necessary_holds_up_to_the_next_step_and_never_falls():
    (axes,) = figure_price_of_learning(prices(necessary=[5, 9, 7, 11, 11])).axes
    (line,) = [line for line in axes.get_lines() if line.get_label() == NECESSARY]
    assert line.get_drawstyle() == "steps-post"
    assert list(line.get_ydata()) == [5, 9, 9, 11, 11, 11]
    assert line.get_xdata()[-1] == axes.get_xlim()[1]


def test_the_cheapest_construction_of_each_ratio_alone_is_black():
    (axes,) = figure_price_of_learning(prices()).axes
    black = {
        (line.get_label(), x)
        for line in axes.get_lines()
        if line.get_markerfacecolor() == "black"
        and line.get_label() in ("parallel_balls", "voting")
        for x in line.get_xdata()
    }
    # At 1/10 both need 401.
    cheap = {("parallel_balls", x) for x in (0.05, 0.1)}
    assert black == cheap | {("voting", x) for x in (0.1, 0.2, 0.5, 0.8)}


def test_missing_counts_are_left_out():
    gaps = {"built_voting": [None, 401, 400, None, None], "ours": [np.nan] * 5}
    table = prices(**gaps, upper_bound=[np.nan, 601, 602, 603, 604])
    figure = figure_price_of_learning(table)
    (axes,) = figure.axes
    assert sorted(x for x, _ in drawn(axes, "voting")) == [0.1, 0.2]
    text = texts_of(figure_bytes(figure, "svg"))
    assert PRICE_CURVES["upper_bound"][0] in text and PRICE_CURVES["ours"][0] not in text
    nothing_built = prices().drop(columns=["built_voting", "built_parallel_balls"])
    assert CHEAPEST not in texts_of(figure_bytes(figure_price_of_learning(nothing_built), "svg"))


def test_every_dataset_has_a_panel_and_no_text_overlaps():
    table = prices(LONGEST, parameters=[40, 41, None, 43, None] * len(LONGEST))
    figure = figure_price_of_learning(table)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [f"{name}: N = 1,797, d = 64" for name in LONGEST]
    assert overlapping(figure) == []
    text = " ".join(texts_of(figure_bytes(figure, "svg")).split())
    for words in ("no seed was certified", "constants and logarithms omitted", "rule: nearest"):
        assert words in text


@pytest.mark.parametrize("rho", ["1/1000000", "999/1000"])
def test_one_ratio_alone_is_a_figure(rho):
    figure = figure_price_of_learning(prices(("a$b$" * 9,), (rho,)))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == [rho]
    assert overlapping(figure) == [] and len(bars(axes)) == 1


def test_crowded_ratios_keep_their_ticks_and_lose_the_texts_without_room():
    ratios = ("1/1000", "1/999", "1/998", "1/2", "4/5")
    (axes,) = figure_price_of_learning(prices(ratios=ratios)).axes
    assert len(axes.get_xticks()) == 5
    assert [text.get_text() for text in axes.get_xticklabels()][:4] == ["1/1000", "", "", "1/2"]


def test_curves_and_constructions_differ_without_colour():
    assert len({str(style["ls"]) for _, style in PRICE_CURVES.values()}) == len(PRICE_CURVES)
    assert len(set(SHAPES)) == len(SHAPES) and "o" not in SHAPES


def test_equal_tables_give_equal_bytes_and_an_empty_one_is_refused():
    first, second = (figure_bytes(figure_price_of_learning(prices()), "svg") for _ in range(2))
    assert first == second
    with pytest.raises(ValueError, match="needs rows, got none"):
        figure_price_of_learning(prices().iloc[:0])
