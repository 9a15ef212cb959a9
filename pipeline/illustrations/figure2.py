r"""Figure 2 as a table: why the first hidden layer must be wide (Proposition 3.2).

(a) The dataset of Proposition 3.2 for N = 4, d = 3 with its robustness balls: the origin with label
1 and e_1, e_2, e_3 with label 2, as in the proof (the sketch of Section 5.1 swaps the labels).
(b) The distances from the e_j to Null(W), W = (1 1 -1). A ball of radius 2 mu around e_j that meets
Null(W) holds a difference x - x' with W x = W x' for x in the ball of e_j and x' in that of 0.
Lemma A.1 bounds the least distance by sqrt(m/d) for m rows; here all three attain it, 1/sqrt 3.
(c) Such a pair, found by the attack on a network whose first hidden layer is this W. The network
is right on all balls as long as 2 mu <= 7/(8 sqrt 3); above 1/sqrt 3 none of this W can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from pipeline.data import SeparatedDataset
from pipeline.data.hard_width import hard_width_points
from pipeline.exact import DyadicArray, parse_ratio
from pipeline.illustrations.shapes import Point, Shape, squared_distance, table_of_shapes
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.null_basis import null_space_basis
from pipeline.verification.null_space import null_space_attack
from pipeline.verification.verdicts import BallVerdict, Decision

N, D = 4, 3
WEIGHT = (1, 1, -1)
NAMES = ("e₁", "e₂", "e₃", "0")
_ORIGIN = 3
# The patch of Null(W) that is drawn: ranges of the coefficients of (1, -1, 0) and (1, 1, 2).
_ALONG = ((1, -1, 0), (Fraction(-4, 5), Fraction(4, 5)))
_ACROSS = ((1, 1, 2), (Fraction(-1, 4), Fraction(3, 5)))


def figure_2_table(rho: Fraction | str = "2/3") -> pd.DataFrame:
    """Return everything drawn in Figure 2 (Proposition 3.2, Lemma A.1), distances exact.

    Args:
        rho: robustness ratio; mu = rho/2, since eps_D = 1/2.

    Returns:
        One row a shape (`table_of_shapes`). Panel a: "ball" of radius mu, "separation" 0 to e_1.
        Panel b: "point", "plane" (corners of a patch of Null(W)), "distance" (e_j to its foot in
        Null(W)), "differences" (ball of radius 2 mu, value "meets" or "misses" Null(W)), "cut" (its
        disc in Null(W), with the normal), "bound" (squared: m/d of Lemma A.1). Panel c: two
        "ball", "distance", "null" (from 0 to the foot of e_1) and, if there is one, "collision"
        (value: the network's output) and "difference" x' to x (value: W x = W x').

    Raises:
        ValueError: if rho does not lie in (0, 1).
    """
    ratio = parse_ratio(rho)
    X, y = hard_width_points(N, D)
    dataset = SeparatedDataset("hard_width", X, y)
    points = [tuple(row) for row in X.fractions()]
    return table_of_shapes(
        [
            *_data(dataset, points, ratio),
            *_distances(dataset, points, ratio),
            *_collision(dataset, points, ratio),
        ]
    )


def narrow_network() -> ReLUNetwork:
    """Return a network with W = (1 1 -1) as first hidden layer, right on the balls at rho = 1/2.

    f(x) = 2 - relu(1 - 8 relu(|W x| - 7/16)). On the ball of the origin |W x| < sqrt(3) mu, on that
    of e_j it is above 1 - sqrt(3) mu; so f = y_i there where sqrt(3) mu <= 7/16. The bias 2 keeps
    the one neuron of the first layer active for |W x| <= 2.
    """
    step = Fraction(7, 16)
    return ReLUNetwork.relu(
        Affine.from_fractions((1, D), {(0, j): w for j, w in enumerate(WEIGHT)}, {0: 2}),
        Affine.from_fractions((2, 1), {(0, 0): 1, (1, 0): -1}, {0: -2, 1: 2}),
        Affine.from_fractions((1, 2), {(0, 0): 1, (0, 1): 1}, {0: -step}),
        Affine.from_fractions((1, 1), {(0, 0): -8}, {0: 1}),
        Affine.from_fractions((1, 1), {(0, 0): -1}, {0: 2}),
    )


def foot_in_null_space(point: Point) -> tuple[Fraction, ...]:
    """Return the point of Null(W) nearest to x: x - W^T (W x) / (W W^T)."""
    share = level(point) / sum(w * w for w in WEIGHT)
    return tuple(Fraction(v) - share * w for v, w in zip(point, WEIGHT, strict=True))


def level(point: Point) -> Fraction:
    """Return W x, what the first hidden layer knows of x."""
    return sum((Fraction(v) * w for v, w in zip(point, WEIGHT, strict=True)), Fraction(0))


def _data(dataset: SeparatedDataset, points: Sequence[Point], rho: Fraction) -> Iterator[Shape]:
    mu_squared = dataset.radius_power(rho)
    for name, at, label in zip(NAMES, points, dataset.y.tolist(), strict=True):
        yield Shape("a", "ball", name, at, label=label, squared=mu_squared)
    apart = 4 * dataset.separation().power
    yield Shape("a", "separation", "2 ε", points[_ORIGIN], points[0], squared=apart)


def _distances(
    dataset: SeparatedDataset, points: Sequence[Point], rho: Fraction
) -> Iterator[Shape]:
    reach = 4 * dataset.radius_power(rho)
    for number, corner in enumerate(_patch()):
        yield Shape("b", "plane", str(number), corner)
    yield Shape("b", "point", NAMES[_ORIGIN], points[_ORIGIN], label=int(dataset.y[_ORIGIN]))
    for j in range(D):
        name, at, foot = NAMES[j], points[j], foot_in_null_space(points[j])
        apart = squared_distance(at, foot)
        # Open balls meet a subspace exactly if its distance is below their radius.
        meets = apart < reach
        yield Shape("b", "point", name, at, label=int(dataset.y[j]))
        yield Shape("b", "distance", name, at, foot, squared=apart)
        yield Shape(
            "b", "differences", name, at, squared=reach, value="meets" if meets else "misses"
        )
        if meets:
            yield Shape("b", "cut", name, foot, WEIGHT, squared=reach - apart)
    yield Shape("b", "bound", "m/d", points[_ORIGIN], squared=Fraction(1, D))


def _patch() -> list[Point]:
    """Return the corners of a rectangle in Null(W), in order around it.

    Raises:
        ArithmeticError: if its sides do not span the null space of W.
    """
    basis = null_space_basis(np.array([WEIGHT]))
    if basis is None or len(basis) != 2 or any(level(side) for side, _ in (_ALONG, _ACROSS)):
        raise ArithmeticError(f"the patch does not lie in Null(W), W = {WEIGHT}")
    (u, (left, right)), (v, (low, high)) = _ALONG, _ACROSS
    around = ((left, low), (right, low), (right, high), (left, high))
    return [tuple(a * p + b * q for p, q in zip(u, v, strict=True)) for a, b in around]


def _collision(
    dataset: SeparatedDataset, points: Sequence[Point], rho: Fraction
) -> Iterator[Shape]:
    """Yield what panel c shows.

    Raises:
        ArithmeticError: if the attack's two points differ under W.
    """
    mu_squared = dataset.radius_power(rho)
    foot = foot_in_null_space(points[0])
    for i in (0, _ORIGIN):
        label = int(dataset.y[i])
        yield Shape("c", "ball", NAMES[i], points[i], label=label, squared=mu_squared)
    yield Shape("c", "null", "Null(W)", points[_ORIGIN], foot)
    apart = squared_distance(points[0], foot)
    yield Shape("c", "distance", NAMES[0], points[0], foot, squared=apart)
    found = null_space_attack(narrow_network(), dataset, rho, 2, Decision.NEAREST, workers=1)
    if not found:
        return
    x, x_other = (_witness(found, i) for i in (0, _ORIGIN))
    for name, i, (at, output) in (("x", 0, x), ("x′", _ORIGIN, x_other)):
        away = squared_distance(at, points[i])
        label = int(dataset.y[i])
        yield Shape("c", "collision", name, at, points[i], label, away, str(output))
    shared = level(x[0])
    if level(x_other[0]) != shared:
        raise ArithmeticError(f"no collision: W x = {shared}, W x' = {level(x_other[0])}")
    yield Shape("c", "difference", "x − x′", x_other[0], x[0], value=str(shared))


def _witness(found: list[BallVerdict], index: int) -> tuple[Point, Fraction]:
    """Return the witness against a ball and the output there."""
    (verdict,) = [one for one in found if one.index == index]
    witness, output = verdict.witness, verdict.output
    assert isinstance(witness, DyadicArray) and output is not None
    return tuple(witness.fractions()), output
