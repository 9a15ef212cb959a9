"""Adversarial points and the chain of all attacks: exact witnesses or nothing."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset, generator
from pipeline.exact import DyadicArray
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.adversarial_points import adversarial_points, adversarial_points_attack
from pipeline.verification.balls import displaced_points, strictly_inside
from pipeline.verification.directions import on_sphere
from pipeline.verification.falsify import falsify
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.pgd import pgd_attack
from pipeline.verification.sampling import (
    robust_memorization_error_upper,
)
from pipeline.verification.verdict_table import verdict_csv
from pipeline.verification.verdicts import Verdict
from tests.verification.examples import HALF, clusters, fractions_inside, line, step_network


@pytest.mark.parametrize("p", [1, 2, 3, inf])
def test_adversarial_points_lie_strictly_inside_and_near_the_boundary(p):
    dataset = clusters()
    rho = Fraction(99, 100)
    indices, points = adversarial_points(dataset, rho, p, boundary_points=3, seed=5)
    power = dataset.radius_power(rho, p)
    assert strictly_inside(dataset.X, indices, points, power, p).all()
    far = strictly_inside(dataset.X, indices, points, power * Fraction(99999, 100000) ** 3, p)
    assert not far[dataset.N :].any()


@pytest.mark.parametrize("p", [1, 2, inf])
def test_a_right_network_is_never_falsified(p):
    # mu = 19/10: the step between 19/10 and 21/10 is right on both open balls.
    network = step_network(2 - 2.0**-4, 2 + 2.0**-4)
    verdicts, result = falsify(network, line(), Fraction(19, 20), p, "exact", samples=200)
    assert all(v.verdict is Verdict.UNKNOWN for v in verdicts)
    assert result.errors.tolist() == [0, 0]


@pytest.mark.parametrize("p", [1, 2, inf])
@pytest.mark.parametrize("attack", ["adversarial_points", "pgd"])
def test_a_step_too_far_left_is_falsified_exactly(attack, p):
    network = step_network(1.5, 1.75)
    rho = Fraction(19, 20)
    verdicts, result = falsify(network, line(), rho, p, "nearest", attacks=[attack])
    assert [v.verdict for v in verdicts] == [Verdict.FALSIFIED, Verdict.UNKNOWN]
    assert result is None and verdicts[0].method == attack
    assert fractions_inside(line(), verdicts[0], rho, p)


def test_a_flaw_outside_every_ball_is_not_found():
    """Mutation guard: a network wrong only from 1/2 mu of slack on stays unfalsified."""
    # Wrong for x_1 in (1, 3), which meets no open ball of radius 1.
    network = step_network(1.0, 3.0)
    verdicts, _ = falsify(network, line(), HALF, 2, "exact")
    assert all(v.verdict is Verdict.UNKNOWN for v in verdicts)


def test_attacks_refuse_other_norms_and_empty_budgets():
    network, dataset = step_network(1, 3), line()
    with pytest.raises(ValueError, match="needs p = 1, 2 or inf, got 3"):
        pgd_attack(network, dataset, HALF, 3)
    with pytest.raises(ValueError, match="steps and restarts >= 1"):
        pgd_attack(network, dataset, HALF, 2, steps=0)
    with pytest.raises(ValueError, match="needs p = 1, 2 or inf, got 3"):
        robust_memorization_error_upper(network, dataset, HALF, 3)
    with pytest.raises(ValueError, match="at least one sample"):
        robust_memorization_error_upper(network, dataset, HALF, 2, samples=0)
    with pytest.raises(ValueError, match="confidence must lie in"):
        robust_memorization_error_upper(network, dataset, HALF, 2, confidence=1.0)
    with pytest.raises(ValueError, match="attacks must be among"):
        falsify(network, dataset, HALF, attacks=["guess"])
    with pytest.raises(ValueError, match="Definition 2.2"):
        falsify(network, dataset, Fraction(5, 4))


def test_weights_beyond_float64_skip_pgd_and_keep_exact_attacks():
    huge = ReLUNetwork.relu(
        Affine.from_fractions((1, 2), {(0, 0): Fraction(2) ** 1100}, {}),
        Affine.from_floats(np.ones((1, 1)), np.ones(1)),
    )
    verdicts, _ = falsify(huge, line(), HALF, 2, "exact", samples=5)
    assert [v.method for v in verdicts] == ["adversarial_points", "adversarial_points"]
    assert pgd_attack(huge, line(), HALF, 2, "exact") == []


def test_same_seed_same_table_on_any_number_of_workers():
    rng = np.random.default_rng(4)
    dataset = clusters()
    network = ReLUNetwork.relu(
        Affine.from_floats(rng.normal(size=(3, 5)), rng.normal(size=3)),
        Affine.from_floats(rng.normal(size=(1, 3)), np.array([2.0])),
    )
    runs = [
        falsify(network, dataset, HALF, 2, "nearest", samples=30, seed=9, workers=workers)
        for workers in (1, 2)
    ]
    texts = [verdict_csv(dataset, verdicts) for verdicts, _ in runs]
    assert texts[0] == texts[1]
    assert np.array_equal(runs[0][1].errors, runs[1][1].errors)
    for verdict in runs[0][0]:
        if verdict.verdict is Verdict.FALSIFIED:
            assert fractions_inside(dataset, verdict, HALF, 2)


def test_streams_of_one_seed_differ():
    a, b = (on_sphere(generator(0, name), 2, 3, 2) for name in ("a", "b"))
    assert not np.array_equal(a, b)
    assert np.array_equal(a, on_sphere(generator(0, "a"), 2, 3, 2))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 30), st.integers(1, 3))
def test_neighbours_are_the_nearest_of_another_label(seed, n, count):
    rng = np.random.default_rng(seed)
    points = rng.integers(-50, 50, (n, 3)).astype(np.float64)
    y = rng.permutation(np.arange(n) % 3 + 1)
    found = nearest_other_label(points, y, count)
    for i, row in enumerate(found):
        others = np.flatnonzero(y != y[i])
        exact = np.sort(((points[others] - points[i]) ** 2).sum(axis=1))
        mine = ((points[row] - points[i]) ** 2).sum(axis=1)
        assert np.all(y[row] != y[i])
        assert np.array_equal(mine, exact[: len(row)])


def test_big_integer_data_go_through_every_attack():
    small = clusters(12, 3)
    big = SeparatedDataset(
        "big", DyadicArray(small.X.numerators.astype(object) * 2**70 + 1, -73), small.y
    )
    network = ReLUNetwork.relu(Affine.from_floats(np.zeros((1, 3)), np.array([2.0])))
    verdicts, result = falsify(network, big, HALF, 2, "nearest", samples=4)
    assert [v.verdict is Verdict.FALSIFIED for v in verdicts] == (big.y != 2).tolist()
    assert ((result.errors == 4) == (big.y != 2)).all()


def test_displacements_on_the_grid_are_within_half_a_step():
    delta = np.random.default_rng(0).normal(size=(5, 3)) * 0.1
    dataset = clusters(9, 3)
    rows = np.arange(5)
    points = displaced_points(dataset.X, rows, delta, 0.4, 10)
    moved = points.fractions() - dataset.X[rows].fractions()
    off = [abs(m - Fraction(v)) for m, v in zip(moved.flat, delta.flat, strict=True)]
    assert max(off) <= Fraction(1, 2**12)


def test_a_sample_of_the_balls_is_attacked_where_so_many_are_asked_for() -> None:
    data = clusters(24)
    everyone, points = adversarial_points(data, HALF)
    assert sorted(set(everyone.tolist())) == list(range(24))
    some, fewer = adversarial_points(data, HALF, most_balls=5)
    assert len(set(some.tolist())) == 5
    assert len(fewer) * 24 == len(points) * 5
    again, _ = adversarial_points(data, HALF, most_balls=24)
    assert again.tolist() == everyone.tolist()
    wrong = ReLUNetwork.relu(
        Affine.from_fractions((1, 5), {}, {}), Affine.from_fractions((1, 1), {}, {})
    )
    found = adversarial_points_attack(wrong, data, HALF, most_balls=5)
    assert [each.index for each in found] == sorted(set(some.tolist()))
