"""Egosi et al. 2025 (Appendix D.3): confirm every box test, then decide every ball.

Lemma. Block i holds corners l_ij and h_ij, a label c_i > 0 and a slope v_i > 0. It sums
s = sum_j relu(z_j - h_ij) + relu(l_ij - z_j) and the running output y becomes
max(y, c_i - v_i s). On a ball whose image lies within r of p:
    near  if l_ij <= p_j - r and p_j + r <= h_ij for all j, s = 0: block i offers exactly c_i;
    far   if sum_j max(0, p_j - r - h_ij) + max(0, l_ij - p_j - r) >= c_i / v_i, block i offers at
          most 0, because each summand bounds its ReLU from below on the whole image.
A block with c_i at most the ball's label never raises the output above that label. Corners, slopes
and labels are read from the weights, block by block and coordinate by coordinate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from typing import Any

import numpy as np

from pipeline.verification.check.balls import (
    BallImages,
    Claim,
    Findings,
    at_most,
    ball_images,
    cloud_of_fractions,
    finite,
    first_failure,
)
from pipeline.verification.check.forms import Form, neuron, require_rows, rows_of
from pipeline.verification.check.geometry import BLOCK
from pipeline.verification.check.layers import LayerReader
from pipeline.verification.check.readers import Layer, Network, rational
from pipeline.verification.check.rejection import Rejected

_Decision = Callable[[np.ndarray, np.ndarray], np.ndarray]
# Pairs decided at once in Python integers.
_EXACT = 1 << 12
# What the float64 rounding of a slack cannot exceed, relatively.
_ROUNDED = 1 - 2.0**-40


@dataclass(frozen=True)
class _Block:
    """Corners of the box, the label offered within it, and the level c / v of s that silences."""

    low: list[Fraction]
    high: list[Fraction]
    label: Fraction
    level: Fraction


class _Reader(LayerReader):
    """Layers consumed in order, with the forms of the carried point z and output y."""

    def __init__(self, layers: tuple[Layer, ...], z: list[Form]) -> None:
        super().__init__(layers)
        self.z, self.y = z, Form()


def check_egosi2025(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right; Rejected if a block is not what it claims to be.

    Raises:
        Rejected: if a layer is not what its block needs.
    """
    k, count = (int(structure[name]) for name in ("k", "blocks"))
    if min(k, count) < 1:
        raise Rejected("k and blocks must be positive")
    rows = rows_of(network.layers[0])[:k]
    reader = _Reader(network.layers, rows)
    blocks = [_block(reader, k, i == count - 1) for i in range(count)]
    reader.require_output(reader.y)
    balls = ball_images(claim, rows, rational(structure["lipschitz"]), None)
    return _findings(balls, blocks, claim, rational(structure["lipschitz"]))


def _block(reader: _Reader, k: int, last: bool) -> _Block:
    """Confirm one block, k layers of tests and one that writes the label.

    Raises:
        Rejected: if a layer is not what the block needs.
    """
    total: Form | None = None
    low, high = [], []
    for j in range(k):
        found = reader.rows()
        sums = [] if total is None else [total]
        if len(found) != k + 3 + len(sums):
            raise Rejected(
                f"layer {reader.used}: a box test on k = {k} needs {k + 3 + len(sums)} neurons, "
                f"got {len(found)}"
            )
        at = reader.z[j]
        high.append(at.constant - found[-2].constant)
        low.append(at.constant + found[-1].constant)
        expected = [*reader.z, reader.y, *sums, at.plus(-high[j]), (at * -1).plus(low[j])]
        require_rows(reader.used, found, expected, "a box test")
        reader.z, reader.y = [neuron(i) for i in range(k)], neuron(k)
        total = neuron(k + 1) + neuron(k + 2)
        if sums:
            total = total + neuron(k + 3)
    assert total is not None
    return _Block(low, high, *_label(reader, total, last))


def _label(reader: _Reader, total: Form, last: bool) -> tuple[Fraction, Fraction]:
    """Confirm y <- max(y, c - v s), s the confirmed sum; return c and c / v.

    Raises:
        Rejected: if the layer does anything else, or c or v is not positive.
    """
    found = reader.rows()
    label = found[-1].constant
    slope = -found[-1].terms.get(next(iter(total.terms)), Fraction(0))
    kept = [] if last else reader.z
    offered = (total * -slope - reader.y).plus(label)
    require_rows(reader.used, found, [*kept, reader.y, offered], "the maximum")
    if min(label, slope) <= 0:
        raise Rejected(
            f"layer {reader.used}: label and slope of a block must be positive, got {label} and "
            f"{slope}"
        )
    reader.z = kept
    reader.y = neuron(len(kept)) + neuron(len(kept) + 1)
    return label, label / slope


