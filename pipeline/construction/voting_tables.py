r"""Tables of a vote with every number exact: cells, stored codes, clearances, failing tables.

Unit of length: gamma = 2^-g, the width of a wall's ramp. Coordinate v = <a, x> / gamma has walls at
integers c: its digit for c is 0 for v <= c, 1 for v >= c + 1. Point i is clear of the wall by c - v
or v - c - 1; h_t(i) is the least clearance over all walls of table t, 0 where one is negative.

Lemma. Table t gives ball i's own key at x_i + delta unless some row of it moves by more than
h_t(i). Failing tables use different rows, so sum_{t fails} h_t(i)^2 < ||A||^2 mu^2 with A all rows:
at most q of them fail, q the largest number whose q smallest h_t(i)^2 sum to less than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.construction.voting_layout import Sizes, fewest_knots
from pipeline.exact import DyadicArray
from pipeline.gadgets import BitTable, StoredKeys


@dataclass(frozen=True)
class Choice:
    """Rows and walls of every table, chosen by a search.

    Args:
        rows: indices of the rows, shape (T, k), all different.
        walls: integers c in units of gamma, shape (T, k, Q), ascending.
        needs: how much each table's stored labels count a point, shape (T, N), nonnegative.

    Raises:
        ValueError: if a row stands twice.
    """

    rows: np.ndarray
    walls: np.ndarray
    needs: np.ndarray

    def __post_init__(self) -> None:
        if len(np.unique(self.rows)) != self.rows.size:
            raise ValueError("tables must use different rows (docs/theory.md 8)")

    @property
    def tables(self) -> int:
        """T."""
        return len(self.rows)


@dataclass(frozen=True)
class Votes:
    """The tables with what they store and how many of them can be wrong on a ball.

    Args:
        choice: rows and walls.
        codes: stored code of every occupied key, a dictionary a table.
        most_wrong: of each bit, the most tables that can be wrong on a ball whose bit is 0 and on
            one whose bit is 1, shape (B, 2).
        clear: balls that are clear of all walls of each table, with their own code stored, (T,).
        sure: balls on which no table at all can be wrong.
    """

    choice: Choice
    codes: tuple[dict[int, int], ...]
    most_wrong: tuple[tuple[int, int], ...]
    clear: tuple[int, ...]
    sure: int

    @property
    def decided(self) -> bool:
        """Whether every bit of every ball wins: bad_0 + bad_1 < T."""
        return all(zero + one < self.choice.tables for zero, one in self.most_wrong)

    def look_ups(self) -> list[BitTable]:
        """Return the tables' knots, each spread over two layers in the cheapest way."""
        bits, found = len(self.most_wrong), []
        for t, codes in enumerate(self.codes):
            stored = StoredKeys(codes, bits)
            found.append(stored.table(fewest_knots(stored, t, self.choice.tables, bits)))
        return found


def sizes_of(d: int, choice: Choice, look_ups: list[BitTable]) -> Sizes:
    """Return what fixes the architecture."""
    _, k, walls = choice.walls.shape
    steps = tuple(table.steps for table in look_ups)
    knots = tuple(table.width for table in look_ups)
    return Sizes(d, k, walls, len(look_ups[0].knots), steps, knots)


def key_weights(coordinates: int, walls: int) -> list[int]:
    """Return (Q + 1)^(k-1), ..., Q + 1, 1: sum_j weight_j (walls of v_j below it) names a cell."""
    return [(walls + 1) ** j for j in reversed(range(coordinates))]


def voted(
    images: DyadicArray, labels: np.ndarray, bits: int, choice: Choice, squared: Fraction
) -> Votes:
    """Return the tables and, exactly, how many of them can be wrong on each ball.

    Args:
        images: v of every point and row, in units of gamma, shape (N, rows).
        labels: codes of the points' classes, shape (N,).
        bits: B.
        choice: rows and walls.
        squared: (||A|| mu)^2 in units of gamma^2, an upper bound.
    """
    exponent = min(images.exponent, 0)
    one = 1 << -exponent
    limit = squared * one * one
    threshold = -(-limit.numerator // limit.denominator)
    values = images.at_exponent(exponent)
    clearances, codes, own = [], [], []
    for t in range(choice.tables):
        table = values[:, choice.rows[t]].astype(object)
        digits, clearance = _placed(table, choice.walls[t], one)
        keys = digits @ np.array(key_weights(*choice.walls.shape[1:]), dtype=object)
        codes.append(stored_codes(keys, labels, choice.needs[t]))
        own.append([codes[-1][int(key)] for key in keys])
        clearances.append(clearance)
    h = np.array(clearances, dtype=object).T
    differing = np.array(own).T ^ labels[:, None]
    safe = (h**2 >= threshold).astype(bool) & (differing == 0)
    return Votes(
        choice,
        tuple(codes),
        tuple(
            _most_wrong(h**2, differing >> b & 1, labels >> b & 1, threshold) for b in range(bits)
        ),
        tuple(int(n) for n in safe.sum(axis=0)),
        int(safe.all(axis=1).sum()),
    )


def stored_codes(keys: np.ndarray, labels: np.ndarray, needs: np.ndarray) -> dict[int, int]:
    """Return the code of every occupied cell: the one with the largest total need in it."""
    totals: dict[int, dict[int, float]] = {}
    for key, label, need in zip(keys.tolist(), labels.tolist(), needs.tolist(), strict=True):
        cell = totals.setdefault(int(key), {})
        cell[label] = cell.get(label, 0.0) + need
    return {key: max(sorted(cell), key=cell.__getitem__) for key, cell in totals.items()}


def _placed(values: np.ndarray, walls: np.ndarray, one: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the walls below each coordinate, shape (N, k), and the clearance, shape (N,).

    Args:
        values: coordinates as integers, `one` of them a gamma, shape (N, k).
        walls: shape (k, Q).
        one: the unit.
    """
    low = walls.astype(object)[None] * one
    above = values[:, :, None] - low - one
    digits = (above >= 0).sum(axis=2).astype(object)
    clearance = np.maximum(above, -above - one).min(axis=(1, 2))
    return digits, np.maximum(clearance, 0)


def _most_wrong(
    squares: np.ndarray, wrong: np.ndarray, bit: np.ndarray, threshold: int
) -> tuple[int, int]:
    """Return the largest bad_i over balls whose bit is 0 and over balls whose bit is 1.

    Args:
        squares: h_t(i)^2, integers, shape (N, T).
        wrong: 1 where the table stores the other bit, shape (N, T).
        bit: of every ball, shape (N,).
        threshold: failing tables' squares sum to less than this.
    """
    at_risk = np.sort(np.where(wrong == 1, 0, squares), axis=1)
    bad = (np.cumsum(at_risk, axis=1) < threshold).sum(axis=1)
    zero, one = (int(bad[bit == value].max(initial=0)) for value in (0, 1))
    return zero, one
