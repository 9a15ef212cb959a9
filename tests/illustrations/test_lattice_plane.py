"""The plane of a network: z' is the network's own, keys and values those of its neurons."""

from __future__ import annotations

from fractions import Fraction
from math import floor, pi

import numpy as np
import pytest

from pipeline.construction.thm_4_2_i_small import build_thm_4_2_i
from pipeline.construction.thm_4_2_ii_moderate import build_thm_4_2_ii
from pipeline.exact import as_dyadic
from pipeline.illustrations.lattice_plane import plane_of_first_stage, plane_of_network
from pipeline.illustrations.plane_samples import grid, wrong_in_ball
from tests.cases import dyadic
from tests.construction.ball_points import line, points_in_balls, spread


def test_f_in_the_plane_is_f_of_the_data_space() -> None:
    data, rho = spread(5, 2, 3), Fraction(1, 40)
    built = build_thm_4_2_i(data, rho)
    plane = plane_of_network(built)
    X, labels = points_in_balls(data, rho)
    moved = [tuple(plane.scale * v + b for v, b in zip(x, plane.offset, strict=True))
             for x in X.fractions()]  # fmt: skip
    points = dyadic(tuple(moved))
    assert (plane.values_at(points) == built.network.evaluate_exact(X).fractions()[:, 0]).all()
    assert (plane.values_at(points) == labels).all()
    expected = [floor(x) + plane.R * floor(y) for x, y in moved]
    assert plane.keys_at(points).tolist() == expected
    assert plane.centres(data) == moved[:: len(moved) // data.N]
    # Balls stay balls: the image of a point at distance mu is at the image's radius.
    assert plane.radius_squared(data, rho) == plane.scale**2 * data.radius_power(rho, 2)


def test_values_of_the_last_stage_left_out_are_those_of_the_first() -> None:
    data = spread(4, 2, 2)
    # Two points a group: the whole network is the maximum of two stages.
    built = build_thm_4_2_ii(data, Fraction(1, 15), eta="1/2")
    plane = plane_of_first_stage(built)
    assert int(built.plan.resolved["stages"]) == 2
    first = plane.values_at(dyadic(tuple(plane.centres(data))))
    assert first[:2].tolist() == data.y[:2].tolist()
    assert (built.network.evaluate_exact(data.X).fractions()[:, 0] == data.y).all()
    assert all(v in (0, label) for v, label in zip(first[2:], data.y[2:].tolist(), strict=True))


def test_grid_is_every_pair_exactly() -> None:
    points = grid([Fraction(1, 4), Fraction(3)], [Fraction(-5, 8), Fraction(0), Fraction(7, 2)])
    assert points == as_dyadic(
        np.array([[0.25, -0.625], [0.25, 0], [0.25, 3.5], [3, -0.625], [3, 0], [3, 3.5]])
    )


def test_only_a_multiple_of_the_plane_s_identity_is_drawn() -> None:
    built = build_thm_4_2_i(line(3, 1), Fraction(1, 20))
    with pytest.raises(ValueError, match="z = s x \\+ b in the plane, got a first layer of shape"):
        plane_of_network(built)


def test_a_ball_is_sampled_all_over_and_what_is_not_allowed_counts_as_wrong() -> None:
    data, rho = spread(5, 2, 3), Fraction(1, 40)
    plane = plane_of_network(build_thm_4_2_i(data, rho))
    power = Fraction(1, 100)
    centre = plane.centres(data)[0]
    label = int(data.y[0])
    found = wrong_in_ball(plane, centre, power, set())
    assert found["wrong"] == found["samples"]
    # Points a unit of area: 64 by 1024.
    assert abs(found["samples"] / (pi * float(power) * 64 * 1024) - 1) < 0.02
    small = plane.radius_squared(data, rho)
    assert wrong_in_ball(plane, centre, small, {label})["wrong"] == 0
    others = wrong_in_ball(plane, centre, small, {0, 1, 2, 3} - {label})
    assert others["wrong"] == others["samples"] > 0
