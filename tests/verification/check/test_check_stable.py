"""The check that needs no structure: sound on any network, exact at the ball's boundary."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.construction import build
from pipeline.data import SeparatedDataset
from pipeline.network import Activation, ReLUNetwork
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import Dataset, Network
from pipeline.verification.check.stable import check_stable
from tests.cases import layer
from tests.construction.ball_points import (
    dataset_of,
    datasets,
    line,
    points_in_balls,
    spread,
)
from tests.network.laws import networks
from tests.verification.check.check_files import layers_as_read

HALF = Fraction(1, 2)


def claim_of(data: SeparatedDataset, rho: Fraction, p: float = 2) -> Claim:
    points = data.X.numerators.astype(object)
    read = Dataset("small", points, data.X.exponent, data.y, "")
    return Claim(read, data.radius_power(rho, p), p)


def verified(
    network: ReLUNetwork, data: SeparatedDataset, rho: Fraction, p: float = 2
) -> np.ndarray:
    return check_stable(Network(layers_as_read(network), ""), {}, claim_of(data, rho, p)).verified


def right_balls(network: ReLUNetwork, data: SeparatedDataset, rho: Fraction) -> np.ndarray:
    """Return which balls are right at all their test points, exactly."""
    points, labels = points_in_balls(data, rho)
    values = network.evaluate_exact(points).fractions()[:, 0]
    right = np.array([v == label for v, label in zip(values, labels, strict=True)])
    return right.reshape(data.N, -1).all(axis=1)


@settings(max_examples=150)
@given(datasets(most=6, dimensions=2, classes=2), st.data())
def test_a_verified_ball_is_right_at_every_point_tried(
    data: SeparatedDataset, more: st.DataObject
) -> None:
    network = more.draw(networks(inputs=data.d, outputs=1))
    # Constant pieces are rare in random networks: make them frequent by rounding with thresholds.
    if network.depth > 1 and more.draw(st.booleans()):
        kinds = (Activation.THRESHOLD,) * (network.depth - 1)
        last = layer([[1] * network.layers[-2].outputs], [1])
        network = ReLUNetwork((*network.layers[:-1], last), kinds)
    rho = more.draw(st.sampled_from([HALF, Fraction(1, 50), Fraction(99, 100)]))
    assert not (verified(network, data, rho) & ~right_balls(network, data, rho)).any()


@pytest.mark.parametrize(
    ("name", "options"), [("thm_4_2_i", {}), ("thm_4_2_i", {"mode": "adaptive"})]
)
def test_every_ball_of_theorem_4_2_i_is_verified_without_its_structure(
    name: str, options: dict[str, str]
) -> None:
    # The floors bend only in their bands and the keys are one integer a ball.
    data, rho = spread(7, 3, 3), Fraction(1, 70)
    assert verified(build(name, data, rho, 2, options).network, data, rho).all()


@pytest.mark.parametrize("name", ["egosi2025", "thm_4_2_ii", "thm_4_2_ii_threshold", "yu2024"])
def test_other_networks_are_verified_on_some_balls_and_never_wrongly(name: str) -> None:
    data, rho = spread(8, 2, 2), Fraction(1, 30)
    network = build(name, data, rho).network
    found = verified(network, data, rho)
    assert not (found & ~right_balls(network, data, rho)).any()
    assert found.any() or name in ("yu2024", "thm_4_2_ii_threshold")


STEP = line(2, 1)  # points 0 and 1, labels 1 and 2, eps = 1/2


def ramp(low: Fraction, high: Fraction) -> ReLUNetwork:
    """Return x -> 1 up to low, 2 from high on, a ramp in between."""
    slope = 1 / (high - low)
    return ReLUNetwork.relu(layer([[1], [1]], [-low, -high]), layer([[slope, -slope]], [1]))


@pytest.mark.parametrize("depth", [1, 60])
def test_a_bend_on_the_boundary_is_outside_the_open_ball(depth: int) -> None:
    tiny = Fraction(1, 1 << depth)
    # Radius 1/4: the balls are (-1/4, 1/4) and (3/4, 5/4).
    quarter, end = Fraction(1, 4), Fraction(3, 4)
    assert verified(ramp(quarter, end), STEP, HALF).tolist() == [True, True]
    bent = ramp(quarter - tiny / 8, end - tiny / 8)
    assert verified(bent, STEP, HALF).tolist() == [False, True]


def test_a_threshold_at_the_boundary_counts_the_boundary_to_its_right() -> None:
    network = ReLUNetwork(
        (layer([[1]], [Fraction(-3, 4)]), layer([[1]], [1])), (Activation.THRESHOLD,)
    )
    assert verified(network, STEP, HALF).tolist() == [True, True]
    inside = ReLUNetwork(
        (layer([[1]], [Fraction(-13, 16)]), layer([[1]], [1])), (Activation.THRESHOLD,)
    )
    assert verified(inside, STEP, HALF).tolist() == [True, False]


def test_affine_on_the_ball_is_not_enough() -> None:
    network = ReLUNetwork.relu(layer([[1]], [5]), layer([[1]], [-4]))
    claim = claim_of(STEP, HALF)
    findings = check_stable(Network(layers_as_read(network), ""), {}, claim)
    # f(x) = x + 1 is the label at both points and nowhere else.
    assert not findings.verified.any()
    assert "affine on it, but not its label" in findings.reason


@pytest.mark.parametrize(("p", "reach"), [(1, "1/4"), (2, "1/4"), (inf, "1/4")])
def test_other_norms_use_an_l2_ball_that_holds_the_ball(p: float, reach: str) -> None:
    data = dataset_of([[0, 0], [1, 0]], [1, 2])
    low = Fraction(reach)
    first = layer([[1, 0], [1, 0]], [-low, low - 1])
    slope = 1 / (1 - 2 * low)
    network = ReLUNetwork.relu(first, layer([[slope, -slope]], [1]))
    found = verified(network, data, HALF, p)
    # For p = inf the enclosing ball is sqrt(2) larger and the bend lies in it.
    assert found.tolist() == [p != inf] * 2


def test_weights_of_every_scale_keep_the_verdict() -> None:
    network = ramp(Fraction(1, 4), Fraction(3, 4))
    W, b = (part.fractions() for part in network.layers[0].dense())
    V, c = (part.fractions() for part in network.layers[1].dense())
    for power in (-70, -3, 3, 70):
        factor = Fraction(2) ** power
        scaled = ReLUNetwork.relu(
            layer((W * factor).tolist(), (b * factor).tolist()),
            layer((V / factor).tolist(), c.tolist()),
        )
        assert verified(scaled, STEP, HALF).tolist() == [True, True]
