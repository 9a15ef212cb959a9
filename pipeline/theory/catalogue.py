"""Every bound by name."""

from __future__ import annotations

from pipeline.theory.bound import Bound, Counting, Side
from pipeline.theory.lower_bounds import first_term, second_term, theorem_3_1, theorem_e_1
from pipeline.theory.prior_bounds import (
    egosi_2025,
    egosi_2025_nonzero,
    prior_lower_bound,
    prior_lower_nonzero,
    prior_upper_bound,
    prior_upper_nonzero,
    yu_2024,
    yu_2024_nonzero,
)
from pipeline.theory.project_bounds import PROJECT_BOUNDS
from pipeline.theory.upper_bounds import theorem_4_2, theorem_e_2

BOUNDS: dict[str, Bound] = {
    bound.name: bound
    for bound in (
        prior_lower_bound,
        prior_lower_nonzero,
        first_term,
        second_term,
        theorem_3_1,
        theorem_e_1,
        egosi_2025,
        egosi_2025_nonzero,
        yu_2024,
        yu_2024_nonzero,
        prior_upper_bound,
        prior_upper_nonzero,
        theorem_4_2,
        theorem_e_2,
        *PROJECT_BOUNDS,
    )
}


def bounds_on(side: Side, counting: Counting) -> tuple[Bound, ...]:
    """Return all lower or all upper bounds on one of the two counts.

    An upper bound on all entries is one on the nonzero ones, a lower bound on these one on all.
    """
    implied = {("upper", "nonzero"): "all", ("lower", "all"): "nonzero"}.get((side, counting))
    return tuple(
        bound
        for bound in BOUNDS.values()
        if bound.side == side and bound.counting in (counting, implied)
    )
