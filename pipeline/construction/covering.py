"""Few balls for many points: centres chosen in floats so that one ball neuron tests several balls.

A neuron with centre c and threshold A is 0 on every ball of another label as soon as
sqrt(A) <= n - r, with n the distance from c to the nearest image of another label, and it is active
on all of ball i as soon as (||p_i - c|| + r)^2 + room <= (n - r)^2. So c covers the points of its
label within

    reach(c) = sqrt((n - r)^2 - room) - r,

and every point needs one neuron of its label that covers it. Centres need not be points: each
candidate starts at a point and climbs the smoothed weight of points it covers. A greedy cover then
picks the centres. What is picked here is proved in `ball_tests`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Climbs, the later ones for the points that share their test with few others.
_STEPS, _ROUNDS = 40, 2
# First step of a centre, a share of the median distance to other labels; it shrinks to 0.
_STEP, _MOMENTUM = 0.1, 0.9
# Widths of the smoothing at the start and the end, shares of the median reach.
_FIRST, _LAST = 0.05, 0.01
# Points of a group are covered together; distances climbed at a time, over all groups.
_GROUP, _CLIMBED = 2048, 1 << 23
_BLOCK = 1 << 22
# Distances below this, in units of the data's size, count as this.
_TINY = 1e-9


@dataclass(frozen=True)
class Candidates:
    """Candidate centres for a group of points of one label.

    Args:
        label: the label.
        own: indices of the group's points.
        centres: shape (k, m); the first len(own) are the points themselves.
        nearest: distance of each centre to the nearest point of another label, shape (k,).
    """

    label: int
    own: np.ndarray
    centres: np.ndarray
    nearest: np.ndarray


def reach(nearest: np.ndarray, radius: float, room: float) -> np.ndarray:
    """Return how far a covered point may be from each centre; negative where none may."""
    inner = (nearest - radius).clip(min=0) ** 2 - room
    return np.where(inner > 0, np.sqrt(inner.clip(min=0)), 0.0) - radius


def points_as_candidates(points: np.ndarray, y: np.ndarray) -> list[Candidates]:
    """Return every point as a candidate of its own group.

    Args:
        points: shape (N, m).
        y: labels, shape (N,), at least two values.
    """
    found = []
    for label in np.unique(y):
        of_label = np.flatnonzero(y == label)
        order = of_label[np.argsort(points[of_label, 0], kind="stable")]
        others = points[y != label]
        for own in np.array_split(order, -(-len(order) // _GROUP)):
            centres = points[own]
            found.append(Candidates(int(label), own, centres, _nearest(centres, others)))
    return found


def climbed(
    points: np.ndarray, y: np.ndarray, groups: list[Candidates], radius: float, room: float
) -> list[Candidates]:
    """Return the candidates with further centres that cover more points.

    Args:
        points: shape (N, m).
        y: labels, shape (N,).
        groups: the points as candidates.
        radius: radius r of the balls' images.
        room: what is left between the squares of the thresholds.
    """
    seeds = max(1, _CLIMBED // len(points))
    stride = -(-len(points) // seeds)
    found = []
    for group in groups:
        own, others = points[group.own], points[y != group.label]
        weights = np.ones(len(own))
        for _ in range(_ROUNDS):
            added = _climb(group, own, others, weights, stride, radius, room)
            group = Candidates(
                group.label,
                group.own,
                np.concatenate([group.centres, added]),
                np.concatenate([group.nearest, _nearest(added, others)]),
            )
            _, by = covering_centres(points, group, radius, room)
            weights = 1 / np.bincount(by)[by]
        found.append(group)
    return found


def covering_centres(
    points: np.ndarray, group: Candidates, radius: float, room: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of chosen candidates, and for each own point the chosen one that covers it.

    Greedy: the candidate that covers most of what is left comes next. Every point is covered, by
    itself where nothing else covers it.
    """
    limits = reach(group.nearest, radius, room) * (1 - 1e-9)
    own = points[group.own]
    covers = _distances(group.centres, own) <= limits[:, None]
    covers[np.arange(len(own)), np.arange(len(own))] = True
    left = np.ones(len(own), dtype=bool)
    gains = covers.sum(axis=1)
    chosen: list[int] = []
    by = np.zeros(len(own), dtype=np.int64)
    while left.any():
        best = int(gains.argmax())
        new = covers[best] & left
        by[new] = len(chosen)
        chosen.append(best)
        left &= ~new
        gains -= covers[:, new].sum(axis=1)
    return np.array(chosen), by


def _climb(
    group: Candidates,
    own: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray,
    stride: int,
    radius: float,
    room: float,
) -> np.ndarray:
    """Return for each start the centre met that covered the greatest weight of points."""
    limits = reach(group.nearest[: len(own)], radius, room)
    smooth = max(float(np.median(limits)), 1e-3 * radius)
    length = _STEP * float(np.median(group.nearest))
    centres = own[::stride].copy()
    momentum = np.zeros_like(centres)
    best, most = centres.copy(), np.zeros(len(centres))
    for step in range(_STEPS):
        cooled = step / _STEPS
        width = smooth * _FIRST * (_LAST / _FIRST) ** cooled
        gradient, covered = _gradient(centres, own, others, weights, radius, room, width)
        better = covered > most
        best[better], most[better] = centres[better], covered[better]
        momentum = _MOMENTUM * momentum + (1 - _MOMENTUM) * gradient
        centres = centres + length * (1 - cooled) * momentum
    return best


def _gradient(
    centres: np.ndarray,
    own: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray,
    radius: float,
    room: float,
    width: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit ascent directions of the smoothed weight of covered points, and that weight.

    Whether (reach - ||p_i - c||) > 0 is smoothed by a logistic function of the given width;
    the reach moves with the (soft) nearest other point.
    """
    away, outside = _distances(centres, own), _distances(centres, others)
    nearest = outside.min(axis=1)
    slack = reach(nearest, radius, room)[:, None] - away
    logistic = 1 / (1 + np.exp(-np.clip(slack / width, -30, 30)))
    pull = logistic * (1 - logistic) * weights
    push = np.exp((nearest[:, None] - outside) / width)
    push *= pull.sum(axis=1)[:, None] / push.sum(axis=1)[:, None]
    push /= outside.clip(min=_TINY)
    pull /= away.clip(min=_TINY)
    gradient = centres * (push.sum(axis=1) - pull.sum(axis=1))[:, None]
    gradient += pull @ own - push @ others
    norms = np.linalg.norm(gradient, axis=1)[:, None]
    return gradient / norms.clip(min=_TINY), (slack > 0) @ weights


def _nearest(centres: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of every centre to its nearest other point, in blocks."""
    rows = max(1, _BLOCK // len(others))
    parts = [
        _distances(centres[start : start + rows], others).min(axis=1)
        for start in range(0, len(centres), rows)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    norms = np.einsum("ij,ij->i", A, A)[:, None] + np.einsum("ij,ij->i", B, B)
    return np.sqrt((norms - 2 * (A @ B.T)).clip(min=0))
