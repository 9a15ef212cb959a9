"""auto takes the fewest parameters of all that apply, and says what the others would have cost."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf
from pathlib import Path

import pytest

from pipeline.construction import CONSTRUCTIONS, Claim, Construction, build, construction
from pipeline.construction.auto import CHOICE, build_auto, plan_of_dataset
from pipeline.construction.candidates import VARIANTS, Candidate, Considered, candidates
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.network import Plan
from tests.construction.ball_points import line, spread
from tests.verification.check.check_files import Files

HALF = Fraction(1, 2)

DATA = [
    ("line", Fraction(9, 10)),
    ("cube", Fraction(1, 3)),
    ("sphere", Fraction(1, 60)),
    ("shattering", HALF),
    ("cube", Fraction(1, 5 * 24 * 4)),
]


def dataset(name: str) -> SeparatedDataset:
    """Return a small dataset of a family."""
    sizes = {"line": {"N": 7, "d": 2}, "shattering": {"N": 8, "d": 4, "rho": HALF}}
    return generate_dataset(name, seed=1, **sizes.get(name, {"N": 24, "d": 5, "C": 3}))[0]


def cheapest(data: SeparatedDataset, rho: Fraction, p: int | float = 2) -> int:
    """Return the least P over every plan of a construction that claims the balls."""
    counts = []
    for name, each in CONSTRUCTIONS.items():
        if each.claim is not Claim.BALLS or name in ("auto", "thm_4_2_ii_threshold"):
            continue
        if each.norms is not None and p not in each.norms:
            continue
        for variant in VARIANTS.get(name, (Candidate(name),)):
            reach = variant.most_reach
            if reach is not None and rho * rho * data.d > reach * reach:
                continue
            try:
                plan = each.plan_of_dataset(data, rho, p, seed=0, **variant.options)
            except ValueError:
                continue
            counts.append(plan.parameter_count())
    return min(counts)


@pytest.mark.parametrize(("name", "rho"), DATA)
def test_auto_has_the_fewest_parameters_of_all_plans_and_is_verified(
    name: str, rho: Fraction, tmp_path: Path
) -> None:
    data = dataset(name)
    built = build("auto", data, rho)
    assert built.plan.parameter_count() == cheapest(data, rho)
    assert built.network.parameter_count() == built.plan.parameter_count()
    assert CONSTRUCTIONS["auto"].plan_of_dataset(data, rho, 2, seed=0) == built.plan
    assert Files(tmp_path).write(data, built.network, built.certificate).verified


@pytest.mark.parametrize("p", [1, inf])
def test_auto_serves_other_norms_by_what_is_proved_there(p: float, tmp_path: Path) -> None:
    data, rho = dataset("cube"), Fraction(1, 8)
    built = build("auto", data, rho, p)
    assert built.plan.parameter_count() == cheapest(data, rho, p)
    assert (built.certificate.construction, built.certificate.p) == ("parallel_balls", p)
    assert Files(tmp_path).write(data, built.network, built.certificate).verified
    reasons = dict(built.notes)
    assert "proved for p = 2" in reasons["instead of yu2024"]


def test_equal_calls_give_equal_networks_and_notes() -> None:
    one, two = (build("auto", dataset("cube"), HALF, 2, {}, 3) for _ in range(2))
    assert one.notes == two.notes
    assert one.certificate.to_json("a", "b") == two.certificate.to_json("a", "b")
    assert one.network.evaluate_exact(dataset("cube").X) == two.network.evaluate_exact(
        dataset("cube").X
    )


def test_notes_name_every_candidate_with_its_count_or_the_reason_against_it() -> None:
    data = dataset("sphere")
    built = build("auto", data, Fraction(1, 60))
    (label, choice), *others = built.notes
    told = dict(others)
    assert label == CHOICE and f"P = {built.plan.parameter_count():,}" in choice
    assert " would cost " in choice
    count = CONSTRUCTIONS["yu2024"].plan_of_dataset(data, Fraction(1, 60), 2, seed=0)
    assert f"P = {count.parameter_count():,}" in told["instead of yu2024"]
    assert "does not apply: thm_4_2_i needs rho in" in told["instead of thm_4_2_i (mode=paper)"]
    threshold = told["instead of thm_4_2_ii_threshold (mode=paper)"]
    assert "threshold neurons" in threshold
    every = [f"instead of {each}" for each in candidates(CONSTRUCTIONS)]
    assert sum(key in told for key in every) == len(every) - 1


def test_candidates_restrict_the_choice() -> None:
    data = dataset("cube")
    built = build("auto", data, HALF, 2, {"candidates": ["yu2024"]})
    assert built.certificate.construction == "yu2024"
    assert built.plan == build("yu2024", data, HALF).plan


def test_thresholds_count_only_where_they_are_admitted() -> None:
    data, rho = spread(7, 2, 3), Fraction(1, 15)
    options = {"candidates": ["thm_4_2_ii_threshold"]}
    with pytest.raises(ValueError, match="thresholds=true would admit"):
        build("auto", data, rho, 2, options)
    built = build("auto", data, rho, 2, options | {"thresholds": True})
    assert built.certificate.construction == "thm_4_2_ii_threshold"


def test_where_nothing_applies_every_reason_is_told() -> None:
    options = {"candidates": ["thm_4_2_i", "thm_4_2_iii", "yu2024"]}
    with pytest.raises(ValueError) as raised:
        build("auto", line(4), HALF, 1, options)
    told = str(raised.value)
    for each in ("thm_4_2_i (mode=paper)", "thm_4_2_iii (mode=adaptive)", "yu2024"):
        assert f"{each}: it is proved for p = 2, got p = 1" in told
    with pytest.raises(ValueError, match="none does: .*thm_4_2_i needs rho in"):
        plan_of_dataset(CONSTRUCTIONS, line(4), HALF, 2, candidates=["thm_4_2_i"])


@pytest.mark.parametrize("name", ["vardi2022", "thm_4_2_ii", "auto", "magic"])
def test_what_claims_less_than_every_ball_is_no_candidate(name: str) -> None:
    with pytest.raises(ValueError, match=f"claim every open ball, .*; got '{name}'"):
        build("auto", line(4), HALF, 2, {"candidates": [name]})
    assert name not in {each.name for each in candidates(CONSTRUCTIONS)}


def test_no_candidate_at_all_and_no_ratio_are_refused() -> None:
    with pytest.raises(ValueError, match="candidates must be among"):
        build("auto", line(4), HALF, 2, {"candidates": []})
    with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\), got 1"):
        build("auto", line(4), Fraction(1))


def broken(error: type[Exception]) -> Construction:
    """Return a construction that plans a small network and fails to build it."""

    def fails(dataset, rho, p, *, seed):
        raise error("no room")

    small = Plan(1, (1,))
    return Construction("nowhere", "", fails, lambda dataset, rho, p, *, seed: small)


@pytest.mark.parametrize("error", [ValueError, ArithmeticError])
def test_the_next_is_built_where_building_the_cheapest_fails(error: type[Exception]) -> None:
    registry = CONSTRUCTIONS | {"broken": broken(error)}
    assert plan_of_dataset(registry, line(4), HALF).parameter_count() == 4
    built = build_auto(registry, line(4), HALF)
    assert built.plan.parameter_count() == cheapest(line(4), HALF)
    assert dict(built.notes)["instead of broken"] == "does not apply: building it failed: no room"
    with pytest.raises(ValueError, match="none does: broken: building it failed: no room"):
        build_auto(registry, line(4), HALF, candidates=["broken"])


def another_claim(built):
    return replace(built, certificate=replace(built.certificate, claim=Claim.POINTS))


def another_ratio(built):
    return replace(built, certificate=replace(built.certificate, rho=Fraction(1, 4)))


def no_certificate(built):
    return replace(built, certificate=None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (another_claim, "does not claim every open ball"),
        (no_certificate, "does not claim every open ball"),
        (another_ratio, "it is about rho = 1/4"),
    ],
)
def test_a_network_without_the_claim_asked_for_is_not_taken(changed, message: str) -> None:
    known = CONSTRUCTIONS["yu2024"]

    def less(*arguments, **keywords):
        return changed(known.build(*arguments, **keywords))

    registry = {"yu2024": replace(known, build=less)}
    with pytest.raises(ValueError, match=message):
        build_auto(registry, line(4), HALF)


def test_a_network_of_another_size_than_planned_is_not_taken() -> None:
    known = CONSTRUCTIONS["yu2024"]
    registry = {"yu2024": replace(known, plan_of_dataset=lambda *a, **k: Plan(1, (1,)))}
    with pytest.raises(ValueError, match="was built where 4 was planned"):
        build_auto(registry, line(4), HALF)


def test_a_registered_construction_is_a_candidate_without_further_ado() -> None:
    registry = CONSTRUCTIONS | {"twin": CONSTRUCTIONS["yu2024"]}
    assert "twin" in {each.name for each in candidates(registry)}
    assert construction("auto").norms is None


def test_a_candidate_too_costly_to_plan_is_left_out_with_that_reason(monkeypatch) -> None:
    limited = {"yu2024": (Candidate("yu2024", {}, 3),), "egosi2025": (Candidate("egosi2025"),)}
    monkeypatch.setattr("pipeline.construction.candidates.VARIANTS", VARIANTS | limited)
    built = build("auto", line(4), HALF, 2, {"candidates": ["yu2024", "egosi2025"]})
    told = dict(built.notes)["instead of yu2024"]
    assert "takes too long above N = 3, got N = 4" in told


def test_a_candidate_is_left_out_above_its_reach_and_planned_at_it(monkeypatch) -> None:
    reach = Candidate("yu2024", {}, None, None, Fraction(1, 2))
    monkeypatch.setattr("pipeline.construction.candidates.VARIANTS", {"yu2024": (reach,)})
    options = {"candidates": ["yu2024"]}
    # d = 4: rho sqrt d = 1/2 at rho = 1/4, compared exactly.
    assert build("auto", line(4, 4), Fraction(1, 4), 2, options).certificate.rho == Fraction(1, 4)
    with pytest.raises(ValueError, match="takes too long above rho sqrt d = 1/2, got rho = 13/50"):
        build("auto", line(4, 4), Fraction(26, 100), 2, options)


def test_a_candidate_is_planned_or_refused_never_both() -> None:
    for plan, reason in ((None, ""), (Plan(1, (1,)), "why")):
        with pytest.raises(ValueError, match="a plan or a reason"):
            Considered(Candidate("yu2024"), plan, reason)
    with pytest.raises(ValueError, match="has no plan: why"):
        _ = Considered(Candidate("yu2024"), None, "why").cost
