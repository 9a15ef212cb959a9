"""Figure 7 draws its table: every series, at its corners, bands where they are."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.figures.figure7 import DELTA_LINES, FLOOR_LINES, figure_7
from pipeline.figures.style import figure_bytes
from pipeline.illustrations.figure7 import figure_7_table
from tests.figures.text_boxes import colliding_texts, smallest_text, texts_of


@pytest.fixture(scope="module")
def table():
    return figure_7_table()


@pytest.fixture(scope="module")
def figure(table):
    return figure_7(table)


def test_every_series_is_drawn_at_its_corners(figure, table):
    lines = (DELTA_LINES, FLOOR_LINES)
    for axes, names in zip(figure.axes, lines, strict=True):
        drawn = [line.get_xydata() for line in axes.get_lines()]
        for series in names:
            for _, each in table[table.series == series].groupby("piece"):
                corners = each[["x", "y"]].to_numpy()
                assert any(np.array_equal(corners, line) for line in drawn), series
        assert (
            len(drawn) == table[table.series.isin(list(names))].groupby(["series", "piece"]).ngroups
        )


def test_bands_and_ramps_are_shaded_where_the_table_has_them(figure, table):
    for axes, series in zip(figure.axes, ("ramp", "band"), strict=True):
        ends = table[table.series == series].groupby("piece").x.agg(["min", "max"]).to_numpy()
        shaded = [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches]
        # A patch keeps its width: the end is a sum of floats.
        assert np.allclose(sorted(shaded), ends, rtol=0, atol=1e-15)
        assert all(patch.get_hatch() for patch in axes.patches)


def test_slopes_and_widths_are_named(figure):
    words = " ".join(text.get_text() for text in texts_of(figure))
    for part in ("slope 2", "= −14", "½ − g", "1 − g", "width g = γ/2ⁿ = 1/16", "width γ = 1/4"):
        assert part in words


@pytest.mark.parametrize(("n", "q"), [(2, 2), (3, 1)])
def test_no_text_overlaps_another_and_none_is_small(n, q):
    figure = figure_7(figure_7_table(n=n, gamma_bits=q))
    assert colliding_texts(figure) == []
    assert smallest_text(figure) >= 8


def test_bytes_are_the_same_again(figure, table):
    assert figure_bytes(figure, "svg") == figure_bytes(figure_7(table), "svg")
