"""Proofs about a prefix: what follows it must be the label wherever the prefix is proved to be."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gadgets import rounded, rounding_tail
from pipeline.network import Activation, Affine, ReLUNetwork
from pipeline.verification.check.readers import Layer
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.rounded import Interval, Rounding
from tests.cases import layer
from tests.construction.ball_points import dataset_of
from tests.gadgets.evaluated import values
from tests.verification.check.proof_files import AFFINE, ProofFiles, both_sides
from tests.verification.splitting.one_unit_off import one_unit_off
from tests.verification.splitting.piecewise import right_balls

HALF, EIGHTH = Fraction(1, 2), Fraction(1, 8)
ONE = layer([[1]], [0])
# Balls of radius 3/4, on which f = 2 + x / 2 stays within 3/8 of the label: its neuron is stable.
DATA = dataset_of([[-2], [0], [2]], [1, 2, 3])
RHO = Fraction(3, 4)
PREFIX = ReLUNetwork.relu(layer([[1]], [3]), layer([[HALF]], [HALF]))
NETWORK = rounded(PREFIX, 3)


@pytest.fixture
def files(tmp_path: Path) -> ProofFiles:
    found = ProofFiles(tmp_path)
    found.save(DATA, NETWORK)
    return found


def proved(
    files: ProofFiles, network: ReLUNetwork, kind: int = 0, hidden: int = 1, **fields: object
) -> set[int]:
    """Return the balls that whole balls' leaves about the prefix prove, by the checker's report."""
    files.save(DATA, network)
    output = files.folder / "verdict.json"
    named = {"rho": str(RHO), "decision": "exact", "prefix_layers": 2} | fields
    files.check(both_sides(range(3), kind=kind), hidden, "--output", str(output), **named)
    document = json.loads(output.read_text())
    return set(range(3)) - set(document.get("unproved", range(3)))


@pytest.mark.parametrize("kind", [0, AFFINE])
def test_leaves_about_the_prefix_prove_the_rounded_network(kind: int, files: ProofFiles) -> None:
    assert proved(files, NETWORK, kind) == {0, 1, 2}
    text = files.check(
        both_sides(range(3)), 1, rho=str(RHO), decision="exact", prefix_layers=2
    ).text
    assert "decision    exact: f(x) = y_i" in text and text.endswith("VERIFIED: 3 of 3 balls\n")
    assert "rounded behind 2 layers; the least interval: [1.5625, 2.4375] becomes 2" in text
    # The prefix alone is not its label; of the whole network bounds in floats say nothing.
    assert not proved(files, PREFIX, kind, prefix_layers=None)
    whole = proved(files, NETWORK, kind, hidden=6, prefix_layers=None)
    assert whole == ({0, 1, 2} if kind == AFFINE else set())


@pytest.mark.parametrize("kind", [0, AFFINE])
def test_slopes_decide_by_the_exact_tolerance(kind: int, files: ProofFiles) -> None:
    # |f - 2| < t at slope 2 t / rho', not beyond: 7/16 / (3/4) = 7/12.
    for slope, balls in ((Fraction(149, 256), {0, 1, 2}), (Fraction(150, 256), set())):
        prefix = ReLUNetwork.relu(layer([[1]], [3]), layer([[slope]], [2 - 3 * slope]))
        found = proved(files, rounded(prefix, 3), kind)
        assert (1 in found) == bool(balls)
        assert right_balls(rounded(prefix, 3), DATA, RHO, None)[1] == bool(balls)


def test_one_unit_off_anywhere_is_proved_only_where_it_is_right(files: ProofFiles) -> None:
    judged = set()
    for network in one_unit_off(NETWORK):
        right = {i for i, fine in enumerate(right_balls(network, DATA, RHO, None)) if fine}
        for kind in (0, AFFINE):
            found = proved(files, network, kind)
            assert found <= right
        judged.add((len(found), len(right)))
    assert len(judged) > 3


def test_a_rounding_that_is_right_elsewhere_proves_nothing(files: ProofFiles) -> None:
    up = replace(
        NETWORK.layers[-1], bias=NETWORK.layers[-1].bias + (1 << -NETWORK.layers[-1].exponent)
    )
    assert not proved(files, replace(NETWORK, layers=(*NETWORK.layers[:-1], up)))
    # At an end of the interval only rationals decide.
    ends = ((EIGHTH / 4, True, True), (EIGHTH / 2, False, True), (EIGHTH, False, False))
    for offset, relaxed, exact in ends:
        last = layer([[HALF]], [HALF + offset])
        network = rounded(ReLUNetwork.relu(PREFIX.layers[0], last), 3)
        assert (1 in proved(files, network)) == relaxed
        assert (1 in proved(files, network, AFFINE)) == exact
        assert right_balls(network, DATA, RHO, None)[1] == exact


def test_steeper_steps_are_shorter_intervals(files: ProofFiles) -> None:
    # t = 1/4 for slope 2: the middle ball, where |f - 2| reaches 3/8, is not right.
    network = rounded(PREFIX, 3, slope_bits=1)
    assert (
        proved(files, network)
        == set()
        == set(np.flatnonzero(right_balls(network, DATA, RHO, None)).tolist())
    )


@pytest.mark.parametrize("number", [-1, 0, 1, 3, 4, 5, 2**40])
def test_a_prefix_that_ends_elsewhere_is_rejected(number: int, files: ProofFiles) -> None:
    for hidden in (0, 1, 2, 6):
        assert not proved(files, NETWORK, hidden=hidden, prefix_layers=number)
    named = {"rho": str(RHO), "decision": "exact", "prefix_layers": number}
    answer = files.check(both_sides(range(3)), 1, **named)
    assert answer.reason.startswith(f"a prefix of {number} layers is not followed by")


@pytest.mark.parametrize(
    "value", [np.uint8(2), np.float64(2), np.array([2]), np.array([]), "2", True, np.array(2 + 0j)]
)
def test_a_prefix_of_another_kind_is_rejected(value: object, files: ProofFiles) -> None:
    assert not proved(files, NETWORK, prefix_layers=value)


def test_a_prefix_is_for_the_exact_rule_alone(files: ProofFiles) -> None:
    answer = files.check(both_sides(range(3)), 1, rho=str(RHO), prefix_layers=2)
    assert "prefix_layers must be one signed integer" in answer.reason


def test_what_follows_must_be_one_relu_a_layer_of_relus_and_an_output(files: ProofFiles) -> None:
    tail = rounding_tail(3)
    # f as the sum of two neurons of f / 2 each: the same values, and no prefix with one output.
    both = layer([[HALF * HALF], [HALF * HALF]], [HALF * HALF, HALF * HALF])
    first = tail.layers[0].after(layer([[1, 1]], [0]))
    wide = ReLUNetwork.relu(PREFIX.layers[0], both, first, tail.layers[1])
    assert values(wide, [-2, 0, 2]) == [1, 2, 3] and not proved(files, wide)
    assert not proved(files, wide, hidden=3)
    kinds = [Activation.RELU] * 3
    for place in (1, 2):
        changed = [*kinds[:place], Activation.THRESHOLD, *kinds[place + 1 :]]
        assert not proved(files, ReLUNetwork(NETWORK.layers, tuple(changed)))
    # A threshold inside the prefix is for affine leaves, which know it: f = 1/2 + 3/2 there.
    steady = ReLUNetwork.relu(PREFIX.layers[0], layer([[Fraction(3, 2)]], [HALF]))
    first = replace(rounded(steady, 3), activations=(Activation.THRESHOLD, *kinds[1:]))
    assert proved(files, first, AFFINE) == {1} and not proved(files, first)
    plain = [as_read(ONE)] * 3
    Rounding(*plain)
    for place in range(3):
        odd = [replace(each, thresholds=np.array([k == place])) for k, each in enumerate(plain)]
        with pytest.raises(Rejected, match="made of ReLUs"):
            Rounding(*odd)


@st.composite
def tails(draw: st.DrawFn) -> ReLUNetwork:
    """Return a network R -> R of one hidden layer, often flat at 1 or 2."""
    width = draw(st.integers(1, 5))
    number = st.integers(-6, 6).map(lambda k: Fraction(k, 2))
    rows = [[draw(number)] for _ in range(width)]
    outer = [[draw(st.integers(-1, 1)) * draw(st.sampled_from([1, 1, HALF])) for _ in range(width)]]
    return ReLUNetwork.relu(
        layer(rows, [draw(number) for _ in range(width)]),
        layer(outer, [draw(st.sampled_from([1, 2, 1, HALF]))]),
    )


@settings(max_examples=80)
@given(tails(), st.lists(st.integers(-40, 60), min_size=1, max_size=6))
def test_intervals_are_where_the_tail_is_the_label_and_end_where_it_is_not(
    tail: ReLUNetwork, sixteenths: list[int]
) -> None:
    whole = ReLUNetwork.relu(ONE, *tail.layers)
    rounding = Rounding(*map(as_read, whole.layers))
    points = [Fraction(k, 16) for k in sixteenths]
    assert [rounding.value(z) for z in points] == values(whole, points)
    for label in (1, 2, 3):
        found = rounding.interval(label)
        assert (found is not None) == (values(whole, [label]) == [label])
        if found is None:
            continue
        low = Fraction(-50) if found.low is None else found.low
        high = Fraction(50) if found.high is None else found.high
        assert low <= label <= high
        inside = [low + (high - low) * Fraction(k, 64) for k in range(65)]
        # The ends may be rounded inwards by 2^-64, so just outside means 2^-63.
        ulp = Fraction(1, 1 << 63)
        assert set(values(whole, inside)) == {Fraction(label)}
        outside = [] if found.low is None else [low - ulp]
        outside += [] if found.high is None else [high + ulp]
        assert not outside or label not in values(whole, outside)
        assert (
            found.length == inf if None in (found.low, found.high) else found.length == high - low
        )


def as_read(affine: Affine) -> Layer:
    """Return an affine map before ReLUs as the checker's reader would, without a file."""
    at, none = affine.weight, np.zeros(affine.outputs, dtype=bool)
    entries = at.rows, at.columns, at.values
    return Layer(affine.inputs, affine.outputs, *entries, affine.bias, affine.exponent, none)


