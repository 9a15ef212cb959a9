"""What every construction must hold, on a table of cases: a new one without a case is an error."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import pytest

from pipeline.construction import CONSTRUCTIONS, Claim, build, plan, plan_instead
from pipeline.construction.lattice import scale_of_dataset
from pipeline.construction.vardi2022 import plan_of_dataset as vardi_plan
from pipeline.data import SeparatedDataset
from pipeline.network import load_network, save_network
from tests.construction.ball_points import points_in_balls, spread
from tests.construction.cases import CASES, BuildCase

PLANNED_FROM_DATA = {"auto", "halving_lattice", "parallel_balls", "voting"}
FROM_SIZES = [c for c in CASES if c.name not in PLANNED_FROM_DATA and "mode" not in c.options]

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def test_every_registered_construction_has_a_case() -> None:
    assert {case.name for case in CASES} == set(CONSTRUCTIONS)


def test_all_other_constructions_are_planned_from_sizes() -> None:
    assert {n for n, c in CONSTRUCTIONS.items() if c.plan is None} == PLANNED_FROM_DATA


@every_case
def test_claim_and_name_are_those_of_the_registry(case: BuildCase) -> None:
    built = case.built()
    assert built.certificate is not None
    assert built.certificate.construction == (case.certified_as or case.name)
    assert built.certificate.claim is CONSTRUCTIONS[case.name].claim
    assert built.certificate.rho == case.ratio
    assert built.network.outputs == 1


@every_case
def test_plan_is_the_built_network_layer_by_layer(case: BuildCase) -> None:
    built = case.built()
    options = case.options | {"plan_only": True}
    planned = plan_instead(case.name, case.data(), case.ratio, 2, options)
    assert planned == built.plan
    assert tuple(planned.hidden_widths()) == built.network.hidden_widths
    assert planned.parameter_count() == built.network.parameter_count()
    assert (planned.depth, planned.width) == (built.network.depth, built.network.width)
    assert planned.first_hidden_width == built.network.first_hidden_width


def scale_of(name: str, data: SeparatedDataset, rho: Fraction) -> int:
    """Return the scale that the construction's plan of these data needs."""
    if name == "vardi2022":
        return int(vardi_plan(data, rho).resolved["scale"])
    return scale_of_dataset(data)


@pytest.mark.parametrize("case", FROM_SIZES, ids=str)
def test_in_mode_paper_the_architecture_depends_on_sizes_alone(case: BuildCase) -> None:
    more: dict[str, Any] = {}
    if "scale" in CONSTRUCTIONS[case.name].plan_options:
        more = {"scale": max(scale_of(case.name, case.data(s), case.ratio) for s in (0, 1))}
    expected = plan(case.name, case.N, case.d, case.C, case.ratio, case.options | more)
    for seed in (0, 1):
        built = case.built(seed, **more)
        assert built.plan == expected
        assert built.network.hidden_widths == tuple(expected.hidden_widths())


def allowed_ratio(name: str, N: int, d: int) -> Fraction:
    """Return a ratio inside the construction's range."""
    end = Fraction(1, isqrt(25 * N * N * d - 1) + 1)
    inside = {"thm_4_2_i": end} | dict.fromkeys(
        ("thm_4_2_ii", "thm_4_2_ii_threshold", "masked_moderate"), 2 * end
    )
    return inside.get(name, Fraction(1, 2) if name == "thm_4_2_iii" else Fraction(1, 4 * d))


@pytest.mark.parametrize("C", [2, 3])
@pytest.mark.parametrize(("N", "d"), [(4, 1), (4, 3), (10, 2), (17, 4)])
@pytest.mark.parametrize("name", sorted({case.name for case in FROM_SIZES}))
def test_plan_from_sizes_is_the_built_network_on_a_grid(name: str, N: int, d: int, C: int) -> None:
    data, rho = spread(N, d, C), allowed_ratio(name, N, d)
    more = {}
    if "scale" in CONSTRUCTIONS[name].plan_options:
        more = {"scale": scale_of(name, data, rho)}
    planned = plan(name, N, d, C, rho, more)
    network = build(name, data, rho, 2, more).network
    assert tuple(planned.hidden_widths()) == network.hidden_widths
    assert planned.parameter_count() == network.parameter_count()
    assert (planned.depth, planned.width) == (network.depth, network.width)


@every_case
def test_exact_outputs_hold_the_claim_and_survive_a_file(case: BuildCase, tmp_path: Path) -> None:
    data, built = case.data(), case.built()
    save_network(tmp_path / "network.npz", built.network)
    loaded = load_network(tmp_path / "network.npz")
    points, labels = points_in_balls(data, case.ratio)
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
    "masked_moderate": (10**12, 64, "1/1000000000", {"scale": 10}),
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
