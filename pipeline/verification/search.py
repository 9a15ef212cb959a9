"""Search without gradients, for networks of plateaus, steep ramps, steps and narrow bands.

Lines through a ball's centre, along normals of the first layer, towards another label and at
random, are searched where a neuron changes sign and where a neuron of the first layer is an
integer (a wall of floors). Every candidate is evaluated exactly. Where the rule is `nearest`, the
worst point of a ball is then mutated; under f = y there is nothing to follow on a plateau.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.data import SeparatedDataset, generator
from pipeline.exact import DyadicArray, parse_norm
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, norms, radius_below, scaled_floats
from pipeline.verification.directions import on_sphere, towards
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.search_lines import Lines, SignPatterns, breakpoints, walls
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    confirmed_witnesses,
    parse_decision,
    require_matching,
)

_SHARE = 0.999999
# Displacements to 2**-48 mu: bands thinner than that are missed.
_GRID_BITS = 48
# Lines of a ball: the nearest walls' normals, the nearest other label, random ones.
_NORMALS, _RANDOM = 4, 2
_WALLS = 3
# Steps off a wall against mu, to either side.
_OFFSETS = (2.0**-12, 2.0**-24, 2.0**-40)
_GENERATIONS, _MUTANTS = 4, 12
_ENTRIES_A_BLOCK = 1 << 22

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Search:
    """What all blocks share.

    Args:
        network: the network.
        dataset: the balls.
        rho: robustness ratio.
        p: norm of the balls.
        decision: rule.
        radius: float value of mu.
        random: source of everything random.
        workers: threads of the exact evaluation.
    """

    network: ReLUNetwork
    dataset: SeparatedDataset
    rho: Fraction
    p: int | float
    decision: Decision
    radius: float
    random: np.random.Generator
    workers: int | None

    def points(self, balls: np.ndarray, displacements: np.ndarray) -> DyadicArray:
        return displaced_points(self.dataset.X, balls, displacements, self.radius, _GRID_BITS)

    def confirmed(self, balls: np.ndarray, displacements: np.ndarray) -> list[BallVerdict]:
        return confirmed_witnesses(
            self.network,
            self.dataset,
            self.rho,
            self.p,
            self.decision,
            balls,
            self.points(balls, displacements),
            "search",
            self.workers,
        )


def search_attack(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    decision: str | Decision = Decision.NEAREST,
    *,
    points: int = 200,
    most_balls: int | None = None,
    suspects: Collection[int] = (),
    balls: np.ndarray | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> list[BallVerdict]:
    """Return the balls that searching lines without gradients falsifies, evaluated exactly.

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        decision: `exact` or `nearest`.
        points: about so many exact evaluations a ball.
        most_balls: balls searched: suspects first, the rest drawn evenly; None for all.
        suspects: balls in doubt.
        balls: indices to choose from, all by default.
        seed: of everything random; the result does not depend on `workers`.
        workers: threads of the exact evaluation.

    Raises:
        ValueError: if points is below 1.
    """
    require_matching(network, dataset)
    if points < 1:
        raise ValueError(f"the search needs points >= 1, got {points}")
    p, rule = parse_norm(p), parse_decision(decision)
    random = generator(seed, "verify", "search")
    indices = _chosen(dataset.N, balls, suspects, most_balls, random)
    radius = radius_below(dataset, rho, p)
    search = _Search(network, dataset, rho, p, rule, radius, random, workers)
    try:
        patterns = SignPatterns(network)
        first = ReLUNetwork((network.layers[0],), ())
        values = first.evaluate_exact(dataset.X[indices], workers).nearest_float64()
    except OverflowError:
        _log.warning("search skipped: weights or values exceed the range of float64")
        return []
    found: dict[int, BallVerdict] = {}
    partners = nearest_other_label(scaled_floats(dataset.X)[0], dataset.y, 1, indices)[:, 0]
    size = max(1, _ENTRIES_A_BLOCK // (200 * max(network.width, network.inputs)))
    with threadpool_limits(limits=1):
        for start in range(0, len(indices), size):
            part = slice(start, start + size)
            lines = _lines(search, patterns, indices[part], partners[part], values[part])
            for verdict in _block(search, patterns, lines, indices[part], points):
                found[verdict.index] = verdict
    return [found[ball] for ball in sorted(found)]


def _chosen(
    N: int,
    balls: np.ndarray | None,
    suspects: Collection[int],
    most: int | None,
    random: np.random.Generator,
) -> np.ndarray:
    """Return the balls searched, in ascending order."""
    indices = np.arange(N) if balls is None else np.asarray(balls, dtype=np.int64)
    if most is None or len(indices) <= most:
        return indices
    shuffled = random.permutation(indices)
    order = np.argsort(~np.isin(shuffled, list(suspects)), kind="stable")
    return np.sort(shuffled[order][:most])


def _block(
    search: _Search, patterns: SignPatterns, lines: Lines, balls: np.ndarray, points: int
) -> list[BallVerdict]:
    """Return the balls of one block that are falsified."""
    a_line = max(1, points * len(balls) // len(lines.balls))
    places = [
        *_near_walls(search, lines),
        breakpoints(patterns, lines, -(-a_line // 3), search.random),
    ]
    rows = np.concatenate([line for line, _ in places])
    t = np.concatenate([place for _, place in places])
    inside = np.abs(t) <= lines.reach
    rows, t = rows[inside], t[inside]
    verdicts = search.confirmed(lines.balls[rows], t[:, None] * lines.directions[rows])
    if search.decision is Decision.EXACT:
        return verdicts
    rest = np.setdiff1d(balls, [verdict.index for verdict in verdicts])
    return verdicts + _evolved(search, rest)


def _lines(
    search: _Search,
    patterns: SignPatterns,
    balls: np.ndarray,
    partners: np.ndarray,
    values: np.ndarray,
) -> Lines:
    """Return the lines of some balls, by kind and ball; `values` are those of the first layer."""
    dataset, d = search.dataset, search.dataset.d
    directions = [towards(dataset, balls, partners, search.p)]
    directions += _normals(search, patterns, values)
    directions += [on_sphere(search.random, len(balls), d, search.p) for _ in range(_RANDOM)]
    stacked = np.concatenate(directions)
    return Lines(
        np.tile(balls, len(directions)),
        stacked,
        np.tile(values, (len(directions), 1)),
        (patterns.first @ stacked.T).T,
        search.radius * _SHARE,
    )


def _normals(search: _Search, patterns: SignPatterns, values: np.ndarray) -> list[np.ndarray]:
    """Return for every ball the normals whose integer walls or signs change nearest to it."""
    first = patterns.first
    dense = first if isinstance(first, np.ndarray) else first.toarray()
    lengths = np.maximum(norms(dense, 2), np.finfo(float).tiny)
    zero, distance = np.abs(values) / lengths, np.abs(values - np.rint(values)) / lengths
    # A plane through the ball is worth more than a wall, since most networks have no walls.
    distance = np.where(zero < search.radius, -1 / (1 + zero), distance)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :_NORMALS]
    unit = dense / np.maximum(norms(dense, search.p), np.finfo(float).tiny)[:, None]
    return [unit[column] for column in nearest.T]


def _near_walls(search: _Search, lines: Lines) -> list[tuple[np.ndarray, np.ndarray]]:
    offsets = [0.0, *(sign * step for step in _OFFSETS for sign in (1, -1))]
    return [
        (rows, t + offset * search.radius) for rows, t in walls(lines, _WALLS) for offset in offsets
    ]


def _evolved(search: _Search, balls: np.ndarray) -> list[BallVerdict]:
    """Return balls falsified by mutating the displacement with the largest |f - y|, exactly."""
    d = search.dataset.d
    best, errors = np.zeros((len(balls), d)), np.full(len(balls), -1.0)
    reach = search.radius * _SHARE
    for generation in range(_GENERATIONS if len(balls) else 0):
        scale = 0.5**generation
        rows = np.repeat(np.arange(len(balls)), _MUTANTS)
        moved = best[rows] + scale * reach * on_sphere(search.random, len(rows), d, search.p)
        moved *= np.minimum(1, reach / np.maximum(norms(moved, search.p), reach))[:, None]
        sizes = _errors(search, balls[rows], moved).reshape(len(balls), _MUTANTS)
        place = sizes.argmax(axis=1)
        largest = sizes[np.arange(len(balls)), place]
        better = largest > errors
        best[better] = moved.reshape(len(balls), _MUTANTS, d)[better, place[better]]
        errors[better] = largest[better]
    return search.confirmed(balls, best)


def _errors(search: _Search, balls: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """Return |f - y| of exact outputs, rounded to float64 for comparison only."""
    outputs = search.network.evaluate_exact(search.points(balls, displacements), search.workers)
    exponent = min(outputs.exponent, 0)
    labels = search.dataset.y[balls].astype(object) * (1 << -exponent)
    error = abs(outputs.at_exponent(exponent)[:, 0].astype(object) - labels)
    return DyadicArray(error, exponent).nearest_float64()
