"""Figures 1 and 8: the series are there, at the values of the bounds, in order, on log axes."""

from math import sqrt

import numpy as np
import pytest

from pipeline import theory
from pipeline.figures.figure1 import CURVES, OF_PAPER, figure_1
from pipeline.figures.figure8 import NONZERO_CURVES, figure_8

N1 = D1 = 4096
N8, D8 = 65536, 256
TABLES = {
    1: theory.bounds_table(N1, D1, points=80),
    8: theory.bounds_table(N8, D8, points=80, counting="nonzero"),
}
FIGURES = {1: figure_1(TABLES[1], project=False), 8: figure_8(TABLES[8])}


def drawn(number: int, column: str) -> np.ndarray:
    """Return the heights of the curve that shows a column of the table."""
    curves = CURVES if number == 1 else NONZERO_CURVES
    label, style = curves[column]
    (axes,) = FIGURES[number].axes
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) == len(TABLES[number])]
    (line,) = (
        line
        for line in lines
        if line.get_color() == style["color"]
        and np.array_equal(line.get_ydata(), TABLES[number][column])
    )
    assert np.array_equal(line.get_xdata(), TABLES[number]["rho"])
    return np.asarray(line.get_ydata())


@pytest.mark.parametrize("number", [1, 8])
def test_every_series_is_drawn_from_the_table_on_logarithmic_axes(number):
    (axes,) = FIGURES[number].axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for column in OF_PAPER if number == 1 else NONZERO_CURVES:
        drawn(number, column)
    assert "parallel_balls" not in OF_PAPER


def test_curves_lie_in_the_order_of_the_paper():
    for number, (low, high) in ((1, ("3_1", "4_2")), (8, ("e_1", "e_2"))):
        names = ("prior_lower", f"theorem_{low}", f"theorem_{high}", "prior_upper")
        curves = [drawn(number, name) for name in names]
        for below, above in zip(curves, curves[1:], strict=False):
            assert (below <= above * 2).all()
        # Strictly apart where the paper shades an improvement or a gap.
        rho = TABLES[number]["rho"].to_numpy()
        middle = np.argmin(np.abs(np.log(rho / 0.1)))
        assert curves[1][middle] < curves[2][middle] < curves[3][middle]
        assert (curves[3][:5] > 10 * curves[2][:5]).all()


@pytest.mark.parametrize(
    ("number", "column", "rho", "value"),
    [
        (1, "theorem_4_2", 1 / (N1 * sqrt(D1)), sqrt(N1)),
        (1, "theorem_4_2", D1**-0.5, N1),
        (1, "prior_upper", D1**-0.5, N1),
        (1, "prior_upper", D1 ** (-1 / 6), N1 * D1**2),
        (1, "theorem_3_1_first", D1**-0.5, D1),
        (8, "theorem_e_2", 1 / (N8 * sqrt(D8)), sqrt(N8)),
        (8, "theorem_e_2", D8**-0.5, N8),
        (8, "prior_upper", D8 ** (-1 / 4), N8 * D8),
        (8, "theorem_e_1", sqrt(1 - 1 / D8), sqrt(N8 * D8)),
    ],
)
def test_curves_bend_at_the_named_points(number, column, rho, value):
    (at,) = np.flatnonzero(TABLES[number]["rho"].to_numpy() == rho)
    assert drawn(number, column)[at] == pytest.approx(value, rel=1e-9)  # powers of floats


@pytest.mark.parametrize("number", [1, 8])
def test_the_shaded_areas_are_the_improvements_and_the_gap(number):
    (axes,) = FIGURES[number].axes
    hatched = [area for area in axes.collections if area.get_hatch()]
    assert len(axes.collections) == 3 and len(hatched) == 1
    labels = [text.get_text() for text in FIGURES[number].legends[0].get_texts()]
    assert labels[:2] == ["upper bound improved", "lower bound improved"]
    assert labels[2].startswith("gap between Theorems") and len(labels) == (8 if number == 1 else 6)


@pytest.mark.parametrize("number", [1, 8])
def test_no_text_overlaps_another_or_the_edge(number):
    figure = FIGURES[number]
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    (axes,) = figure.axes
    texts = [*axes.texts, *figure.texts, axes.xaxis.label, axes.yaxis.label, axes.title]
    texts += [axes._left_title, *figure.legends[0].get_texts(), figure.legends[0].get_title()]
    boxes = [t.get_window_extent(renderer) for t in texts if t.get_text()]
    for index, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


def test_with_the_additive_d_nothing_falls_below_d():
    table = theory.bounds_table(N1, D1, points=20, additive_d=True)
    columns = [name for name in OF_PAPER if name != "theorem_3_1_second"]
    assert (table[columns] >= D1).all().all()
    title = figure_1(table, project=False).axes[0]._left_title.get_text()
    assert "dropped" not in title
