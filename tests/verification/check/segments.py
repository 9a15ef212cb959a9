"""A network along segments, piece by piece and exactly: a second method beside the checker's.

Along c + t v with lo < t < hi every neuron is a form slope * t + value on each of finitely many
pieces. Layer by layer the pieces are cut where a form changes sign; a cut is a piece of its own, a
single point, so that thresholds are right there too. In one dimension a segment is a whole ball:
what is found then is the truth about it, not a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint

from pipeline.network import ReLUNetwork

# The most pieces of all segments together that are followed.
_MOST = 1 << 20


@dataclass(frozen=True)
class Segment:
    """The points (centre + t * direction) * 2**exponent for -reach < t < reach.

    Args:
        centre: integers, one a coordinate.
        direction: integers, one a coordinate, not all 0.
        exponent: at most 0.
        reach: of t.
    """

    centre: tuple[int, ...]
    direction: tuple[int, ...]
    exponent: int
    reach: Fraction

    def __post_init__(self) -> None:
        if len(self.centre) != len(self.direction) or not any(self.direction):
            raise ValueError("a segment needs a direction of as many coordinates as its centre")
        if self.exponent > 0 or self.reach <= 0:
            raise ValueError("a segment needs an exponent of at most 0 and a reach above 0")


@dataclass(frozen=True)
class Piece:
    """f = slope * t + value for lo < t < hi on one segment, or at the single point lo = hi."""

    segment: int
    lo: Fraction
    hi: Fraction
    slope: Fraction = Fraction(0)
    value: Fraction = Fraction(0)

    def is_exactly(self, label: int) -> bool:
        """Return whether f = label on all of the piece."""
        at_point = self.lo == self.hi and self.slope * self.lo + self.value == label
        return at_point or (self.slope == 0 and self.value == label)

    def is_nearest(self, label: int) -> bool:
        """Return whether |f - label| < 1/2 on all of the piece."""
        ends = [abs(self.slope * t + self.value - label) for t in (self.lo, self.hi)]
        half = Fraction(1, 2)
        # An open piece with a slope does not take the values of its ends.
        open_piece = self.lo < self.hi and self.slope != 0
        return max(ends) <= half if open_piece else max(ends) < half


def pieces_along(network: ReLUNetwork, segments: Sequence[Segment]) -> list[Piece]:
    """Return f on every piece of the segments, in order.

    Args:
        network: scalar network on R^d.
        segments: in R^d, all with the same exponent.
    """
    exponent = segments[0].exponent
    pieces = [Piece(k, -s.reach, s.reach) for k, s in enumerate(segments)]
    forms = [list(zip(s.direction, s.centre, strict=True)) for s in segments]
    for number, layer in enumerate(network.layers):
        matrix = _matrix(layer.weight.dense().tolist(), layer.bias.tolist())
        forms = _mapped(matrix, forms, exponent)
        exponent += layer.exponent
        if exponent > 0:
            forms = [[(a << exponent, b << exponent) for a, b in f] for f in forms]
            exponent = 0
        if number < network.depth - 1:
            kinds = network.thresholds(number).tolist()
            pieces, forms = _activated(pieces, forms, kinds, 1 << -exponent)
            assert len(pieces) < _MOST
    unit = Fraction(2) ** exponent
    return [
        Piece(piece.segment, piece.lo, piece.hi, a * unit, b * unit)
        for piece, ((a, b),) in zip(pieces, forms, strict=True)
    ]


_Form = tuple[int, int]


def _matrix(weight: list[list[int]], bias: list[int]) -> flint.fmpz_mat:
    rows = zip(weight, bias, strict=True)
    return flint.fmpz_mat([[*map(int, row), int(b)] for row, b in rows])


def _mapped(matrix: flint.fmpz_mat, forms: list[list[_Form]], exponent: int) -> list[list[_Form]]:
    """Return W form + b for the forms of every piece, on a scale finer by the layer's own."""
    one = [v for _ in forms for v in (0, 1 << -exponent)]
    rows = [[v for form in forms for v in form[k]] for k in range(len(forms[0]))]
    product = (matrix * flint.fmpz_mat([*rows, one])).tolist()
    return [[(int(row[2 * k]), int(row[2 * k + 1])) for row in product] for k in range(len(forms))]


def _activated(
    pieces: list[Piece], forms: list[list[_Form]], thresholds: list[bool], one: int
) -> tuple[list[Piece], list[list[_Form]]]:
    """Cut every piece where a form changes sign; return the parts and the forms after the layer.

    Parts on both sides of a cut where all forms are the same, and at it, are one piece again.
    """
    parts: list[Piece] = []
    after: list[list[_Form]] = []
    for piece, form in zip(pieces, forms, strict=True):
        for part in _cut(piece, form):
            # The middle of the part is n / d.
            n = part.lo.numerator * part.hi.denominator + part.hi.numerator * part.lo.denominator
            d = 2 * part.lo.denominator * part.hi.denominator
            row = []
            for (a, b), threshold in zip(form, thresholds, strict=True):
                value = a * n + b * d
                if threshold:
                    row.append((0, one if value >= 0 else 0))
                else:
                    row.append((a, b) if value > 0 else (0, 0))
            if part.lo < part.hi and after[-2:] == [row, row] and parts[-2].segment == part.segment:
                part = Piece(part.segment, parts[-2].lo, part.hi)
                del parts[-2:], after[-2:]
            parts.append(part)
            after.append(row)
    return parts, after


def _cut(piece: Piece, form: list[_Form]) -> list[Piece]:
    if piece.lo == piece.hi:
        return [piece]
    (p, q), (r, s) = piece.lo.as_integer_ratio(), piece.hi.as_integer_ratio()
    # Signs at both ends tell whether a root lies between them.
    crossing = [(a, b) for a, b in form if a and (a * p + b * q) * (a * r + b * s) < 0]
    parts, lo = [], piece.lo
    for t in sorted({Fraction(-b, a) for a, b in crossing}):
        parts += [Piece(piece.segment, lo, t), Piece(piece.segment, t, t)]
        lo = t
    return [*parts, Piece(piece.segment, lo, piece.hi)]
