"""Uniform sampling: bounds that cover, also where the data decide when to stop."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from pipeline.data import generator
from pipeline.network import ReLUNetwork
from pipeline.verification import sampling
from pipeline.verification.directions import uniform_in_ball
from pipeline.verification.sampling import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    looks_at,
    robust_memorization_error_upper,
)
from tests.verification.examples import HALF, fractions_inside, line, step_network


@pytest.mark.parametrize("p", [1, 2, inf])
def test_uniform_points_fill_the_ball(p):
    points = uniform_in_ball(generator(0, "test"), 20000, 3, p)
    radii = np.linalg.norm(points, ord=np.inf if p == inf else p, axis=1)
    assert radii.max() <= 1
    # P(radius <= 1/2) = 1/8 in three dimensions, in every norm; 0.02 is eight deviations.
    assert abs((radii <= 0.5).mean() - 0.125) < 0.02
    assert np.abs(points.mean(axis=0)).max() < 0.04


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
    assert result.ball_upper[1] == pytest.approx(1 - 0.0025 ** (1 / 400))
    assert result.estimate == result.errors[0] / 400
    assert 0 < result.error_lower == result.ball_lower[0] < result.estimate < result.error_upper
    assert result.ball_lower[1] == 0
    assert [v.index for v in result.witnesses] == [0]
    assert fractions_inside(line(), result.witnesses[0], HALF, 2)


def test_samples_outside_the_open_ball_are_redrawn(monkeypatch):

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


def cut_at(place: float) -> ReLUNetwork:
    """f = 1 left of the place and 2 right of it, up to a ramp of 2**-20."""
    return step_network(place, place + 2.0**-20)


@pytest.mark.parametrize("place", [0.75, 0.0, -0.5])
def test_intervals_of_stopped_samples_cover_a_share_known_exactly(place):
    # The box [-1, 1]^2 is wrong right of the cut: a share of (1 - place)/2.
    share, misses, runs = (1 - place) / 2, 0, 40
    for seed in range(runs):
        result = robust_memorization_error_upper(
            cut_at(place),
            line(),
            HALF,
            inf,
            "exact",
            samples=2048,
            width=0.2,
            confidence=0.8,
            seed=seed,
        )
        misses += not result.error_lower <= share <= result.error_upper
    assert misses <= 0.2 * runs


def test_a_stopped_interval_has_the_width_asked_for_and_a_starved_one_does_not():
    options = {"p": inf, "decision": "exact", "width": 0.25}
    stopped = robust_memorization_error_upper(cut_at(0.0), line(), HALF, samples=10**6, **options)
    assert stopped.width <= 0.25
    assert stopped.samples == looks_at(10**6)[stopped.looks - 1] < 10**4
    starved = robust_memorization_error_upper(cut_at(0.0), line(), HALF, samples=100, **options)
    assert starved.width > 0.25
    assert (starved.samples, starved.looks) == (100, 2)


def test_every_look_pays_its_share_of_the_error_level():
    result = robust_memorization_error_upper(
        cut_at(0.0), line(), HALF, inf, "exact", samples=200, width=0.01, confidence=0.9
    )
    assert looks_at(200) == [64, 128, 200] and result.looks == 3
    level = 0.1 / (3 * 4) / (2 * 2)
    upper = clopper_pearson_upper(result.errors, 200, level)
    # The same quantile of a level that was rounded in another order.
    assert np.allclose(result.ball_upper, upper, rtol=1e-9)
    assert np.allclose(result.ball_lower, clopper_pearson_lower(result.errors, 200, level))


def test_samples_of_one_ball_may_fill_several_blocks(monkeypatch):
    monkeypatch.setattr(sampling, "_POINTS_A_BLOCK", 30)
    result = robust_memorization_error_upper(cut_at(-4.0), line(), HALF, 2, "exact", samples=70)
    assert result.errors.tolist() == [70, 0]
    assert [v.index for v in result.witnesses] == [0]
