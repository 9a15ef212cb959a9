"""Claims about the drawing of Figure 2: it shows its table, in vectors, without overlaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Circle, Polygon

from pipeline.figures.figure2 import figure_2
from pipeline.figures.solids import LOOKS
from pipeline.figures.style import figure_bytes
from pipeline.illustrations.figure2 import figure_2_table
from tests.figures.test_figures import texts_of
from tests.figures.test_phase_diagram import overlapping


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return figure_2_table()


@pytest.fixture(scope="module")
def figure(table):
    return figure_2(table)


def circles(axes) -> list[Circle]:
    return [patch for patch in axes.patches if isinstance(patch, Circle)]


def hatched(axes) -> list[Polygon]:
    return [p for p in axes.patches if isinstance(p, Polygon) and p.get_hatch() == "xxx"]


def test_the_balls_of_both_labels_are_there_with_their_radii(table, figure):
    data, distances, section = figure.axes
    balls = table[(table["panel"] == "a") & (table["kind"] == "ball")]
    assert sorted(c.get_radius() for c in circles(data)) == sorted(balls["length"])
    reach = table.loc[table["kind"] == "differences", "length"]
    assert [c.get_radius() for c in circles(distances)] == reach.to_list() == [2 / 3] * 3
    assert len(circles(section)) == 2
    looks = [c.get_hatch() for c in circles(data)]
    assert looks.count(LOOKS[2]["hatch"]) == 3 and looks.count(None) == 1


def test_the_nearest_ball_is_drawn_last(table, figure):
    order = [tuple(np.round(c.center, 6)) for c in sorted(circles(figure.axes[0]), key=zorder)]
    # e_1 stands before the origin.
    assert order[-1][0] < 0 and order.index((0.0, 0.0)) < 3


def zorder(patch) -> float:
    return patch.get_zorder()


def test_cuts_and_collision_are_drawn_exactly_where_the_table_has_them(figure):
    assert len(hatched(figure.axes[1])) == 3
    squares = [line for line in figure.axes[2].get_lines() if line.get_marker() == "s"]
    assert len(squares) == 2
    # W x = W x': in the section both lie at one height.
    heights = [float(line.get_ydata()[0]) for line in squares]
    assert heights[0] == pytest.approx(heights[1], abs=1e-12)  # float rounding
    below = figure_2(figure_2_table("1/2"))
    assert hatched(below.axes[1]) == []
    assert not [line for line in below.axes[2].get_lines() if line.get_marker() == "s"]
    assert "0 of 3 balls" in texts_of(figure_bytes(below, "svg"))


def test_lengths_in_the_section_are_true(figure):
    (origin, e1) = sorted(np.round(c.center, 12).tolist() for c in circles(figure.axes[2]))
    assert np.hypot(*np.subtract(e1, origin)) == pytest.approx(1, abs=1e-9)  # float rounding
    assert e1[1] - origin[1] == pytest.approx(3**-0.5, abs=1e-9)  # float rounding


def test_words_state_the_numbers_of_the_table(figure):
    text = texts_of(figure_bytes(figure, "svg"))
    for words in (
        "2ε = 1 between labels",
        "μ = ρε = 0.333",
        "least distance 0.577, bound √(m/d) = 0.577",
        "3 of 3 balls of radius 2μ = 0.667 meet Null(W)",
        "W x = W x′ = 1/2, so f(x) = f(x′) = 3/2 here",
        "label 1",
        "label 2",
    ):
        assert words in text


@pytest.mark.parametrize("rho", ["1/10", "1/2", "2/3", "9/10"])
def test_no_text_of_figure_2_overlaps_another(rho):
    assert overlapping(figure_2(figure_2_table(rho))) == []


def test_figure_2_is_vector_and_the_same_again(table, figure):
    svg, pdf = figure_bytes(figure, "svg"), figure_bytes(figure, "pdf")
    assert svg == figure_bytes(figure_2(table), "svg")
    assert b"<image" not in svg and b"/Subtype /Image" not in pdf
