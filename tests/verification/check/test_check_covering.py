"""The checker on merged ball tests: one neuron may cover many balls, and must cover each."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import Built, build
from pipeline.exact import dyadic_of_fraction
from pipeline.network import ReLUNetwork
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.geometry import Cloud, Pairs
from pipeline.verification.check.readers import read_dataset
from tests.construction.ball_points import dataset_of, points_in_balls
from tests.verification.check.check_files import Entry, Files, changed, findings_in_memory

RHO = Fraction(1, 2)
# Label 1 has code 0: its points lie far apart. Labels 2 and 3 are a cluster each.
DATA = dataset_of(
    [[0, 9], [40, 9], [80, 9], [10, 0], [11, 1], [12, 0], [11, 4], [60, 0], [62, 0], [61, 3]],
    [1, 1, 1, 2, 2, 2, 2, 3, 3, 3],
)


def merged() -> Built:
    built = build("parallel_balls", DATA, RHO, options={"projection": "identity", "merged": True})
    assert built.certificate is not None
    assert built.plan.resolved["balls"] == 2
    assert built.certificate.structure["majority"] == 1
    return built


def with_threshold_moved(network: ReLUNetwork, neuron: int, by: Fraction) -> ReLUNetwork:
    """Return the network with A_n raised by `by`."""
    number = network.depth - 3
    layer = network.layers[number]
    unit = Fraction(2) ** layer.exponent
    moved = int(dyadic_of_fraction(by, -layer.exponent, up=by > 0) / unit)
    value = int(layer.bias[neuron]) + moved
    return changed(network, Entry(number, neuron, True, int(layer.bias[neuron])), value)


def reasons(tmp_path: Path, network: ReLUNetwork) -> tuple[str, list[bool]]:
    """Return the checker's reason and which balls it proves, in memory."""
    built = merged()
    files = Files(tmp_path)
    files.write(DATA, built.network, built.certificate)
    claim = Claim(read_dataset(files.dataset), DATA.radius_power(RHO), 2)
    found = findings_in_memory(network, "parallel_balls", built.certificate.structure, claim)
    assert not isinstance(found, str), found
    return found.reason, found.verified.tolist()


def test_two_neurons_for_seven_balls_are_verified(tmp_path: Path) -> None:
    built = merged()
    assert Files(tmp_path).write(DATA, built.network, built.certificate).verified


@pytest.mark.parametrize("neuron", [0, 1])
def test_a_lowered_threshold_leaves_covered_balls_unproved(neuron: int, tmp_path: Path) -> None:
    network = merged().network
    # Step by step: what is still called proved is right, and in the end some ball is lost.
    for step in range(1, 16):
        lowered = with_threshold_moved(network, neuron, -(Fraction(2) ** step))
        reason, proved = reasons(tmp_path, lowered)
        points, labels = points_in_balls(DATA, RHO, random=4)
        values = lowered.evaluate_exact(points).fractions()[:, 0]
        per_ball = len(values) // DATA.N
        right = (values == labels).reshape(DATA.N, per_ball).all(axis=1)
        assert all(r for r, p in zip(right, proved, strict=True) if p)
        if reason:
            break
    assert "no ball neuron of its code is proved active on all of it" in reason
    covered = DATA.y == 2 + neuron
    assert not np.array(proved)[covered].all()
    assert np.array(proved)[~covered].all()


@pytest.mark.parametrize("neuron", [0, 1])
def test_a_raised_threshold_reaches_another_label(neuron: int, tmp_path: Path) -> None:
    network = merged().network
    raised = with_threshold_moved(network, neuron, Fraction(10_000))
    reason, proved = reasons(tmp_path, raised)
    assert "a ball neuron of another label is not proved inactive on all of it" in reason
    assert not all(proved)


def test_a_neuron_taken_away_leaves_all_its_balls_unproved(tmp_path: Path) -> None:
    network = merged().network
    number = network.depth - 2
    layer = network.layers[number]
    for position, value in zip(layer.weight.index, layer.weight.values, strict=True):
        away = changed(network, Entry(number, int(position), False, int(value)), 0)
        reason, proved = reasons(tmp_path, away)
        assert "no ball neuron of its code" in reason
        lost = [label for label, p in zip(DATA.y, proved, strict=True) if not p]
        assert lost in ([2] * 4, [3] * 3)


def test_the_covering_neuron_is_found_though_another_centre_is_nearer() -> None:
    points = Cloud(np.array([[0], [10], [100]], dtype=object), 0)
    centres = Cloud(np.array([[11], [40], [90], [55]], dtype=object), 0)
    pairs = Pairs(points, centres)
    reach = [Fraction(0), Fraction(45), Fraction(1, 2), Fraction(-3)]
    rows, columns = np.arange(3), np.array([0, 1, 2, 3])
    found = pairs.deepest(rows, columns, reach, 2)
    assert found.tolist() == [[1, 1, 2], [0, 0, 1]]
    assert pairs.nearest(rows, columns)[0].tolist() == [0, 0, 2]
    alone = pairs.deepest(rows, columns[2:], reach[2:], 4)
    assert alone.shape == (2, 3)
    assert set(alone[:, 0]) == {2, 3}


def test_an_enormous_reach_overflows_nothing() -> None:
    pairs = Pairs(*(Cloud(np.array([[0], [5]], dtype=object), 0),) * 2)
    found = pairs.deepest(np.arange(2), np.arange(2), [Fraction(1 << 3000), Fraction(1)], 1)
    assert found.tolist() == [[0, 0]]
