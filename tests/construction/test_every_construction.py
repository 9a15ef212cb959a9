"""What every construction must hold, on a table of cases: a new one without a case is an error."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.construction import CONSTRUCTIONS, Built, Claim, build, plan, plan_instead
from pipeline.construction.lattice import scale_of_dataset
from pipeline.construction.vardi2022 import plan_of_dataset as vardi_plan
from pipeline.data import SeparatedDataset
from pipeline.network import load_network, save_network
from tests.construction.ball_points import points_in_balls, spread

# Name, (N, d, C), rho, options.
CASES: list[tuple[str, tuple[int, int, int], str, dict[str, Any]]] = [
    ("parallel_balls", (9, 3, 3), "1/2", {}),
    ("parallel_balls", (12, 5, 2), "9/10", {"projection": "identity"}),
    ("thm_4_2_i", (6, 2, 2), "1/50", {}),
    ("thm_4_2_i", (9, 3, 4), "1/200", {"mode": "adaptive"}),
    ("thm_4_2_ii", (7, 2, 3), "1/15", {"eta": "1/10"}),
    ("thm_4_2_ii", (7, 2, 3), "1/30", {"mode": "adaptive"}),
    ("thm_4_2_ii_threshold", (7, 2, 3), "1/15", {}),
    ("thm_4_2_ii_threshold", (8, 4, 2), "1/30", {"mode": "adaptive"}),
    ("thm_4_2_iii", (6, 3, 3), "1/2", {}),
    ("thm_4_2_iii", (12, 10, 2), "1/10", {"constants": {"log_n": 1, "rho": 1, "log_d": "1/2"}}),
    ("vardi2022", (9, 3, 3), "1/2", {}),
    ("vardi2022", (9, 3, 3), "1/2", {"mode": "adaptive"}),
    ("yu2024", (6, 3, 3), "9/10", {}),
    ("yu2024", (5, 2, 2), "1/100", {}),
    ("egosi2025", (6, 3, 3), "1/4", {}),
    ("egosi2025", (6, 40, 2), "1/30", {}),
    ("egosi2025", (6, 40, 2), "1/30", {"mode": "adaptive"}),
]
FROM_SIZES = [case for case in CASES if case[0] != "parallel_balls" and "mode" not in case[3]]


def named(case: tuple) -> str:
    name, (N, d, _), rho, options = case
    return f"{name}-N{N}-d{d}-{rho}-{'-'.join(map(str, options.values()))}"


every_case = pytest.mark.parametrize("case", CASES, ids=named)


def made(case: tuple, seed: int = 0, **more: Any) -> tuple[SeparatedDataset, Fraction, Built]:
    name, (N, d, C), rho, options = case
    data = spread(N, d, C, seed=seed)
    return data, Fraction(rho), build(name, data, Fraction(rho), 2, options | more)


def test_every_registered_construction_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(CONSTRUCTIONS)


@every_case
def test_claim_check_and_source_are_those_of_the_registry(case: tuple) -> None:
    _, rho, built = made(case)
    assert built.certificate is not None
    assert built.certificate.construction == case[0]
    assert built.certificate.claim is CONSTRUCTIONS[case[0]].claim
    assert built.certificate.rho == rho
    assert built.network.outputs == 1


@every_case
def test_plan_is_the_built_network_layer_by_layer(case: tuple) -> None:
    data, rho, built = made(case)
    planned = plan_instead(case[0], data, rho, 2, case[3] | {"plan_only": True})
    assert planned == built.plan
    assert tuple(planned.hidden_widths()) == built.network.hidden_widths
    assert planned.parameter_count() == built.network.parameter_count()
    assert (planned.depth, planned.width) == (built.network.depth, built.network.width)
    assert planned.first_hidden_width == built.network.first_hidden_width


@pytest.mark.parametrize("case", FROM_SIZES, ids=named)
def test_in_mode_paper_the_architecture_depends_on_sizes_alone(case: tuple) -> None:
    name, (N, d, C), rho, options = case
    more: dict[str, Any] = {}
    if "scale" in CONSTRUCTIONS[name].plan_options:
        one, two = (spread(N, d, C, seed=s) for s in (0, 1))
        scales = [scale_of_dataset(data) for data in (one, two)]
        if name == "vardi2022":
            scales = [int(vardi_plan(data, Fraction(rho)).resolved["scale"]) for data in (one, two)]
        more = {"scale": max(scales)}
    expected = plan(name, N, d, C, Fraction(rho), options | more)
    for seed in (0, 1):
        _, _, built = made(case, seed, **more)
        assert built.plan == expected
        assert built.network.hidden_widths == tuple(expected.hidden_widths())


@every_case
def test_exact_outputs_hold_the_claim_and_survive_a_file(case: tuple, tmp_path: Path) -> None:
    data, rho, built = made(case)
    save_network(tmp_path / "network.npz", built.network)
    loaded = load_network(tmp_path / "network.npz")
    points, labels = points_in_balls(data, rho)
    values = built.network.evaluate_exact(points)
    assert loaded.evaluate_exact(points) == values
    assert loaded.activations == built.network.activations
    if built.certificate.claim is Claim.BALLS:
        assert values.fractions()[:, 0].tolist() == labels.tolist()
    centres = built.network.evaluate_exact(data.X).fractions()[:, 0]
    assert centres.tolist() == data.y.tolist()


LARGE = {
    "thm_4_2_i": (10**12, 64, "1/1000000000000000", {"scale": 10}),
    "thm_4_2_ii": (10**12, 64, "1/1000000000", {"scale": 10}),
    "thm_4_2_ii_threshold": (10**12, 64, "1/1000000000", {"scale": 10}),
    "thm_4_2_iii": (10**12, 64, "1/2", {}),
    "vardi2022": (10**12, 64, "1/2", {"scale": 10}),
    "yu2024": (10**12, 64, "1/2", {}),
    "egosi2025": (10**12, 64, "1/100", {}),
}


@pytest.mark.parametrize("name", sorted(LARGE))
def test_plan_alone_reaches_a_million_million_points(name: str) -> None:
    N, d, rho, options = LARGE[name]
    planned = plan(name, N, d, 10, Fraction(rho), options)
    assert planned.parameter_count() > 10**6
    assert planned.inputs == d


def test_every_construction_with_a_plan_from_sizes_reaches_them() -> None:
    assert set(LARGE) == {name for name, c in CONSTRUCTIONS.items() if c.plan is not None}
