r"""Voting: every table's votes read from the weights, every ball decided by its failing tables.

Layers: w = relu(R x + c); digits; keys; per table three layers that read its key; counted votes.
Row j of w feeds digits of table t(j) alone. Digit for the wall at c >= 0: relu(w - c) -
relu(w - c - 1), or 1 - relu(1 - relu(w)) for the single wall at 0: with v the row before its relu,
0 where v <= c and 1 where v >= c + 1. Table t's key is max(0, form) of its own digits; any layers
that read this key alone give z_b, and its vote for 0 is q = relu(1 - relu(z_b)), in [0, 1] always.

Lemma. Let v_j be the rows at x_i, h_t the least of c - v_j and v_j - c - 1 over rows and walls of
table t (0 where both are negative), r >= ||R|| mu. At x_i + delta every row j moves by <R_j, delta>
and sum_j <R_j, delta>^2 < r^2. If no row of table t moves by more than h_t, its digits, its key and
its votes q are those at x_i. Else it fails, and some row j(t) of it moves by more than h_t: failing
tables have different rows j(t), so sum_{t fails} h_t^2 < r^2, and at most m of any set of tables
fail, m the largest number whose m smallest h_t^2 in the set sum to less than r^2. A failing
table's vote is in [0, 1]. So the sum of the votes for 0 stays below the sum at x_i, plus what each
table that fails can add: 1 - q; all tables that can add at most 1/2 are counted as if they failed,
of the others the m largest. From below in the same way with q for 1 - q. A table with a digit
strictly between 0 and 1 at x_i counts as the worst vote.

The output is 1 + sum_b 2^b t_b, t_b = 1 - relu(1 - relu(a (c_b - sum))), a > 0: t_b = 1 where
a (c_b - sum) >= 1 and t_b = 0 where sum >= c_b.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.verification.check.balls import (
    BallImages,
    Claim,
    Findings,
    at_most,
    ball_images,
    first_failure,
)
from pipeline.verification.check.forms import Form
from pipeline.verification.check.geometry import root_down
from pipeline.verification.check.layers import Layers
from pipeline.verification.check.readers import Network, rational
from pipeline.verification.check.voting_layers import (
    Shape,
    Vote,
    confirm_digits,
    confirm_keys,
    confirm_tables,
    confirm_thresholds,
    shape_of,
)

_HALF = Fraction(1, 2)


def check_voting(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right; Rejected if a layer is not what it claims to be.

    Raises:
        Rejected: if a layer is not what the vote needs.
    """
    network.require_relu()
    shape = shape_of(structure)
    layers = Layers(network, shape.depth)
    rows = layers.read(shape.rows)
    walls, digits = confirm_digits(layers, shape)
    keys = confirm_keys(layers, shape, digits)
    votes = confirm_tables(layers, shape, walls, keys)
    thresholds = confirm_thresholds(layers, shape)
    balls = ball_images(claim, rows, rational(structure["lipschitz"]), None)
    return _findings(balls, shape, votes, thresholds, claim)


def _findings(
    balls: BallImages,
    shape: Shape,
    votes: list[Vote],
    thresholds: list[tuple[Fraction, Fraction]],
    claim: Claim,
) -> Findings:
    labels = claim.data.labels
    standings = [_standing(balls, vote, t * shape.k) for t, vote in enumerate(votes)]
    verified = np.zeros(len(labels), dtype=bool)
    known = (labels - 1) >> shape.bits == 0
    slack = np.full(len(labels), np.nan)
    clear = 0
    for i, label in enumerate(labels.tolist()):
        squares = [standing.squares[i] for standing in standings]
        needed = []
        for b, (steepness, level) in enumerate(thresholds):
            zeros = [standing.zeros(i, b) for standing in standings]
            one = (label - 1) >> b & 1
            # With the bit 1 count votes for 0 from above, else votes for 1 from above.
            wrong = zeros if one else [None if q is None else 1 - q for q in zeros]
            most = level - 1 / steepness if one else shape.tables - level
            needed.append(_needed(wrong, squares, most))
        least = min((n for n in needed if n is not None), default=None)
        if least is None:
            verified[i] = bool(known[i])
            continue
        away = root_down(least)
        verified[i] = bool(known[i]) and away >= balls.radius
        slack[i] = max(np.nextafter(float(away - balls.radius), -np.inf), 0.0)
        clear += int(min(squares) >= balls.radius**2)
    reason = first_failure(
        labels, [("tables that can fail on it together may outvote the others", verified)]
    )
    return Findings(verified, slack, reason, _facts(shape, balls, clear))


