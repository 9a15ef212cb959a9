"""Half-spaces of exact regions: rows of integers, their float images, and proofs of emptiness.

A region is a ball cut by half-spaces s z(t) >= 0, z exact. Whether one more half-space leaves
anything of it is asked of Clarabel in floats; that it leaves nothing is then proved by multipliers
beta >= 0 with sum beta s z <= 0 on the ball, in rationals, as the independent checker will do it
(`pipeline.verification.check.affine.excluded`). Weights may be of any size: every half-space is
scaled to norm 1, and its true size is kept as a float and a power of two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import flint
import numpy as np

from pipeline.verification.check.affine import excluded
from pipeline.verification.check.balls import Claim
from pipeline.verification.splitting.leaf_program import LeafSolution, solved_leaf

# Values of z / (mu ||a||) below this are not told from 0 in floats.
TOLERANCE = 1e-7
# Multipliers relative to the largest one: below the first they are noise, below the second a
# program's degeneracy is at work.
_NOISE, _SUPPORT = 1e-12, 1e-6
_FLOAT_BITS = 53
_LARGEST_POWER = 1000


@dataclass(frozen=True, eq=False)
class Cut:
    """A neuron's pre-activation z on a region, and the half-space s z >= 0.

    Args:
        neuron: number of the neuron.
        sign: s, 1 or -1.
        row: a_1, ..., a_d, b with z = a.t + b, integers times 2**exponent, some a not 0.
        exponent: the power of two.
        radius: mu as a float.
        implied: whether the cuts before it leave nothing on its other side.
    """

    neuron: int
    sign: int
    row: Sequence[int]
    exponent: int
    radius: float
    implied: bool = False

    @property
    def split(self) -> int:
        """The split as proofs write it."""
        return self.sign * (self.neuron + 1)

    def on(self, sign: int, implied: bool = False) -> Cut:
        """Return the half-space of the same neuron on that side."""
        return replace(self, sign=sign, implied=implied)

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return s z / (mu ||a||) at points relative to mu, shape (n, d), in floats."""
        return np.asarray(points @ self.unit[:-1] + self.unit[-1])

    @cached_property
    def unit(self) -> np.ndarray:
        """The form s z / (mu ||a||) in t / mu: d slopes of norm 1 and the constant, float64."""
        values = self._leading[0].copy()
        values[-1] /= self.radius
        return np.asarray(self.sign * values / np.linalg.norm(values[:-1]))

    @cached_property
    def size(self) -> tuple[float, int]:
        """Norm of the slopes, a float times a power of two."""
        slopes, bits = self._leading
        return float(np.linalg.norm(slopes[:-1])), bits + self.exponent

    @cached_property
    def primitive(self) -> tuple[tuple[int, ...], Fraction]:
        """The row of z without its common factor, first entry positive, and that factor."""
        factor = math.gcd(*self.row)
        if next(v for v in self.row if v) < 0:
            factor = -factor
        return tuple(v // factor for v in self.row), factor * Fraction(2) ** self.exponent

    @cached_property
    def _leading(self) -> tuple[np.ndarray, int]:
        """The leading bits of the row relative to its longest slope, and how long that one is."""
        bits = max(abs(a).bit_length() for a in self.row[:-1])
        shift = max(bits - 64, 0)
        values = [_float(v >> shift, shift - bits) for v in self.row]
        return np.array(values), bits


@dataclass(frozen=True, eq=False)
class Side:
    """What is on one side of a neuron within a region.

    Args:
        betas: multipliers of the region's cuts and, last, of the side's own half-space, that prove
            that nothing is there; None if something is or seems to be.
        points: points found there, relative to mu, shape (n, d).
        doubtful: whether floats saw nothing there and exact numbers did not confirm it.
    """

    betas: tuple[float, ...] | None
    points: np.ndarray
    doubtful: bool = False


def side_of(path: Sequence[Cut], new: Cut, claim: Claim, continuous: bool) -> Side:
    """Return what a half-space leaves of the ball cut by others.

    Args:
        path: the others.
        new: the half-space.
        claim: dataset, radius and norm.
        continuous: whether the network has no thresholds.
    """
    together, nowhere = [*path, new], np.zeros((0, len(new.row) - 1))
    betas = _opposite(path, new)
    if betas is not None and proves_empty(together, betas, claim, continuous):
        return Side(betas, nowhere)
    found = solved(path, new.on(-new.sign), claim)
    if found is None:
        return Side(None, nowhere, doubtful=True)
    if new.values(found.point) > TOLERANCE:
        return Side(None, found.point[None])
    units = np.append(found.multipliers, 1.0)
    for attempt in (_rounded, _cancelling):
        betas = attempt(together, units)
        if betas is not None and proves_empty(together, betas, claim, continuous):
            return Side(betas, nowhere)
    return Side(None, found.point[None], doubtful=True)


def solved(path: Sequence[Cut], objective: Cut, claim: Claim) -> LeafSolution | None:
    """Return where on a region a form s z is least, relative to mu, and all cuts' multipliers.

    Multipliers are those of the unit forms, 0 where a cut is implied.
    """
    binding = [k for k, cut in enumerate(path) if not cut.implied]
    units = np.array([path[k].unit for k in binding]).reshape(-1, len(objective.row))
    slopes = objective.unit[:-1]
    found = solved_leaf(slopes, units[:, :-1], units[:, -1], 1.0, claim.p)
    if found is None:
        return None
    multipliers = np.zeros(len(path))
    multipliers[binding] = found.multipliers
    return LeafSolution(found.point, multipliers)


def proves_empty(
    path: Sequence[Cut], betas: Sequence[float], claim: Claim, continuous: bool
) -> bool:
    """Return whether the multipliers prove exactly that nothing is left of the ball."""
    used = [(cut, Fraction(b)) for cut, b in zip(path, betas, strict=True) if b]
    least = min((cut.exponent for cut, _ in used), default=0)
    rows = {cut.neuron: [v << (cut.exponent - least) for v in cut.row] for cut, _ in used}
    return excluded(rows, {cut.split: b for cut, b in used}, claim, continuous)


def true_multipliers(
    cuts: Sequence[Cut], units: np.ndarray, reference: Cut | None = None
) -> tuple[float, ...] | None:
    """Return multipliers of s z for those of the unit forms.

    Args:
        cuts: the half-spaces.
        units: multipliers of their unit forms, shape (k,).
        reference: whose unit form has the multiplier 1, and shall have it; without one the
            multipliers keep their ratios only.

    Returns:
        None if floats cannot hold them.
    """
    sizes = [cut.size for cut in cuts]
    parts = [math.frexp(u / size[0]) for u, size in zip(units.tolist(), sizes, strict=True)]
    powers = [e - size[1] for (_, e), size in zip(parts, sizes, strict=True)]
    used = [power for (m, _), power in zip(parts, powers, strict=True) if m]
    factor, shift = (1.0, -(max(used, default=0) + min(used, default=0)) // 2)
    if reference is not None:
        factor, shift = reference.size
    if any(abs(power + shift) > _LARGEST_POWER for power in used):
        return None
    pairs = zip(parts, powers, strict=True)
    return tuple(math.ldexp(m * factor, power + shift) if m else 0.0 for (m, _), power in pairs)


def _float(value: int, power: int) -> float:
    """Return value * 2**power, infinite where floats end: a constant may dwarf its slopes."""
    try:
        return math.ldexp(float(value), power)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _opposite(path: Sequence[Cut], new: Cut) -> tuple[float, ...] | None:
    """Return multipliers if one of the cuts is the opposite half-space."""
    form, factor = new.primitive
    for k, cut in enumerate(path):
        other, size = cut.primitive
        if form == other and factor * new.sign * size * cut.sign < 0:
            betas = _as_floats([abs(factor), abs(size)])
            if betas is not None:
                return (*(betas[0] if j == k else 0.0 for j in range(len(path))), betas[1])
    return None


def _rounded(cuts: Sequence[Cut], units: np.ndarray) -> tuple[float, ...] | None:
    """Return the solver's multipliers without those that are noise."""
    return true_multipliers(cuts, np.where(units > _NOISE * units.max(), units, 0.0))


def _cancelling(cuts: Sequence[Cut], units: np.ndarray) -> tuple[float, ...] | None:
    """Return multipliers of the solver's support with sum beta s z = 0, if they are unique."""
    support = np.flatnonzero(units > _SUPPORT * units.max()).tolist()
    least = min(cuts[k].exponent for k in support)
    columns = [
        [cuts[k].sign * v << (cuts[k].exponent - least) for v in cuts[k].row] for k in support
    ]
    null, dimension = flint.fmpz_mat(columns).transpose().nullspace()
    if dimension != 1:
        return None
    line = [Fraction(int(null[row, 0])) for row in range(len(support))]
    if line[0] < 0:
        line = [-v for v in line]
    values = _as_floats(line) if min(line) > 0 else None
    if values is None:
        return None
    betas = dict(zip(support, values, strict=True))
    return tuple(betas.get(k, 0.0) for k in range(len(cuts)))


def _as_floats(values: Sequence[Fraction]) -> list[float] | None:
    """Return numbers > 0 in the same ratios that are float64 exactly, None if there are none."""
    common = math.lcm(*(v.denominator for v in values))
    integers = [int(v * common) for v in values]
    factor = math.gcd(*integers)
    integers = [v // factor for v in integers]
    zeros = [(v & -v).bit_length() - 1 for v in integers]
    odd = [v >> e for v, e in zip(integers, zeros, strict=True)]
    if max(v.bit_length() for v in odd) > _FLOAT_BITS or max(zeros) > 2 * _LARGEST_POWER:
        return None
    middle = max(zeros) // 2
    return [math.ldexp(float(v), e - middle) for v, e in zip(odd, zeros, strict=True)]
