"""The figures of the paper and of this project, in the order of the gallery."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures.figure1 import figure_1
from pipeline.figures.figure8 import figure_8
from pipeline.figures.phase_diagram import figure_exponents, figure_phase_diagram
from pipeline.theory import bounds_table, exponents_table, phase_table


@dataclass(frozen=True)
class Sizes:
    """What the figures may be asked for.

    Args:
        N: points in the figures of bounds.
        d: input dimension there, None for that of the paper: N in Figure 1, sqrt N in Figure 8.
        seed: of what is drawn at random.
    """

    N: int | None = None
    d: int | None = None
    seed: int = 0

    def of_figure_1(self) -> tuple[int, int]:
        """Return N and d = Theta(N), 4096 unless asked otherwise."""
        N = self.N or 4096
        return N, self.d or N

    def of_figure_8(self) -> tuple[int, int]:
        """Return N and d = Theta(sqrt N), 65,536 unless asked otherwise."""
        N = self.N or 65_536
        return N, self.d or math.isqrt(N)


@dataclass(frozen=True)
class PaperFigure:
    """One figure: where its numbers come from and how they are drawn.

    Args:
        stem: name of its files.
        item: its number in the paper, or "beyond the paper".
        title: a line.
        caption: what is seen, in our words.
        table: the numbers, one row each.
        draw: the picture of such a table.
    """

    stem: str
    item: str
    title: str
    caption: str
    table: Callable[[Sizes], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]


FIGURES = (
    PaperFigure(
        "figure1",
        "Figure 1",
        "Bounds on the parameter count against the robustness ratio, d = N",
        "What was known before the paper (black), what it proves (blue from above, red from "
        "below), and what stays open between (hatched). The two dashed lines are the terms of the lower "
        "bound: the width of the first layer grows with the square of the ratio, the VC dimension "
        "only where the ratio tends to 1. As in the paper the d weights of the input layer are "
        "dropped on both sides.",
        lambda sizes: bounds_table(*sizes.of_figure_1()),
        lambda table: figure_1(table, project=False),
    ),
    PaperFigure(
        "figure1_with_d",
        "Figure 1, with the input layer",
        "The same with the d of the input layer kept",
        "Any network that reads d inputs has d weights. With them on both sides, and d = N, the "
        "bounds of the paper meet for every ratio up to 1/√d: the hatched gap on the left of "
        "Figure 1 is smaller than what the input layer costs anyway.",
        lambda sizes: bounds_table(*sizes.of_figure_1(), additive_d=True),
        lambda table: figure_1(table, project=False),
    ),
    PaperFigure(
        "figure8",
        "Figure 8",
        "Bounds on the number of nonzero parameters, d = √N",
        "Zero weights cost nothing here. The upper bound for large ratios falls from N d² ρ⁴ to "
        "N d ρ², but no width argument is left for the lower bound, so the gap is wider than in "
        "Figure 1. For ratios below 1/(N√d) both meet at √N.",
        lambda sizes: bounds_table(*sizes.of_figure_8(), counting="nonzero"),
        figure_8,
    ),
    PaperFigure(
        "phase_diagram",
        "beyond the paper",
        "Bounds before and now, d = √N",
        "This project's constructions (violet) take the upper bound down to √N + d for every ratio "
        "up to 1/√d and to N d ρ² + d above, zeros counted, error 0. What stays open is hatched: "
        "ratios above 1/√d where points outnumber dimensions.",
        lambda sizes: phase_table(*sizes.of_figure_8()),
        figure_phase_diagram,
    ),
    PaperFigure(
        "exponents_map",
        "beyond the paper",
        "Exponents of the bounds over all sizes and ratios",
        "P = N^e up to constants and logarithms, over log d / log N across and log ρ / log N "
        "upwards. Each map is one bound; the two below show the exponent of upper over lower "
        "bound, before this project and now. White: the bounds meet.",
        lambda sizes: exponents_table(),
        figure_exponents,
    ),
)
