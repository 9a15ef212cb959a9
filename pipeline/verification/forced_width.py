"""Guard: no certified network may be narrower than a proof says that every network must be.

Proposition 3.2 and its versions in l_p (Propositions C.6, C.7) force a first hidden width on their
dataset; docs/theory.md 10 does so on any data. A network below that width with every ball proved
refutes one of the two proofs, and nothing it says may be filed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import inf

from pipeline.data import SeparatedDataset
from pipeline.data.hard_width import is_hard_width
from pipeline.network import ReLUNetwork
from pipeline.theory import proposition_3_2_least_width
from pipeline.verification.necessary_width import necessary_first_width
from pipeline.verification.verdicts import ContradictionError

# Above this N d a bound of the given data takes more than a second; Proposition 3.2's is free.
LARGEST_SEARCHED = 5_000


@dataclass(frozen=True)
class ForcedWidth:
    """A first hidden width that every robust memorizer of a dataset reaches.

    Args:
        width: at least 1.
        item: where it is proved.

    Raises:
        ValueError: if the width is not positive.
    """

    width: int
    item: str

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"a forced width is at least 1, got {self.width}")


def forced_on_hard_width(N: int, d: int, rho: Fraction, p: int | float = 2) -> ForcedWidth:
    """Return the least first hidden width on Proposition 3.2's dataset, exactly.

    ceil(rho^2 min{N - 1, d}) for p >= 2; for p = 1 rho / sqrt(d) stands for rho (Proposition C.6),
    and for p = inf and rho > 1/2 the width is min{N - 1, d} (Proposition C.7).

    Args:
        N: number of points, at least 2.
        d: dimension.
        rho: robustness ratio in (0, 1).
        p: norm of the balls: an integer >= 1 or infinity.

    Raises:
        ValueError: if a size, the ratio or the norm is out of range.

    >>> forced_on_hard_width(33, 32, Fraction(1, 2))
    ForcedWidth(width=8, item='Proposition 3.2')
    """
    least = proposition_3_2_least_width(N, d, rho, p)
    if p == 2:
        return ForcedWidth(least, "Proposition 3.2")
    full = p == inf and rho > Fraction(1, 2)
    return ForcedWidth(least, "Proposition C.7" if full else "Proposition C.6")


def forced_first_width(dataset: SeparatedDataset, rho: Fraction, p: int | float = 2) -> ForcedWidth:
    """Return the best lower bound on the first hidden width that costs little.

    Proposition 3.2's where the points are its points, whatever the dataset is called; for small
    data in l2 the bound of docs/theory.md 10; else 1.

    Args:
        dataset: N points in R^d.
        rho: robustness ratio.
        p: norm of the balls.
    """
    if is_hard_width(dataset.X, dataset.y):
        return forced_on_hard_width(dataset.N, dataset.d, rho, p)
    if p == 2 and dataset.N * dataset.d <= LARGEST_SEARCHED:
        return ForcedWidth(_searched(dataset, rho), "docs/theory.md 10")
    return ForcedWidth(1, "")


def require_possible_width(
    network: ReLUNetwork, dataset: SeparatedDataset, rho: Fraction, p: int | float = 2
) -> None:
    """Check that a network with every ball proved is not narrower than every network must be.

    Args:
        network: certified on all balls, by f = y or |f - y| < 1/2.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.

    Raises:
        ContradictionError: if it is.
    """
    width = network.layers[0].outputs
    # No bound exceeds the dimensions that the points span.
    if width >= min(dataset.N - 1, dataset.d):
        return
    forced = forced_first_width(dataset, rho, p)
    if width < forced.width:
        raise ContradictionError(
            f"every ball of {dataset.name} (N = {dataset.N}, d = {dataset.d}, rho = {rho}, p = {p})"
            f" is VERIFIED on a network of first hidden width {width}, and {forced.item} needs "
            f"{forced.width}: one of the proofs is wrong; keep the files and report it"
        )


@lru_cache(maxsize=4)
def _searched(dataset: SeparatedDataset, rho: Fraction) -> int:
    # One dataset is asked about for every construction of a cell.
    return necessary_first_width(dataset, rho).width
