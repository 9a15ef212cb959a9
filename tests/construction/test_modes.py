"""Plans instead of networks, and the adaptive mode of Theorem 4.2(iii)."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.construction import build, plan, plan_instead
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.exact import as_dyadic

# Reduced constants reach Cases IV (N >= d) and V (d > N) at sizes that can be built.
REDUCED = {"log_n": "8", "rho": "9", "log_d": "10"}


def _integers(N: int, d: int) -> SeparatedDataset:
    points = np.random.default_rng(5).integers(0, 8, size=(N, d)).astype(float)
    return SeparatedDataset("integers", as_dyadic(points), np.arange(N) % 3 + 1)


@pytest.mark.parametrize(("N", "d", "case"), [(80, 60, "IV"), (40, 60, "V")])
def test_adaptive_mode_projects_to_the_least_m_that_passes(N: int, d: int, case: str) -> None:
    data, rho = _integers(N, d), Fraction(1, 10)
    built = build("thm_4_2_iii", data, rho, 2, {"mode": "adaptive", "constants": REDUCED})
    paper = build("thm_4_2_iii", data, rho, 2, {"constants": REDUCED})
    m = int(built.plan.resolved["m"])
    assert built.plan.resolved["case"] == paper.plan.resolved["case"] == case
    assert m < int(paper.plan.resolved["m"])
    assert built.network.parameter_count() < paper.network.parameter_count()
    assert any("smallest" in text for text in built.certificate.deviations)
    values = built.network.evaluate_exact(data.X).fractions()[:, 0]
    assert (values == data.y).all()


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode must be paper or adaptive, got 'greedy'"):
        build("thm_4_2_iii", _integers(10, 6), Fraction(1, 2), 2, {"mode": "greedy"})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("parallel_balls", {}),
        ("parallel_balls", {"projection": "random"}),
        ("thm_4_2_iii", {}),
        ("thm_4_2_iii", {"mode": "adaptive", "constants": REDUCED}),
    ],
)
def test_a_plan_asked_for_is_that_of_the_network(name: str, options: dict[str, object]) -> None:
    data, rho = _integers(40, 60), Fraction(1, 10)
    planned = plan_instead(name, data, rho, 2, options | {"plan_only": True})
    built = build(name, data, rho, 2, options)
    assert planned is not None
    assert planned.parameter_count() == built.network.parameter_count()
    assert tuple(planned.hidden_widths()) == built.network.hidden_widths


def test_plan_only_null_builds_what_is_small_enough() -> None:
    data, _ = generate_dataset("wine")
    count = plan("thm_4_2_iii", data.N, data.d, data.C, Fraction(1, 2)).parameter_count()
    at = (data, Fraction(1, 2), 2)
    assert plan_instead("thm_4_2_iii", *at, {"plan_only": None, "largest_build": count}) is None
    assert plan_instead("thm_4_2_iii", *at, {"plan_only": None, "largest_build": count - 1})
    assert plan_instead("thm_4_2_iii", *at, {"plan_only": False, "largest_build": 1}) is None


def test_a_norm_without_a_proof_is_refused_for_plans_too() -> None:
    data, _ = generate_dataset("line", N=4)
    with pytest.raises(ValueError, match=r"thm_4_2_iii is proved for p = 2, got p = 1"):
        plan_instead("thm_4_2_iii", data, Fraction(1, 2), 1, {"plan_only": True})
