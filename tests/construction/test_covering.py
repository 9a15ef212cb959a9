"""Merged ball tests: every point covered by a test of its label, every threshold on its side."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.construction import ball_tests, covering
from pipeline.construction.ball_tests import (
    BallTests,
    GridImages,
    covering_tests,
    grid_images,
    single_tests,
)
from pipeline.construction.covering import (
    Candidates,
    climbed,
    covering_centres,
    points_as_candidates,
    reach,
)
from pipeline.construction.images import images
from pipeline.construction.parallel_balls import build_parallel_balls
from pipeline.construction.projection import projection
from pipeline.data import SeparatedDataset
from tests.construction.ball_points import dataset_of, datasets, ratios, spread, wrong_points

HALF = Fraction(1, 2)
# Two clusters, and one point of label 1 beyond label 2.
CLUSTERS = dataset_of(
    [[0, 0], [1, 0], [0, 1], [1, 1], [20, 0], [21, 0], [20, 1], [40, 3]], [1, 1, 1, 1, 2, 2, 2, 1]
)


def grid_of(dataset: SeparatedDataset, rho: Fraction) -> GridImages:
    return grid_images(
        images(dataset, rho, 2, projection(dataset, "identity", 0, 16, 0)), dataset.y
    )


def candidates(at: GridImages, room: Fraction) -> list[Candidates]:
    points = at.floats()
    groups = points_as_candidates(points, at.y)
    radius = float(at.radius / at.unit)
    return climbed(points, at.y, groups, radius, float(room / at.unit**2))


def squares(at: GridImages, tests: BallTests) -> np.ndarray:
    off = at.points.fractions()[:, None] - tests.centres.fractions()[None]
    return np.asarray((off * off).sum(axis=2))


def assert_proved(at: GridImages, tests: BallTests, room: Fraction) -> None:
    """Every point has a test of its label that covers it; every other label is beyond `high`."""
    distances = squares(at, tests)
    covered = np.zeros(len(at.y), dtype=bool)
    for n, (low, high) in enumerate(zip(tests.low, tests.high, strict=True)):
        assert high - low >= room
        for i, square in enumerate(distances[:, n]):
            if at.y[i] == tests.labels[n]:
                # (|p - c| + R)^2 <= low, without roots.
                rest = low - square - at.radius**2
                covered[i] |= rest >= 0 and 4 * square * at.radius**2 <= rest**2
            else:
                rest = square + at.radius**2 - high
                assert rest >= 0
                assert rest**2 >= 4 * square * at.radius**2
                assert square >= at.radius**2
    assert covered.all()


@settings(max_examples=40)
@given(datasets(), ratios(), st.integers(0, 3))
def test_every_ball_is_covered_and_every_other_label_is_beyond_reach(
    dataset: SeparatedDataset, rho: Fraction, power: int
) -> None:
    at = grid_of(dataset, rho)
    room = at.gap * Fraction(31, 32) / 4**power
    tests = covering_tests(at, candidates(at, room), room)
    assert_proved(at, tests, room)
    assert len(tests.labels) <= dataset.N
    alone = single_tests(at)
    assert_proved(at, alone, at.gap * Fraction(63, 64))
    assert alone.labels.tolist() == dataset.y.tolist()


def test_a_cluster_needs_one_test_and_a_far_point_its_own() -> None:
    at = grid_of(CLUSTERS, HALF)
    room = at.gap / 16
    tests = covering_tests(at, candidates(at, room), room)
    assert sorted(tests.labels.tolist()) == [1, 1, 2]
    assert tests.without(1).labels.tolist() == [2]
    built = build_parallel_balls(CLUSTERS, HALF, projection="identity", merged=True)
    assert built.plan.resolved["balls"] == 1
    # Label 1 has more points, and more tests: it has code 0.
    assert dict(built.notes)["class with code 0"] == "1"
    assert wrong_points(built.network, CLUSTERS, HALF) == []


def test_the_class_with_the_most_tests_has_code_0_not_the_most_frequent() -> None:
    points = [[8 * i, 0] for i in range(7)]
    crowd = [[100 + i, j] for i in range(4) for j in range(4)]
    dataset = dataset_of([*points, *crowd], [1, 2, 1, 2, 1, 2, 1] + [2] * 16)
    built = build_parallel_balls(dataset, Fraction(9, 10), merged=True)
    assert built.plan.resolved["balls"] == 4
    assert dict(built.notes)["class with code 0"] in ("1", "2")
    assert wrong_points(built.network, dataset, Fraction(9, 10)) == []


def test_reach_is_where_the_two_thresholds_leave_the_room() -> None:
    nearest, radius, room = np.array([10.0, 6.0, 4.1, 2.0, 0.5]), 2.0, 3.0
    for n, r in zip(nearest, reach(nearest, radius, room), strict=True):
        if r > -radius:
            # Float square and root.
            assert (n - radius) ** 2 - (r + radius) ** 2 == pytest.approx(room, rel=1e-12)
        else:
            assert n - radius <= np.sqrt(room)


def test_climbing_only_adds_centres_and_finds_better_ones() -> None:
    # Four corners of a square around nothing: no corner reaches the others, their middle does.
    dataset = dataset_of(
        [[0, 0], [8, 0], [0, 8], [8, 8], [30, 4], [-22, 4], [4, 30], [4, -22]], [1] * 4 + [2] * 4
    )
    at = grid_of(dataset, Fraction(3, 4))
    room = at.gap / 64
    points, radius = at.floats(), float(at.radius / at.unit)
    groups = points_as_candidates(points, at.y)
    room_float = float(room / at.unit**2)
    added = climbed(points, at.y, groups, radius, room_float)
    for before, after in zip(groups, added, strict=True):
        assert (after.centres[: len(before.own)] == before.centres).all()
    few, many = (
        [len(covering_centres(points, group, radius, room_float)[0]) for group in found]
        for found in (added, groups)
    )
    assert few[0] == 1 < many[0]


@pytest.mark.parametrize(("name", "value"), [("_GROUP", 3), ("_CLIMBED", 20), ("_BLOCK", 5)])
def test_groups_seeds_and_blocks_only_bound_the_work(
    name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(covering, name, value)
    at = grid_of(spread(30, 3, 2), HALF)
    room = at.gap / 16
    groups = candidates(at, room)
    assert sorted(i for group in groups for i in group.own) == list(range(30))
    assert_proved(at, covering_tests(at, groups, room), room)


def test_points_are_tested_alone_where_floats_promise_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def boast(points: np.ndarray, group: Candidates, *_: float) -> tuple[np.ndarray, np.ndarray]:
        return np.array([0]), np.zeros(len(group.own), dtype=np.int64)

    at = grid_of(CLUSTERS, HALF)
    room = at.gap / 16
    groups = candidates(at, room)
    monkeypatch.setattr(ball_tests, "covering_centres", boast)
    tests = covering_tests(at, groups, room)
    # Label 1 lies on both sides of label 2, so its five points are tested alone.
    assert sorted(tests.labels.tolist()) == [1] * 5 + [2]
    assert_proved(at, tests, room)


def test_a_test_that_covers_another_label_is_an_error() -> None:
    at = grid_of(CLUSTERS, HALF)
    centres, labels = at.points.numerators[:2], np.array([1, 2])
    with pytest.raises(ArithmeticError, match="covers a point of another label"):
        ball_tests._proved(at, centres, labels, np.zeros(8, dtype=np.int64))


def test_a_centre_in_a_ball_of_another_label_is_an_error() -> None:
    at = grid_of(CLUSTERS, HALF)
    centres, labels = at.points.numerators[[4, 0]], np.array([1, 2])
    with pytest.raises(ArithmeticError, match="lies in a ball of another label"):
        ball_tests._proved(at, centres, labels, (at.y != 1).astype(np.int64))


@pytest.mark.parametrize("exponent", [-400, -60, 60, 400])
def test_balls_are_merged_at_every_scale(exponent: int) -> None:
    dataset = dataset_of(CLUSTERS.X.numerators.tolist(), CLUSTERS.y.tolist(), exponent)
    built = build_parallel_balls(dataset, HALF, projection="identity", merged=True)
    assert built.plan.resolved["balls"] == 1
    assert wrong_points(built.network, dataset, HALF) == []


@pytest.mark.parametrize("rho", [Fraction(1, 1000), Fraction(10**9 - 1, 10**9)])
def test_ratios_near_the_ends_are_covered(rho: Fraction) -> None:
    built = build_parallel_balls(CLUSTERS, rho, projection="identity", merged=True)
    assert wrong_points(built.network, CLUSTERS, rho) == []
