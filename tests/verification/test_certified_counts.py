"""A row is "verified" exactly where the independent checker proved the network that was counted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from pipeline.construction import CONSTRUCTIONS, Claim
from pipeline.construction.parallel_balls import build_parallel_balls
from pipeline.verification.certified_counts import certified_counts
from tests.construction.ball_points import spread

DATA, RHO = spread(6, 3, 2), Fraction(1, 5)


def test_small_networks_are_certified_large_ones_counted_and_the_rest_says_why():
    rows = certified_counts(DATA, RHO, ["parallel_balls", "yu2024", "thm_4_2_i"], 300)
    by_name = {row.construction: row for row in rows}
    assert by_name["parallel_balls"].verdict == "verified"
    assert by_name["parallel_balls"].parameter_count <= 300 < by_name["yu2024"].parameter_count
    assert by_name["yu2024"].verdict == "planned"
    assert by_name["thm_4_2_i"].verdict == "does not apply"
    assert "thm_4_2_i needs rho in" in by_name["thm_4_2_i"].reason
    assert all(row.N == 6 and row.d == 3 and row.rho == "1/5" for row in rows)


def test_an_error_bound_is_proved_as_such_and_only_where_it_is_asked_for():
    rho = Fraction(1, 30)
    (row,) = certified_counts(DATA, rho, ["thm_4_2_ii"], 10**6, error_bounds=True)
    assert (row.verdict, row.claim) == ("error bound", "error")
    planned = CONSTRUCTIONS["thm_4_2_ii"].plan_of_dataset(DATA, rho, 2, seed=0, mode="adaptive")
    assert (row.dataset, row.first_hidden_width) == ("spread", planned.first_hidden_width)
    with pytest.raises(ValueError, match="every open ball"):
        certified_counts(DATA, rho, ["thm_4_2_ii"], 10**6)


def wrong_boxes(built):
    """Claim boxes that hold no ball."""
    structure = dict(built.certificate.structure)
    structure["sides"] = ["1/1024"] * len(structure["sides"])
    return replace(built, certificate=replace(built.certificate, structure=structure))


def other_network(built):
    """Return the network for another dataset of the same size."""
    others = (build_parallel_balls(spread(6, 3, 2, seed=seed), RHO) for seed in range(1, 99))
    count = built.plan.parameter_count()
    return next(other for other in others if other.plan.parameter_count() == count)


def points_only(built):
    return replace(built, certificate=replace(built.certificate, claim=Claim.POINTS))


def no_certificate(built):
    return replace(built, certificate=None)


@pytest.mark.parametrize("change", [wrong_boxes, other_network, points_only, no_certificate])
def test_a_network_that_is_not_proved_is_rejected_with_a_reason(monkeypatch, change):
    known = CONSTRUCTIONS["parallel_balls"]

    def changed(*arguments, **options):
        return change(known.build(*arguments, **options))

    monkeypatch.setitem(CONSTRUCTIONS, "parallel_balls", replace(known, build=changed))
    (row,) = certified_counts(DATA, RHO, ["parallel_balls"])
    assert row.verdict == "rejected" and row.reason


def test_a_network_that_cannot_be_built_is_rejected(monkeypatch):
    def fails(*arguments, **options):
        raise ArithmeticError("no room")

    known = CONSTRUCTIONS["yu2024"]
    monkeypatch.setitem(CONSTRUCTIONS, "yu2024", replace(known, build=fails))
    (row,) = certified_counts(DATA, RHO, ["yu2024"])
    assert (row.verdict, row.reason) == ("rejected", "building it failed: no room")
