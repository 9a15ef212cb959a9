"""What parallel balls cost under a given map: ball tests, folds and layout that fit together.

The squares may err by what is left between the two thresholds of every test. Tests that must leave
less room cover more points but need more folds, so a few shares of the gap are priced.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from threadpoolctl import threadpool_limits

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
)
from pipeline.construction.images import Images
from pipeline.construction.parallel_layout import Layout, Sizes, cheapest_layout, plan_of_layout
from pipeline.data import SeparatedDataset

# The share of the room left to rounding of thresholds and biases; the rest is for squares.
_ROUNDING_SHARE = Fraction(1, 32)
# Shares of the gap D (D - 2r) that merged tests must leave; points as centres can leave the first.
_ROOMS = tuple(Fraction(31, 32) / 4**k for k in range(4))


@dataclass(frozen=True)
class Draft:
    """A map with the count its points as centres lead to, and the room chosen for it."""

    images: Images
    count: int
    room: Fraction
    merged: bool


@dataclass(frozen=True)
class Candidate:
    """A map with proved ball tests and a layout.

    Args:
        images: images under the map.
        tests: ball tests of all classes but the one with code 0, high - low >= 63/64 room.
        zero_label: the class with code 0, which needs no test.
        room: the squares err by at most 31/32 of it.
        layout: folds and layers.
        at: sizes that fix the count.
    """

    images: Images
    tests: BallTests
    zero_label: int
    room: Fraction
    layout: Layout
    at: Sizes

    @property
    def count(self) -> int:
        """The parameter count P."""
        return plan_of_layout(self.at, self.layout).parameter_count()


def code_bits(classes: int) -> int:
    """Return ceil(log2 C), the bits of a class code."""
    return max(1, (classes - 1).bit_length())


def sizes(dataset: SeparatedDataset, m: int, balls: int | None = None) -> Sizes:
    """Return the sizes that fix a layout's parameter count; by default one test a point."""
    if balls is None:
        balls = dataset.N - int(np.bincount(dataset.y).max())
    return Sizes(d=dataset.d, m=m, balls=balls, bits=code_bits(dataset.C))


def least_count(dataset: SeparatedDataset, m: int, merged: bool) -> int:
    """Return a lower bound on the count at dimension m, whatever folds and tests."""
    at = sizes(dataset, m, dataset.C - 1 if merged else None)
    return at.balls * (m + 2 + at.bits) + (at.d + 1) * m


def single_draft(dataset: SeparatedDataset, data: Images) -> Draft:
    """Return the draft with one test a point."""
    at = sizes(dataset, data.projection.m)
    return Draft(data, _count(at, _layout(at, data, data.gap)), data.gap, merged=False)


def merged_draft(dataset: SeparatedDataset, data: Images) -> Draft:
    """Return the cheapest draft with points as centres of merged tests."""
    grid = grid_images(data, dataset.y)
    with threadpool_limits(limits=1):
        room, count = _cheapest_room(dataset, data, grid, points_as_candidates(*_cloud(grid)))
    return Draft(data, count, room, merged=True)


def finished(dataset: SeparatedDataset, draft: Draft) -> Candidate:
    """Return the draft with its tests chosen in earnest and proved."""
    data = draft.images
    grid = grid_images(data, dataset.y)
    room = draft.room
    if not draft.merged:
        tests = single_tests(grid)
    else:
        points, y = _cloud(grid)
        radius = float(grid.radius / grid.unit)
        with threadpool_limits(limits=1):
            groups = points_as_candidates(points, y)
            groups = climbed(points, y, groups, radius, float(room / grid.unit**2))
            room, _ = _cheapest_room(dataset, data, grid, groups)
            tests = covering_tests(grid, groups, room)
    zero = int(np.argmax(np.bincount(tests.labels)[1:])) + 1
    tests = tests.without(zero)
    at = sizes(dataset, data.projection.m, len(tests.labels))
    return Candidate(data, tests, zero, room, _layout(at, data, room), at)


def _cloud(grid: GridImages) -> tuple[np.ndarray, np.ndarray]:
    return grid.floats(), grid.y


def _cheapest_room(
    dataset: SeparatedDataset, data: Images, grid: GridImages, groups: list[Candidates]
) -> tuple[Fraction, int]:
    """Return the room with the fewest parameters, the first that the next is not below."""
    points, radius = grid.floats(), float(grid.radius / grid.unit)
    best: tuple[int, Fraction] | None = None
    for share in _ROOMS:
        room = data.gap * share
        tests = np.zeros(dataset.C + 1, dtype=np.int64)
        for group in groups:
            chosen, _ = covering_centres(points, group, radius, float(room / grid.unit**2))
            tests[group.label] += len(chosen)
        at = sizes(dataset, data.projection.m, int(tests.sum() - tests.max()))
        count = _count(at, _layout(at, data, room))
        if best is not None and count >= best[0]:
            break
        best = (count, room)
    assert best is not None
    return best[1], best[0]


def _layout(at: Sizes, data: Images, room: Fraction) -> Layout:
    """Return the cheapest layout whose squares leave the rounding's share of the room.

    Raises:
        ValueError: if the room is too small to resolve.
    """
    _, sides = data.shifts_and_sides()
    return cheapest_layout(at, sides, room * (1 - _ROUNDING_SHARE))


def _count(at: Sizes, layout: Layout) -> int:
    return plan_of_layout(at, layout).parameter_count()
