"""Adversarial points, PGD, sampling and their chain: exact witnesses or nothing."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset, generator
from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification import pgd
from pipeline.verification.adversarial_points import adversarial_points, adversarial_points_attack
from pipeline.verification.balls import displaced_points, strictly_inside
from pipeline.verification.directions import on_sphere, uniform_in_ball
from pipeline.verification.falsify import falsify
from pipeline.verification.neighbours import nearest_other_label
from pipeline.verification.pgd import pgd_attack
from pipeline.verification.projected_steps import ascent_direction, projected
from pipeline.verification.sampling import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    robust_memorization_error_upper,
)
from pipeline.verification.verdict_table import verdict_csv
from pipeline.verification.verdicts import Verdict

HALF = Fraction(1, 2)


def clusters(n: int = 24, d: int = 5, seed: int = 0) -> SeparatedDataset:
    rng = np.random.default_rng(seed)
    X = np.rint(rng.normal(size=(n, d)) * 64) / 8
    return SeparatedDataset("clusters", as_dyadic(X), rng.permutation(np.arange(n) % 3 + 1))


def line() -> SeparatedDataset:
    """Points 0 and 4 in the plane: eps_D = 2."""
    return SeparatedDataset("line", as_dyadic(np.array([[0, 0], [4, 0]])), np.array([1, 2]))


def step_network(left: float, right: float) -> ReLUNetwork:
    """f = 1 for x_1 <= left, 2 for x_1 >= right, linear between."""
    slope = 1.0 / (right - left)
    return ReLUNetwork.relu(
        Affine.from_floats(np.array([[slope, 0], [slope, 0]]), -slope * np.array([left, right])),
        Affine.from_floats(np.array([[1.0, -1.0]]), np.array([1.0])),
    )


def fractions_inside(dataset, verdict, rho, p) -> bool:
    gap = abs(verdict.witness.fractions() - dataset.X[verdict.index].fractions())
    power = max(gap) if p == inf else sum(g**p for g in gap)
    return power < dataset.radius_power(rho, p)


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


@pytest.mark.parametrize("p", [1, 2, inf])
def test_uniform_points_fill_the_ball(p):
    points = uniform_in_ball(generator(0, "test"), 20000, 3, p)
    radii = np.linalg.norm(points, ord=np.inf if p == inf else p, axis=1)
    assert radii.max() <= 1
    # P(radius <= 1/2) = 1/8 in three dimensions, in every norm; 0.02 is eight deviations.
    assert abs((radii <= 0.5).mean() - 0.125) < 0.02
    assert np.abs(points.mean(axis=0)).max() < 0.04


def test_streams_of_one_seed_differ():
    a, b = (on_sphere(generator(0, name), 2, 3, 2) for name in ("a", "b"))
    assert not np.array_equal(a, b)
    assert np.array_equal(a, on_sphere(generator(0, "a"), 2, 3, 2))


def test_clopper_pearson_bounds_have_their_closed_forms():
    bounds = clopper_pearson_upper(np.array([0, 100]), 100, 0.01)
    assert bounds[0] == pytest.approx(1 - 0.01 ** (1 / 100), rel=1e-12)
    assert bounds[1] == 1.0
    below = clopper_pearson_lower(np.array([0, 100]), 100, 0.01)
    assert below[0] == 0.0
    assert below[1] == pytest.approx(0.01 ** (1 / 100), rel=1e-12)


def test_bounds_from_below_mirror_those_from_above():
    errors = np.arange(51)
    above = clopper_pearson_upper(errors, 50, 0.03)
    assert np.allclose(clopper_pearson_lower(50 - errors, 50, 0.03), 1 - above, rtol=1e-9)
    assert (clopper_pearson_lower(errors, 50, 0.03) <= errors / 50).all()


def test_clopper_pearson_bound_covers():
    rng = np.random.default_rng(0)
    draws = rng.binomial(50, 0.1, 4000)
    misses = (clopper_pearson_upper(draws, 50, 0.05) < 0.1).mean()
    assert misses <= 0.05
    assert (clopper_pearson_lower(draws, 50, 0.05) > 0.1).mean() <= 0.05


def test_sampling_counts_errors_and_bounds_the_worst_ball():
    # Ball 0 is wrong where x_1 > 0 (half of it), ball 1 is right.
    network = step_network(-(2.0**-20), 2.0**-20)
    result = robust_memorization_error_upper(
        network, line(), HALF, 2, "exact", samples=400, confidence=0.99
    )
    assert 140 < result.errors[0] < 260 and result.errors[1] == 0
    assert result.error_upper == result.ball_upper[0] > 0.5
    assert result.ball_upper[1] == pytest.approx(1 - 0.005 ** (1 / 400))
    assert result.estimate == result.errors[0] / 400
    assert 0 < result.error_lower == result.ball_lower[0] < result.estimate < result.error_upper
    assert result.ball_lower[1] == 0
    assert [v.index for v in result.witnesses] == [0]
    assert fractions_inside(line(), result.witnesses[0], HALF, 2)


def test_samples_outside_the_open_ball_are_redrawn(monkeypatch):
    from pipeline.verification import sampling

    calls = []

    def at_the_boundary(generator, count, d, p):
        calls.append(count)
        unit = np.zeros((count, d))
        unit[:, 0] = 1.0 if len(calls) == 1 else 0.5
        return unit

    monkeypatch.setattr(sampling, "uniform_in_ball", at_the_boundary)
    network = step_network(-4.0, -3.0)
    result = robust_memorization_error_upper(network, line(), HALF, 2, "exact", samples=3)
    assert len(calls) == 2
    assert all(fractions_inside(line(), v, HALF, 2) for v in result.witnesses)


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


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, inf]), st.floats(0.1, 3.0))
def test_projection_lands_in_the_ball_and_fixes_its_points(seed, p, radius):
    rng = np.random.default_rng(seed)
    delta = torch.from_numpy(rng.normal(size=(8, 4)) * 2)
    order = np.inf if p == inf else p
    out = projected(delta, radius, p)
    sizes = np.linalg.norm(out.numpy(), ord=order, axis=1)
    assert (sizes <= radius * (1 + 1e-12)).all()
    inner = np.linalg.norm(delta.numpy(), ord=order, axis=1) <= radius * (1 - 1e-12)
    assert np.allclose(out.numpy()[inner], delta.numpy()[inner], rtol=0, atol=1e-12)
    # Nearest point in l2: no feasible point of a random sample is closer.
    trial = uniform_in_ball(rng, 8, 4, p) * radius
    mine = np.linalg.norm(delta.numpy() - out.numpy(), axis=1)
    assert (mine <= np.linalg.norm(delta.numpy() - trial, axis=1) + 1e-9).all()


@pytest.mark.parametrize("p", [1, 2, inf])
def test_ascent_directions_have_norm_one_and_survive_extremes(p):
    gradient = torch.tensor(
        [[3.0, -4.0], [0.0, 0.0], [1e-300, 0.0], [1e300, 1e300], [float("nan"), 1.0]],
        dtype=torch.float64,
    )
    move = ascent_direction(gradient, p).numpy()
    assert np.isfinite(move).all()
    sizes = np.linalg.norm(move, ord=np.inf if p == inf else p, axis=1)
    assert np.allclose(sizes, [1, 0, 1, 1, 1])


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
