"""Exact points inside balls where a halving lattice is most likely wrong.

Near walls of one or several rounds, at parts of delta on either side; corners of cells; the balls'
boundaries. The places are found in floats, for any projection; whether a point lies inside its open
ball is decided exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.network import ReLUNetwork
from tests.construction.ball_points import length_power
from tests.verification.check.check_files import Document

# Parts of delta from a wall: gates and masks shut, half open and open, digits' ramps, and beyond.
PARTS = np.array([0, 1, 3, 4, 5, 7, 7.99, 8, 8.01, 9, 12, 15, 15.99, 16.01, 17, 24]) / 16
BITS = 80
SHARE = 1 - 2.0**-20


@dataclass(frozen=True)
class Balls:
    """Open l_p balls with their labels.

    Args:
        centres: integers times 2**exponent, shape (N, d).
        exponent: of the centres.
        labels: shape (N,).
        power: of the radius, see ball_points.length_power.
        p: of the norm.
    """

    centres: np.ndarray
    exponent: int
    labels: np.ndarray
    power: Fraction
    p: float = 2

    def fractions(self) -> list[list[Fraction]]:
        """Return the centres."""
        unit = Fraction(2) ** self.exponent
        return [[int(v) * unit for v in row] for row in self.centres.tolist()]


def true_balls(data: SeparatedDataset, rho: Fraction, p: float = 2) -> Balls:
    """Return the balls that a certificate for these data speaks about."""
    centres = data.X.numerators.astype(object)
    return Balls(centres, data.X.exponent, data.y, data.radius_power(rho, p), p)


@dataclass(frozen=True)
class _Map:
    """W x + b, and the walls of coordinate j: (j, round, place)."""

    W: np.ndarray
    b: np.ndarray
    walls: list[tuple[int, int, np.ndarray]]
    delta: float

    def near(self, z: np.ndarray, reach: float) -> list[tuple[int, int, float]]:
        return [
            (j, k, float(place))
            for j, k, places in self.walls
            for place in places[abs(places - z[j]) < reach]
        ]


def _map_of(network: ReLUNetwork, structure: Document) -> _Map:
    first = network.layers[0]
    scale = 2.0**first.exponent
    top, walls = 1 << int(structure["levels"]), []
    for k, each in enumerate(structure["rounds"]):
        side = 1 << int(each["shift"])
        for j, text in enumerate(each["translation"]):
            walls.append((j, k, np.arange(0, top + side, side) - float(Fraction(text))))
    W = first.weight.dense().astype(float) * scale
    return _Map(W, first.bias.astype(float) * scale, walls, 2.0 ** -int(structure["delta_bits"]))


def hard_points(
    network: ReLUNetwork, structure: Document, balls: Balls, each: int = 12, seed: int = 0
) -> tuple[DyadicArray, np.ndarray]:
    """Return about 2 * `each` points inside every ball, and the numbers of their balls."""
    at, random = _map_of(network, structure), np.random.default_rng(seed)
    degree = 1 if balls.p in (1, np.inf) else int(balls.p)
    radius = float(balls.power) ** (1 / degree)
    rows, owners = [], []
    for i, x in enumerate(balls.fractions()):
        centre = np.array([float(v) for v in x])
        reach = radius * float(np.linalg.norm(at.W, 2)) * len(centre) ** 0.5
        near = at.near(at.W @ centre + at.b, reach)
        moves = [_boundary_move(at, radius, random) for _ in range(each)]
        moves += [_wall_move(at, centre, near, radius, random) for _ in range(each) if near]
        moves.append(np.zeros(len(centre)))
        for move in moves:
            moved = [Fraction(round(float(v) * 2**60) << (BITS - 60), 1 << BITS) for v in move]
            if length_power(moved, balls.p) < balls.power:
                rows.append([int((a + m) * (1 << BITS)) for a, m in zip(x, moved, strict=True)])
                owners.append(i)
    array = np.empty((len(rows), balls.centres.shape[1]), dtype=object)
    array[:] = rows
    return DyadicArray(array, -BITS), np.array(owners)


def _boundary_move(at: _Map, radius: float, random: np.random.Generator) -> np.ndarray:
    """Return a move almost to the boundary: along a row of W, an axis or anywhere."""
    d = at.W.shape[1]
    kind = int(random.integers(3))
    if kind == 0:
        move = at.W[int(random.integers(len(at.W)))].copy()
    elif kind == 1:
        move = np.eye(d)[int(random.integers(d))]
    else:
        move = random.normal(size=d)
    length = float(np.linalg.norm(move))
    share = SHARE if random.integers(3) else float(random.uniform(0.3, 1))
    sign = 1 if random.integers(2) else -1
    return move * (sign * share * radius / length) if length else move


def _wall_move(
    at: _Map,
    centre: np.ndarray,
    near: list[tuple[int, int, float]],
    radius: float,
    random: np.random.Generator,
) -> np.ndarray:
    """Return a move that comes near walls of some coordinates, the rest of the way random."""
    order = [near[k] for k in random.permutation(len(near))]
    most = int(random.integers(1, len(at.W) + 1))
    chosen: dict[int, float] = {}
    for j, _, place in order:
        if len(chosen) < most and j not in chosen:
            part = PARTS[int(random.integers(len(PARTS)))] * (1 if random.integers(2) else -1)
            chosen[j] = place + float(part) * at.delta
    rows = at.W[list(chosen)]
    target = np.array(list(chosen.values())) - rows @ centre - at.b[list(chosen)]
    inverse = np.linalg.pinv(rows)
    move = inverse @ target
    left = radius**2 - float(move @ move)
    if left > 0 and random.integers(2):
        # Along the walls, almost to the boundary.
        aside = random.normal(size=len(move))
        aside -= inverse @ (rows @ aside)
        length = float(np.linalg.norm(aside))
        if length > 1e-9:
            move = move + aside * (SHARE * left**0.5 / length)
    return move


def wrong_balls(
    network: ReLUNetwork, points: DyadicArray, owners: np.ndarray, labels: np.ndarray
) -> set[int]:
    """Return the balls with a point that is not mapped to its label, exactly."""
    values = network.evaluate_exact(points, 1).fractions()[:, 0].tolist()
    wrong = [v != label for v, label in zip(values, labels[owners].tolist(), strict=True)]
    return set(owners[wrong].tolist())
