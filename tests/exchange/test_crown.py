"""Files for alpha-beta-CROWN parse back to what was written; the tool itself is not run."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
import yaml

from pipeline.exact import as_dyadic
from pipeline.exchange import BallCase
from pipeline.exchange.crown import (
    crown_configuration,
    crown_loader,
    margins_network,
    radius_above,
    require_crown,
)
from pipeline.verification.verdicts import Decision
from tests.cases import TENT, dyadic
from tests.exchange.cases_of_balls import ABSOLUTE, THIRD, ball, dataset


def test_margins_are_both_positive_exactly_where_the_rule_reads_the_label() -> None:
    half = Fraction(1, 2)
    for network, X in (
        (ABSOLUTE, dyadic(((1, 0), (half, 2), (-3, 1)))),
        (TENT, dyadic(((half,),))),
    ):
        for label in (1, 2, 7):
            values = network.evaluate_exact(X).fractions()[:, 0]
            margins = margins_network(network, label).evaluate_exact(X).fractions().tolist()
            assert margins == [[f - label + half, label + half - f] for f in values]
            assert [min(m) > 0 for m in margins] == [abs(f - label) < half for f in values]


@pytest.mark.parametrize("p", [1, 2, inf])
def test_configuration_and_loader_say_the_ball_and_a_radius_rounded_up(p: int | float) -> None:
    case = ball(p=p, rho=THIRD)
    text = crown_configuration(case, "margins.onnx", "loader.py", 30)
    settings = yaml.safe_load(text)
    assert settings["model"] == {"onnx_path": "margins.onnx"}
    assert settings["data"] == {"dataset": 'Customized("loader.py", "ball")', "num_outputs": 2}
    spec = settings["specification"]
    assert (spec["type"], spec["robustness_type"], spec["norm"]) == ("lp", "all-positive", p)
    assert settings["attack"]["pgd_order"] == ("before" if p == inf else "skip")
    assert settings["general"]["double_fp"] is True and settings["bab"]["timeout"] == 30
    scope: dict[str, object] = {}
    exec(crown_loader(case), scope)
    loaded = scope["ball"](spec)  # type: ignore[operator]
    assert as_dyadic(loaded["X"].numpy())[0] == case.point
    assert loaded["eps"] == spec["epsilon"] and loaded["norm"] == p
    degree = 1 if p == inf else int(p)
    radius = Fraction(loaded["eps"])
    assert radius == radius_above(case)
    assert case.power <= radius**degree < case.power * (1 + Fraction(1, 2**50))


def test_questions_the_tool_cannot_be_asked_are_refused() -> None:
    with pytest.raises(ValueError, match="norms 1, 2 and inf, got p = 4"):
        require_crown(ball(p=4))
    with pytest.raises(ValueError, match="f = y has none, use nearest"):
        require_crown(ball(decision="exact"))
    points = dyadic(((Fraction(2**60 + 1, 2**60), 0), (3, 0)))
    data = dataset(points, np.array([1, 2]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="coordinate 0 of the centre of ball 0 is no float64"):
        require_crown(BallCase(ABSOLUTE, data, THIRD, 2, Decision.NEAREST, 0))
