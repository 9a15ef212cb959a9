"""Witnesses for display: simpler, and witnesses all the same."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification import minimise
from pipeline.verification.minimise import minimised_witnesses
from pipeline.verification.search import search_attack
from pipeline.verification.verdicts import BallVerdict, confirmed_witness, unknown
from tests.verification.examples import HALF, fractions_inside, line, step_network
from tests.verification.test_search import banded

# Wrong for ball 0 from x_1 = 1/4 on (rule `exact`).
NETWORK = step_network(0.25, 0.5)


def witness_at(point: list[float], network: ReLUNetwork = NETWORK) -> BallVerdict:
    found = confirmed_witness(network, line(), HALF, 2, "exact", 0, as_dyadic(np.array(point)))
    assert found is not None
    return found


def simpler(verdict: BallVerdict, network: ReLUNetwork = NETWORK, **options) -> BallVerdict:
    (found,) = minimised_witnesses(network, line(), HALF, 2, "exact", [verdict], **options)
    again = confirmed_witness(network, line(), HALF, 2, "exact", 0, found.witness)
    assert again is not None and again.output == found.output
    assert fractions_inside(line(), found, HALF, 2) and found.method == verdict.method
    return found


def test_a_witness_moves_to_the_centre_and_loses_coordinates_and_bits():
    found = simpler(witness_at([0.7123456789, 0.3987654321]))
    x, y = found.witness.fractions()
    assert y == 0 and Fraction(1, 4) < x < Fraction(3, 10)
    assert x.denominator <= 128


def test_a_network_wrong_at_the_centre_shows_the_centre():
    found = simpler(witness_at([0.5, 0.25], step_network(-4.0, -3.0)), step_network(-4.0, -3.0))
    assert found.witness == as_dyadic(np.zeros(2))


def test_a_witness_in_a_narrow_band_stays_in_it():
    network = banded()
    (given,) = (v for v in search_attack(network, line(), HALF, 2, "exact") if v.index == 0)
    found = simpler(given, network)
    assert 0 < 3 * found.witness.fractions()[0] + 4 * found.witness.fractions()[1] - Fraction(5, 8)
    assert found.witness.exponent >= given.witness.exponent


@pytest.mark.parametrize("evaluations", [0, 1, 2, 7, 60])
def test_no_witness_takes_more_evaluations_than_allowed(monkeypatch, evaluations):
    rounds = []

    def counted(*arguments):
        rounds.append(arguments[5])
        return minimise_confirmed(*arguments)

    minimise_confirmed = minimise.confirmed_witnesses
    monkeypatch.setattr(minimise, "confirmed_witnesses", counted)
    given = witness_at([0.7123456789, 0.3987654321])
    found = simpler(given, evaluations=evaluations)
    assert len(rounds) <= evaluations and all(balls == [0] for balls in rounds)
    assert evaluations or found.witness == given.witness


def test_a_witness_that_nothing_confirms_again_is_kept(monkeypatch):
    monkeypatch.setattr(minimise, "confirmed_witnesses", lambda *_: [])
    given = witness_at([0.75, 0.25])
    assert simpler(given).witness == given.witness


def test_witnesses_are_minimised_side_by_side_and_the_rest_is_left_alone():
    # f = 3 everywhere: both balls are wrong at their centres.
    network = ReLUNetwork.relu(
        Affine.from_floats(np.zeros((1, 2)), np.zeros(1)), Affine.from_floats([[0.0]], [3.0])
    )
    points = [[0.375, 0.125], [4.25, -0.5]]
    given = [
        confirmed_witness(network, line(), HALF, 2, "exact", ball, as_dyadic(np.array(point)))
        for ball, point in enumerate(points)
    ]
    found = minimised_witnesses(network, line(), HALF, 2, "exact", given)
    assert [v.witness for v in found] == [line().X[0], line().X[1]]
    assert minimised_witnesses(network, line(), HALF, 2, "exact", [unknown(1)])[0].witness is None
    with pytest.raises(ValueError, match="at least 0"):
        minimised_witnesses(network, line(), HALF, 2, "exact", given, evaluations=-1)


def test_huge_numerators_are_minimised_exactly():
    far = DyadicArray(np.array([3 * 2**80 + 1, 2**79 + 1], dtype=object), -82)
    found = confirmed_witness(NETWORK, line(), HALF, 2, "exact", 0, far)
    assert found is not None
    assert simpler(found).witness.exponent > -12
