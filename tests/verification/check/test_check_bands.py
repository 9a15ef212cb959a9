"""Errors of networks of stages: never above the bounds that the checker gives."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.gadgets import MemorizerSizes, WordSizes
from pipeline.network import ReLUNetwork
from pipeline.verification.check.bands import volume_ratio
from tests.construction.ball_points import dataset_of
from tests.verification.check.lattice_networks import (
    LINE,
    ON_LINE,
    Each,
    Lattice,
    Number,
    found_in_stages,
    stages,
)

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)


def share_of_wrong(
    network: ReLUNetwork, dataset: SeparatedDataset, radius: Fraction, i: int, steps: int
) -> Fraction:
    """Return which share of a grid of points of ball i, d = 1 or 2, the network maps wrongly."""
    x = dataset.X.fractions()[i].tolist()
    unit = radius / steps
    bits = unit.denominator.bit_length() - 1
    assert unit.denominator == 1 << bits
    span = [k + HALF for k in range(-steps, steps)]
    moves = [(a,) for a in span] if dataset.d == 1 else [(a, b) for a in span for b in span]
    inner = [v for v in moves if sum(a * a for a in v) < steps * steps]
    points = [[int((c + a * unit) * (2 << bits)) for c, a in zip(x, v, strict=True)] for v in inner]
    values = network.evaluate_exact(DyadicArray(np.array(points), -bits - 1), 1).fractions()[:, 0]
    return Fraction(sum(v != dataset.y[i] for v in values.tolist()), len(inner))


def test_on_a_line_the_error_is_at_most_its_bound_and_the_bound_is_the_bands_length() -> None:
    at = Lattice([[1]], [1], R=8, n=3, q=3)
    gamma = Fraction(1, 8)
    # In stage two the balls [k - 1/4, k + 1/4] hold one band [k, k + 1/8) each.
    each: Each = [([HALF], {0: 1, 2: 2, 4: 1}), ([0], {6: 3})]
    findings = found_in_stages(at, each, LINE, QUARTER)
    assert findings.error is not None
    assert findings.error == (gamma / HALF,) * 3
    assert findings.hold("error", gamma / HALF)
    assert not findings.hold("error", gamma / HALF - Fraction(1, 10**9))
    network = stages(at, each)
    for i, bound in enumerate(findings.error):
        # The claimed key 6 is the wrong floor of none of them.
        assert share_of_wrong(network, LINE, QUARTER, i, 64) <= bound
    # Half the band is met at the right end, and two stages add up.
    more: Each = [*each, ([Fraction(-3, 16)], {})]
    findings = found_in_stages(at, more, LINE, QUARTER)
    assert findings.error == (2 * gamma / HALF,) * 3


@pytest.mark.parametrize("d", [1, 2])
def test_wrong_floors_do_cost_errors_and_stay_below_the_bound(d: int) -> None:
    # In the band above 4 the floor runs through [3, 4], and key 3 has a label, though no ball
    # meets its cell: radius 1/4, centres 4 1/4 and 6 1/4.
    rest = [0] * (d - 1)
    dataset = dataset_of([[0, *rest], [8, *rest]], [2, 1])
    radius = Fraction(1)
    assert dataset.radius_power(QUARTER) == radius
    rows = [[QUARTER * (i == j) for j in range(d)] for i in range(d)]
    sizes = MemorizerSizes(2, WordSizes(3, 7, 2))
    at = Lattice(rows, [5] * d, R=8, n=3, q=2, lipschitz="1/4", sizes=sizes)
    clear, across = Fraction(3, 8), Fraction(3, 4)
    row = 4 * 8 * (d - 1)
    own: tuple[Sequence[Number], dict[int, int]] = ([clear] * d, {4 + row: 2, 6 + row: 1})
    assert found_in_stages(at, [own], dataset, QUARTER).verified.all()
    seen = []
    for second in (clear, across)[:d]:
        # With both coordinates in their bands, the row below is reached as well.
        labels = {3 + row: 3, 5 + row: 3} | ({4 + row - 8: 3} if second == across else {})
        moved: Sequence[Number] = [across, second][:d]
        each: Each = [own, (moved, labels)]
        findings = found_in_stages(at, each, dataset, QUARTER)
        assert findings.error is not None
        bound = volume_ratio(d) * (1 + (second == across))
        assert findings.error == (min(bound, Fraction(1)),) * 2
        network = stages(at, each)
        for i in range(2):
            seen.append(share_of_wrong(network, dataset, radius, i, 64 if d == 1 else 16))
            assert seen[-1] <= bound
    assert min(seen[::2]) > Fraction(1, 20)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Lattice, Each, SeparatedDataset, bool]:
    """Return a network of random stages, most of which answer some balls and spoil others."""
    d = draw(st.integers(1, 2))
    point = st.tuples(*[st.integers(0, 3)] * d)
    points = draw(st.lists(point, min_size=2, max_size=4, unique=True))
    labels = [1, 2, *(draw(st.integers(1, 2)) for _ in points[2:])]
    eighths = st.integers(0, 8).map(lambda k: Fraction(k, 8))
    R, n = draw(st.sampled_from([(4, 2), (6, 3), (5, 3), (3, 2)]))
    sizes = MemorizerSizes(2, WordSizes(3, 6, 2))
    rows = [[int(i == j) for j in range(d)] for i in range(d)]
    offset: Fraction = draw(st.sampled_from([Fraction(1), Fraction(1), QUARTER]))
    at = Lattice(rows, [offset] * d, R, n, 3, "1", sizes)
    each = []
    for _ in range(draw(st.integers(1, 3))):
        translation = [draw(eighths) for _ in range(d)]
        table = {}
        for x, label in zip(points, labels, strict=True):
            cell = [(v + b - t) // 1 for v, b, t in zip(x, at.offsets, translation, strict=True)]
            key = sum(int(c) * R**j for j, c in enumerate(cell))
            if 0 <= key < 64 and draw(st.integers(0, 5)):
                table[key] = label
        for _ in range(draw(st.integers(0, 1))):
            table[draw(st.integers(0, R**d + 3))] = draw(st.integers(1, 3))
        each.append((translation, table))
    dataset = SeparatedDataset("drawn", DyadicArray(np.array(points), 0), np.array(labels))
    return at, each, dataset, draw(st.sampled_from([False, False, True]))


@given(drawn(), st.sampled_from([Fraction(1, 8), QUARTER, HALF, Fraction(3, 4)]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_random_stages_err_no_more_than_the_checker_says(
    case: tuple[Lattice, Each, SeparatedDataset, bool], ratio: Fraction
) -> None:
    at, each, dataset, thresholds = case
    power = dataset.radius_power(ratio)
    radius = Fraction(isqrt(int(power * 256)), 16)
    findings = found_in_stages(at, each, dataset, ratio, thresholds=thresholds)
    assert findings.error is not None
    network = stages(at, each, thresholds=thresholds)
    for i, bound in enumerate(findings.error):
        event("verified" if not bound else "bounded" if bound < 1 else "unknown")
        if bound < 1 and radius:
            share = share_of_wrong(network, dataset, radius, i, 16 if dataset.d == 1 else 8)
            # Of a grid of so few points on a smaller ball the share is only roughly the ball's.
            assert share <= bound * 4
            assert share == 0 or not findings.verified[i]


def test_another_norm_has_no_error_bound_but_balls_that_meet_no_band_are_proved() -> None:
    for p in (1, 2, 4):
        findings = found_in_stages(ON_LINE, [([HALF], {0: 1, 2: 2, 4: 1})], LINE, QUARTER, p=p)
        assert findings.verified.all()
        findings = found_in_stages(
            ON_LINE, [([HALF], {0: 1, 2: 2, 4: 1}), ([0], {})], LINE, QUARTER, p=p
        )
        assert findings.error is not None
        assert findings.error == ((Fraction(1, 8),) if p == 2 else (Fraction(1),)) * 3


def test_the_ratio_of_volumes_is_an_upper_bound() -> None:
    volumes = [Fraction(1), Fraction(2)]
    above = Fraction(355, 113)
    for d in range(2, 40):
        volumes.append(volumes[d - 2] * 2 * above / d)
    for d in range(1, 40):
        # The powers of pi differ by one in even dimensions only, and 355/113 > pi.
        exact = volumes[d - 1] / volumes[d]
        assert exact <= volume_ratio(d) <= exact * (1 + Fraction(1, 10**6))
        if d % 2:
            assert volume_ratio(d) == exact
