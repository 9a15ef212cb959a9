r"""Rows, walls and table sizes for a vote: a greedy search in floats; nothing here is relied on.

Tables are filled one after the other. A ball's need falls with the clearance that earlier tables
already gave it; the next coordinate of a table is the unused row with the wall, out of the widest
gaps between images near the row's quantiles, that leaves the needy balls the largest clearances
while it separates their labels. A table is closed after k coordinates; the search stops at the
first T whose votes are decided. Every (k, Q, strength of the need) is tried, cheapest first rows,
until the work allowed is spent or no remaining one can have fewer parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.construction.voting_layout import Sizes, fewest_knots
from pipeline.construction.voting_tables import Choice, key_weights, stored_codes
from pipeline.gadgets import StoredKeys

# Candidates: gaps tried a row, the share of the points among which they are looked for, rows
# compared by the labels they separate, and how fast a ball's need falls with its clearances.
_GAPS, _WINDOW, _COMPARED, _STRENGTHS = 6, 0.3, 8, (2.0, 5.0)
_MOST_WALLS, _MOST_COORDINATES, _MOST_TABLES = 3, 24, 49
# Entries of the candidates' distance table, and of all steps of a search together.
_ENTRIES, _WORK = 4_000_000, 3_000_000_000
# With more of the points than this in cells of another label, on average over the tables, no vote
# is worth filling further tables for.
_HOPELESS = 0.3


@dataclass(frozen=True)
class Images:
    """What the search sees, in floats and units of gamma.

    Args:
        values: coordinates of the points, shape (N, rows).
        labels: codes, shape (N,).
        bits: of a code.
        radius: of the balls' images.
        d: input dimension.
    """

    values: np.ndarray
    labels: np.ndarray
    bits: int
    radius: float
    d: int


@dataclass(frozen=True)
class Candidate:
    """A choice with the parameters that it is expected to need."""

    choice: Choice
    parameters: int


@dataclass(frozen=True)
class Wanted:
    """What was asked for; None leaves it to the search.

    Args:
        tables: T.
        coordinates: k.
        walls: Q.

    Raises:
        ValueError: if one is below 1 or above the search's limit.
    """

    tables: int | None = None
    coordinates: int | None = None
    walls: int | None = None

    def __post_init__(self) -> None:
        limits = {
            "tables": (self.tables, _MOST_TABLES),
            "k": (self.coordinates, _MOST_COORDINATES),
            "walls": (self.walls, _MOST_WALLS),
        }
        for name, (value, most) in limits.items():
            if value is not None and not 1 <= value <= most:
                raise ValueError(f"{name} must lie in 1..{most}, got {value} (docs/theory.md 8)")

    def settings(self, points: int) -> Iterator[tuple[int, int, float]]:
        """Yield (k, Q, strength), few coordinates first."""
        most = min(_MOST_COORDINATES, 2 * points.bit_length() + 1)
        for k in range(1, most + 1) if self.coordinates is None else [self.coordinates]:
            for walls in range(1, _MOST_WALLS + 1) if self.walls is None else [self.walls]:
                if walls < points:
                    yield from ((k, walls, strength) for strength in _STRENGTHS)


def candidates(images: Images, wanted: Wanted) -> list[Candidate]:
    """Return the decided choices found, fewest parameters first."""
    N, rows = images.values.shape
    found: list[Candidate] = []
    spent, best = 0, None
    gaps = {}
    for k, walls, strength in wanted.settings(N):
        if walls not in gaps:
            gaps[walls] = _gaps(images.values, walls)
        per_table = k * gaps[walls][1].size
        most = min(rows // k, wanted.tables or _MOST_TABLES)
        if best is not None:
            most = min(most, best // ((images.d + 1) * k))
        if not wanted.tables:
            most = min(most, (_WORK - spent) // per_table)
        if most < (wanted.tables or 1):
            continue
        choice, tried = _filled(images, *gaps[walls], k, strength, most, wanted.tables)
        spent += tried * per_table
        if choice is not None:
            found.append(Candidate(choice, _parameters(images, choice)))
            best = min(found[-1].parameters, best or found[-1].parameters)
    return sorted(found, key=lambda candidate: candidate.parameters)


def _gaps(values: np.ndarray, walls: int) -> tuple[np.ndarray, np.ndarray]:
    """Return walls in wide gaps, shape (rows, gaps, Q), and distances to them, (rows, gaps, N)."""
    N, rows = values.shape
    ordered = np.sort(values, axis=0)
    half = max(1, int(N * _WINDOW / 2))
    count = max(1, min(_GAPS, _ENTRIES // (rows * N)))
    places = []
    for q in range(1, walls + 1):
        middle = N * q // (walls + 1)
        low, high = max(middle - half, 1), min(middle + half, N - 1)
        width = ordered[low : high + 1] - ordered[low - 1 : high]
        at = np.argsort(-width, axis=0, kind="stable")[:count] + low
        at = at[np.minimum(np.arange(count), len(at) - 1)]
        above, below = np.take_along_axis(ordered, at, 0), np.take_along_axis(ordered, at - 1, 0)
        places.append(((above + below) / 2).T)
    found = np.sort(np.rint(np.stack(places, axis=2) - 0.5), axis=2)
    distances = np.full((rows, count, N), np.inf)
    for q in range(walls):
        # The ramp of a wall c is [c, c + 1].
        away = np.abs(values.T[:, None, :] - found[:, :, q, None] - 0.5) - 0.5
        distances = np.minimum(distances, np.maximum(away, 0))
    return found, distances


def _filled(
    images: Images,
    walls: np.ndarray,
    distances: np.ndarray,
    k: int,
    strength: float,
    most: int,
    exactly: int | None,
) -> tuple[Choice | None, int]:
    """Return the first decided choice (of exactly so many tables), and how many were filled."""
    N = len(images.labels)
    limit = images.radius**2
    used = np.zeros(len(walls), dtype=bool)
    rows, places, needs, squares, codes = [], [], [], [], []
    given = np.zeros(N)
    for t in range(most):
        need = np.exp(-strength * given / limit)
        need /= need.sum()
        chosen, keys, clearance = _table(images, walls, distances, k, need, used)
        stored = stored_codes(keys, images.labels, need)
        rows.append([row for row, _ in chosen])
        places.append([walls[row, gap] for row, gap in chosen])
        needs.append(need)
        codes.append([stored[int(key)] for key in keys])
        squares.append(clearance**2)
        given += np.where(codes[-1] == images.labels, np.minimum(squares[-1], limit), 0)
        if (exactly is None or t + 1 == exactly) and _decided(images, squares, codes):
            return Choice(np.array(rows), np.array(places).astype(np.int64), np.array(needs)), t + 1
        if np.mean(np.array(codes) != images.labels) > _HOPELESS:
            return None, t + 1
    return None, most


def _table(
    images: Images,
    walls: np.ndarray,
    distances: np.ndarray,
    k: int,
    need: np.ndarray,
    used: np.ndarray,
) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Return (row, gap) of k coordinates, the keys and the clearances; mark the rows as used."""
    radius, Q = images.radius, walls.shape[2]
    clearance = np.full(len(need), np.inf)
    keys = np.zeros(len(need), dtype=np.int64)
    chosen = []
    for _ in range(k):
        scores = np.minimum(np.minimum(distances, clearance), radius) @ need / radius
        scores[used] = -1
        gaps = scores.argmax(axis=1)
        tops = scores[np.arange(len(gaps)), gaps]
        best = None
        for row in np.argsort(-tops, kind="stable")[:_COMPARED]:
            if used[row]:
                break
            below = (images.values[:, row, None] >= walls[row, gaps[row]] + 1).sum(axis=1)
            split = keys * (Q + 1) + below
            value = tops[row] - _mixed(split, images.labels, need)
            if best is None or value > best[0]:
                best = (value, int(row), int(gaps[row]), split)
        assert best is not None
        _, row, gap, keys = best
        used[row] = True
        clearance = np.minimum(clearance, distances[row, gap])
        chosen.append((row, gap))
    return chosen, keys, clearance


