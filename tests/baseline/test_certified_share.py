"""The share of a curve is proved: it counts no ball on which an error can be found."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest

from pipeline.baseline import certified_share as module
from pipeline.baseline.certified_share import certified_share
from pipeline.baseline.problem import Problem
from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.network import Affine, ReLUNetwork
from tests.baseline.cases import HALF


def ramp(slope: Fraction) -> ReLUNetwork:
    """x -> slope * relu(x) + 1."""
    first = Affine.from_fractions((1, 1), {(0, 0): Fraction(1)}, {})
    return ReLUNetwork.relu(first, Affine.from_fractions((1, 1), {(0, 0): slope}, {0: Fraction(1)}))


# Labels 1, 2, 3 at 0, 1, 2; mu is rho / 2.
DATA = SeparatedDataset("ladder", as_dyadic(np.array([[0.0], [1], [2]])), np.array([1, 2, 3]))


@pytest.mark.parametrize("p", [1, 2, inf])
@pytest.mark.parametrize(
    ("slope", "rho", "tolerance", "share"),
    [
        # |f - y| on the balls: at most 1/4 everywhere.
        (Fraction(1), HALF, 0.5, 1.0),
        (Fraction(1), HALF, 0.25, 0.0),
        # With slope 9/8: at most 9/32 on the first ball, 13/32 on the second, 17/32 on the third.
        (Fraction(9, 8), HALF, 0.40, 1 / 3),
        (Fraction(9, 8), HALF, 0.42, 2 / 3),
        (Fraction(0), HALF, 0.5, 1 / 3),
    ],
)
def test_the_share_is_that_of_the_balls_on_which_the_output_is_near(
    slope, rho, tolerance, share, p
):
    found = certified_share(ramp(slope), Problem(DATA, rho, p, tolerance))
    assert found == share


def test_blocks_of_balls_add_up(monkeypatch):
    problem = Problem(DATA, HALF, 2, 0.42)
    monkeypatch.setattr(module, "_BALLS", 2)
    assert certified_share(ramp(Fraction(9, 8)), problem) == 2 / 3


def test_networks_that_cannot_be_bounded_count_as_unproved():
    problem = Problem(DATA, HALF, 2)
    flat = ReLUNetwork.relu(Affine.from_fractions((1, 1), {(0, 0): Fraction(1)}, {0: Fraction(1)}))
    assert certified_share(flat, problem) == 0.0
    assert certified_share(ramp(Fraction(2) ** 5000), problem) == 0.0


def test_a_share_of_some_balls_is_that_of_balls_drawn_evenly(monkeypatch):
    problem, seen = Problem(DATA, Fraction(1, 2), 2), []
    real = module.Balls.of

    def recording(network, data, rho, p, balls, device):
        seen.extend(balls.tolist())
        return real(network, data, rho, p, balls, device)

    monkeypatch.setattr(module.Balls, "of", recording)
    share = certified_share(ramp(Fraction(9, 8)), problem, 2)
    assert seen == [0, DATA.N // 2] and share in (0.0, 0.5, 1.0)


def test_some_balls_proved_do_not_end_a_training_as_certified():
    from pipeline.baseline.schedule import Schedule
    from pipeline.baseline.stack import NetworkSpec
    from pipeline.baseline.trainer import Recipe, Trainer

    schedule = Schedule(max_steps=200, learning_rate=0.05, evaluate_every=50, certified_balls=1)
    with Trainer(Problem(DATA, Fraction(1, 10), 2), Recipe("pgd", schedule, "cpu"), 1) as trainer:
        (trained,) = trainer.trained([NetworkSpec(8, 2, 0)])
    assert trained.curve[-1]["certified"] == 1.0 and trained.stopped != "certified"
