"""Exact search over activation regions: a ball is cut where neurons bend, until f is affine.

A neuron keeps its sign on a ball if and only if (a.c + b)^2 >= mu^2 ||a||^2, a comparison of
rationals; where all do, the network is affine and the claim is decided exactly. Any other neuron
cuts the region in two, unless one side of it is proved empty (`cuts.py`). Depth first, layer by
layer, forms carried forward in integers. What is found is proved by the independent checker
(affine leaves of docs/format.md); what the floats of the solver suggest decides nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from pipeline.verification.check.affine import (
    centred_inputs,
    post_activations,
    pre_activations,
    stable_sign,
)
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import Network
from pipeline.verification.check.stable import layer_matrix
from pipeline.verification.splitting.cuts import TOLERANCE, Cut, Side, side_of
from pipeline.verification.splitting.region_claims import AffineRegion

# Points of a region that are remembered: they spare the solver the sides on which they lie.
_MOST_POINTS = 64
# Regions that may stay open before a ball is given up: one of them may hold a wrong point.
_MOST_OPEN = 4


@dataclass(frozen=True, eq=False)
class ExactLeaf:
    """A proved region: its path, and multipliers of the path for the claims of both sides."""

    path: tuple[int, ...]
    above: tuple[float, ...]
    below: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Explored:
    """What the search of one ball found.

    Args:
        leaves: a complete tree of proved regions; None if a region stays open.
        suspects: points relative to mu at which f may be wrong, shape (n, d).
        regions: how many were looked at.
        late: whether time ended first.
    """

    leaves: tuple[ExactLeaf, ...] | None
    suspects: np.ndarray
    regions: int
    late: bool


@dataclass(frozen=True, eq=False)
class _Region:
    """A region down to one layer.

    Args:
        layer: its number.
        rows: forms of its pre-activations in t.
        exponent: their common power of two.
        signs: of its neurons, None where undecided.
        path: the splits so far, in order.
        points: some points of the region, relative to mu, shape (n, d).
        doubtful: whether it may be empty.
    """

    layer: int
    rows: list[list[int]]
    exponent: int
    signs: tuple[int | None, ...]
    path: tuple[Cut, ...]
    points: np.ndarray
    doubtful: bool


class ExactRegions:
    """The regions into which a network's neurons cut the balls of a claim.

    Args:
        network: ReLUs; a threshold that bends is split too, but with less chance of a proof.
        claim: dataset, radius and norm, p = 1, 2 or inf.
        radius: mu as a float.
        nearest: whether |f - y| < 1/2 is asked for instead of f = y.
    """

    def __init__(self, network: Network, claim: Claim, radius: float, nearest: bool) -> None:
        self._layers, self._claim = network.layers, claim
        self._radius, self._nearest = radius, nearest
        self._matrices = [layer_matrix(layer) for layer in network.layers]
        widths = [layer.outputs for layer in network.layers]
        self._first = [sum(widths[:k]) for k in range(len(widths))]
        self._continuous = not any(layer.thresholds.any() for layer in network.layers)

    def explore(self, ball: int, seconds: float, regions: int) -> Explored:
        """Return what is found out about a ball.

        Args:
            ball: index of its centre.
            seconds: wall time.
            regions: most regions to look at.
        """
        end = time.monotonic() + seconds
        leaves: list[ExactLeaf] = []
        suspects = [np.zeros((0, self._claim.data.points.shape[1]))]
        pending, looked_at = [self._whole(ball)], 0
        late = False
        while pending and looked_at < regions and len(suspects) <= _MOST_OPEN:
            if late := time.monotonic() > end:
                break
            looked_at += 1
            region = self._at_next_bend(pending.pop())
            if region.layer < len(self._layers) - 1:
                pending += self._halves(region, leaves)
                continue
            form = self._affine(region, ball)
            if not self._settle(form, region.doubtful, leaves):
                suspects.append(form.suspects(self._claim))
        proved = not pending and len(suspects) == 1
        found = tuple(leaves) if proved else None
        return Explored(found, np.concatenate(suspects), looked_at, late)

    def _whole(self, ball: int) -> _Region:
        points = _scattered(self._claim.data.points.shape[1], self._claim.p)
        forms, exponent = centred_inputs(self._claim, ball)
        empty = _Region(-1, forms, exponent, (), (), points, False)
        return self._entered(empty, forms, exponent)

    def _entered(self, region: _Region, forms: list[list[int]], exponent: int) -> _Region:
        """Return the region at the next layer, whose inputs are given."""
        number = region.layer + 1
        rows, exponent = pre_activations(
            self._layers[number], self._matrices[number], forms, exponent
        )
        signs: tuple[int | None, ...] = ()
        if number < len(self._layers) - 1:
            signs = tuple(stable_sign(row, self._claim) for row in rows)
        return replace(region, layer=number, rows=rows, exponent=exponent, signs=signs)

    def _at_next_bend(self, region: _Region) -> _Region:
        """Return the region at the first layer with an undecided neuron, or at the output."""
        while region.layer < len(self._layers) - 1:
            known = [sign for sign in region.signs if sign is not None]
            if len(known) < len(region.signs):
                return region
            layer = self._layers[region.layer]
            forms = post_activations(layer, region.rows, known, region.exponent)
            region = self._entered(region, *forms)
        return region

    def _halves(self, region: _Region, leaves: list[ExactLeaf]) -> list[_Region]:
        """Cut at the first undecided neuron; a side that is proved empty becomes a leaf."""
        k = region.signs.index(None)
        neuron = self._first[region.layer] + k
        cut = Cut(neuron, 1, region.rows[k], region.exponent, self._radius)
        sides = {sign: self._side(region, cut.on(sign)) for sign in (1, -1)}
        halves = []
        for sign, side in sides.items():
            if side.betas is not None:
                path = (*(c.split for c in region.path), cut.on(sign).split)
                leaves.append(ExactLeaf(path, side.betas, side.betas))
                continue
            own = cut.on(sign, implied=sides[-sign].betas is not None)
            halves.append(
                replace(
                    region,
                    signs=(*region.signs[:k], sign, *region.signs[k + 1 :]),
                    path=(*region.path, own),
                    points=side.points,
                    doubtful=region.doubtful or side.doubtful,
                )
            )
        return halves

    def _side(self, region: _Region, cut: Cut) -> Side:
        """Return what is on one side, without the solver where a known point lies there."""
        values = cut.values(region.points)
        points = region.points[values >= 0]
        if not region.path or (values > TOLERANCE).any():
            return Side(None, points)
        side = side_of(region.path, cut, self._claim, self._continuous)
        return replace(side, points=np.concatenate([points, side.points])[-_MOST_POINTS:])

    def _affine(self, region: _Region, ball: int) -> AffineRegion:
        label = int(self._claim.data.labels[ball])
        return AffineRegion(region.path, region.rows[0], region.exponent, label)

    def _settle(self, form: AffineRegion, doubtful: bool, leaves: list[ExactLeaf]) -> bool:
        """Prove a region on which f is affine, or that it is empty; return whether it worked."""
        above, below = (form.multipliers(side, self._nearest, self._claim) for side in (1, -1))
        if above is None or below is None:
            above = below = self._emptiness(form.path) if doubtful else None
        if above is None or below is None:
            return False
        leaves.append(ExactLeaf(tuple(cut.split for cut in form.path), above, below))
        return True

    def _emptiness(self, path: tuple[Cut, ...]) -> tuple[float, ...] | None:
        """Return multipliers that prove a region empty, where all of its cuts together do."""
        for k, cut in enumerate(path):
            others = (*path[:k], *path[k + 1 :])
            betas = side_of(others, cut, self._claim, self._continuous).betas
            if betas is not None:
                return (*betas[:k], betas[-1], *betas[k:-1])
        return None


def _scattered(d: int, p: float) -> np.ndarray:
    """Return the centre and some random points of the unit ball, shape (n, d)."""
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((_MOST_POINTS // 2, d))
    lengths = np.linalg.norm(directions, ord=p, axis=1, keepdims=True)
    shares = generator.uniform(size=(len(directions), 1)) ** (1 / d)
    return np.concatenate([np.zeros((1, d)), directions * shares / lengths])
