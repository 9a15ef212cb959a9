"""Claims about the drawing of Figure 3: it shows its table, in vectors, without overlaps."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Circle, Polygon

from pipeline.figures.figure3 import figure_3
from pipeline.figures.solids import LOOKS
from pipeline.figures.style import figure_bytes
from pipeline.illustrations.figure3 import figure_3_table
from tests.figures.test_figures import texts_of
from tests.figures.test_phase_diagram import overlapping


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return figure_3_table()


@pytest.fixture(scope="module")
def figure(table):
    return figure_3(table)


def discs(axes) -> list[Circle]:
    return [patch for patch in axes.patches if isinstance(patch, Circle)]


def test_discs_stand_at_the_images_with_their_radius(table, figure):
    images = table[(table["panel"] == "R^2") & (table["kind"] == "ball")]
    drawn = {(*disc.center, disc.get_radius()) for disc in discs(figure.axes[1])}
    assert drawn == set(images[["x", "y", "length"]].itertuples(index=False, name=None))


def test_discs_of_different_labels_do_not_touch(figure):
    for first, second in combinations(discs(figure.axes[1]), 2):
        if first.get_hatch() != second.get_hatch():
            apart = np.linalg.norm(np.subtract(first.center, second.center))
            assert apart > first.get_radius() + second.get_radius()


def test_every_ball_casts_a_shadow_of_its_label_straight_below_it(figure):
    space = figure.axes[0]
    shadows = [p for p in space.patches if isinstance(p, Polygon)][1:]
    assert len(shadows) == len(discs(space)) == 8
    under = {}
    for shadow in shadows:
        corners = shadow.get_xy()[:-1]
        under[round(float(corners[:, 0].mean()), 2)] = (shadow.get_hatch(), corners[:, 1].max())
    for disc in discs(space):
        x, y = disc.center
        # The corners of an ellipse are not quite evenly spread around its centre.
        hatch, top = min((abs(x - at), look) for at, look in under.items())[1]
        assert hatch == disc.get_hatch() and top < y - disc.get_radius()
    assert [s.get_hatch() for s in shadows].count(LOOKS[2]["hatch"]) == 4


def test_the_pair_with_the_closest_images_is_marked_in_both_panels(table, figure):
    for axes, panel in zip(figure.axes, ("R^3", "R^2"), strict=True):
        thick = [line for line in axes.get_lines() if line.get_linewidth() == 3]
        edges = [line for line in axes.get_lines() if line.get_linewidth() == 0.9]
        (closest,) = thick
        assert len(edges) == 12
        row = table[(table["panel"] == panel) & (table["kind"] == "closest")].iloc[0]
        ends = closest.get_xydata()
        if panel == "R^2":
            assert ends.tolist() == [[row["x"], row["y"]], [row["to_x"], row["to_y"]]]
        else:
            centres = [disc.center for disc in discs(axes)]
            for end in ends:
                assert (
                    min(np.linalg.norm(np.subtract(end, c)) for c in centres) < 1e-12
                )  # float rounding


def test_words_state_the_claim_and_what_was_reached(table, figure):
    text = texts_of(figure_bytes(figure, "svg"))
    for words in ("2ε = 1 between labels", "μ = ρε = 0.14", "least distance of labels 0.507"):
        assert words in text
    assert "≥ (4/5)√(m/d) ε = 0.327, the claim" in text
    failed = table.assign(value=table["value"].replace("holds", "fails"))
    assert "< (4/5)√(m/d) ε" in texts_of(figure_bytes(figure_3(failed), "svg"))


def test_figure_3_is_vector_without_overlaps_and_the_same_again(table, figure):
    assert overlapping(figure) == []
    svg, pdf = figure_bytes(figure, "svg"), figure_bytes(figure, "pdf")
    assert svg == figure_bytes(figure_3(table), "svg")
    assert b"<image" not in svg and b"/Subtype /Image" not in pdf
