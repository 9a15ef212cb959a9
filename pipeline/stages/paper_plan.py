"""What the paper offers for a dataset and a ratio: its bound and its construction's parameters."""

from __future__ import annotations

from fractions import Fraction

from pipeline.construction import construction, plan
from pipeline.construction.lattice import scale_of_dataset
from pipeline.data import SeparatedDataset
from pipeline.theory import theorem_4_2


def paper_bounds(
    data: SeparatedDataset, rho: Fraction, p: int | float
) -> tuple[float | None, int | None]:
    """Return Theorem 4.2's leading term and the parameters of its plan, where they apply."""
    if p != 2:
        return None, None
    return float(theorem_4_2(data.N, data.d, rho)), _planned_parameters(data, rho)


def construction_of_regime(N: int, d: int, rho: Fraction) -> str:
    """Return the name of the part of Theorem 4.2 that rho falls in, compared exactly.

    >>> [construction_of_regime(10, 4, Fraction(1, n)) for n in (100, 99, 10, 9)]
    ['thm_4_2_i', 'thm_4_2_ii', 'thm_4_2_ii', 'thm_4_2_iii']
    """
    # rho <= 1/(5 N sqrt d) and rho <= 1/(5 sqrt d), squared.
    power = 25 * d * rho * rho
    if N * N * power <= 1:
        return "thm_4_2_i"
    return "thm_4_2_ii" if power <= 1 else "thm_4_2_iii"


def _planned_parameters(data: SeparatedDataset, rho: Fraction) -> int | None:
    """Return P of the paper's plan, None where it refuses these sizes."""
    name = construction_of_regime(data.N, data.d, rho)
    needs_scale = "scale" in construction(name).plan_options
    options = {"scale": scale_of_dataset(data)} if needs_scale else {}
    try:
        return plan(name, data.N, data.d, data.C, rho, options).parameter_count()
    except ValueError:
        return None
