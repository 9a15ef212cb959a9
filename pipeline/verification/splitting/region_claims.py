"""The claim on a region where the network is affine: proved with multipliers, or points in doubt.

Rule `exact`: f = y on a region with interior points if and only if the form is the constant y.
Rule `nearest`: the least value of f - y + 1/2 and of y + 1/2 - f on the region is a convex program
(leaf_program.py), whose multipliers are rounded to floats and checked in rationals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.verification.check.affine import reaches, reduced
from pipeline.verification.check.balls import Claim
from pipeline.verification.splitting.cuts import Cut, solved, true_multipliers

# How far suspects move from a region's extreme points towards its inside.
_INWARDS = (1e-9, 1e-4, 0.5)
_MOST_DIRECTIONS = 8


@dataclass(frozen=True, eq=False)
class AffineRegion:
    """A region with the output's form on it.

    Args:
        path: half-spaces that bound the region within its ball.
        row: a_1, ..., a_d, b of the output f = a.t + b, integers times 2**exponent.
        exponent: the power of two.
        label: y.
    """

    path: tuple[Cut, ...]
    row: Sequence[int]
    exponent: int
    label: int

    def multipliers(self, side: int, nearest: bool, claim: Claim) -> tuple[float, ...] | None:
        """Return multipliers of the path that prove side * (f - y) >= 0 (or > -1/2), if any do."""
        none = (0.0,) * len(self.path)
        target = Fraction(self.label) - (Fraction(side, 2) if nearest else 0)
        unit = Fraction(2) ** self.exponent
        form = [side * v * unit for v in self.row]
        form[-1] -= side * target
        if _positive(form, self.path, none, nearest, claim):
            return none
        if not nearest or not any(self.row[:-1]):
            return None
        objective = self._objective(side)
        found = solved(self.path, objective, claim)
        if found is None:
            return None
        betas = true_multipliers(self.path, found.multipliers, objective)
        if betas is None or not _positive(form, self.path, betas, nearest, claim):
            return None
        return betas

    def suspects(self, claim: Claim) -> np.ndarray:
        """Return points of the region, relative to mu, shape (n, d), where f may be wrong."""
        inner = interior_point(self.path, len(self.row) - 1, claim)
        points = [inner]
        if any(self.row[:-1]):
            for side in (1, -1):
                found = solved(self.path, self._objective(side), claim)
                if found is not None:
                    points += [found.point + share * (inner - found.point) for share in _INWARDS]
        return np.array(points)

    def _objective(self, side: int) -> Cut:
        return Cut(-1, side, self.row, self.exponent, 1.0)


def interior_point(path: Sequence[Cut], d: int, claim: Claim) -> np.ndarray:
    """Return a point inside a region, relative to mu, shape (d,), in floats.

    It is the mean of the points farthest from the cuts and of extreme points along some axes.
    """
    aims = [cut.on(-cut.sign) for cut in path if not cut.implied]
    for axis in range(min(d, _MOST_DIRECTIONS)):
        row = [int(j == axis) for j in range(d + 1)]
        aims += [Cut(-1, sign, row, 0, 1.0) for sign in (1, -1)]
    found = [solved(path, aim, claim) for aim in aims]
    points = [solution.point for solution in found if solution is not None]
    return np.mean(points, axis=0) if points else np.zeros(d)


def _positive(
    form: Sequence[Fraction],
    path: Sequence[Cut],
    betas: Sequence[float],
    strict: bool,
    claim: Claim,
) -> bool:
    """Return whether form - sum beta s z is > 0 (>= 0) on the open ball, in rationals."""
    used = [(cut, Fraction(b)) for cut, b in zip(path, betas, strict=True) if b]
    rows = {cut.neuron: [v * Fraction(2) ** cut.exponent for v in cut.row] for cut, _ in used}
    *slopes, value = reduced(form, rows, {cut.split: b for cut, b in used})
    enough = value > 0 if strict else value >= 0
    return enough and reaches(value, slopes, claim)
