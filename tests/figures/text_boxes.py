"""Where the texts of a figure stand, at the size it is saved in."""

from __future__ import annotations

from itertools import combinations

from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text


def texts_of(figure: Figure) -> list[Text]:
    """Return every visible text: titles, labels, ticks, annotations and legends."""
    texts = [*figure.texts]
    legends = [*figure.legends]
    for axes in figure.axes:
        texts += [axes.title, axes._left_title, axes._right_title, *axes.texts]
        texts += [text for child in axes.child_axes for text in child.texts]
        legends += [child for child in axes.get_children() if isinstance(child, Legend)]
        if axes.axison:
            texts += [axes.xaxis.label, axes.yaxis.label]
            for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
                ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
                texts += [t.label1 for t in ticks if ends[0] <= t.get_loc() <= ends[1]]
    for legend in legends:
        texts += [*legend.get_texts(), legend.get_title()]
    return [t for t in texts if t.get_text() and t.get_visible()]


def colliding_texts(figure: Figure) -> list[tuple[str, str]]:
    """Return the pairs of texts that overlap, and with "page" those that leave it."""
    renderer = figure.canvas.get_renderer()
    figure.draw_without_rendering()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts_of(figure)]
    page = figure.bbox
    found = [
        (name, "page")
        for name, box in boxes
        if box.x0 < page.x0 or page.x1 < box.x1 or box.y0 < page.y0 or page.y1 < box.y1
    ]
    return found + [
        (a, b) for (a, box), (b, rival) in combinations(boxes, 2) if box.overlaps(rival)
    ]


def smallest_text(figure: Figure) -> float:
    """Return the size of the smallest text in points."""
    return min(text.get_fontsize() for text in texts_of(figure))