def test_ends_that_are_not_dyadic_are_rounded_inwards() -> None:
    # 1 on [1/3, 5/3], slope 3 outside.
    tail = ReLUNetwork.relu(layer([[-3], [3]], [1, -5]), layer([[-1, 1]], [1]))
    rounding = Rounding(*map(as_read, (ONE, *tail.layers)))
    found = rounding.interval(1)
    assert found is not None and found.low is not None and found.high is not None
    assert 0 < found.low - Fraction(1, 3) < Fraction(1, 1 << 64)
    assert 0 < Fraction(5, 3) - found.high < Fraction(1, 1 << 64)
    # At 2 the value is 2 by chance, and at no point around it.
    assert rounding.interval(2) == Interval(Fraction(2), Fraction(2))
    assert rounding.interval(3) is None and rounding.interval(0) is None


def test_a_label_may_reach_to_infinity_on_either_side() -> None:
    rounding = Rounding(*map(as_read, (ONE, *rounding_tail(3).layers)))
    t = Fraction(7, 16)
    assert [rounding.interval(y) for y in (1, 2, 3)] == [
        Interval(None, 1 + t),
        Interval(2 - t, 2 + t),
        Interval(3 - t, None),
    ]


def test_a_label_at_a_bend_has_the_flat_piece_on_its_side() -> None:
    # 1 up to 1, rising; and 1 from 1 on, rising before.
    for inner, outer, found in (([-1], [1], Interval(None, Fraction(1))), ([1], [-1], None)):
        rows = ([[1]], inner) if found else ([[-1]], inner)
        tail = ReLUNetwork.relu(layer(*rows), layer([outer], [1]))
        rounding = Rounding(*map(as_read, (ONE, *tail.layers)))
        assert rounding.interval(1) == (found or Interval(Fraction(1), None))


def test_values_far_beyond_the_last_label_are_right_and_proved(files: ProofFiles) -> None:
    # f = 40 x + 2 on the balls about -2 and 2: far outside [1 - t, 3 + t], and rounded to 1 and 3.
    prefix = ReLUNetwork.relu(layer([[1]], [3]), layer([[40]], [-118]))
    network = rounded(prefix, 3)
    for kind in (0, AFFINE):
        assert proved(files, network, kind) == {0, 2}
    assert right_balls(network, DATA, RHO, None) == [True, False, True]
    # A side without an end still takes a complete tree.
    named = {"rho": str(RHO), "decision": "exact", "prefix_layers": 2}
    files.save(DATA, network)
    assert files.check(both_sides([0, 2]), 1, **named).verified
    for gone in range(4):
        some = [leaf for k, leaf in enumerate(both_sides([0, 2])) if k != gone]
        assert not files.check(some, 1, **named).verified
