"""Claims about the phase diagram's figures: what they show, without overlaps and without colour."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh

from pipeline.figures import (
    MeasuredCount,
    figure_bytes,
    figure_crossovers,
    figure_exponents,
    figure_phase_diagram,
)
from pipeline.figures.crossovers import FILLS, LETTERS
from pipeline.figures.phase_diagram import BOUND_MAPS, GAP_MAPS, PHASE_BANDS, PHASE_CURVES
from pipeline.theory import exponents_table, phase_table
from tests.figures.test_figures import texts_of

MEASURED = [
    MeasuredCount("parallel_balls", 0.1, 1_409, "verified"),
    MeasuredCount("yu2024", 0.1, 8_048_961, "planned"),
]


def overlapping(figure) -> list[tuple[str, str]]:
    """Return pairs of visible texts of a figure that overlap, or leave the page."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    texts = list(figure.texts)
    for legend in figure.legends:
        texts += [*legend.get_texts(), legend.get_title()]
    for axes in figure.axes:
        texts += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = sorted(limits)
            ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            texts += [t.label1 for t in ticks if t.label1.get_visible()]
            texts += [t.label2 for t in ticks if t.label2.get_visible()]
    shown = [t for t in texts if t.get_text() and t.get_visible()]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in shown]
    page = figure.bbox
    found = [
        (name, "the page's edge")
        for name, box in boxes
        if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0 or box.y1 > page.y1
    ]
    for index, (name, box) in enumerate(boxes):
        found += [(name, other) for other, rival in boxes[index + 1 :] if box.overlaps(rival)]
    return found


def cells(names: list[str], ratio: float | None = 2.5) -> pd.DataFrame:
    """Return a table in which the names win in turn."""
    places = [(N, d, rho) for d in (8, 64) for N in (64, 10_000) for rho in ("1/20000", "9/10")]
    return pd.DataFrame(
        [
            {
                "dataset": "cube", "N": N, "d": d, "rho": rho, "winner": names[i % len(names)],
                "verdict": "verified" if N == 64 else "planned", "ratio": ratio,
            }
            for i, (N, d, rho) in enumerate(places)
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def exponent_maps():
    return figure_exponents(exponents_table())


def test_the_rho_plane_draws_old_and_new_bounds_and_the_networks():
    figure = figure_phase_diagram(phase_table(64, 64, points=30), MEASURED)
    text = texts_of(figure_bytes(figure, "svg"))
    for label in [label for label, _ in PHASE_CURVES.values()] + [band[2] for band in PHASE_BANDS]:
        assert label in text
    assert "verified: 1,409" in text and "planned: 8,048,961" in text
    assert "constants and logarithms omitted" in text and "dropped" not in text
    assert overlapping(figure) == []
    # Without colour: dashes or widths differ, but for the prior bounds above and below the others.
    looks = [(str(style["ls"]), style["lw"]) for _, style in PHASE_CURVES.values()]
    assert len(set(looks)) == 3 and len({style["color"] for _, style in PHASE_CURVES.values()}) == 4


def test_the_curve_of_ours_in_the_rho_plane_is_the_table_s():
    table = phase_table(10**6, 10**4, points=30)
    (axes,) = figure_phase_diagram(table).axes
    drawn = {line.get_label(): line for line in axes.get_lines()}
    ours = drawn[PHASE_CURVES["ours"][0]]
    assert np.array_equal(ours.get_ydata(), table["ours"])


def test_exponent_maps_show_every_bound_and_both_gaps_without_overlaps(exponent_maps):
    text = texts_of(figure_bytes(exponent_maps, "svg"))
    for title, _ in (*BOUND_MAPS, *GAP_MAPS):
        assert title in text
    assert "error η between" in text and "log ρ / log N" in text
    assert overlapping(exponent_maps) == []


def test_shades_of_the_exponent_maps_grow_darker_with_the_exponent(exponent_maps):
    bars = [axes for axes in exponent_maps.axes if axes.get_label() == "<colorbar>"]
    assert len(bars) == 2
    for axes in bars:
        (mesh,) = [each for each in axes.collections if isinstance(each, QuadMesh)]
        colours = mesh.cmap.colors
        grey = np.asarray(colours)[:, :3] @ [0.299, 0.587, 0.114]
        assert (np.diff(grey) < 0).all()


def test_contour_labels_name_the_exponent_of_their_line(exponent_maps):
    table = exponents_table()
    column = dict(BOUND_MAPS)["Lower bound (Theorem 3.1)"]
    labels = [t for t in exponent_maps.axes[0].texts if t.get_visible()]
    assert labels
    for axes in exponent_maps.axes[:5]:
        renderer = exponent_maps.canvas.get_renderer()
        inside = axes.get_window_extent(renderer)
        for box in [t.get_window_extent(renderer) for t in axes.texts if t.get_visible()]:
            assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and box.y1 <= inside.y1
    for label in labels:
        x, y = label.get_position()
        near = table.iloc[((table["delta"] - x) ** 2 + (table["s"] + y) ** 2).idxmin()]
        assert float(label.get_text()) == pytest.approx(near[column], abs=0.05)  # a grid step


@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize("ratio", [1.02, 123_456.0, None])
def test_no_text_of_the_crossovers_overlaps_and_every_winner_has_its_letter(count, ratio):
    names = [f"construction_{i}" for i in range(count)]
    figure = figure_crossovers(cells(names, ratio))
    assert overlapping(figure) == []
    text = texts_of(figure_bytes(figure, "svg"))
    for index, name in enumerate(names):
        assert f"{LETTERS[index]}  {name}" in text
    margin = {1.02: "A ×1.0", 123_456.0: "A ×10⁵", None: "A only"}[ratio]
    assert margin in text
    assert "d = 8" in text and "d = 64" in text and "10,000" in text


def test_certified_winners_have_a_thick_frame_and_planned_ones_a_thin_one():
    figure = figure_crossovers(cells(["a", "b"]))
    for axes in figure.axes[:2]:
        widths = {(round(box.get_x() + 0.46), box.get_linewidth()) for box in axes.patches}
        assert widths == {(0, 1.8), (1, 0.5)}


def test_every_dataset_and_dimension_has_a_panel_that_names_both():
    table = pd.concat([cells(["a"]), cells(["b"]).assign(dataset="sphere")])
    titles = [axes.get_title(loc="left") for axes in figure_crossovers(table).axes]
    assert titles == ["cube, d = 8", "cube, d = 64", "sphere, d = 8", "sphere, d = 64"]


def test_ratios_stand_in_the_order_of_their_values():
    table = cells(["a"])
    extra = table.iloc[:1].assign(rho="1/3")
    axes = figure_crossovers(pd.concat([table, extra])).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["1/20000", "1/3", "9/10"]


def test_fills_differ_without_colour():
    looks = {(fill.get("hatch"), fill["facecolor"]) for fill in FILLS}
    assert len(looks) == len(FILLS)


def test_equal_tables_give_equal_bytes():
    for make in (
        lambda: figure_crossovers(cells(["a", "b"])),
        lambda: figure_exponents(exponents_table(points=5)),
    ):
        assert figure_bytes(make(), "svg") == figure_bytes(make(), "svg")


def test_a_figure_without_cells_is_refused():
    with pytest.raises(ValueError, match="needs cells, got none"):
        figure_crossovers(cells(["a"]).iloc[:0])
