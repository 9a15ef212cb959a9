"""Claims about what Figure 5 shows: every labelling of e_1, e_2, e_3 is forced (Prop. 3.3)."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from pipeline.illustrations.figure5 import RATIO_SQUARED, figure_5_table

LABELLINGS = ["".join(signs) for signs in product("+-", repeat=3)]
NAMES = ("e₁", "e₂", "e₃")


@pytest.fixture(scope="module")
def table():
    return figure_5_table(LABELLINGS)


def rows(table, labelling, kind):
    return table[(table["panel"] == labelling) & (table["kind"] == kind)].set_index("name")


def point(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split())


def test_the_paper_s_labelling_has_the_paper_s_centres():
    table = figure_5_table()
    assert list(dict.fromkeys(table["panel"])) == ["+-+", "+--"]
    balls = rows(table, "+-+", "ball")
    assert {n: (point(b["exact"]), b["label"]) for n, b in balls.iterrows()} == {
        "x₁": ((1, -1, 1), 2),
        "x₂": ((-1, 1, -1), 1),
    }


def test_the_ratio_is_the_least_of_k_3_and_the_largest_the_proposition_allows_in_r_3():
    assert 1 / (1 - RATIO_SQUARED) == 3
    assert RATIO_SQUARED == 1 - Fraction(1, 3)


@pytest.mark.parametrize("labelling", LABELLINGS)
def test_centres_are_plus_and_minus_the_signs_and_the_radius_is_sqrt_2(table, labelling):
    balls = rows(table, labelling, "ball")
    signs = tuple(1 if sign == "+" else -1 for sign in labelling)
    assert point(balls.loc["x₁", "exact"]) == signs
    assert point(balls.loc["x₂", "exact"]) == tuple(-s for s in signs)
    assert balls["squared"].to_list() == ["2", "2"]
    assert rows(table, labelling, "separation")["squared"].item() == "12"


@pytest.mark.parametrize("labelling", LABELLINGS)
def test_every_unit_vector_lies_on_the_ball_of_its_sign_and_off_the_other(table, labelling):
    balls = rows(table, labelling, "ball").reset_index()
    of_label = {b["label"]: point(b["exact"]) for _, b in balls.iterrows()}
    own, other = (rows(table, labelling, kind) for kind in ("own", "other"))
    for j, name in enumerate(NAMES):
        unit = tuple(int(i == j) for i in range(3))
        assert own.loc[name, "label"] == (2 if labelling[j] == "+" else 1)
        for row, away, place in ((own.loc[name], 2, "boundary"), (other.loc[name], 6, "outside")):
            assert point(row["exact_to"]) == unit
            assert point(row["exact"]) == of_label[row["label"]]
            steps = [a - b for a, b in zip(point(row["exact"]), unit, strict=True)]
            assert sum(step**2 for step in steps) == away == int(row["squared"])
            assert row["value"] == place


@pytest.mark.parametrize("labelling", LABELLINGS)
def test_twice_the_network_less_three_is_the_labelling(table, labelling):
    points = rows(table, labelling, "point")
    assert points.index.to_list() == list(NAMES)
    assert points["value"].to_list() == ["1" if sign == "+" else "-1" for sign in labelling]
    assert points["label"].to_list() == [2 if sign == "+" else 1 for sign in labelling]


def test_the_points_stay_where_they_are_whatever_the_labelling(table):
    for name in NAMES:
        chosen = table[(table["kind"] == "point") & (table["name"] == name)]
        assert len(chosen) == 8 and len(set(chosen["exact"])) == 1


@pytest.mark.parametrize("labelling", ["+-", "+-+-", "+x-"])
def test_a_labelling_of_other_than_three_signs_is_refused(labelling):
    with pytest.raises(ValueError, match="labelling"):
        figure_5_table([labelling])
