"""The networks of a sweep's jobs on the bounds, a panel a dataset and size."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from pipeline.exact import parse_ratio
from pipeline.figures import MeasuredCount, figure_networks
from pipeline.figures.figure_networks import Place
from pipeline.sweep.summary import JobRow
from pipeline.theory import bounds_table

# Of a curve in a small panel; breakpoints are added to them.
_POINTS = 80
# As many panels as a page shows.
_SIZES, _DATASETS = 4, 4
_STATUS = {
    "VERIFIED": "verified",
    "BOUNDED": "error bound",
    "MEMORIZED": "points only",
    "PLANNED": "planned",
}


def networks_figure(rows: Sequence[JobRow]) -> tuple[str, Figure] | None:
    """Return caption and figure of the jobs' first networks, None where none can be drawn.

    The bounds are those for p = 2: jobs of another norm are left out. Of more than 4 sizes or
    datasets the figure shows 4, which the caption says.
    """
    found: dict[Place, list[MeasuredCount]] = {}
    for row in rows:
        if row.done and row.parameter_count and row.N and row.d and row.rho and row.p == "2":
            # Its balls are right by another rule than f = y.
            status = "trained" if row.trained else _STATUS.get(row.verdict, "not verified")
            ratio = float(parse_ratio(row.rho))
            place = (row.dataset, row.N, row.d)
            name = row.construction
            found.setdefault(place, []).append(
                MeasuredCount(name, ratio, row.parameter_count, status)
            )
    sizes, datasets = sorted({place[1:] for place in found}), sorted({each[0] for each in found})
    shown, named = _spread(sizes, _SIZES), datasets[:_DATASETS]
    panels = {
        place: points
        for place, points in sorted(found.items())
        if place[1:] in shown and place[0] in named
    }
    if not panels:
        return None
    left = min(point.rho for points in panels.values() for point in points) / 1.6
    tables = [bounds_table(N, d, _POINTS, rho_min=left) for N, d in sorted({p[1:] for p in panels})]
    words = [
        f"{len(few)} of {len(all_)} {what}"
        for few, all_, what in ((shown, sizes, "sizes"), (named, datasets, "datasets"))
        if len(few) < len(all_)
    ]
    caption = "First network of every job on the bounds" + (
        f", {' and '.join(words)}" if words else ""
    )
    return caption, figure_networks(pd.concat(tables, ignore_index=True), panels)


def _spread(values: Sequence[tuple[int, ...]], most: int) -> list[tuple[int, ...]]:
    """Return so many of the values, evenly spread, first and last among them.

    >>> _spread([(n, 1) for n in range(9)], 4)
    [(0, 1), (3, 1), (5, 1), (8, 1)]
    """
    if len(values) <= most:
        return list(values)
    last = len(values) - 1
    return [values[(2 * k * last + most - 1) // (2 * (most - 1))] for k in range(most)]
