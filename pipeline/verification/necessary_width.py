"""A first hidden width below which no network robustly memorizes the given data, proved.

docs/theory.md 10: Proposition 3.2's argument on any dataset. Floats look for weights on pairs
(`width_search`), integers prove what they show (`width_certificate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.data import SeparatedDataset
from pipeline.exact import root_lower
from pipeline.verification.balls import scaled_floats
from pipeline.verification.width_certificate import (
    WidthCertificate,
    certificate_of_weights,
    four_radii_squared,
)
from pipeline.verification.width_search import FoundWeights, WidthSearch

# Above this many dimensions nothing is tried: the proof factors a d x d matrix in integers.
LARGEST_DIMENSION = 256
# Against points in [-1, 1]: below, float64 does not tell close points apart.
_LEAST_DIAMETER = 2.0**-50


@dataclass(frozen=True, eq=False)
class NecessaryWidth:
    """A width that every robust memorizer of the data reaches in its first hidden layer.

    Args:
        width: the least first hidden width not shown impossible, at least 1.
        limit: 4 mu^2.
        certificate: shows width - 1 impossible; None for width 1.

    Raises:
        ValueError: if the certificate is missing or is of another width.
    """

    width: int
    limit: Fraction
    certificate: WidthCertificate | None

    def __post_init__(self) -> None:
        shown = 0 if self.certificate is None else self.certificate.width
        if self.width != shown + 1:
            raise ValueError(f"width {self.width} needs a certificate of {self.width - 1}")

    @property
    def value(self) -> Fraction | None:
        """The proved bound on sum lambda ||Pi u||^2 at width - 1, below `limit`; None at 1."""
        return None if self.certificate is None else self.certificate.value


def necessary_first_width(
    dataset: SeparatedDataset,
    rho: Fraction,
    *,
    pairs: int = 1000,
    steps: int = 100,
    rounds: int = 4,
) -> NecessaryWidth:
    """Return a lower bound on the first hidden width of every robust memorizer (l2).

    docs/theory.md 10. It holds for every network whose first layer is affine, whatever follows,
    for the rules f = y and |f - y| < 1/2 on open balls. It need not be the best such bound.
    The search is deterministic.

    Args:
        dataset: N points in R^d.
        rho: robustness ratio in (0, 1).
        pairs: most pairs of the first working set, and most added at a time.
        steps: steps of one descent.
        rounds: working sets tried a width.

    Raises:
        ValueError: if rho or an option is out of range.
    """
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho}")
    for name, count in (("pairs", pairs), ("steps", steps), ("rounds", rounds)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    limit = four_radii_squared(dataset, rho)
    if dataset.d > LARGEST_DIMENSION:
        return NecessaryWidth(1, limit, None)
    with threadpool_limits(limits=1):
        found = _found_weights(dataset, limit, pairs, steps, rounds)
        if found is None:
            return NecessaryWidth(1, limit, None)
        for width in range(found.width, 0, -1):
            certificate = certificate_of_weights(dataset, rho, width, found.pairs, found.weights)
            if certificate is not None:
                return NecessaryWidth(width + 1, limit, certificate)
    return NecessaryWidth(1, limit, None)


def _found_weights(
    dataset: SeparatedDataset, limit: Fraction, pairs: int, steps: int, rounds: int
) -> FoundWeights | None:
    """Return the search's weights, None where floats do not resolve mu or fail."""
    points, exponent = scaled_floats(dataset.X)
    diameter = float(root_lower(limit / Fraction(4) ** exponent, 2))
    if diameter < _LEAST_DIAMETER:
        return None
    try:
        search = WidthSearch(points / diameter, dataset.y, pairs, steps, rounds)
        return search.largest_excluded()
    except np.linalg.LinAlgError:
        return None
