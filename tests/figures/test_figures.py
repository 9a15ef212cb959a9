"""Claims about figures: same bytes again, text as text, nothing hidden, nothing misread."""

import os
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from pipeline.figures import (
    MeasuredCount,
    figure_1,
    figure_bytes,
    figure_error_bounds,
    figure_margins,
    replace_file,
    save_figure,
)
from pipeline.figures.figure1 import CURVES, FILLS, STATUSES
from pipeline.figures.style import power_of_ten
from pipeline.theory import bounds_table

MEASURED = [
    MeasuredCount("parallel_balls", 0.5, 57_412, "verified"),
    MeasuredCount("thm_4_2_iii", 0.5, 312_456_789, "planned"),
    MeasuredCount("pgd", 0.5, 25_217, "trained"),
    MeasuredCount("thm_4_2_ii", 0.5, 6_543, "error bound"),
    MeasuredCount("vardi2022", 0.5, 4_321, "points only"),
]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def figure():
    return figure_1(bounds_table(1797, 64, points=60), MEASURED)


def texts_of(svg: bytes) -> str:
    root = ET.fromstring(svg)
    return "\n".join("".join(node.itertext()) for node in root.iter(f"{SVG}text"))


def test_equal_figures_give_equal_bytes_in_every_format(figure):
    again = figure_1(bounds_table(1797, 64, points=60), MEASURED)
    for form in ("png", "pdf", "svg"):
        first = figure_bytes(figure, form)
        assert figure_bytes(figure, form) == first
        assert figure_bytes(again, form) == first
        assert b"Date" not in first.replace(b"CreationDate null", b"")


def test_figure_1_says_in_text_what_its_curves_and_markers_are(figure):
    text = texts_of(figure_bytes(figure, "svg"))
    for label, _ in CURVES.values():
        assert label in text
    for words in (
        "constants omitted",
        "worst dataset",
        "absolute counts",
        "verified: 57,412",
        "planned: 312,456,789",
        "trained: 25,217",
        "N = 1,797, d = 64, additive d dropped",
    ):
        assert words in text


def test_markers_stand_at_the_measured_counts(figure):
    (axes,) = figure.axes
    drawn = {
        (float(line.get_xdata()[0]), int(line.get_ydata()[0]))
        for line in axes.get_lines()
        if line.get_marker() != "None"
    }
    assert drawn == {(point.rho, point.parameter_count) for point in MEASURED}
    low, high = axes.get_ylim()
    assert all(low < point.parameter_count < high for point in MEASURED)


def test_statuses_and_constructions_differ_without_colour(figure):
    (axes,) = figure.axes
    looks = {
        (line.get_marker(), str(line.get_markerfacecolor()))
        for line in axes.get_lines()
        if line.get_marker() != "None"
    }
    assert len(looks) == len(MEASURED)
    # Curves of one dash differ in width; the prior bounds, one above and one below, share a line.
    kinds = {(str(style["ls"]), style["lw"], style["color"]) for _, style in CURVES.values()}
    assert len(kinds) == len(CURVES) - 1
    solid = {style["lw"] for _, style in CURVES.values() if style["ls"] == "-"}
    assert solid == {2.4, 1.1} and CURVES["prior_upper"][1] == CURVES["prior_lower"][1]
    dashed = [str(style["ls"]) for _, style in CURVES.values() if style["ls"] != "-"]
    assert len(set(dashed)) == len(dashed)


def test_every_status_has_a_fill_of_its_own():
    looks = [tuple(sorted(FILLS[status].items())) for status in STATUSES]
    assert len(set(looks)) == len(STATUSES) == len(FILLS)
    # Memorization alone has no dark half: nothing there that could be taken for a proof on balls.
    assert "black" not in FILLS["points only"].values()


@pytest.mark.parametrize("count", [0, 1, 6, 7, 12])
def test_no_text_of_figure_1_overlaps_another(count):
    measured = [
        MeasuredCount(f"construction_{i}", 0.5, 10 ** (3 + i % 6), "verified") for i in range(count)
    ]
    figure = figure_1(bounds_table(1797, 64, points=30), measured)
    renderer = figure.canvas.get_renderer()
    figure.draw_without_rendering()
    (axes,) = figure.axes
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    texts += [legend.get_title() for legend in figure.legends]
    texts += [*axes.texts, *figure.texts, axes.xaxis.label, axes.yaxis.label]
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text()]
    page = figure.bbox
    for index, (name, box) in enumerate(boxes):
        assert page.x0 <= box.x0 and box.x1 <= page.x1, name
        assert page.y0 <= box.y0 and box.y1 <= page.y1, name
        for other, rival in boxes[index + 1 :]:
            assert not box.overlaps(rival), (name, other)


def test_a_dollar_sign_in_a_name_starts_no_formula():
    figure = figure_1(
        bounds_table(20, 4, points=10), [MeasuredCount("a$x$b", 0.5, 5, "not verified")]
    )
    assert "a$x$b" in texts_of(figure_bytes(figure, "svg"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", 0.5, 1, "verified"), "needs a name"),
        (("a", 1.0, 1, "verified"), "rho must lie in"),
        (("a", 0.5, 0, "verified"), "must be positive"),
        (("a", 0.5, 1, "proved"), "status must be one of"),
    ],
)
def test_a_measured_count_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MeasuredCount(*arguments)


def test_save_writes_every_format_and_leaves_nothing_else(tmp_path, figure):
    paths = save_figure(figure, tmp_path / "figure_1")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
    assert [p.suffix for p in paths] == [".png", ".pdf", ".svg"]
    assert paths[0].read_bytes() == figure_bytes(figure, "png")
    with pytest.raises(ValueError, match="png, pdf or svg, got 'gif'"):
        save_figure(figure, tmp_path / "figure_1", ["gif"])


def test_replace_file_keeps_the_old_content_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    replace_file(path, b"old")
    assert stat.S_IMODE(path.stat().st_mode) & 0o400

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_per_ball_figures_name_their_axes_and_counts():
    generator = np.random.default_rng(0)
    margins = figure_margins({"parallel_balls": generator.gamma(3, 1, 200)}, "slack $ of t")
    text = texts_of(figure_bytes(margins, "svg"))
    assert "slack $ of t" in text and "parallel_balls (200 balls)" in text
    wide = figure_margins({"a": np.array([1e-6, 1.0, 3.0])}, "slack")
    assert wide.axes[0].get_xscale() == "log"
    assert figure_margins({"a": np.full(5, 2.0)}, "slack").axes[0].get_xscale() == "linear"
    errors = figure_error_bounds({"pgd": np.array([0.1, 0.02, 1.0])}, "99.9 %")
    assert "confidence 99.9 % each" in texts_of(figure_bytes(errors, "svg"))
    (line,) = errors.axes[0].get_lines()
    assert line.get_ydata()[-1] == 1.0


def test_per_ball_figures_refuse_what_they_cannot_show():
    with pytest.raises(ValueError, match="needs balls, got none"):
        figure_margins({}, "slack")
    with pytest.raises(ValueError, match="margins must be finite, a has others"):
        figure_margins({"a": [1.0, float("nan")]}, "slack")
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], pgd has others"):
        figure_error_bounds({"pgd": [0.5, 1.5]}, "99 %")


@pytest.mark.parametrize(
    ("value", "label"),
    [(1.0, "1"), (1000.0, "1000"), (1e4, "10⁴"), (1e-12, "10⁻¹²"), (5e5, "5·10⁵")],
)
def test_tick_labels_need_no_markup(value, label):
    assert power_of_ten(value) == label


def test_figures_never_import_pyplot():
    code = "import sys, pipeline.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
