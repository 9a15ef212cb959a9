"""Figure 4 draws its table: cells by f, bands and balls true to scale, f along the line."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, Rectangle

from pipeline.figures.figure4 import figure_4
from pipeline.figures.plane_panels import BALLS, BAND, VALUES
from pipeline.figures.style import figure_bytes
from pipeline.illustrations.figure4 import figure_4_table
from tests.figures.text_boxes import colliding_texts, smallest_text, texts_of


@pytest.fixture(scope="module")
def table():
    return figure_4_table()


@pytest.fixture(scope="module")
def figure(table):
    return figure_4(table)


def panels(figure, table):
    """Return the table and the three axes of either row: plane, cut, close view."""
    found = []
    for number, name in enumerate(("small", "moderate")):
        axes = figure.axes[3 * number : 3 * number + 3]
        found.append((table[table.panel == name], table[table.panel == f"{name} close"], axes))
    return found


def boxes(axes, colour):
    """Return x, y, width and height of the rectangles of a colour."""
    return sorted(
        (*patch.get_xy(), patch.get_width(), patch.get_height())
        for patch in axes.patches
        if isinstance(patch, Rectangle) and patch.get_facecolor()[:3] == to_rgb(colour)
    )


def test_cells_are_shaded_by_f_and_bands_stand_where_the_table_has_them(figure, table):
    columns = ["x", "y", "width", "height"]
    for plane, _, (axes, _, _) in panels(figure, table):
        cells = plane[plane.kind == "cell"]
        for value in ("1", "2"):
            expected = cells[cells.value == value][columns].to_numpy().tolist()
            assert boxes(axes, VALUES[value]["facecolor"]) == sorted(map(tuple, expected))
        bands = plane[plane.kind == "band"][columns].to_numpy().tolist()
        assert boxes(axes, BAND["facecolor"]) == sorted(map(tuple, bands))


def test_balls_are_true_to_scale_and_filled_if_active(figure, table):
    for plane, _, axes in panels(figure, table):
        balls = plane[plane.kind == "ball"]
        for each in (axes[0], axes[2]):
            circles = [p for p in each.patches if isinstance(p, Circle)]
            drawn = [(*c.get_center(), c.get_radius()) for c in circles]
            assert drawn == list(zip(balls.x, balls.y, balls.radius, strict=True))
            filled = [c.get_facecolor()[3] == 1 for c in circles]
            assert filled == (balls.status == "active").to_list()
            (x0, x1), (y0, y1) = each.get_xlim(), each.get_ylim()
            shown = balls[balls.x.between(x0, x1) & balls.y.between(y0, y1)]
            labels = [text.get_text() for text in each.texts if text.get_text().isdigit()]
            assert labels == [str(int(label)) for label in shown.label]
            box = each.get_window_extent()
            # Positions on the page are floats.
            assert np.isclose(box.width / (x1 - x0), box.height / (y1 - y0), rtol=1e-9, atol=0)


def test_the_cut_is_beside_its_plane_and_has_the_table_s_values(figure, table):
    for plane, _, (axes, cut, _) in panels(figure, table):
        rows = plane[plane.kind == "cut"]
        (line,) = cut.get_lines()
        values = [float(Fraction(v)) for v in rows.value]
        assert line.get_xdata().tolist() == values and line.get_ydata().tolist() == rows.y.to_list()
        assert cut.get_ylim() == axes.get_ylim()
        high = [each.get_window_extent() for each in (axes, cut)]
        assert np.isclose(high[0].y0, high[1].y0) and np.isclose(high[0].y1, high[1].y1)
        (dashed,) = axes.get_lines()
        assert set(dashed.get_xdata()) == set(rows.x)


def test_the_close_view_shows_every_value_of_its_patches(figure, table):
    for _, close, (axes, _, square) in panels(figure, table):
        (view,) = close[close.kind == "view"].itertuples()
        assert square.get_xlim() == (view.x, view.x + view.width)
        patches = close[close.kind == "patch"]
        lines = square.get_lines()
        areas = sum(len(boxes(square, VALUES[v]["facecolor"])) for v in VALUES)
        assert areas + len(lines) == len(patches)
        frame = [p for p in axes.patches if p.get_zorder() == 5]
        assert [(*p.get_xy(), p.get_width(), p.get_height()) for p in frame] == [
            (view.x, view.y, view.width, view.height)
        ]
    # The stage is wrong on a line in the band: it is pointed to.
    assert "f = 2" in {text.get_text() for text in figure.axes[5].texts}


def test_values_and_balls_differ_without_colour():
    def lightness(colour):
        return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))

    shades = [lightness(look["facecolor"]) for look in VALUES.values()]
    assert shades == sorted(shades, reverse=True) and np.diff(shades).max() < -0.08
    assert BALLS["active"]["facecolor"] != "none" == BALLS["inactive"]["facecolor"]


def test_sizes_and_keys_are_told(figure, table):
    words = [text.get_text() for text in texts_of(figure)]
    for name in ("small", "moderate"):
        facts = table[(table.panel == name) & (table.kind == "fact")].set_index("name").text
        told = next(w for w in words if f"γ = {facts.gamma}" in w)
        assert f"ρ = {facts.rho}" in told and f"P = {int(facts.parameters):,}" in told
    cells = table[(table.kind == "cell") & (table.value != "0")]
    assert {f"key {int(key)}" for key in cells.key} <= set(words)


def test_no_text_overlaps_another_and_none_is_small(figure):
    assert colliding_texts(figure) == []
    assert smallest_text(figure) >= 9


def test_bytes_are_the_same_again(figure, table):
    assert figure_bytes(figure, "svg") == figure_bytes(figure_4(table), "svg")
