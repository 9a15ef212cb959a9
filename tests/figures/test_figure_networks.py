"""Claims about Figures 1 and 8 with networks: each panel its bounds and markers, all legible."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import MeasuredCount, figure_bytes, figure_networks
from pipeline.figures.figure1 import BANDS, CURVES
from pipeline.figures.figure8 import NONZERO_BANDS, NONZERO_CURVES
from pipeline.figures.figure_networks import NONZERO, WORDS
from pipeline.theory import bounds_table
from tests.figures.test_figures import texts_of
from tests.figures.test_phase_diagram import overlapping

NAMES = ["parallel_balls", "thm_4_2_ii", "thm_4_2_ii_threshold", "thm_4_2_iii", "yu2024"]
LEFT = 1e-4


def bounds(*sizes: int, additive_d: bool = False) -> pd.DataFrame:
    return pd.concat([bounds_table(N, N, 20, additive_d, LEFT) for N in sizes], ignore_index=True)


def points(N: int) -> list[MeasuredCount]:
    return [
        MeasuredCount("parallel_balls", 0.001, 30 * N, "verified"),
        MeasuredCount("thm_4_2_ii", 0.02, 1000 * N, "error bound"),
        MeasuredCount("thm_4_2_ii_threshold", 0.02, 990 * N, "planned"),
        MeasuredCount("thm_4_2_iii", 0.4, 777 * N, "verified"),
        MeasuredCount("yu2024", 0.4, 777 * N, "verified"),
        MeasuredCount("yu2024", 0.001, 40 * N, "not verified"),
    ]


def networks(*places: tuple[str, int]) -> dict[tuple[str, int, int], list[MeasuredCount]]:
    return {(dataset, N, N): points(N) for dataset, N in places}


def markers(axes) -> list:
    return [line for line in axes.get_lines() if line.get_marker() not in ("None", None)]


@pytest.fixture(scope="module")
def figure():
    return figure_networks(bounds(8, 64), networks(("sphere", 8), ("sphere", 64)), NAMES)


def test_every_panel_has_all_bounds_and_exactly_its_networks_at_their_places(figure):
    table = bounds(8, 64)
    for axes, N in zip(figure.axes, (8, 64), strict=True):
        own = table[table["N"] == N]
        drawn = [np.stack([line.get_xdata(), line.get_ydata()]) for line in axes.get_lines()]
        for column in CURVES:
            assert any(np.array_equal(line, [own["rho"], own[column]]) for line in drawn), column
        assert len(axes.collections) == len(BANDS)
        shown = [
            (line.get_label().partition("\n")[0], x, y)
            for line in markers(axes)
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        ]
        expected = [(p.construction, p.rho, p.parameter_count) for p in points(N)]
        assert Counter(shown) == Counter(expected)
        assert f"sphere, N = d = {N}" in axes.get_title(loc="left")


def test_panels_share_logarithmic_axes_that_hold_every_network(figure):
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}
    assert len(limits) == 1
    ((low, high), (bottom, top)) = limits.pop()
    assert (low, high) == (LEFT, 1.0) and bottom < 30 * 8 and top > 1000 * 64
    assert {(axes.get_xscale(), axes.get_yscale()) for axes in figure.axes} == {("log", "log")}


def test_a_construction_has_one_shape_in_all_panels_and_a_status_one_fill(figure):
    shapes, fills = {}, {}
    for axes in figure.axes:
        for line in markers(axes):
            name, status = line.get_label().split("\n")
            shapes.setdefault(name, set()).add(line.get_marker())
            look = line.get_fillstyle(), str(line.get_markerfacecolor())
            fills.setdefault(status.partition(":")[0], set()).add(look)
    for found, many in ((shapes, len(NAMES)), (fills, 4)):
        assert len(found) == many and all(len(looks) == 1 for looks in found.values())
        assert len(set.union(*found.values())) == many


def test_markers_that_would_cover_each_other_are_apart_on_paper(figure):
    figure.draw_without_rendering()
    places = [
        tuple(line.get_transform().transform((x, y)))
        for line in markers(figure.axes[1])
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    assert len(places) == 6
    size = 5.5 * figure.dpi / 72
    for i, one in enumerate(places):
        for other in places[i + 1 :]:
            assert np.hypot(*np.subtract(one, other)) > size


def test_legends_and_caption_say_what_is_what_and_what_is_not(figure):
    text = texts_of(figure_bytes(figure, "svg"))
    for words in (*NAMES, *[label for label, _ in CURVES.values()], *[band[2] for band in BANDS]):
        assert words in text
    for words in WORDS.values():
        assert words in text
    assert "constants and logarithms omitted, the input layer" in text
    assert "worst dataset" in text and "says nothing" in text
    kept = figure_networks(bounds(8, additive_d=True), networks(("sphere", 8)))
    assert "d dropped" not in texts_of(figure_bytes(kept, "svg"))


@pytest.mark.parametrize("sizes", [(8,), (8, 16, 32, 1024)])
@pytest.mark.parametrize("datasets", [("sphere",), ("sphere", "hard_width")])
def test_no_text_overlaps_another(sizes, datasets):
    places = [(dataset, N) for dataset in datasets for N in sizes]
    figure = figure_networks(bounds(*sizes), networks(*places), NAMES)
    assert len(figure.axes) == len(places)
    assert overlapping(figure) == []


def test_equal_figures_give_equal_bytes_and_no_raster():
    made = [figure_networks(bounds(8), networks(("sphere", 8))) for _ in range(2)]
    first, again = (figure_bytes(each, "svg") for each in made)
    assert first == again and b"<image" not in first


@pytest.mark.parametrize("given", [{}, networks(("sphere", 16))])
def test_networks_need_bounds_of_their_size(given):
    with pytest.raises(ValueError, match="needs networks and bounds"):
        figure_networks(bounds(8), given)


def test_figure_8_counts_nonzero_parameters_against_its_own_bounds():
    table = pd.concat(
        [bounds_table(N, d, 20, False, LEFT, "nonzero") for N, d in ((16, 4), (64, 8))],
        ignore_index=True,
    )
    places = {("sphere", 16, 4): points(16), ("sphere", 64, 8): points(64)}
    figure = figure_networks(table, places, NAMES, NONZERO)
    for axes, (N, d) in zip(figure.axes, ((16, 4), (64, 8)), strict=True):
        own = table[table["N"] == N]
        drawn = [np.stack([line.get_xdata(), line.get_ydata()]) for line in axes.get_lines()]
        for column in NONZERO_CURVES:
            assert any(np.array_equal(line, [own["rho"], own[column]]) for line in drawn), column
        assert len(axes.collections) == len(NONZERO_BANDS)
        assert axes.get_title(loc="left") == f"sphere, N = {N}, d = {d}"
    text = texts_of(figure_bytes(figure, "svg"))
    assert "absolute counts of nonzero parameters" in text and "Theorem E.2" in text
    assert figure.axes[0].get_ylabel() == "nonzero parameters"
    assert overlapping(figure) == []


def test_panels_of_one_N_and_two_dimensions_have_their_own_bounds():
    table = pd.concat([bounds_table(16, d, 20, False, LEFT) for d in (4, 16)], ignore_index=True)
    places = {("sphere", 16, 4): points(16)[:1], ("sphere", 16, 16): points(16)[1:2]}
    figure = figure_networks(table, places)
    for axes, d in zip(figure.axes, (4, 16), strict=True):
        own = table[table["d"] == d]
        drawn = [np.stack([line.get_xdata(), line.get_ydata()]) for line in axes.get_lines()]
        for column in CURVES:
            assert any(np.array_equal(line, [own["rho"], own[column]]) for line in drawn), column
        assert len(markers(axes)) == 1
