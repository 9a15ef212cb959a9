"""Figure 6 draws its table: every question and case in a box of its own, texts inside."""

from __future__ import annotations

from itertools import combinations

import pytest

from pipeline.figures.figure6 import figure_6
from pipeline.figures.style import figure_bytes
from pipeline.illustrations.figure6 import figure_6_table
from tests.figures.text_boxes import colliding_texts, smallest_text


@pytest.fixture(scope="module")
def table():
    return figure_6_table()


@pytest.fixture(scope="module")
def figure(table):
    return figure_6(table)


def boxes_with_texts(figure):
    """Return the boxes in pixels, each with the texts that lie inside it."""
    renderer = figure.canvas.get_renderer()
    figure.draw_without_rendering()
    (axes,) = figure.axes
    texts = [(t.get_text(), t.get_window_extent(renderer)) for t in axes.texts if t.get_text()]
    found = []
    for patch in axes.patches:
        box = patch.get_window_extent(renderer)
        inside = [
            name
            for name, t in texts
            if box.x0 < t.x0 and t.x1 < box.x1 and box.y0 < t.y0 and t.y1 < box.y1
        ]
        found.append((box, inside))
    return found, [name for name, _ in texts]


def test_every_question_and_every_case_stands_in_a_box_of_its_own(figure, table):
    found, texts = boxes_with_texts(figure)
    questions = table[table.kind == "question"]
    asked = [[f"{q.left} {q.relation} {q.right} ?"] for q in questions.itertuples()]
    cases = table[table.kind == "case"]
    told = [[c.name, c.text, c.size] for c in cases.itertuples()]
    inside = [names for _, names in found]
    assert inside[: len(asked)] == asked
    assert [names[:3] for names in inside[len(asked) :]] == told
    for names, case in zip(inside[len(asked) :], cases.itertuples(), strict=True):
        (example,) = names[3:]
        assert f"ρ = {case.rho}: m = {int(case.m):,}, P = " in example
    # Outside the boxes stand the answers and the range alone.
    outside = sorted(set(texts) - {name for names in inside for name in names})
    assert outside == sorted(["yes", "no", "1/(5√d) < ρ < 1"])


def test_boxes_do_not_overlap_and_yes_leads_to_the_box_beside(figure, table):
    found, _ = boxes_with_texts(figure)
    boxes = [box for box, _ in found]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    where = {names[0]: box for box, names in found}
    for q in table[table.kind == "question"].itertuples():
        asked, answered = where[f"{q.left} {q.relation} {q.right} ?"], where[q.yes]
        assert asked.x1 < answered.x0
        assert abs((asked.y0 + asked.y1) - (answered.y0 + answered.y1)) < 1e-6


def test_large_counts_are_rounded_and_small_ones_written_out(figure):
    texts = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "P = 24,541" in texts and "P = 2.02·10¹³" in texts


def test_no_text_overlaps_another_and_none_is_small(figure):
    assert colliding_texts(figure) == []
    assert smallest_text(figure) >= 10


def test_bytes_are_the_same_again(figure, table):
    assert figure_bytes(figure, "svg") == figure_bytes(figure_6(table), "svg")
