"""The networks of a run for its page: those it built or planned, and those its studies counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.construction.crossovers import (
    BOUNDED,
    PLANNED,
    REFUSED,
    REJECTED,
    VERIFIED,
    Counted,
)
from pipeline.exact import parse_norm, parse_ratio
from pipeline.report.explorer import Bars, Column, Curve, Explorer, Scatter
from pipeline.report.figure_networks import NETWORK_FIGURES
from pipeline.report.rows import SummaryRow
from pipeline.theory import regime, theorem_3_1

if TYPE_CHECKING:
    from pipeline.baseline.price import LearningPrice

# A page of more takes long to open; the tables among the run's files have all of them.
MOST_NETWORKS = 5_000
_WORDS = {
    VERIFIED: "VERIFIED",
    BOUNDED: "BOUNDED",
    PLANNED: "PLANNED",
    REJECTED: "UNKNOWN",
    REFUSED: "does not apply",
}
_FILTERS = (
    ("dataset", "dataset"),
    ("regime", "regime"),
    ("verdict", "verdict"),
    ("construction", "construction"),
    ("size", "sizes"),
    ("part", "part of the run"),
)
_COLUMNS = (
    Column("construction", "network"),
    Column("verdict", "verdict", "verdict"),
    Column("dataset", "dataset"),
    Column("N", "N", "whole"),
    Column("d", "d", "whole"),
    Column("ratio", "ρ", shown="rho"),
    Column("regime", "regime"),
    Column("parameter_count", "P", "whole"),
    Column("times", "P / lower", "short"),
    Column("depth", "depth", "whole"),
    Column("first_hidden_width", "first width", "whole"),
    Column("verified", "verified", "share"),
    Column("part", "part"),
)
# Only studies choose the cheapest variant of a construction.
_VARIANT = Column("variant", "cheapest variant")
_SIZES = Scatter(
    "network-sizes",
    "ratio",
    "parameter_count",
    "robustness ratio ρ",
    "parameters P",
    "Parameters P (zeros counted, Eq. 3) against the robustness ratio ρ, both axes logarithmic. "
    "Dashes: leading term of Theorem 3.1, constants omitted.",
    bound="lower_bound",
)
_ON_BOUNDS = (
    "Parameters P (zeros counted, Eq. 3) on the bounds of Figure 1, both axes logarithmic. Curves: "
    "leading terms, constants omitted."
)
_POINTS = Scatter(
    "network-points",
    "N",
    "parameter_count",
    "number of points N",
    "parameters P",
    "The same networks against N, both axes logarithmic.",
    bound="lower_bound",
)
_SHARES = Bars(
    "network-shares",
    "verified",
    "construction",
    ("construction", "dataset"),
    "fraction of balls verified",
    "Fraction of the balls VERIFIED: proved on all of the ball.",
)
# Columns of `bounds_table` and what they are called here; all for p = 2.
_CURVES = {
    "theorem_4_2": "upper bound, Theorem 4.2",
    "theorem_3_1": "lower bound, Theorem 3.1",
    "prior_upper": "prior upper bound",
    "prior_lower": "prior lower bound",
    "parallel_balls": "upper bound, parallel balls (this project)",
}


def networks_explorer(
    rows: Sequence[SummaryRow],
    counts: Sequence[Counted] = (),
    networks: Mapping[str, Sequence[Counted]] | None = None,
    prices: Sequence[LearningPrice] = (),
    bounds: pd.DataFrame | None = None,
) -> Explorer:
    """Return the networks with their sizes and verdicts, the run's own first.

    Args:
        rows: of the summary.
        counts: of the phase diagram.
        networks: by key of `NETWORK_FIGURES` those on the figure.
        prices: of learning.
        bounds: of `bounds_table`, for the curves of a run without studies.
    """
    found = [_of_summary(row) for row in rows]
    found += [_of_count(row, "phase diagram") for row in counts]
    for key, drawn in (networks or {}).items():
        found += [_of_count(row, NETWORK_FIGURES[key].item) for row in drawn]
    found += [each for price in prices for each in _of_price(price)]
    studies = len(found) > len(rows)
    note = ""
    if len(found) > MOST_NETWORKS:
        note = (
            f"The first {MOST_NETWORKS:,} of {len(found):,} networks; the tables among the run's "
            "files have all of them."
        )
    curves = () if studies or bounds is None else _curves(bounds)
    sizes = replace(_SIZES, caption=_ON_BOUNDS, bound="", curves=curves) if curves else _SIZES
    return Explorer(
        "networks",
        "networks",
        (*_COLUMNS, _VARIANT) if studies else _COLUMNS,
        _FILTERS,
        found[:MOST_NETWORKS],
        (sizes, _POINTS if studies else _SHARES),
        note=note,
        # The table above has the same rows.
        folded=not studies,
    )


def _curves(bounds: pd.DataFrame) -> tuple[Curve, ...]:
    """Return the bounds as curves in few digits: they are looked at, not computed with."""
    rho = [float(f"{value:.4g}") for value in bounds["rho"]]
    return tuple(
        {
            "name": title,
            "points": [
                [x, float(f"{y:.4g}")] for x, y in zip(rho, bounds[name], strict=True) if y > 0
            ],
        }
        for name, title in _CURVES.items()
    )


def _network(
    sizes: SummaryRow | Counted | LearningPrice, p: str, part: str, **own: Any
) -> dict[str, Any]:
    """Return the columns of a network at these sizes."""
    ratio, norm = parse_ratio(sizes.rho), parse_norm(p)
    lower = own.get("lower_bound") or float(theorem_3_1(sizes.N, sizes.d, ratio, p=norm))
    count = own["parameter_count"]
    unknown: dict[str, Any] = {"depth": None, "first_hidden_width": None, "verified": None}
    unknown |= {"variant": "", "reason": ""}
    return {
        **unknown,
        "dataset": sizes.dataset,
        "N": sizes.N,
        "d": sizes.d,
        "size": f"N = {sizes.N:,}, d = {sizes.d:,}",
        "rho": sizes.rho,
        "ratio": float(ratio),
        "regime": str(regime(sizes.N, sizes.d, ratio, norm)),
        "part": part,
        "lower_bound": lower,
        "times": None if count is None or not lower else count / lower,
        **own,
    }


def _of_summary(row: SummaryRow) -> dict[str, Any]:
    return _network(
        row,
        row.p,
        "this run",
        construction=row.construction,
        verdict=row.verdict,
        parameter_count=row.parameter_count,
        depth=row.depth,
        first_hidden_width=row.first_hidden_width,
        lower_bound=row.lower_bound,
        verified=None if row.verified is None else row.verified / row.N,
    )


def _of_count(row: Counted, part: str) -> dict[str, Any]:
    return _network(
        row,
        "2",
        part,
        construction=row.construction,
        verdict=_WORDS[row.verdict],
        parameter_count=row.parameter_count,
        depth=row.depth,
        first_hidden_width=row.first_hidden_width,
        verified=1.0 if row.verdict == VERIFIED else None,
        variant=row.variant,
        reason=row.reason,
    )


def _of_price(price: LearningPrice) -> list[dict[str, Any]]:
    """Return the networks built in one cell, and the smallest trained one where there was one."""
    proved = {"verdict": "VERIFIED", "verified": 1.0}
    found = [
        _network(
            price, "2", "price of learning", construction=name, parameter_count=count, **proved
        )
        for name, count in price.built.items()
    ]
    if price.parameters is not None:
        trained = {
            "construction": "trained",
            "parameter_count": price.parameters,
            "depth": price.depth,
            "first_hidden_width": price.succeeded,
            "reason": f"the smallest certified, by the rule {price.decision!r}",
        }
        found.append(_network(price, "2", "price of learning", **trained, **proved))
    return found
