"""The second method: a network along segments is what exact evaluation says, at every point."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.exact import DyadicArray
from pipeline.network import Activation, ReLUNetwork
from tests.cases import CASES, Case, layer
from tests.construction.ball_points import line
from tests.verification.check.mutated import SUBJECTS, Subject, segments_of
from tests.verification.check.segments import Piece, Segment, pieces_along

SCALAR = [case for case in CASES if case.network.outputs == 1]
# vardi2022 claims nothing about balls, and has very many pieces on them.
ON_BALLS = [subject for subject in SUBJECTS if subject.name != "vardi2022"]
TINY = Fraction(1, 1 << 70)
SEGMENT = Segment((0,), (1,), 0, Fraction(1))


def assert_exact(network: ReLUNetwork, segment: Segment, count: int = 40) -> None:
    """Compare all pieces with exact evaluation at dyadic points, the ends of pieces among them."""
    pieces = pieces_along(network, [segment])
    for piece, later in zip(pieces, pieces[1:], strict=False):
        assert piece.hi == later.lo and (piece.lo < piece.hi) != (later.lo < later.hi)
    assert (pieces[0].lo, pieces[-1].hi) == (-segment.reach, segment.reach)
    ends = [piece.lo for piece in pieces[1:] if piece.lo.denominator.bit_count() == 1]
    inside = [segment.reach * Fraction(k, 1 << 12) for k in range(-4095, 4096, 8192 // count)]
    ts = [*ends[:count], *(Fraction(int(t * 2**20), 2**20) for t in inside)]
    bits = max(t.denominator.bit_length() - 1 for t in ts)
    pairs = list(zip(segment.centre, segment.direction, strict=True))
    points = np.array([[int((c + t * v) * 2**bits) for c, v in pairs] for t in ts], dtype=object)
    at = DyadicArray(points, segment.exponent - bits)
    values = network.evaluate_exact(at).fractions()[:, 0].tolist()
    for t, value in zip(ts, values, strict=True):
        (piece,) = [q for q in pieces if q.lo < t < q.hi or q.lo == t == q.hi]
        assert value == piece.slope * t + piece.value


@pytest.mark.parametrize("case", SCALAR, ids=lambda case: case.name)
def test_pieces_of_known_networks_are_exact(case: Case) -> None:
    inputs = case.network.inputs
    assert_exact(case.network, Segment((1,) * inputs, (3, -1)[:inputs], -2, Fraction(20)))


@pytest.mark.parametrize("subject", ON_BALLS, ids=lambda subject: subject.label)
def test_pieces_of_constructions_are_exact(subject: Subject) -> None:
    assert_exact(subject.built.network, subject.segments[0][-1], 12)


def test_no_band_is_too_thin_and_no_point_too_small() -> None:
    """A bump of width 2^-69 about 1/3, and a value taken at 1/3 alone."""
    slopes = layer([[3], [3], [3]], [-1 - TINY, -1, -1 + TINY])
    bump = ReLUNetwork.relu(slopes, layer([[1, -2, 1]], [1]))
    assert [p.slope for p in pieces_along(bump, [SEGMENT]) if p.lo < p.hi] == [0, 3, -3, 0]
    alone = ReLUNetwork(
        (layer([[3], [-3]], [-1, 1]), layer([[1, 1]], [0])), (Activation.THRESHOLD,)
    )
    third = Fraction(1, 3)
    wrong = [p for p in pieces_along(alone, [SEGMENT]) if not p.is_exactly(1)]
    assert wrong == [Piece(0, third, third, Fraction(0), Fraction(2))]


def test_an_open_piece_does_not_take_the_values_of_its_ends() -> None:
    half, one = Fraction(1, 2), Fraction(1)
    rising = Piece(0, Fraction(0), one, half, one)
    assert rising.is_nearest(1) and not rising.is_exactly(1)
    assert not Piece(0, one, one, half, one).is_nearest(1)
    assert not Piece(0, Fraction(0), one, Fraction(0), one + half).is_nearest(1)
    assert not Piece(0, Fraction(0), one, half + TINY, one).is_nearest(1)
    assert Piece(0, one, one, half, half).is_exactly(1)


def test_on_a_line_the_segments_are_the_open_balls() -> None:
    data = line(4)
    segments, labels = segments_of(data, Fraction(3, 4), SUBJECTS[0].built.network)
    assert [(s.centre, s.direction, s.reach) for s in segments] == [
        ((k,), (1,), Fraction(3, 8)) for k in range(4)
    ]
    assert labels == data.y.tolist()
