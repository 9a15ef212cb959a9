"""Bounds in floats: never above the exact ones, close to them, and never a number from nothing."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.network import ReLUNetwork
from pipeline.verification.check.geometry import root_up
from pipeline.verification.check.readers import Network
from pipeline.verification.check.relaxed import Bounds, Regions
from pipeline.verification.check.rigorous import float_layers, unit_error
from tests.cases import layer
from tests.network.laws import networks, numbers
from tests.verification.check.check_files import layers_as_read
from tests.verification.check.exact_bounds import Layers, exact_bound
from tests.verification.check.proof_files import fractions_of

Splits = list[tuple[int, float, float]]


def bounds_of(network: ReLUNetwork, radius: Fraction, p: float) -> Bounds:
    read = Network(layers_as_read(network), "")
    return Bounds(float_layers(read), unit_error(read), float(radius), p)


def lower(network: ReLUNetwork, radius: Fraction, p: float, splits: Splits, side: int = 1) -> float:
    """Return the bound of side * f on the part of the ball around 0; f(0) is rounded to float."""
    layers = fractions_of(network)
    cuts = np.cumsum([len(b) for _, b in layers[:-1]])[:-1]
    signs = np.array([[s for s, _, _ in splits]])
    betas = np.array([[s * b for s, b, _ in splits]], dtype=float)
    alphas = np.array([[a for _, _, a in splits]], dtype=float)
    arrays = [np.split(a, cuts, axis=1) for a in (signs, betas, alphas)]
    centres = np.array([[float(b) for b in layers[0][1]]])
    start = np.array([float(side * layers[-1][1][0])])
    regions = Regions(centres, start, np.array([float(side)]), *arrays)
    return float(bounds_of(network, radius, p).lower(regions)[0])


def dual(p: float):
    """Return the dual norm, for p = 2 rounded up by less than 2^-60 of it."""
    if p == 1:
        return lambda row: max(abs(v) for v in row)
    if p == inf:
        return lambda row: sum(abs(v) for v in row)
    return lambda row: root_up(sum((v * v for v in row), Fraction(0)))


def value(layers: Layers, x: list[Fraction]) -> tuple[Fraction, list[Fraction]]:
    """Return f(x) and all hidden pre-activations."""
    hidden: list[Fraction] = []
    for W, b in layers[:-1]:
        z = [sum((w * v for w, v in zip(r, x, strict=True)), c) for r, c in zip(W, b, strict=True)]
        hidden += z
        x = [max(v, Fraction(0)) for v in z]
    W, b = layers[-1]
    return sum((w * v for w, v in zip(W[0], x, strict=True)), b[0]), hidden


@st.composite
def cases(draw: st.DrawFn, unit: Fraction = Fraction(1, 64)):
    """Return a network of two or three layers of moderate weights, a radius, p and splits."""
    entry = st.integers(-128, 128).map(lambda n: n * unit)
    widths = [draw(st.integers(1, 3)) for _ in range(draw(st.sampled_from([2, 3, 3])))] + [1]
    maps = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        rows = [[draw(entry) for _ in range(inputs)] for _ in range(outputs)]
        maps.append(layer(rows, [draw(entry) for _ in range(outputs)]))
    hidden = sum(widths[1:-1])
    sign = st.sampled_from([0, 0, 0, 1, -1])
    multiplier = st.integers(0, 64).map(lambda n: n / 32)
    slope = st.integers(0, 128).map(lambda n: n / 128)
    splits = [(draw(sign), draw(multiplier), draw(slope)) for _ in range(hidden)]
    splits = [(s, b if s else 0.0, a) for s, b, a in splits]
    radius = draw(st.sampled_from([Fraction(1, 8), Fraction(1, 2), Fraction(3)]))
    return ReLUNetwork.relu(*maps), radius, draw(st.sampled_from([1, 2, inf])), splits


@settings(max_examples=120)
@given(cases(), st.sampled_from([1, -1]))
def test_the_bound_is_the_exact_one_from_below_within_its_rounding(case, side: int) -> None:
    network, radius, p, splits = case
    layers = fractions_of(network)
    exact = [(s, Fraction(b), Fraction(a)) for s, b, a in splits]
    objective = [side * v for v in layers[-1][0][0]], side * layers[-1][1][0]
    expected, close = exact_bound(layers, radius, dual(p), objective, exact)
    # Where a choice hangs on a rounding the two bounds may be of different relaxations.
    assume(not close)
    found = lower(network, radius, p, splits, side)
    if expected is None:
        assert found == inf
        return
    # Weights up to 2 and three layers of width 3: no number exceeds 2^12 times this scale.
    scale = 1 + abs(expected) + max(Fraction(b) for _, b, _ in splits)
    assert expected - Fraction(found) < scale * Fraction(1, 2**35)
    # Slightly wider [l, u] can make the bound of a later layer slightly better, because linear
    # functions are not cut at [l, u]. With one hidden layer they cannot.
    better = 0 if network.depth == 2 else scale * Fraction(1, 2**45)
    assert Fraction(found) <= expected + better


@st.composite
def unbent_networks(draw: st.DrawFn, radius: Fraction) -> ReLUNetwork:
    """Return a network of weights of all sizes whose hidden neurons are all above 0 on the ball.

    Rows of later layers repeat and negate one another, so that products of weights cancel.
    """
    entry = st.one_of(numbers(), st.integers(-3, 3).map(Fraction))
    widths = [draw(st.integers(1, 3)) for _ in range(draw(st.integers(2, 4)))] + [1]
    reach, maps = [radius] * widths[0], []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        rows = [[draw(entry) for _ in range(inputs)] for _ in range(outputs)]
        if outputs > 1 and draw(st.booleans()):
            rows[1] = [-v + draw(st.sampled_from([0, 0, 1])) for v in rows[0]]
        size = [sum((abs(v) * r for v, r in zip(row, reach, strict=True)), 1) for row in rows]
        last = len(maps) == len(widths) - 2
        bias = [draw(entry)] if last else [2 * s for s in size]
        maps.append(layer(rows, bias))
        reach = [3 * s for s in size]
    return ReLUNetwork.relu(*maps)


@settings(max_examples=120)
@given(st.sampled_from([1, 2, inf]), st.sampled_from([1, -1]), st.data())
def test_where_nothing_bends_the_bound_is_the_minimum_from_below(p, side: int, more) -> None:
    radius = Fraction(more.draw(st.sampled_from([2**-30, 1, 2**30])))
    network = more.draw(unbent_networks(radius))
    layers = fractions_of(network)
    splits = [(0, 0.0, 0.0)] * sum(len(b) for _, b in layers[:-1])
    exact = [(0, Fraction(0), Fraction(0))] * len(splits)
    objective = [side * v for v in layers[-1][0][0]], side * layers[-1][1][0]
    expected, _ = exact_bound(layers, radius, dual(p), objective, exact)
    found = lower(network, radius, p, splits, side)
    assert expected is not None
    assert isnan(found) or Fraction(found) <= expected


@settings(max_examples=150)
@given(networks(outputs=1, thresholds=False), st.data())
def test_no_point_of_the_region_lies_below_the_bound(network: ReLUNetwork, more) -> None:
    assume(network.depth > 1)
    layers = fractions_of(network)
    radius = Fraction(more.draw(st.sampled_from([2**-70, 1, 3, 2**30])))
    p, side = more.draw(st.sampled_from([1, 2, inf])), more.draw(st.sampled_from([1, -1]))
    step = st.integers(-8, 8).map(lambda n: n * radius / 9 / (1 if p == inf else network.inputs))
    points = [[more.draw(step) for _ in range(network.inputs)] for _ in range(3)]
    reference, at = value(layers, points[0])
    slopes = [more.draw(st.integers(0, 128)) / 128 for _ in at]
    split = [more.draw(st.booleans()) for _ in at]
    splits = [
        ((1 if z >= 0 else -1) if s else 0, more.draw(st.floats(0, 1e9)) if s else 0.0, a)
        for z, s, a in zip(at, split, slopes, strict=True)
    ]
    found = lower(network, radius, p, splits, side)
    # The first point has the signs of the path, so that the region is not empty.
    assert isnan(found) or Fraction(found) <= side * reference
    for x in points[1:]:
        output, z = value(layers, x)
        inside = all(s * v >= 0 for (s, _, _), v in zip(splits, z, strict=True))
        assert not inside or isnan(found) or Fraction(found) <= side * output


@pytest.mark.parametrize("power", [0, 30, 60, 200, 600, 1100])
@pytest.mark.parametrize("p", [1, 2, inf])
def test_huge_weights_that_cancel_are_not_lost(power: int, p: float) -> None:
    # h = (x, x, x) with x in (1/2, 3/2): f = x - 2 lies in (-3/2, -1/2).
    W = [[1]] * 3
    big = Fraction(2) ** power
    network = ReLUNetwork.relu(layer(W, [1, 1, 1]), layer([[big, 1, -big]], [-2]))
    for side, least in ((1, Fraction(-3, 2)), (-1, Fraction(1, 2))):
        found = lower(network, Fraction(1, 2), p, [(0, 0.0, 0.0)] * 3, side)
        assert isnan(found) or Fraction(found) <= least
    assert power < 60 or not found > 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_slope_that_a_sum_of_weights_loses_is_not_lost(order: tuple[int, ...]) -> None:
    # z = B h_1 + h_2 - B h_3 = t + 8192 on (-1, 1); a sum of floats may miss the 1 in B + 1 - B.
    big = Fraction(2) ** 54
    shifts, weights = [2, 8192, 2], [big, 1, -big]
    network = ReLUNetwork.relu(
        layer([[1]] * 3, [shifts[k] for k in order]),
        layer([[weights[k] for k in order]], [0]),
        layer([[1]], [0]),
    )
    for side, least in ((1, 8191), (-1, -8193)):
        found = lower(network, Fraction(1), 2, [(0, 0.0, 0.0)] * 4, side)
        assert least - 4000 < found <= least


def test_the_rounding_of_weights_that_cancel_is_not_lost() -> None:
    # (B + 1) h - B h = h = t + 8 on (-1, 1), and B + 1 rounds to B.
    big = Fraction(2) ** 54
    network = ReLUNetwork.relu(
        layer([[1], [1]], [8, 8]), layer([[big + 1, -big]], [0]), layer([[1]], [0])
    )
    for side, least in ((1, 7), (-1, -9)):
        found = lower(network, Fraction(1), 2, [(0, 0.0, 0.0)] * 3, side)
        assert least - 8000 < found <= least


@pytest.mark.parametrize("power", [-40, -500, -1000, -1022, -1060, -1080, -1200])
def test_tiny_weights_keep_their_sign_or_lose_it_to_the_safe_side(power: int) -> None:
    tiny = Fraction(2) ** power
    network = ReLUNetwork.relu(layer([[tiny], [-tiny]], [tiny, tiny]), layer([[1, -1]], [-tiny]))
    # f(t) = (1 + t) tiny - (1 - t) tiny - tiny on (-1/2, 1/2), between -2 tiny and 0.
    for side, least in ((1, -2 * tiny), (-1, Fraction(0))):
        found = lower(network, Fraction(1, 2), 2, [(0, 0.0, 0.0)] * 2, side)
        assert isnan(found) or Fraction(found) <= least


def test_an_empty_region_is_infinitely_far_and_a_touching_one_is_not() -> None:
    network = ReLUNetwork.relu(layer([[1]], [2]), layer([[1]], [-100]))
    assert lower(network, Fraction(1), 2, [(-1, 0.0, 0.0)]) == inf
    assert lower(network, Fraction(3), 2, [(-1, 0.0, 0.0)]) < 0
    # z > 0 on the open ball; floats cannot tell the boundary from the inside.
    assert lower(network, Fraction(2), 2, [(-1, 0.0, 0.0)]) < 0


def test_emptiness_behind_a_bound_that_overflowed_proves_nothing() -> None:
    huge = Fraction(2) ** 900
    network = ReLUNetwork.relu(layer([[huge]], [0]), layer([[1]], [-1]), layer([[1]], [1]))
    assert isnan(lower(network, Fraction(1), 2, [(0, 0.0, 0.0), (1, 0.0, 0.0)]))


def test_the_multiplier_of_a_split_counts() -> None:
    # f = 1/4 + relu(t) - relu(-t) = 1/4 + t; on t >= 0 it is above 1/4 and needs beta = 1 to see.
    network = ReLUNetwork.relu(layer([[1], [-1]], [0, 0]), layer([[1, -1]], [Fraction(1, 4)]))
    without = lower(network, Fraction(1), 2, [(1, 0.0, 0.0), (0, 0.0, 0.0)])
    found = lower(network, Fraction(1), 2, [(1, 1.0, 0.0), (-1, 0.0, 0.0)])
    assert without < 0
    assert Fraction(1, 4) - Fraction(1, 2**40) < Fraction(found) <= Fraction(1, 4)


def test_blocks_do_not_change_a_bound() -> None:
    network = ReLUNetwork.relu(
        layer([[1, 2], [-1, 1], [3, -1]], [0, 1, -1]),
        layer([[1, -1, 2], [2, 1, -3]], [0, 1]),
        layer([[1, -1]], [0]),
    )
    generator = np.random.default_rng(0)
    n = 40_000
    centres = generator.standard_normal((n, 3))
    zero = [np.zeros((n, w)) for w in (3, 2)]
    alphas = [np.full((n, w), 0.5) for w in (3, 2)]
    regions = Regions(centres, np.zeros(n), np.ones(n), zero, zero, alphas)
    bounds = bounds_of(network, Fraction(1, 4), 2)
    found = bounds.lower(regions)
    assert np.isfinite(found).all()
    for k in (0, 5, n - 1):
        alone = bounds.lower(regions.part(slice(k, k + 1)))[0]
        # BLAS may add in another order: the last bits differ, the bound holds either way.
        assert alone == pytest.approx(found[k], rel=1e-12, abs=1e-12)
