"""Where and in which direction projected gradient ascent starts: a plan of restarts by kind."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.verification.directions import on_sphere, towards, uniform_in_ball


class Start(Enum):
    """Kinds of starting points in a ball."""

    AIMED = "towards a point of another label, on the boundary"
    BOUNDARY = "random on the boundary"
    INSIDE = "uniform in the ball"
    CENTRE = "the centre"


def planned_starts(restarts: int) -> list[Start]:
    """Return the kinds of the first restarts: aimed, boundary, centre, and then in turn.

    Args:
        restarts: how many.
    """
    turn = (Start.AIMED, Start.BOUNDARY, Start.INSIDE)
    plan = [turn[number % 3] for number in range(restarts)]
    if restarts > 2:
        plan[2] = Start.CENTRE
    return plan


def starts_of_balls(
    dataset: SeparatedDataset,
    balls: np.ndarray,
    p: int | float,
    plan: Sequence[Start],
    partners: np.ndarray,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return starting displacements in units of the radius, and the sign of f - y to ascend.

    An aimed start ascends towards its partner's label; the signs of the others are chosen so that
    half of a ball's restarts go each way, as far as the aimed ones leave room.

    Args:
        dataset: the balls' centres and labels.
        balls: indices, shape (n,).
        p: norm, 1, 2 or inf.
        plan: kinds of the restarts, R of them.
        partners: points of other labels for the aimed starts, shape (n, k); where k is less than
            their number the rest start on the boundary.
        random: source of the random starts.

    Returns:
        Displacements, shape (n, R, d), and signs +-1, shape (n, R), float64.
    """
    starts = np.zeros((len(balls), len(plan), dataset.d))
    signs = np.zeros((len(balls), len(plan)))
    aimed = iter(partners.T)
    for place, kind in enumerate(plan):
        column = next(aimed, None) if kind is Start.AIMED else None
        if column is not None:
            starts[:, place] = towards(dataset, balls, column, p)
            signs[:, place] = np.sign(dataset.y[column] - dataset.y[balls])
        elif kind is Start.INSIDE:
            starts[:, place] = uniform_in_ball(random, len(balls), dataset.d, p)
        elif kind is not Start.CENTRE:
            starts[:, place] = on_sphere(random, len(balls), dataset.d, p)
    free = signs == 0
    upwards = (len(plan) + 1) // 2 - (signs > 0).sum(axis=1, keepdims=True)
    return starts, np.where(free, np.where(free.cumsum(axis=1) <= upwards, 1.0, -1.0), signs)
