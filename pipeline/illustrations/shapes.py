"""Rows of a table that describes a drawing: balls, points, segments and corners, with exact text.

One row is one shape. Coordinates and lengths are floats, for drawing; beside them stand the same
numbers as exact text, for whoever checks what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt, nan, sqrt

import pandas as pd

Point = Sequence[Fraction | int]


@dataclass(frozen=True)
class Shape:
    """One thing to draw in R^2 or R^3.

    Args:
        panel: the panel it belongs to.
        kind: what it is, for example "ball" or "distance".
        name: what it is called, unique within panel and kind.
        at: centre, position or start, 2 or 3 exact coordinates.
        to: end of a segment, or the normal of a disc; of the same length.
        label: class label of the point it belongs to, 0 for none.
        squared: squared length of a segment or squared radius of a ball.
        value: what else is to be said of it, as text.

    Raises:
        ValueError: if a position has other than 2 or 3 coordinates, or the squared length of a
            segment is negative.
    """

    panel: str
    kind: str
    name: str
    at: Point
    to: Point | None = None
    label: int = 0
    squared: Fraction | None = None
    value: str = ""

    def __post_init__(self) -> None:
        if len(self.at) not in (2, 3) or (self.to is not None and len(self.to) != len(self.at)):
            raise ValueError(f"{self.name} needs positions in R^2 or R^3, got {self.at}, {self.to}")
        if self.squared is not None and self.squared < 0:
            raise ValueError(f"{self.name} has a negative squared length, {self.squared}")


def table_of_shapes(shapes: Iterable[Shape]) -> pd.DataFrame:
    """Return one row a shape.

    Returns:
        Columns panel, kind, name, label; x, y, z and to_x, to_y, to_z (nan where there is none);
        length = sqrt(squared); squared, exact and exact_to (the rationals as text); value.
    """
    rows = []
    for shape in shapes:
        row: dict[str, object] = {
            "panel": shape.panel,
            "kind": shape.kind,
            "name": shape.name,
            "label": shape.label,
        }
        row |= dict(zip(("x", "y", "z"), _floats(shape.at), strict=True))
        row |= dict(zip(("to_x", "to_y", "to_z"), _floats(shape.to), strict=True))
        row["length"] = nan if shape.squared is None else _root(shape.squared)
        row["squared"] = "" if shape.squared is None else str(shape.squared)
        row["exact"], row["exact_to"] = _text(shape.at), _text(shape.to)
        row["value"] = shape.value
        rows.append(row)
    return pd.DataFrame(rows)


def squared_distance(first: Point, second: Point) -> Fraction:
    """Return the squared l2 distance of two points, exactly."""
    return sum(
        ((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(first, second, strict=True)), Fraction(0)
    )


def _root(squared: Fraction) -> float:
    """Return the square root as a float, without rounding where it is a small rational."""
    top, bottom = isqrt(squared.numerator), isqrt(squared.denominator)
    if Fraction(top * top, bottom * bottom) == squared:
        return float(Fraction(top, bottom))
    return sqrt(squared)


def _floats(point: Point | None) -> list[float]:
    values = [] if point is None else [float(v) for v in point]
    return values + [nan] * (3 - len(values))


def _text(point: Point | None) -> str:
    return "" if point is None else " ".join(str(Fraction(v)) for v in point)
