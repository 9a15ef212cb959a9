"""Exponents of sizes that are proved: only networks that the independent checker accepts count.

How P grows with N at one rho on uniform points of the cube with random labels, the data that
docs/theory.md 6 speaks of. A network that is not proved is an error, never a point left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pipeline.construction import CONSTRUCTIONS, build
from pipeline.construction.exponents import Exponent, fitted_slope
from pipeline.data import generate_dataset
from pipeline.verification.certified_counts import unproved


@dataclass(frozen=True)
class _Growth:
    """How a construction is built where its growth is measured.

    Args:
        options: of the construction.
        expected: the exponent of N that its theorem states at fixed d and rho, logarithms aside.
        words: the options, for the table.
    """

    options: Mapping[str, Any]
    expected: float
    words: str


# One kind of memorizer for every N: to change it in between would bend the line.
_GROWTHS = {
    "halving_lattice": _Growth({"memorizer": "retrieval"}, 0.5, "retrieval"),
}
# The constructions whose growth is measured on certified networks.
CERTIFIED = tuple(_GROWTHS)


def certified_count(name: str, N: int, d: int, rho: Fraction, seed: int = 0) -> int:
    """Return P of the network for N uniform points of the cube, built and certified.

    Args:
        name: of the construction, one of `CERTIFIED`.
        N: number of points, labelled 1 or 2 at random.
        d: input dimension.
        rho: robustness ratio.
        seed: of the points and of the construction.

    Raises:
        ValueError: if the name is none of these, the network cannot be built, or the checker does
            not prove every ball.
    """
    growth = _growth(name)
    data, _ = generate_dataset("cube", N=N, d=d, C=2, seed=seed)
    built = build(name, data, rho, options=growth.options, seed=seed)
    reason = unproved(built, CONSTRUCTIONS[name], data, rho)
    if reason:
        raise ValueError(
            f"only certified networks are fitted, {name} at N = {N:,}, d = {d}, rho = {rho} is "
            f"not: {reason}"
        )
    return built.network.parameter_count()


def certified_exponent(
    name: str,
    counts: Sequence[tuple[int, int]],
    d: int,
    rho: Fraction,
    confidence: float = 0.95,
) -> Exponent:
    """Return the exponent of P in N over certified networks; no logarithms are divided out.

    Args:
        name: of the construction, one of `CERTIFIED`.
        counts: pairs (N, P), of `certified_count`.
        d: input dimension, for the words alone.
        rho: robustness ratio, likewise.
        confidence: of the interval.

    Raises:
        ValueError: if the name is none of these, or there are fewer than three pairs.
    """
    growth = _growth(name)
    fit = fitted_slope([N for N, _ in counts], [P for _, P in counts], confidence)
    quantity = f"P, built and certified, d = {d}, rho = {rho}, {growth.words}"
    points = tuple((float(N), float(P)) for N, P in counts)
    return Exponent(name, "N", quantity, growth.expected, points, fit)


def _growth(name: str) -> _Growth:
    """Return how a construction's growth is measured.

    Raises:
        ValueError: if it is not.
    """
    if name not in _GROWTHS:
        known = ", ".join(CERTIFIED)
        raise ValueError(f"growth is measured of certified {known}, got {name!r}")
    return _GROWTHS[name]
