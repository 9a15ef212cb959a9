"""Claims about what Figure 2 shows: exact distances, and balls that really collide (Prop. 3.2)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.data import SeparatedDataset
from pipeline.data.hard_width import hard_width_points
from pipeline.exact import DyadicArray
from pipeline.illustrations.figure2 import WEIGHT, figure_2_table, narrow_network
from pipeline.verification.verify import verify

UNITS = {"e₁": (1, 0, 0), "e₂": (0, 1, 0), "e₃": (0, 0, 1)}


@pytest.fixture(scope="module")
def table():
    return figure_2_table()


def rows(table, panel, kind):
    return table[(table["panel"] == panel) & (table["kind"] == kind)].set_index("name")


def point(text: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(part) for part in text.split())


def image(at: tuple[Fraction, ...]) -> Fraction:
    return at[0] + at[1] - at[2]


def squared(first, second) -> Fraction:
    return sum(((a - b) ** 2 for a, b in zip(first, second, strict=True)), Fraction(0))


@pytest.mark.parametrize("rho", ["1/10", "1/2", "2/3", "99/100"])
def test_the_dataset_is_that_of_proposition_3_2_with_balls_of_radius_rho_halves(rho):
    table = figure_2_table(rho)
    balls = rows(table, "a", "ball")
    assert {n: (point(b["exact"]), b["label"]) for n, b in balls.iterrows()} == {
        **{name: (unit, 2) for name, unit in UNITS.items()},
        "0": ((0, 0, 0), 1),
    }
    assert {Fraction(text) for text in balls["squared"]} == {(Fraction(rho) / 2) ** 2}
    assert balls["length"].to_list() == [float(Fraction(rho) / 2)] * 4
    assert rows(table, "a", "separation")["squared"].item() == "1"


def test_each_foot_is_the_nearest_point_of_null_w(table):
    distances = rows(table, "b", "distance")
    assert {n: point(row["exact"]) for n, row in distances.iterrows()} == UNITS
    for name, row in distances.iterrows():
        foot = point(row["exact_to"])
        off = [a - b for a, b in zip(UNITS[name], foot, strict=True)]
        assert image(foot) == 0
        # At right angles to Null(W): a multiple of W.
        assert len({o / w for o, w in zip(off, WEIGHT, strict=True)}) == 1
        assert squared(UNITS[name], foot) == Fraction(row["squared"])


def test_all_three_distances_attain_the_bound_of_lemma_a_1(table):
    assert set(rows(table, "b", "distance")["squared"]) == {"1/3"}
    assert rows(table, "b", "bound")["squared"].item() == "1/3"


@pytest.mark.parametrize("rho", ["1/2", "577/1000", "578/1000", "2/3", "9/10"])
def test_balls_of_radius_2_mu_meet_null_w_exactly_above_the_bound(rho):
    table, beyond = figure_2_table(rho), Fraction(rho) ** 2 - Fraction(1, 3)
    balls, cuts = rows(table, "b", "differences"), rows(table, "b", "cut")
    assert {Fraction(text) for text in balls["squared"]} == {Fraction(rho) ** 2}
    assert set(balls["value"]) == {"meets" if beyond > 0 else "misses"}
    assert [Fraction(text) for text in cuts["squared"]] == [beyond] * (3 if beyond > 0 else 0)
    assert len(rows(table, "c", "collision")) == (2 if beyond > 0 else 0)


def test_the_patch_is_a_rectangle_in_null_w_that_holds_the_feet(table):
    corners = [point(text) for text in rows(table, "b", "plane")["exact"]]
    assert len(corners) == 4 and all(image(corner) == 0 for corner in corners)
    sides = [[b - a for a, b in zip(corners[0], corners[k], strict=True)] for k in (1, 3)]
    assert sum(a * b for a, b in zip(*sides, strict=True)) == 0
    assert [a + u + v for a, u, v in zip(corners[0], *sides, strict=True)] == list(corners[2])
    for row in rows(table, "b", "distance")["exact_to"]:
        off = [b - a for a, b in zip(corners[0], point(row), strict=True)]
        for side in sides:
            share = sum(a * b for a, b in zip(off, side, strict=True)) / sum(a * a for a in side)
            assert 0 < share < 1


def test_the_collision_is_two_points_of_two_balls_that_no_network_with_this_w_tells_apart(table):
    found, mu_squared = rows(table, "c", "collision"), Fraction(1, 9)
    x, other = (point(found.loc[name, "exact"]) for name in ("x", "x′"))
    assert squared(x, (1, 0, 0)) == Fraction(found.loc["x", "squared"]) < mu_squared
    assert squared(other, (0, 0, 0)) == Fraction(found.loc["x′", "squared"]) < mu_squared
    assert found["label"].to_list() == [2, 1]
    assert image(x) == image(other)
    difference = rows(table, "c", "difference").iloc[0]
    assert Fraction(difference["value"]) == image(x)
    assert (point(difference["exact"]), point(difference["exact_to"])) == (other, x)
    outputs = narrow_network().evaluate_exact(dyadic([x, other]), 1).fractions()[:, 0]
    assert [str(output) for output in outputs] == found["value"].to_list() == ["3/2", "3/2"]


def test_the_network_of_width_one_is_proved_right_on_all_balls_at_one_half():
    network = narrow_network()
    assert network.first_hidden_width == 1
    first = network.layers[0].weight.dense() * 2.0 ** network.layers[0].exponent
    assert np.array_equal(first, [WEIGHT])
    dataset = SeparatedDataset("hard_width", *hard_width_points(4, 3))
    below = verify(network, dataset, "1/2", decision="exact", attacks=("null_space",))
    assert set(below["verdict"]) == {"VERIFIED"}


@pytest.mark.parametrize("rho", ["0", "1", "5/4"])
def test_a_ratio_out_of_range_is_refused(rho):
    with pytest.raises(ValueError, match="must lie in"):
        figure_2_table(rho)


def dyadic(points: list[tuple[Fraction, ...]]) -> DyadicArray:
    bits = max(v.denominator.bit_length() - 1 for at in points for v in at)
    return DyadicArray(np.array([[int(v * (1 << bits)) for v in at] for at in points]), -bits)