def _needed(
    wrong: list[Fraction | None], squares: list[Fraction], most: Fraction
) -> Fraction | None:
    """Return the least sum of squares h_t^2 that lets wrong votes exceed `most`, None if none does.

    Args:
        wrong: each table's wrong vote in [0, 1] while it does not fail, None if it may be anything.
        squares: h_t^2 of each table.
        most: the sum of wrong votes that the bit still stands.
    """
    votes = [Fraction(1) if vote is None else vote for vote in wrong]
    at_risk = [t for t, vote in enumerate(votes) if 1 - vote > _HALF]
    total = sum(votes, Fraction(0))
    total += sum((1 - vote for vote in votes if 1 - vote <= _HALF), Fraction(0))
    gains = sorted((1 - votes[t] for t in at_risk), reverse=True)
    costs = sorted(squares[t] for t in at_risk)
    spent = Fraction(0)
    if total > most:
        return spent
    for gain, cost in zip(gains, costs, strict=True):
        total, spent = total + gain, spent + cost
        if total > most:
            return spent
    return None


@dataclass(frozen=True)
class _Standing:
    """A table at every ball's centre.

    Args:
        squares: h_t(i)^2, N rationals.
        place: which of the different keys each ball has, -1 where a digit is between 0 and 1.
        votes: votes for 0 of every bit at the different keys.
    """

    squares: list[Fraction]
    place: list[int]
    votes: list[list[Fraction]]

    def zeros(self, i: int, bit: int) -> Fraction | None:
        """Return the vote for 0 at ball i's centre, None where it may be anything in [0, 1]."""
        return None if self.place[i] < 0 else self.votes[bit][self.place[i]]


def _standing(balls: BallImages, vote: Vote, first: int) -> _Standing:
    """Return a table's clearances, keys and votes at all centres; its rows start at `first`."""
    walls = np.array(vote.walls, dtype=object)
    bits = max(-balls.centres.exponent, *(c.denominator.bit_length() - 1 for c in walls.flat), 0)
    one = 1 << bits
    values = balls.centres.at(-bits)[:, first : first + len(walls), None]
    above = values - np.array([[int(c * one) for c in row] for row in walls], dtype=object)
    side = np.maximum(above - one, -above)
    clearance = np.maximum(side.min(axis=(1, 2)), 0)
    certain = (side >= 0).all(axis=(1, 2))
    digits = (above >= one).reshape(len(above), -1)
    cells, place = np.unique(digits, axis=0, return_inverse=True)
    at = np.where(certain.astype(bool), place.reshape(-1), -1)
    squares = [Fraction(int(h) ** 2, one * one) for h in clearance]
    return _Standing(squares, at.tolist(), _votes_for_zero(vote, cells))


def _votes_for_zero(vote: Vote, cells: np.ndarray) -> list[list[Fraction]]:
    """Return relu(1 - relu(z_b)) of every bit, by evaluating the table's layers exactly.

    Args:
        vote: the table.
        cells: digits 0 or 1, shape (n, k Q).
    """
    values, bits = cells.T.astype(np.int64).astype(object), 0
    for rows in ([vote.key], *vote.layers):
        values, bits = _relu_of(rows, values, bits)
    one = 1 << bits
    return [[Fraction(max(one - int(z), 0), one) for z in row] for row in values]


def _relu_of(rows: list[Form], values: np.ndarray, bits: int) -> tuple[np.ndarray, int]:
    """Return relu(rows) of inputs values / 2^bits, shape (inputs, n), in the same form."""
    entries = [v for row in rows for v in (*row.terms.values(), row.constant)]
    finer = max(v.denominator for v in entries).bit_length() - 1
    weights = np.zeros((len(rows), len(values)), dtype=object)
    for r, row in enumerate(rows):
        for i, value in row.terms.items():
            weights[r, i] = int(value * (1 << finer))
    constants = [[int(row.constant * (1 << (finer + bits)))] for row in rows]
    sums = weights.dot(values) + np.array(constants, dtype=object)
    return np.maximum(sums, 0), finer + bits


def _facts(shape: Shape, balls: BallImages, clear: int) -> tuple[str, ...]:
    """Return what was confirmed, for the reader."""
    return (
        f"{shape.tables} tables of {shape.k} coordinates with {shape.walls} walls each, "
        f"{shape.bits} bits voted on",
        f"balls clear of all walls of all tables: {clear}",
        f"image radius at most {at_most(balls.radius)}, in ramps of a wall",
    )
