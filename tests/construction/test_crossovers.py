"""Winners are those with the fewest parameters; what is rejected or does not apply never wins."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from pipeline.construction import CONSTRUCTIONS
from pipeline.construction.candidates import VARIANTS
from pipeline.construction.crossovers import Counted, cheapest_variants, counted, crossovers
from tests.construction.ball_points import spread


def row(name: str, P: int | None, verdict: str = "verified", **more) -> Counted:
    """Return a row at N = 8, d = 2, rho = 1/2."""
    reason = "why" if verdict in ("does not apply", "rejected") else ""
    depth = None if P is None else 3
    claim = more.pop("claim", "balls")
    made = Counted(name, name, 8, 2, "1/2", verdict, P, depth, reason=reason, claim=claim)
    return replace(made, **more)


def test_the_fewest_parameters_win_and_the_next_construction_is_the_runner_up():
    (cell,) = crossovers([row("a", 30), row("b", 10), row("b", 15), row("c", 25, "planned")])
    assert (cell.winner, cell.parameter_count, cell.verdict) == ("b", 10, "verified")
    assert (cell.runner_up, cell.ratio) == ("c", 2.5)


def test_a_rejected_network_and_one_that_does_not_apply_never_win():
    rows = [row("a", 1, "rejected"), row("b", None, "does not apply"), row("c", 9, "planned")]
    (cell,) = crossovers(rows)
    assert (cell.winner, cell.verdict, cell.runner_up, cell.ratio) == ("c", "planned", "", None)
    assert crossovers(rows[:2]) == []


def test_a_network_that_claims_less_than_every_ball_never_wins():
    rows = [row("a", 1, "error bound", claim="error"), row("b", 2, "planned", claim="error")]
    assert crossovers(rows) == []
    (cell,) = crossovers([*rows, row("c", 9)])
    assert (cell.winner, cell.runner_up) == ("c", "")


def test_equal_counts_are_won_by_the_first_row():
    (cell,) = crossovers([row("b", 5), row("a", 5)])
    assert (cell.winner, cell.runner_up, cell.ratio) == ("b", "a", 1.0)


def test_cells_are_sorted_by_d_then_n_then_the_value_of_rho():
    places = [(8, 2, "1/2"), (8, 2, "1/10"), (9, 2, "1/10"), (8, 1, "9/10")]
    cells = crossovers([row("a", 5, N=N, d=d, rho=rho) for N, d, rho in places])
    assert [(c.N, c.d, c.rho) for c in cells] == [
        (8, 1, "9/10"), (8, 2, "1/10"), (8, 2, "1/2"), (9, 2, "1/10"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "proved"}, "verdict must be one of"),
        ({"parameter_count": None}, "a count is needed exactly where it applies"),
        ({"verdict": "does not apply", "reason": "why"}, "a count is needed exactly"),
        ({"verdict": "rejected"}, "rejected with the reason ''"),
        ({"reason": "why"}, "verified with the reason 'why'"),
        ({"verdict": "error bound"}, "error bound does not fit claim 'balls'"),
        ({"claim": "error"}, "verified does not fit claim 'error'"),
        ({"claim": "points"}, "does not fit claim 'points'"),
    ],
)
def test_a_row_whose_fields_contradict_each_other_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(row("a", 5), **changes)


def test_each_construction_is_counted_in_its_cheapest_variant_at_this_dataset():
    data, rho = spread(12, 4, 2), Fraction(1, 8)
    found = {each.candidate.name: each for each in cheapest_variants(data, rho)}
    assert list(found)[0] == "parallel_balls" and "thm_4_2_ii" not in found
    planned = CONSTRUCTIONS["parallel_balls"].plan_of_dataset
    tried = [each.options for each in VARIANTS["parallel_balls"]]
    assert {"projection": "pca"} in tried and len(tried) > 3
    counts = [planned(data, rho, 2, seed=0, **each).parameter_count() for each in tried]
    assert found["parallel_balls"].cost == min(counts)
    line = counted(found["parallel_balls"], data, rho)
    assert (line.parameter_count, line.verdict, line.rho) == (min(counts), "planned", "1/8")
    assert line.depth == found["parallel_balls"].plan.depth
    refused = counted(found["thm_4_2_i"], data, rho)
    assert refused.verdict == "does not apply" and "needs rho in" in refused.reason
    assert (refused.parameter_count, refused.depth) == (None, None)


def test_names_restrict_and_strangers_are_refused():
    data = spread(6, 2, 2)
    (only,) = cheapest_variants(data, Fraction(1, 2), ["yu2024"])
    assert only.candidate.name == "yu2024"
    with pytest.raises(ValueError, match="candidates must be among"):
        cheapest_variants(data, Fraction(1, 2), ["vardi2022"])


def test_networks_for_one_dataset_do_not_compete_with_those_for_another():
    rows = [row("a", 5), row("b", 9)]
    others = [
        replace(each, dataset="other", parameter_count=each.parameter_count - 4) for each in rows
    ]
    found = crossovers([*rows, *others])
    assert [(cell.dataset, cell.parameter_count, cell.ratio) for cell in found] == sorted(
        [(rows[0].dataset, 5, 9 / 5), ("other", 1, 5.0)]
    )