class _BoxTests:
    """Images of balls against boxes, exact in integers of one unit, the radius among them.

    The coarse pass drops low bits until sums over coordinates fit int64; dropping bits moves a
    difference by less than 1 of the coarse unit, which every comparison allows for. Pairs it
    leaves open are decided in Python integers.
    """

    def __init__(self, balls: BallImages, blocks: list[_Block]) -> None:
        corners = cloud_of_fractions([b.low for b in blocks] + [b.high for b in blocks])
        exponent = min(balls.centres.exponent, corners.exponent)
        scaled = balls.radius / Fraction(2) ** exponent
        self.unit = Fraction(2) ** exponent / scaled.denominator
        self.radius = scaled.numerator
        self.centres = balls.centres.at(exponent) * scaled.denominator
        both = corners.at(exponent) * scaled.denominator
        self.low, self.high = both[: len(blocks)], both[len(blocks) :]
        self.levels = np.array([ceil(b.level / self.unit) for b in blocks], dtype=object)
        self.k = self.centres.shape[1]
        largest = max(self.radius, *(int(np.abs(a).max()) for a in (self.centres, both)))
        # 2 k terms below 2^(b + 2) add up to less than 2^62.
        self.shift = max(largest.bit_length() - (58 - self.k.bit_length()), 0)
        exact = (self.centres, self.low, self.high)
        self.coarse = [(a >> self.shift).astype(np.int64) for a in exact]
        raised = -(-self.levels >> self.shift)
        self.coarse_levels = np.minimum(raised, 1 << 62).astype(np.int64)

    @property
    def _reach(self) -> int:
        """The radius in coarse units, rounded up, and 1 for the low bits of a difference."""
        return 1 - (-self.radius >> self.shift)

    def silent(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return whether every column's block is silent on each row's ball, and by how much.

        The second array is a float lower bound on the l2 distance from the ball's image to the
        points where one of the blocks offers anything: s changes by at most sqrt(k) a unit.
        """
        proved, slack = np.ones(len(rows), dtype=bool), np.full(len(rows), inf)
        for start, r in _parts(rows):
            part = slice(start, start + len(r))
            for _, c in _parts(columns):
                excess = self._least_sums(r, c) - self.coarse_levels[c]
                slack[part] = np.minimum(slack[part], excess.min(axis=1).clip(min=0))
                i, j = np.nonzero(excess < 0)
                failed = ~self._exactly(self._is_silent, r[i], c[j])
                proved[start + i[failed]] = False
        scale = float(self.unit * (1 << self.shift)) / self.k**0.5
        return proved, slack * scale * _ROUNDED

    def inside(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return whether some column's box contains each row's image ball."""
        proved = np.zeros(len(rows), dtype=bool)
        for start, r in _parts(rows):
            here = proved[start : start + len(r)]
            for _, c in _parts(columns):
                margins = self._least_margins(r, c)
                here |= np.any(margins >= self._reach, axis=1)
                # No box with a smaller margin can contain the image.
                possible = margins >= (self.radius >> self.shift)
                i, j = np.nonzero(possible & ~here[:, None])
                here[i[self._exactly(self._is_inside, r[i], c[j])]] = True
        return proved

    def _least_sums(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return coarse lower bounds of s on each ball, shape (rows, columns)."""
        centres, low, high = self.coarse
        reach = self._reach
        sums = np.zeros((len(rows), len(columns)), dtype=np.int64)
        for j in range(self.k):
            p = centres[rows, j][:, None]
            sums += np.maximum(p - (high[columns, j] + reach), 0)
            sums += np.maximum(low[columns, j] - reach - p, 0)
        return sums

    def _least_margins(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the least coarse distance of each centre to the box's faces, negative outside."""
        centres, low, high = self.coarse
        margins = np.full((len(rows), len(columns)), 1 << 62, dtype=np.int64)
        for j in range(self.k):
            p = centres[rows, j][:, None]
            np.minimum(margins, np.minimum(p - low[columns, j], high[columns, j] - p), out=margins)
        return margins

    @staticmethod
    def _exactly(decide: _Decision, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        parts = [slice(start, start + _EXACT) for start in range(0, len(rows), _EXACT)]
        found = [decide(rows[part], columns[part]) for part in parts]
        return np.concatenate([np.zeros(0, dtype=bool), *found]).astype(bool)

    def _is_silent(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        p = self.centres[rows]
        above = np.maximum(p - self.radius - self.high[columns], 0)
        below = np.maximum(self.low[columns] - p - self.radius, 0)
        return (above + below).sum(axis=1) >= self.levels[columns]

    def _is_inside(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        p = self.centres[rows]
        within = (p - self.low[columns] >= self.radius) & (self.high[columns] - p >= self.radius)
        return np.all(within, axis=1)


def _parts(indices: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(start, indices[start : start + BLOCK]) for start in range(0, len(indices), BLOCK)]


def _findings(
    balls: BallImages, blocks: list[_Block], claim: Claim, lipschitz: Fraction
) -> Findings:
    labels = claim.data.labels
    tests = _BoxTests(balls, blocks)
    offered = np.array([b.label for b in blocks], dtype=object)
    near = np.zeros(len(labels), dtype=bool)
    far = np.ones(len(labels), dtype=bool)
    slack = np.full(len(labels), inf)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        near[rows] = tests.inside(rows, np.flatnonzero(offered == int(label)))
        far[rows], slack[rows] = tests.silent(rows, np.flatnonzero(offered > int(label)))
    reason = first_failure(
        labels,
        [
            ("its image has a coordinate below 0, which relu does not carry", balls.inside),
            ("no box of its label is proved to contain its image", near),
            ("a block of a higher label is not proved silent on all of it", far),
        ],
    )
    facts = (
        f"{len(blocks)} box tests on k = {tests.k} coordinates, norm of the projection at most "
        f"{at_most(lipschitz)}",
        f"image radius at most {at_most(balls.radius)}",
    )
    return Findings(balls.inside & near & far, finite(slack), reason, facts)
