"""Search without gradients: narrow bands, steps and floors that other attacks miss."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.gadgets.floor import floor_network
from pipeline.network import Activation, Affine, ReLUNetwork, serial
from pipeline.verification import search
from pipeline.verification.adversarial_points import adversarial_points_attack
from pipeline.verification.pgd import pgd_attack
from pipeline.verification.search import search_attack
from pipeline.verification.verdicts import Verdict
from tests.verification.examples import HALF, clusters, fractions_inside, line, step_network

WIDTH = 2.0**-12


def banded() -> ReLUNetwork:
    """A right step plus a tent of width 2**-12 across ball 0, on the line 3 x_1 + 4 x_2 = 5/8."""
    normal, start = np.array([3.0, 4.0]), 0.625
    edges = [start, start + WIDTH / 2, start + WIDTH]
    return ReLUNetwork.relu(
        Affine.from_floats(
            np.array([[1.0, 0.0], [1.0, 0.0], normal, normal, normal]),
            -np.array([1.0, 2.0, *edges]),
        ),
        Affine.from_floats(np.array([[1, -1, 1 / WIDTH, -2 / WIDTH, 1 / WIDTH]]), np.ones(1)),
    )


def jumping() -> ReLUNetwork:
    """f = 1 but on 1/4 <= x_2 < 1/4 + 2**-12, by two thresholds: no gradient at all."""
    edges = np.array([0.25, 0.25 + WIDTH])
    return ReLUNetwork(
        (
            Affine.from_floats(np.array([[0.0, 1.0], [0.0, 1.0]]), -edges),
            Affine.from_floats(np.array([[1.0, -1.0]]), np.ones(1)),
        ),
        (Activation.THRESHOLD,),
    )


def floors() -> tuple[ReLUNetwork, SeparatedDataset]:
    """h(Floor_2(x_1)), h = 1 on {0, 1}, 2 on {2, 3}, with a notch at 5/2; a ball meets 3."""
    read = ReLUNetwork.relu(
        Affine.from_floats(np.ones((5, 1)), -np.array([1.0, 2.0, 2.25, 2.5, 2.75])),
        Affine.from_floats(np.array([[1.0, -1.0, -4.0, 8.0, -4.0]]), np.ones(1)),
    )
    first = ReLUNetwork((Affine.from_floats(np.array([[1.0, 0.0]]), np.zeros(1)),), ())
    X = as_dyadic(np.array([[0.875, 0.0], [2.875, 0.0]]))
    return serial(first, floor_network(2, 14), read), SeparatedDataset("f", X, np.array([1, 2]))


def falsified_by_others(network, dataset, rho) -> set[int]:
    found = adversarial_points_attack(network, dataset, rho, 2, "exact")
    found += pgd_attack(network, dataset, rho, 2, "exact", steps=20, restarts=12)
    return {verdict.index for verdict in found}


@pytest.mark.parametrize("network", [banded(), jumping()], ids=["tent", "steps"])
def test_a_band_of_a_4096th_of_the_ball_is_found_by_its_walls_alone(network):
    dataset = line()
    assert not {0} & falsified_by_others(network, dataset, HALF)
    found = {v.index: v for v in search_attack(network, dataset, HALF, 2, "exact")}
    assert 0 in found and found[0].method == "search"
    assert fractions_inside(dataset, found[0], HALF, 2)


def test_literal_floors_are_wrong_in_their_bands_and_the_search_finds_them():
    network, dataset = floors()
    rho = Fraction(3, 8)
    assert not falsified_by_others(network, dataset, rho)
    found = search_attack(network, dataset, rho, 2, "exact")
    assert [v.index for v in found] == [1]
    assert fractions_inside(dataset, found[0], rho, 2)
    # In the band [k, k + 2**-14) above an integer, nowhere else.
    assert 0 <= found[0].witness.fractions()[0] - 3 < Fraction(1, 2**14)


def test_without_the_walls_nothing_is_found(monkeypatch):
    """Mutation: lines alone, without the places of sign changes, miss the band."""
    monkeypatch.setattr(search, "breakpoints", lambda *_: (np.zeros(0, int), np.zeros(0)))
    monkeypatch.setattr(search, "walls", lambda *_: iter(()))
    assert search_attack(banded(), line(), HALF, 2, "exact") == []


def test_mutants_of_the_worst_point_climb_without_gradients(monkeypatch):
    monkeypatch.setattr(search, "breakpoints", lambda *_: (np.zeros(0, int), np.zeros(0)))
    monkeypatch.setattr(search, "walls", lambda *_: iter(()))
    network = step_network(0.25, 0.75)
    found = search_attack(network, line(), HALF, 2, "nearest")
    assert [v.index for v in found] == [0]
    assert fractions_inside(line(), found[0], HALF, 2)


def test_suspects_are_searched_first_where_not_all_balls_are():
    wrong = ReLUNetwork.relu(
        Affine.from_floats(np.ones((1, 5)), np.zeros(1)),
        Affine.from_floats(np.zeros((1, 1)), [0.0]),
    )
    options = {"most_balls": 4, "suspects": [3, 11, 17], "points": 8}
    found = [v.index for v in search_attack(wrong, clusters(), HALF, 2, "exact", **options)]
    assert len(found) == 4 and {3, 11, 17} <= set(found)
    with pytest.raises(ValueError, match="points >= 1"):
        search_attack(wrong, clusters(), HALF, points=0)


def test_the_search_gives_the_same_witnesses_on_any_number_of_threads():
    one, two = (search_attack(banded(), line(), HALF, 2, "exact", workers=w) for w in (1, 2))
    assert all(a.witness == b.witness for a, b in zip(one, two, strict=True))
    assert all(v.verdict is Verdict.FALSIFIED for v in one)


def test_weights_beyond_float64_end_the_search():
    huge = ReLUNetwork.relu(
        Affine.from_fractions((1, 2), {(0, 0): Fraction(2) ** 1100}, {}),
        Affine.from_floats(np.ones((1, 1)), np.ones(1)),
    )
    assert search_attack(huge, line(), HALF, 2, "exact") == []
