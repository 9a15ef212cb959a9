"""The SCIP cross-check on one ball whose extremes are known by hand."""

from __future__ import annotations

import sys
from fractions import Fraction
from math import inf

import numpy as np
import pytest

from pipeline.exchange import BallCase
from pipeline.exchange.scip import scip_extremes
from pipeline.network import ReLUNetwork
from pipeline.verification.verdicts import Decision
from tests.cases import STEPPED, layer
from tests.exchange.cases_of_balls import ABSOLUTE, ball, dataset

# Feasibility 1e-6 of SCIP and the 2**-16 of the radius by which its points move into the ball.
TOLERANCE = 1e-4


@pytest.mark.parametrize("p", [1, 2, inf])
def test_extremes_on_a_ball_are_those_known_by_hand(p: int | float) -> None:
    case = ball(rho=Fraction(9, 10), p=p)
    mu = float(case.power) ** (1 / (1 if p == inf else int(p)))
    # f = |x_0| + 1 around x_0 = 1, and mu < 1.
    least, largest = scip_extremes(case, 20)
    for extreme, value in ((least, 2 - mu), (largest, 2 + mu)):
        assert extreme.status == "optimal"
        assert extreme.bound == pytest.approx(value, abs=TOLERANCE)
        assert float(extreme.value) == pytest.approx(value, abs=TOLERANCE)  # type: ignore[arg-type]
        assert abs(extreme.value - 2) < Fraction(mu)  # type: ignore[operator]
        # mu is above 1/2 for p = 1 and 2, below it for p = inf.
        assert (extreme.falsified is not None) == (p != inf)


def test_an_unstable_neuron_is_modelled_on_both_sides() -> None:
    # Around (0, 0): f = |x_0| + 1 is 1 at the centre and at most 1 + mu.
    case = ball(rho=Fraction(1, 4), index=0)
    least, largest = scip_extremes(case, 20)
    assert least.bound == pytest.approx(1, abs=TOLERANCE)
    assert largest.bound == pytest.approx(1 + float(case.power) ** 0.5, abs=TOLERANCE)
    assert least.falsified is None and largest.falsified is None


def test_a_small_ball_is_as_good_as_a_large_one() -> None:
    data = dataset(np.array([[2.0**-12, 0.0], [0.0, 0.0]]), np.array([1, 2]))
    # Around (2**-12, 0) with mu = 2**-14: 2**12 |x_0| has values 1 -+ 1/4.
    scale = 1 << 12
    steep = ReLUNetwork.relu(ABSOLUTE.layers[0], layer([[scale, scale]], [0]))
    case = BallCase(steep, data, Fraction(1, 2), 2, Decision.NEAREST, 0)
    for extreme, value in zip(scip_extremes(case, 20), (0.75, 1.25), strict=True):
        assert extreme.bound == pytest.approx(value, abs=TOLERANCE)
        assert float(extreme.value) == pytest.approx(value, abs=TOLERANCE)  # type: ignore[arg-type]


def test_what_scip_cannot_be_asked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="norms 1, 2 and inf, got p = 4"):
        scip_extremes(ball(p=4))
    threshold = type(STEPPED)(
        (layer([[1, 0], [1, 0]], [0, -3]), *STEPPED.layers[1:]), STEPPED.activations
    )
    with pytest.raises(ValueError, match="the SCIP model knows ReLU neurons only"):
        scip_extremes(ball(network=threshold))
    monkeypatch.setitem(sys.modules, "pyscipopt", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'robust-memorization\[outside\]'"):
        scip_extremes(ball())
