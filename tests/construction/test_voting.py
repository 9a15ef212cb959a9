"""Voting: the certificate of the whole ball, where no lattice clears it, and its limits."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import Built, build
from pipeline.construction.voting import plan_of_dataset
from pipeline.construction.voting_layout import Sizes, fewest_knots
from pipeline.construction.voting_tables import Choice, voted
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.exact import DyadicArray
from pipeline.gadgets import StoredKeys
from tests.construction.ball_points import dataset_of, spread, wrong_points
from tests.construction.crossing_points import crossing_points
from tests.verification.check.check_files import Files

# About twice 1/(5 sqrt d) for d = 1,000.
RHO = Fraction(1, 80)


@pytest.fixture(scope="module")
def sphere() -> SeparatedDataset:
    return generate_dataset("sphere", N=200, d=1000, C=2)[0]


@pytest.fixture(scope="module")
def vote(sphere: SeparatedDataset) -> Built:
    # The sizes that the search finds by itself (conf/experiment/voting.yaml), to save its time.
    return build("voting", sphere, RHO, 2, {"tables": 7, "k": 10, "walls": 1})


def test_balls_that_no_lattice_clears_are_certified(
    sphere: SeparatedDataset, vote: Built, tmp_path: Path
) -> None:
    assert RHO**2 * 25 * sphere.d > 1
    notes = dict(vote.notes)
    # No table is a lattice that clears all balls; no ball is cleared by all of them.
    assert int(notes["balls that a single table clears"].split()[2]) < 150
    assert notes["balls that all tables clear"] == "0 of 200"
    assert notes["tables that can be wrong, bit 0 + bit 1"] == "3 + 3 of 7"
    assert Files(tmp_path).write(sphere, vote.network, vote.certificate).verified


def test_points_that_cross_as_many_walls_as_they_can_get_their_label(
    sphere: SeparatedDataset, vote: Built
) -> None:
    points, balls, crossed = crossing_points(vote, sphere, RHO, 7)
    assert len(points) == 400
    # The attack does what it says: most points spoil a table, some as many as the vote stands.
    assert np.count_nonzero(crossed) > 300
    assert crossed.max() >= 3
    values = vote.network.evaluate_exact(points).fractions()[:, 0]
    assert values.tolist() == sphere.y[balls].tolist()


def test_no_single_table_is_found_for_these_balls(sphere: SeparatedDataset) -> None:
    for k, walls in ((8, 1), (10, 1), (7, 2)):
        with pytest.raises(ValueError, match="voting needs tables that outvote"):
            plan_of_dataset(sphere, RHO, tables=1, k=k, walls=walls)


def test_a_vote_with_too_large_a_radius_is_wrong_somewhere(
    sphere: SeparatedDataset, vote: Built
) -> None:
    """The attack is strong enough to refute a vote, at four times the radius."""
    points, balls, _ = crossing_points(vote, sphere, 4 * RHO, 7)
    values = vote.network.evaluate_exact(points).fractions()[:, 0]
    assert any(v != y for v, y in zip(values, sphere.y[balls], strict=True))


@pytest.mark.parametrize(
    ("C", "p", "ratio"), [(2, 2, "1/16"), (3, 2, "1/16"), (5, 1, "1/80"), (4, 3, "1/16")]
)
@pytest.mark.parametrize("projection", ["random", "span_random"])
def test_small_votes_hold_on_the_balls_of_every_norm(
    C: int, p: int, ratio: str, projection: str, tmp_path: Path
) -> None:
    data, rho = spread(12, 24, C), Fraction(ratio)
    built = build("voting", data, rho, p, {"tables": 3, "projection": projection})
    assert built.plan.resolved["tables"] == 3
    assert wrong_points(built.network, data, rho, p) == []
    assert Files(tmp_path).write(data, built.network, built.certificate).verified


def test_the_search_takes_the_fewest_parameters_over_its_own_options() -> None:
    data, rho = spread(8, 12, 2), Fraction(1, 8)
    chosen = plan_of_dataset(data, rho)
    assert chosen.resolved == {"tables": 3, "k": 2, "walls": 2}
    for k in range(1, 5):
        for walls in range(1, 4):
            try:
                other = plan_of_dataset(data, rho, k=k, walls=walls)
            except ValueError:
                continue
            assert other.parameter_count() >= chosen.parameter_count()


def test_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    data, rho = spread(8, 12, 2), Fraction(1, 16)
    one, same, other = (build("voting", data, rho, 2, {}, seed).network for seed in (0, 0, 1))
    assert all(
        a.exponent == b.exponent and np.array_equal(a.weight.dense(), b.weight.dense())
        for a, b in zip(one.layers, same.layers, strict=True)
    )
    assert not np.array_equal(one.layers[0].weight.dense(), other.layers[0].weight.dense())


def test_the_range_of_sizes_of_data_does_not_matter() -> None:
    """Scaling by a power of two, far offsets and tiny ratios keep the vote certified."""
    data = spread(8, 12, 2)
    for exponent in (-60, 40):
        scaled = SeparatedDataset("scaled", DyadicArray(data.X.numerators, exponent), data.y)
        assert plan_of_dataset(scaled, Fraction(1, 8)) == plan_of_dataset(data, Fraction(1, 8))
    built = build("voting", data, Fraction(1, 10**30))
    assert built.network.evaluate_exact(data.X).fractions()[:, 0].tolist() == data.y.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tables": 0}, "tables must lie in 1..49, got 0"),
        ({"k": 25}, "k must lie in 1..24, got 25"),
        ({"walls": 4}, "walls must lie in 1..3, got 4"),
        ({"projection": "pca"}, "must be random or span_random, got 'pca'"),
        ({"tables": 3, "k": 8}, "none found at rho = 1/8"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("voting", spread(8, 12, 2), Fraction(1, 8), 2, options)
    with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\), got 1 "):
        build("voting", spread(8, 12, 2), Fraction(1))


def test_a_row_may_not_serve_two_tables() -> None:
    with pytest.raises(ValueError, match="tables must use different rows"):
        Choice(np.array([[0, 1], [1, 2]]), np.zeros((2, 2, 1), dtype=np.int64), np.ones((2, 3)))


def test_wrong_tables_are_counted_by_sums_of_squares_exactly() -> None:
    """Three tables of one row; clearances 3, 4 and 5: the radius 5 is reached by 3 and 4."""
    values = np.array([[3 + 1, 4 + 1, 5 + 1], [-9, -9, -9]])
    walls = np.zeros((3, 1, 1), dtype=np.int64)
    choice = Choice(np.arange(3)[:, None], walls, np.ones((3, 2)))
    labels = np.array([1, 0])
    for square, wrong in ((25, 1), (26, 2), (50, 2), (51, 3), (9, 0), (10, 1)):
        votes = voted(DyadicArray(values, 0), labels, 1, choice, Fraction(square))
        assert votes.most_wrong[0][1] == wrong
        assert votes.decided == (votes.most_wrong[0][0] + wrong < 3)
    assert voted(DyadicArray(values, 0), labels, 1, choice, Fraction(9)).sure == 2


def test_knots_are_spread_over_two_layers_at_the_least_cost() -> None:
    stored = StoredKeys({key: key % 2 for key in range(200)}, 1)
    best = fewest_knots(stored, 1, 3, 1)

    def count(knots: int) -> int:
        steps = 1 + 2 * (len(stored.starts(knots)) - 1)
        sizes = Sizes(4, 2, 1, 1, (1, steps, 1), (1, knots, 1))
        return sizes.plan().parameter_count()

    assert 5 < best < 40
    assert count(best) <= min(count(n) for n in (1, 5, best - 1, best + 1, 100, stored.most)) * 1.01


def test_two_points_need_one_table_of_one_wall() -> None:
    data = dataset_of([[0, 0], [8, 6]], [1, 2])
    built = build("voting", data, Fraction(1, 4))
    assert built.plan.resolved == {"tables": 1, "k": 1, "walls": 1}
    assert wrong_points(built.network, data, Fraction(1, 4)) == []
