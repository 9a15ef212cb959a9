"""The figures of the paper and of this project, in the order of the gallery."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures.figure1 import figure_1
from pipeline.figures.figure2 import figure_2
from pipeline.figures.figure3 import figure_3
from pipeline.figures.figure4 import figure_4
from pipeline.figures.figure5 import figure_5
from pipeline.figures.figure6 import figure_6
from pipeline.figures.figure7 import figure_7
from pipeline.figures.figure8 import figure_8
from pipeline.figures.phase_diagram import figure_exponents, figure_phase_diagram
from pipeline.illustrations.figure2 import figure_2_table
from pipeline.illustrations.figure3 import figure_3_table
from pipeline.illustrations.figure4 import figure_4_table
from pipeline.illustrations.figure5 import figure_5_table
from pipeline.illustrations.figure6 import figure_6_table
from pipeline.illustrations.figure7 import figure_7_table
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
        item: its number in the paper, or "Beyond the paper".
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
        "below), and what stays open between (hatched). The two dashed lines are the terms of the "
        "lower bound: the width of the first layer grows with the square of the ratio, the VC "
        "dimension only where the ratio tends to 1. As in the paper the d weights of the input "
        "layer are dropped on both sides.",
        lambda sizes: bounds_table(*sizes.of_figure_1()),
        lambda table: figure_1(table, project=False),
    ),
    PaperFigure(
        "figure1_with_d",
        "Figure 1, with the input layer",
        "The same with the d of the input layer kept",
        "Any network that reads d inputs has d weights. With them on both sides, and d = N, the "
        "bounds of the paper meet up to constants for every ratio up to 1/√d: the hatched gap on "
        "the left of Figure 1 is smaller than what the input layer costs anyway.",
        lambda sizes: bounds_table(*sizes.of_figure_1(), additive_d=True),
        lambda table: figure_1(table, project=False),
    ),
    PaperFigure(
        "figure2",
        "Figure 2",
        "Why the first layer must be wide",
        "The dataset of Proposition 3.2 (label 1 the origin, label 2 the unit vectors) and the "
        "first layer W = (1 1 −1). Every unit vector lies at distance 1/√3 from Null(W), exactly "
        "the bound √(m/d) of Lemma A.1, so at ρ = 2/3 all balls of radius 2μ meet Null(W). Panel "
        "(c) shows what follows: two points of two balls, found by the attack, on which a network "
        "of first hidden width 1, proved right at ρ = 1/2, takes one and the same value.",
        lambda sizes: figure_2_table(),
        figure_2,
    ),
    PaperFigure(
        "figure3",
        "Figure 3",
        "A projection that keeps balls apart",
        "Eight balls of R³ and their images under the first layer of a network built for Theorem "
        "4.2(iii), with smaller constants than the theorem's, which no drawing could show. The "
        "rows were drawn at random, rounded, and accepted after an exact check: images of "
        "different labels stay farther apart than the (4/5)√(m/d) ε of Proposition B.19, and their "
        "discs are disjoint. The thick edge is the pair whose images come closest.",
        lambda sizes: figure_3_table(sizes.seed),
        figure_3,
    ),
    PaperFigure(
        "figure4",
        "Figure 4",
        "Cells, bands and balls of two built networks",
        "Two built networks in the plane of their cells, true to scale; beside each plane, f along "
        "the dashed line, and a part close up. (a) Theorem 4.2(i): every ball lies in one cell, "
        "clear of the bands in which the network's floors may be wrong, and no cell holds two "
        "labels. (b) Theorem 4.2(ii), first stage: the active balls (filled) are clear of the "
        "bands, inactive ones may cross walls, and off the bands f is 0 or their own label; in a "
        "band the key runs through other cells' keys, so f can be another label on a thin line. "
        "The shades are f at sample points of every cell, evaluated exactly; that it is constant "
        "between them is the theorem's claim, not the picture's. η = 99/100 only so that the bands "
        "can be seen.",
        lambda sizes: figure_4_table(),
        figure_4,
    ),
    PaperFigure(
        "figure5",
        "Figure 5",
        "Robust memorization of two points shatters three",
        "To give e₁, e₂, e₃ any signs, put a ball of label 2 around Σ sⱼ eⱼ and one of label 1 "
        "around its negative: the points stay and the balls follow the signs. At ρ = √(2/3) every "
        "eⱼ lies exactly on the boundary of its own ball (√2 = μ) and √6 from the other centre, so "
        "that a robust memorizer must realise the labelling (Proposition 3.3).",
        lambda sizes: figure_5_table(),
        figure_5,
    ),
    PaperFigure(
        "figure6",
        "Figure 6",
        "The five cases of Theorem 4.2(iii)",
        "Which case of Theorem B.14 a large ratio falls into: what is done with the data, how many "
        "coordinates m are left, and the smallest powers of ten that lead there, with the "
        "parameter count P of the plan. The projections begin to pay only at thousands of points "
        "and dimensions.",
        lambda sizes: figure_6_table(),
        figure_6,
    ),
    PaperFigure(
        "figure7",
        "Figure 7",
        "The gadget Δ and the floor it gives",
        "(a) Δ as the first layer of a built floor network computes it, against the ideal that "
        "jumps: the jumps become ramps of width g = γ/2ⁿ. (b) The floor it gives after n layers, "
        "exact off the bands of width γ right of every integer, and wrong in them, over the whole "
        "band only where the top bit changes. All corners are exact rationals.",
        lambda sizes: figure_7_table(),
        figure_7,
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
        "Beyond the paper",
        "Bounds before and now, d = √N",
        "This project's constructions (violet) take the upper bound down to √N + d for every ratio "
        "up to 1/√d and to N d ρ² + d above, zeros counted, error 0. What stays open is hatched: "
        "ratios above 1/√d where points outnumber dimensions.",
        lambda sizes: phase_table(*sizes.of_figure_8()),
        figure_phase_diagram,
    ),
    PaperFigure(
        "exponents_map",
        "Beyond the paper",
        "Exponents of the bounds over all sizes and ratios",
        "P = N^e up to constants and logarithms, over log d / log N across and log ρ / log N "
        "upwards. Each map is one bound; the two below show the exponent of upper over lower "
        "bound, before this project and now. White: the bounds meet.",
        lambda sizes: exponents_table(),
        figure_exponents,
    ),
)