def _mixed(keys: np.ndarray, labels: np.ndarray, need: np.ndarray) -> float:
    """Return the need of the points whose cell will store another label."""
    _, cells = np.unique(keys, return_inverse=True)
    totals = np.zeros((int(cells.max()) + 1, int(labels.max()) + 1))
    np.add.at(totals, (cells, labels), need)
    return float(need.sum() - totals.max(axis=1).sum())


def _decided(images: Images, squares: list[np.ndarray], codes: list[list[int]]) -> bool:
    """Return whether bad_0 + bad_1 < T for every bit, in floats."""
    h, stored = np.array(squares).T, np.array(codes).T
    for b in range(images.bits):
        bit = images.labels >> b & 1
        at_risk = np.sort(np.where(stored >> b & 1 == bit[:, None], h, 0), axis=1)
        bad = (np.cumsum(at_risk, axis=1) < images.radius**2).sum(axis=1)
        if sum(int(bad[bit == value].max(initial=0)) for value in (0, 1)) >= len(squares):
            return False
    return True


def _parameters(images: Images, choice: Choice) -> int:
    """Return the parameters of the network with these tables."""
    weights = np.array(key_weights(*choice.walls.shape[1:]))
    steps, knots = [], []
    for t in range(choice.tables):
        values = images.values[:, choice.rows[t], None]
        keys = (values >= choice.walls[t] + 1).sum(axis=2) @ weights
        stored = StoredKeys(stored_codes(keys, images.labels, choice.needs[t]), images.bits)
        count = fewest_knots(stored, t, choice.tables, images.bits)
        steps.append(1 + 2 * (len(stored.starts(count)) - 1))
        knots.append(count * images.bits)
    _, k, walls = choice.walls.shape
    sizes = Sizes(images.d, k, walls, images.bits, tuple(steps), tuple(knots))
    return sizes.plan().parameter_count()
