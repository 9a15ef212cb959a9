"""Claims about the drawing of Figure 5: it shows its table, in vectors, without overlaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Circle

from pipeline.figures.figure5 import figure_5
from pipeline.figures.solids import LOOKS
from pipeline.figures.style import figure_bytes
from pipeline.illustrations.figure5 import figure_5_table
from tests.figures.test_figures import texts_of
from tests.figures.test_phase_diagram import overlapping


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return figure_5_table()


@pytest.fixture(scope="module")
def figure(table):
    return figure_5(table)


def ball(axes, label: int) -> Circle:
    (found,) = [
        patch
        for patch in axes.patches
        if isinstance(patch, Circle) and patch.get_hatch() == LOOKS[label].get("hatch")
    ]
    return found


def crosses(axes) -> np.ndarray:
    lines = [line for line in axes.get_lines() if line.get_marker() == "x"]
    return np.array([line.get_xydata()[0] for line in lines])


@pytest.mark.parametrize(("place", "pair", "label"), [(0, (0, 2), 2), (1, (1, 2), 1)])
def test_two_points_of_one_sign_lie_on_the_outline_of_their_ball(figure, place, pair, label):
    axes = figure.axes[place]
    disc = ball(axes, label)
    away = np.linalg.norm(crosses(axes)[list(pair)] - disc.center, axis=1)
    assert away == pytest.approx([disc.get_radius()] * 2, abs=1e-9)  # float rounding
    assert disc.get_radius() == pytest.approx(2**0.5, abs=1e-9)  # float rounding


def test_the_third_point_is_seen_inside_the_disc_of_its_ball_only(figure):
    for axes, third, label in ((figure.axes[0], 1, 1), (figure.axes[1], 0, 2)):
        mine, other = ball(axes, label), ball(axes, 3 - label)
        at = crosses(axes)[third]
        assert np.linalg.norm(at - mine.center) < mine.get_radius()
        assert np.linalg.norm(at - other.center) > other.get_radius()


def test_no_disc_hides_the_other_whatever_the_labelling():
    figure = figure_5(figure_5_table(["+++", "+-+", "---"]))
    for axes in figure.axes:
        first, second = ball(axes, 1), ball(axes, 2)
        apart = np.linalg.norm(np.subtract(first.center, second.center))
        assert apart > first.get_radius() + second.get_radius()
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for disc in (first, second):
            (x, y), r = disc.center, disc.get_radius()
            assert left < x - r and x + r < right and low < y - r and y + r < high
    assert overlapping(figure) == []


def test_words_and_signs_state_what_the_table_has(figure):
    text = texts_of(figure_bytes(figure, "svg"))
    for words in (
        "J⁺ = {1, 3}, J⁻ = {2}",
        "J⁺ = {1}, J⁻ = {2, 3}",
        "to the centre of its own ball: √2, μ = √2",
        "to the centre of the other: √6",
        "e₁ +",
        "e₂ −",
        "e₃ +",
        "e₃ −",
        "to be shattered",
        "memorized",
    ):
        assert words in text


def test_figure_5_is_vector_without_overlaps_and_the_same_again(table, figure):
    assert overlapping(figure) == []
    svg, pdf = figure_bytes(figure, "svg"), figure_bytes(figure, "pdf")
    assert svg == figure_bytes(figure_5(table), "svg")
    assert b"<image" not in svg and b"/Subtype /Image" not in pdf
