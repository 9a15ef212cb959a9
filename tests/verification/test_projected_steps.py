"""Steps and projections of projected gradient ascent."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.verification.directions import uniform_in_ball
from pipeline.verification.projected_steps import ascent_direction, projected


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
