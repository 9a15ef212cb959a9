"""The phase diagram's figures, drawn from its counts and from the bounds."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from pipeline.construction.crossovers import REFUSED, Counted, crossovers, published
from pipeline.figures import (
    figure_crossovers,
    figure_exponents,
    figure_phase_diagram,
)
from pipeline.report.phase_diagram import crossovers_frame, measured_count
from pipeline.theory import exponents_table, phase_table


def phase_figures(rows: Sequence[Counted]) -> dict[str, tuple[str, Figure]]:
    """Return stem -> caption and figure, nothing without rows; the first size is drawn in full."""
    if not rows:
        return {}
    dataset, N, d = rows[0].dataset, rows[0].N, rows[0].d
    here = [
        measured_count(row)
        for row in rows
        if (row.dataset, row.N, row.d) == (dataset, N, d) and row.verdict != REFUSED
    ]
    least = min([0.1 / (N * d**0.5), *(point.rho for point in here)])
    figures = {
        "phase_diagram": (
            f"Bounds old and new at N = {N:,}, d = {d:,}, and networks of this size",
            figure_phase_diagram(phase_table(N, d, rho_min=least), here),
        ),
        "exponents_map": (
            "Exponents of the bounds over sizes, and the gap that is left",
            figure_exponents(exponents_table()),
        ),
    }
    caption = "Which construction needs the fewest parameters"
    for stem, among, who in (
        ("crossovers", rows, ""),
        ("crossovers_published", published(rows), ", of the paper and earlier work alone"),
    ):
        cells = crossovers_frame(crossovers(among))
        if len(cells):
            figures[stem] = (caption + who, figure_crossovers(cells))
    return figures
