"""Projected gradient ascent: batches of restarts, both signs, exact witnesses or nothing."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from pipeline.data import generator
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification import pgd
from pipeline.verification.adversarial_points import adversarial_points_attack
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.pgd import pgd_attack
from pipeline.verification.pgd_starts import Start, planned_starts, starts_of_balls
from pipeline.verification.projected_steps import ascent_direction
from tests.verification.examples import HALF, clusters, fractions_inside, line, step_network


def test_pgd_that_leaves_the_ball_confirms_nothing(monkeypatch):
    """Mutation: without the projection the best point lies outside and must be rejected."""
    network = step_network(1.0, 1.25)
    monkeypatch.setattr(pgd, "projected", lambda delta, radius, p: delta * 1.5)
    assert pgd_attack(network, line(), HALF, 2, "exact") == []


def test_pgd_finds_what_points_towards_the_other_label_miss():
    # f adds 3/4 |x_2| to a right step: wrong in two caps of each ball, away from the x_1 axis.
    weight = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [1.0, 0.0]])
    network = ReLUNetwork.relu(
        Affine.from_floats(weight, np.array([0.0, 0.0, -1.0, -2.0])),
        Affine.from_floats(np.array([[0.75, 0.75, 1.0, -1.0]]), np.array([1.0])),
    )
    dataset = line()
    assert not adversarial_points_attack(network, dataset, HALF, boundary_points=0)
    found = pgd_attack(network, dataset, HALF, 2, "nearest", restarts=4)
    assert [v.index for v in found] == [0, 1]
    assert all(fractions_inside(dataset, v, HALF, 2) for v in found)


def test_a_lone_restart_climbs_towards_the_other_label():
    # f - 1 = relu(0.3 + 0.9 x_2) - 0.4 on ball 0: ascending |f - 1| from x_2 = 0 ends at -0.4.
    network = ReLUNetwork.relu(
        Affine.from_floats(np.array([[0.0, 0.9], [1.0, 0.0], [1.0, 0.0]]), np.array([0.3, -1, -2])),
        Affine.from_floats(np.array([[1.0, 1.0, -1.0]]), np.array([0.6])),
    )
    found = pgd_attack(network, line(), HALF, 2, "nearest", restarts=1)
    assert [v.index for v in found if v.output > 1] == [0]


def test_half_of_the_restarts_go_each_way_and_aimed_ones_towards_their_label():
    dataset = clusters(9, 3)
    balls = np.arange(dataset.N)
    partners = nearest_other_label(dataset.X.nearest_float64(), dataset.y, 2)
    plan = planned_starts(7)
    assert plan[:4] == [Start.AIMED, Start.BOUNDARY, Start.CENTRE, Start.AIMED]
    starts, signs = starts_of_balls(dataset, balls, 2, plan, partners, generator(0, "t"))
    assert starts.shape == (9, 7, 3) and np.linalg.norm(starts, axis=2).max() < 1 + 1e-12
    assert ((signs > 0).sum(axis=1) == 4).all() and ((signs < 0).sum(axis=1) == 3).all()
    assert np.array_equal(signs[:, 0], np.sign(dataset.y[partners[:, 0]] - dataset.y))
    assert not starts[:, 2].any()
    # No third neighbour: the last aimed restart starts anywhere on the boundary.
    assert np.allclose(np.linalg.norm(starts[:, 6], axis=1), 1)


def test_a_ball_leaves_the_batch_once_it_is_wrong(monkeypatch):
    rows = []

    def recorded(gradient, p):
        rows.append(len(gradient))
        return ascent_direction(gradient, p)

    monkeypatch.setattr(pgd, "ascent_direction", recorded)
    # Ball 0 is wrong at its aimed start, ball 1 is right.
    found = pgd_attack(step_network(0.25, 0.5), line(), HALF, 2, "nearest", steps=5, restarts=3)
    assert [v.index for v in found] == [0] and rows == [3] * 5


@pytest.mark.parametrize(
    ("work", "expected"),
    # 6 weights, 2 balls: shares of 0, 30 and 4 * 26 gradients a ball for 26 restarts of 20 steps.
    [(0, []), (360, [(1, 20)]), (6 * 2 * 26 * 40, [(26, 40)]), (None, [(26, 100)])],
)
def test_work_buys_restarts_of_few_steps_first_and_then_steps(monkeypatch, work, expected):
    waves = []

    def recorded(ascent, targets, rest, kinds, partners, name):
        waves.append((len(kinds), ascent.steps))
        return iter(())

    monkeypatch.setattr(pgd, "_wave", recorded)
    pgd_attack(step_network(1.0, 3.0), line(), HALF, 2, "exact", work=work)
    assert waves == [(4, 20), *expected]


@pytest.mark.parametrize("p", [1, 2, inf])
def test_batches_give_the_same_witnesses_on_any_number_of_threads(monkeypatch, p):
    monkeypatch.setattr(pgd, "_ROWS_A_BATCH", 16)
    rng = np.random.default_rng(4)
    network = ReLUNetwork.relu(
        Affine.from_floats(rng.normal(size=(3, 5)), rng.normal(size=3)),
        Affine.from_floats(rng.normal(size=(1, 3)) / 8, np.array([2.0])),
    )
    one, three = (
        pgd_attack(network, clusters(), HALF, p, steps=10, restarts=6, workers=workers)
        for workers in (1, 3)
    )
    assert 0 < len(one) < 24
    assert [v.index for v in one] == [v.index for v in three]
    assert all(a.witness == b.witness for a, b in zip(one, three, strict=True))
    assert all(fractions_inside(clusters(), v, HALF, p) for v in one)
