"""Which map and how many dimensions: the cheapest parallel balls found, P minimised over m.

The rows of most kinds are nested, the first m of them are a map too, and distances grow with m: the
least feasible m is found by bisection. Optimised rows are found anew for every m, and what is
feasible is found out by trying. From the least m on larger ones are priced as long as they can be
cheaper, because they leave more room between the thresholds and so need fewer folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.construction.images import Images, images
from pipeline.construction.optimised_rows import Effort, Rows, ascent, starting_rows
from pipeline.construction.parallel_price import (
    Candidate,
    Draft,
    finished,
    least_count,
    merged_draft,
    single_draft,
)
from pipeline.construction.projection import (
    principal_rows,
    projection,
    rounded_projection,
    unit_floats,
)
from pipeline.data import SeparatedDataset
from pipeline.data.randomness import generator
from pipeline.exact import max_bit_length

# "span" and "span_random" stay within the span of the points: Proposition B.21, for N < d.
KINDS = ("identity", "random", "pca", "optimised", "span", "span_random")
# Dimensions tried in vain before the search stops, and drafts whose balls are merged in earnest.
_PATIENCE, _REFINED = 3, 3
# Maps met early in an ascent that are priced besides the last.
_SOFTER = 3


@dataclass(frozen=True)
class MapOptions:
    """How the map to R^m is chosen.

    Args:
        projection: one of `KINDS`.
        m: projected dimension; None for the one with the fewest parameters.
        weight_bits: fractional bits of the rows.
        seed: seed of the kinds that draw.
        merged: whether one ball neuron may test several balls (`covering`).
        effort: how long optimised rows are optimised.

    Raises:
        ValueError: for an unknown kind.
    """

    projection: str = "pca"
    m: int | None = None
    weight_bits: int = 16
    seed: int = 0
    merged: bool = False
    effort: Effort = field(default_factory=Effort)

    def __post_init__(self) -> None:
        if self.projection not in KINDS:
            raise ValueError(
                f"projection must be one of {', '.join(KINDS)}, got {self.projection!r}"
            )


def cheapest_candidate(
    dataset: SeparatedDataset, rho: Fraction, p: int | float, options: MapOptions
) -> Candidate:
    """Return the map and layout with the fewest parameters over all feasible m that were tried.

    Raises:
        ValueError: if rho or m is out of range, or no map tried keeps images of other labels more
            than two radii apart.
    """
    _require_ranges(dataset, rho, options)
    if options.projection == "optimised":
        return _Optimised(dataset, rho, p, options).cheapest()
    return _cheapest_nested(dataset, rho, p, options)


def _require_ranges(dataset: SeparatedDataset, rho: Fraction, options: MapOptions) -> None:
    """Refuse a ratio or a dimension out of range.

    Raises:
        ValueError: if rho or m is.
    """
    m, kind = options.m, options.projection
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    if m is not None and not 1 <= m <= dataset.d:
        raise ValueError(f"m must lie in 1..d = {dataset.d}, got {m}")
    if m is not None and kind == "identity" and m != dataset.d:
        raise ValueError(f"the identity keeps all d = {dataset.d} dimensions, got m = {m}")


def _cheapest_nested(
    dataset: SeparatedDataset, rho: Fraction, p: int | float, options: MapOptions
) -> Candidate:
    kind, m = options.projection, options.m
    # Only rows within the span of the points can stop at N of them.
    limit = dataset.d if kind == "random" else min(dataset.d, dataset.N)
    wanted = limit if m is None else min(m, limit)
    phi = projection(dataset, kind, wanted, options.weight_bits, options.seed)
    full = images(dataset, rho, p, phi)
    _require_gap(full, rho, p)
    if m is not None or kind == "identity":
        return _cheapest_from(dataset, lambda _: [full], phi.m, phi.m, options.merged)

    def first(m: int) -> list[Images]:
        data = images(dataset, rho, p, phi.first(m))
        return [data] if data.gap > 0 else []

    low = _least_feasible(first, phi.m)
    return _cheapest_from(dataset, first, low, phi.m, options.merged)


class _Optimised:
    """Maps by optimised rows in principal coordinates, which lose nothing of any difference."""

    def __init__(
        self, dataset: SeparatedDataset, rho: Fraction, p: int | float, options: MapOptions
    ) -> None:
        self.dataset, self.rho, self.p, self.options = dataset, rho, p, options
        with threadpool_limits(limits=1):
            self.axes = principal_rows(dataset, dataset.d)
            self.points = unit_floats(dataset.X) @ self.axes.T
        self.principal = rounded_projection("pca", self.axes, options.weight_bits)
        self.full = images(dataset, rho, p, self.principal)
        # The points were scaled by a power of two, so the distance that is needed is too.
        unit = Fraction(2) ** (dataset.X.exponent + max(max_bit_length(dataset.X.numerators), 1))
        self.target = float(2 * self.full.radius / unit)
        self.found: dict[int, list[Images]] = {}

    def cheapest(self) -> Candidate:
        """Return the cheapest candidate; principal axes alone are among those priced.

        Raises:
            ValueError: if no map tried is feasible.
        """
        m = self.options.m
        if m is not None:
            m = min(m, len(self.axes))
            if not self.maps(m):
                _require_gap(self._principal(m), self.rho, self.p)
            return _cheapest_from(self.dataset, self.maps, m, m, self.options.merged)
        _require_gap(self.full, self.rho, self.p)
        high = _least_feasible(self._feasible_principal, len(self.axes))
        low = _least_feasible(self.maps, high)
        return _cheapest_from(self.dataset, self.maps, low, len(self.axes), self.options.merged)

    def maps(self, m: int) -> list[Images]:
        """Return feasible maps to R^m, principal axes among them if they are."""
        if m not in self.found:
            self.found[m] = [*self._optimised(m), *self._feasible_principal(m)]
        return self.found[m]

    def _optimised(self, m: int) -> list[Images]:
        random = generator(self.options.seed, "construct", "optimised", str(m))
        effort = self.options.effort
        for restart in range(effort.restarts):
            with threadpool_limits(limits=1):
                start = starting_rows(len(self.axes), m, restart, random)
                met = ascent(self.points, self.dataset.y, start, self.target, effort.steps)
            found = [self._images(rows @ self.axes) for rows in self._worth(met)]
            found = [data for data in found if data.gap > 0]
            if found:
                return found
        return []

    def _worth(self, met: list[Rows]) -> list[np.ndarray]:
        """Return the rows with the greatest least distance and, to merge balls, softer ones."""
        enough = [one for one in met if one.distance > self.target]
        if not enough:
            return []
        best = max(enough, key=lambda one: one.distance)
        softer = enough[:: -(-len(enough) // _SOFTER)] if self.options.merged else []
        return [best.rows, *(one.rows for one in softer if one is not best)]

    def _feasible_principal(self, m: int) -> list[Images]:
        data = self._principal(m)
        return [data] if data.gap > 0 else []

    def _principal(self, m: int) -> Images:
        return images(self.dataset, self.rho, self.p, self.principal.first(m))

    def _images(self, rows: np.ndarray) -> Images:
        phi = rounded_projection("optimised", rows, self.options.weight_bits)
        return images(self.dataset, self.rho, self.p, phi)


def _least_feasible(maps: Callable[[int], list[Images]], high: int) -> int:
    """Return the least feasible m <= high by bisection, given that `high` is feasible."""
    low = 1
    while low < high:
        middle = (low + high) // 2
        if maps(middle):
            high = middle
        else:
            low = middle + 1
    return high


def _cheapest_from(
    dataset: SeparatedDataset,
    maps: Callable[[int], list[Images]],
    low: int,
    high: int,
    merged: bool,
) -> Candidate:
    """Return the cheapest candidate among the maps to R^m, low <= m <= high, `low` feasible."""
    price = merged_draft if merged else single_draft
    drafts: list[Draft] = []
    last_better = low
    for m in range(low, high + 1):
        least = min((draft.count for draft in drafts), default=None)
        if least is not None and (
            least_count(dataset, m, merged) >= least or m > last_better + _PATIENCE
        ):
            break
        found = [price(dataset, data) for data in maps(m)]
        if least is None or min(draft.count for draft in found) < least:
            last_better = m
        drafts += found
    drafts.sort(key=lambda draft: draft.count)
    refined = drafts[: _REFINED if merged else 1]
    return min((finished(dataset, draft) for draft in refined), key=lambda one: one.count)


def _require_gap(data: Images, rho: Fraction, p: int | float) -> None:
    """Refuse images of other labels within two radii of each other.

    Raises:
        ValueError: if some are.
    """
    if data.gap > 0:
        return
    raise ValueError(
        f"parallel_balls needs images of differently labelled points more than two radii apart "
        f"(docs/theory.md 1): projection {data.projection.kind!r} with m = {data.projection.m} "
        f"keeps a distance of {float(data.distance):.6g}, the balls (rho = {rho}, p = {p}) have "
        f"images of radius up to {float(data.radius):.6g}; use more dimensions, another "
        f"projection or a smaller rho"
    )
