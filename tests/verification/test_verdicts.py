"""Verdicts: only exact witnesses strictly inside the open ball falsify."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below, strictly_inside
from pipeline.verification.verdict_table import (
    COLUMNS,
    dyadic_of_text,
    dyadic_text,
    verdict_counts,
    verdict_csv,
    verdict_table,
)
from pipeline.verification.verdicts import (
    BallVerdict,
    Verdict,
    are_correct,
    confirmed_witness,
    confirmed_witnesses,
    unknown,
)

HALF = Fraction(1, 2)


def line() -> SeparatedDataset:
    """Points 0 and 4 on a line in the plane: eps_D = 2, mu = 1 at rho = 1/2."""
    return SeparatedDataset("line", as_dyadic(np.array([[0, 0], [4, 0]])), np.array([1, 2]))


def constant(value: float) -> ReLUNetwork:
    return ReLUNetwork.relu(Affine.from_floats(np.zeros((1, 2)), np.array([value])))


def dyadic(*values: float) -> DyadicArray:
    return as_dyadic(np.array(values, dtype=np.float64))


@pytest.mark.parametrize("p", [1, 2, 3, inf])
def test_a_point_on_the_closed_boundary_is_no_witness(p):
    on, inside = dyadic(1.0, 0.0), dyadic(1 - 2.0**-52, 0.0)
    assert confirmed_witness(constant(2.0), line(), HALF, p, "exact", 0, on) is None
    found = confirmed_witness(constant(2.0), line(), HALF, p, "exact", 0, inside)
    assert found is not None and found.verdict is Verdict.FALSIFIED
    assert found.witness == inside and found.output == 2


def test_a_point_outside_the_ball_is_no_witness_though_the_output_is_wrong():
    assert confirmed_witness(constant(2.0), line(), HALF, 2, "nearest", 0, dyadic(3, 0)) is None
    # The same point is a fair witness of the other ball, whose label it does not contradict.
    near = dyadic(3.5, 0)
    assert confirmed_witness(constant(2.0), line(), HALF, 2, "nearest", 1, near) is None
    assert confirmed_witness(constant(1.0), line(), HALF, 2, "nearest", 1, near) is not None


def test_a_correct_output_is_no_witness():
    assert confirmed_witness(constant(1.0), line(), HALF, 2, "exact", 0, dyadic(0, 0)) is None


def test_rules_part_at_one_half_exactly():
    outputs = DyadicArray(np.array([0, 1, 2, 3, 4, 5, 6]), -2)
    labels = np.ones(7, dtype=np.int64)
    assert are_correct(outputs, labels, "exact").tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert are_correct(outputs, labels, "nearest").tolist() == [0, 0, 0, 1, 1, 1, 0]
    with pytest.raises(ValueError, match="exact or nearest"):
        are_correct(outputs, labels, "argmax")


@given(st.integers(-(10**30), 10**30), st.integers(-90, 20), st.integers(1, 12))
def test_rules_agree_with_fractions(n, exponent, label):
    outputs = DyadicArray(np.array([n], dtype=object), exponent)
    error = abs(n * Fraction(2) ** exponent - label)
    labels = np.array([label])
    assert are_correct(outputs, labels, "exact")[0] == (error == 0)
    assert are_correct(outputs, labels, "nearest")[0] == (error < HALF)


@settings(max_examples=60)
@given(
    st.lists(st.integers(-(2**70), 2**70), min_size=3, max_size=3),
    st.lists(st.integers(-(2**70), 2**70), min_size=3, max_size=3),
    st.integers(-80, 3),
    st.fractions(0, 3),
    st.sampled_from([1, 2, 3, inf]),
)
def test_membership_agrees_with_fractions(centre, point, exponent, power, p):
    X = DyadicArray(np.array([centre], dtype=object), -3)
    points = DyadicArray(np.array([point], dtype=object), exponent)
    gaps = [abs(a - b) for a, b in zip(X.fractions()[0], points.fractions()[0], strict=True)]
    distance = max(gaps) if p == inf else sum(g**p for g in gaps)
    bound = power * distance
    inside = strictly_inside(X, np.array([0]), points, bound, p)
    assert inside.tolist() == [distance < bound]
    assert not strictly_inside(X, np.array([0]), points, distance, p)[0]


def test_the_first_witness_of_a_ball_is_kept_and_balls_come_in_order():
    points = as_dyadic(np.array([[4.5, 0], [0.25, 0], [0.5, 0], [9, 9]]))
    found = confirmed_witnesses(
        constant(7.0), line(), HALF, 2, "nearest", [1, 0, 0, 1], points, "probe"
    )
    assert [v.index for v in found] == [0, 1]
    assert found[0].witness == dyadic(0.25, 0) and found[0].method == "probe"


def test_networks_of_another_shape_are_refused():
    network = ReLUNetwork.relu(Affine.from_floats(np.zeros((2, 2)), np.zeros(2)))
    with pytest.raises(ValueError, match="must map R\\^2 to R, got R\\^2 to R\\^2"):
        confirmed_witness(network, line(), HALF, 2, "exact", 0, dyadic(0, 0))


def test_falsified_without_a_witness_cannot_be_built():
    with pytest.raises(ValueError, match="FALSIFIED needs a witness"):
        BallVerdict(0, Verdict.FALSIFIED, "trust me")
    with pytest.raises(ValueError, match="nothing else has them"):
        BallVerdict(0, Verdict.VERIFIED, "proof", None, dyadic(0, 0), Fraction(1))


def test_float_radius_lies_below_mu():
    for rho in (Fraction(1, 3), HALF, Fraction(99, 100)):
        for p in (1, 2, 3, inf):
            radius = Fraction(radius_below(line(), rho, p))
            assert Fraction(0) <= 2 * rho - radius < Fraction(1, 2**50)


def test_displacements_move_big_integers_exactly():
    X = DyadicArray(np.array([[2**90 + 1, 1]], dtype=object), -3)
    points = displaced_points(X, np.array([0]), np.array([[0.5, -0.25]]), 1.0)
    expected = X.fractions()[0] + np.array([Fraction(1, 2), Fraction(-1, 4)])
    assert (points.fractions()[0] == expected).all()


def test_table_has_one_row_a_ball_and_reads_back_exactly():
    witness = DyadicArray(np.array([3**40, -(2**20000) + 1], dtype=object), -19999)
    verdicts = [
        BallVerdict(0, Verdict.FALSIFIED, "null_space", None, witness, Fraction(3, 4)),
        unknown(1),
    ]
    frame = verdict_table(line(), verdicts)
    assert list(frame.columns) == COLUMNS and len(frame) == 2
    assert dyadic_of_text(frame["witness"][0]) == witness
    assert frame["output"][0] == "3 * 2**-2"
    assert verdict_csv(line(), verdicts).splitlines()[2] == "1,2,UNKNOWN,none,,,"
    assert verdict_counts(verdicts) == {"verified": 0, "falsified": 1, "unknown": 1}
    with pytest.raises(ValueError, match="dyadic vector"):
        dyadic_of_text("1 2 3")


@given(st.lists(st.integers(-(2**300), 2**300), min_size=1), st.integers(-999, 999))
def test_dyadic_text_is_inverted(values, exponent):
    numerators = np.empty(len(values), dtype=object)
    numerators[:] = values
    array = DyadicArray(numerators, exponent)
    assert dyadic_of_text(dyadic_text(array)) == array
