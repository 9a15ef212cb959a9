"""Figure 8: as Figure 1 for nonzero counts, d of the order of sqrt N."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures.figure1 import CURVES, GAP, IMPROVED_LOWER, IMPROVED_UPPER, bounds_figure

NONZERO_CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "prior_upper": CURVES["prior_upper"],
    "theorem_e_2": ("upper bound, Theorem E.2", CURVES["theorem_4_2"][1]),
    "theorem_e_1": ("lower bound, Theorem E.1", CURVES["theorem_3_1"][1]),
    "prior_lower": CURVES["prior_lower"],
}
NONZERO_BANDS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("theorem_e_2", "prior_upper", "upper bound improved", IMPROVED_UPPER),
    ("prior_lower", "theorem_e_1", "lower bound improved", IMPROVED_LOWER),
    ("theorem_e_1", "theorem_e_2", "gap between Theorems E.1 and E.2", GAP),
]
CAPTION = "Leading terms of the number of nonzero parameters, constants and logs omitted."


def figure_8(table: pd.DataFrame) -> Figure:
    """Return Figure 8 for one (N, d).

    Args:
        table: of `pipeline.theory.bounds_table`, nonzero parameters counted.
    """
    return bounds_figure(
        table, (), NONZERO_CURVES, NONZERO_BANDS, CAPTION, count="nonzero parameters"
    )
