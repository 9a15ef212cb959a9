"""Claims about tables of shapes: floats for drawing stand beside exact text."""

from __future__ import annotations

from fractions import Fraction
from math import isnan, sqrt

import pytest

from pipeline.illustrations.shapes import Shape, squared_distance, table_of_shapes


def test_a_row_has_the_shape_s_numbers_as_floats_and_as_text():
    third = Fraction(1, 3)
    shapes = [
        Shape("a", "ball", "p", (third, 0, -1), label=2, squared=Fraction(4, 9), value="v"),
        Shape("a", "segment", "q", (0, 0), (third, 1), squared=Fraction(10, 9)),
        Shape("b", "point", "r", (1, 2)),
    ]
    ball, segment, at = (row for _, row in table_of_shapes(shapes).iterrows())
    assert ball[["panel", "kind", "name", "label", "value"]].to_list() == ["a", "ball", "p", 2, "v"]
    assert ball[["x", "y", "z"]].to_list() == [1 / 3, 0, -1]
    assert (ball["exact"], ball["exact_to"], ball["squared"]) == ("1/3 0 -1", "", "4/9")
    assert ball["length"] == 2 / 3 and isnan(ball["to_x"])
    assert segment["length"] == sqrt(Fraction(10, 9)) and segment["exact_to"] == "1/3 1"
    assert isnan(segment["z"]) and isnan(segment["to_z"]) and segment["to_y"] == 1
    assert isnan(at["length"]) and at["squared"] == "" and at["label"] == 0


def test_squared_distances_are_exact():
    assert squared_distance((Fraction(1, 3), 0), (0, Fraction(1, 2))) == Fraction(13, 36)


@pytest.mark.parametrize(
    ("at", "to", "squared", "message"),
    [
        ((1,), None, None, "R\\^2 or R\\^3"),
        ((1, 2, 3, 4), None, None, "R\\^2 or R\\^3"),
        ((1, 2), (1, 2, 3), None, "R\\^2 or R\\^3"),
        ((1, 2), None, Fraction(-1), "negative squared length"),
    ],
)
def test_a_shape_that_cannot_be_drawn_is_refused(at, to, squared, message):
    with pytest.raises(ValueError, match=message):
        Shape("a", "ball", "p", at, to, squared=squared)
