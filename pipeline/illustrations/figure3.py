r"""Figure 3 as a table: a projection that keeps differently labelled points apart (Prop. B.19).

The data are the corners of a cube in R^3, labelled like a checkerboard: 2 eps_D = 1 along each of
the 12 edges. Theorem 4.2(iii), Case IV, is built on them: the rows W of its first layer are random
orthonormal ones, rounded, drawn again until the images are far enough apart for its blocks. They
are read off the built network, and what Proposition B.19 claims for alpha = 1/5,

    eps_D' >= (2/5) sqrt(m/d) eps_D,   m = 2, d = 3,

is checked exactly. Discs of radius L mu >= ||W|| mu hold the images of the balls; those of
different labels are disjoint since L rho < (2/5) sqrt(m/d).

The proposition needs m >= 600 ln N and m >= 10 ln d, which no drawing can meet; it claims that a
good W exists, and the check replaces its proof. The construction's constants 600, 9 and 10 are
lowered accordingly (a deviation that its certificate names).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pandas as pd

from pipeline.construction.built import Built
from pipeline.construction.thm_4_2_iii_large import build_thm_4_2_iii
from pipeline.data import SeparatedDataset
from pipeline.data.synthetic import checkerboard_labels
from pipeline.exact import DyadicArray, integer_matmul
from pipeline.illustrations.shapes import Point, Shape, squared_distance, table_of_shapes

D, M = 3, 2
# Below (2/5) sqrt(m/d) = 0.3266; with the construction's ratio 5/6 its check then demands images
# (6/5) rho = 0.336 times as far apart as the points, more than the claim.
RHO = Fraction(7, 25)
CONSTANTS = {"log_n": "9/10", "rho": 8, "log_d": 1}
# (4/5)^2 m/d: the claim for squared distances, in units of eps_D^2.
CLAIM = Fraction(16, 25) * Fraction(M, D)
# The plane is drawn this far below the origin, in multiples of its unit normal, and this wide.
_BELOW, _MARGIN = Fraction(1), Fraction(1, 4)


def figure_3_table(seed: int = 0) -> pd.DataFrame:
    """Return everything drawn in Figure 3 (Proposition B.19), claim and distances exact.

    Args:
        seed: of the random rows.

    Returns:
        One row a shape (`table_of_shapes`). Panel "R^3": "ball" of radius mu, "pair" (two
        differently labelled points), "plane" (corners of a patch parallel to the rows of W, below
        the data), "shadow" (the ball's orthogonal projection on that patch, with its normal).
        Panel "R^2": "ball" (image W x, radius L mu), "pair", "plane" (the same patch). In both
        "closest": the pair with the closest images. Panel "claim": "claim" (squared: what the
        least squared distance of images must reach), "reached" (that distance; value "holds" or
        "fails"), "lipschitz" (L^2), "network" (value: parameters and layers of the network).

    Raises:
        ValueError: if no draw keeps the images apart.
    """
    corners = DyadicArray(np.array(list(product((0, 1), repeat=D)), dtype=np.int64), 0)
    dataset = SeparatedDataset("cube", corners, checkerboard_labels(corners, 2))
    built = build_thm_4_2_iii(dataset, RHO, constants=CONSTANTS, seed=seed)
    rows = rows_of_first_layer(built)
    return table_of_shapes(
        [*_points(dataset, rows), *_images(dataset, built, rows), *_claim(dataset, built, rows)]
    )


def rows_of_first_layer(built: Built) -> DyadicArray:
    """Return W of a network of Theorem 4.2(iii), whose first layer is (0, W x + b, -(W x + b)).

    Raises:
        ArithmeticError: if the first layer has another form.
    """
    layer = built.network.layers[0]
    weight = layer.weight.dense()
    output, plus, minus = weight[:1], weight[1 : 1 + M], weight[1 + M :]
    if output.any() or not np.array_equal(plus, -minus):
        raise ArithmeticError(f"not the first layer of a projected network: {weight.tolist()}")
    return DyadicArray(plus, layer.exponent)


def _points(dataset: SeparatedDataset, rows: DyadicArray) -> Iterator[Shape]:
    """Yield the panel of R^3: the balls, the pairs, the plane and the shadows on it."""
    points = [tuple(row) for row in dataset.X.fractions()]
    mu_squared = dataset.radius_power(RHO)
    normal, offset = _plane(points, rows)
    for i, (at, label) in enumerate(zip(points, dataset.y.tolist(), strict=True)):
        yield Shape("R^3", "ball", _name(i), at, label=label, squared=mu_squared)
        foot = _foot(at, normal, offset)
        yield Shape("R^3", "shadow", _name(i), foot, normal, label, mu_squared)
    base, (u, v) = _foot((0,) * D, normal, offset), rows.fractions()
    for number, (s, t) in enumerate(_patch(_image(dataset.X, rows))):
        corner = tuple(o + s * p + t * q for o, p, q in zip(base, u, v, strict=True))
        yield Shape("R^3", "plane", str(number), corner)
    yield from _pairs("R^3", dataset, points, _closest(dataset, rows))


def _images(dataset: SeparatedDataset, built: Built, rows: DyadicArray) -> Iterator[Shape]:
    """Yield the panel of R^2: the discs that hold the images of the balls, and the pairs."""
    images = _image(dataset.X, rows)
    radius_squared = _lipschitz(built) ** 2 * dataset.radius_power(RHO)
    for i, (at, label) in enumerate(zip(images, dataset.y.tolist(), strict=True)):
        yield Shape("R^2", "ball", _name(i), at, label=label, squared=radius_squared)
    for number, corner in enumerate(_patch(images)):
        yield Shape("R^2", "plane", str(number), corner)
    yield from _pairs("R^2", dataset, images, _closest(dataset, rows))


def _claim(dataset: SeparatedDataset, built: Built, rows: DyadicArray) -> Iterator[Shape]:
    images = _image(dataset.X, rows)
    i, j = _closest(dataset, rows)
    claimed, reached = CLAIM * dataset.separation().power, squared_distance(images[i], images[j])
    holds = "holds" if reached >= claimed else "fails"
    network = built.network
    words = f"{network.parameter_count():,} parameters, {network.depth} layers"
    nowhere = (0,) * M
    yield Shape("claim", "claim", "(4/5) √(m/d) ε", nowhere, squared=claimed)
    yield Shape("claim", "reached", _names(i, j), nowhere, squared=reached, value=holds)
    yield Shape("claim", "lipschitz", "L", nowhere, squared=_lipschitz(built) ** 2)
    yield Shape("claim", "network", "thm_4_2_iii", nowhere, value=words)


def _pairs(
    panel: str, dataset: SeparatedDataset, at: Sequence[Point], closest: tuple[int, int]
) -> Iterator[Shape]:
    """Yield the segments between differently labelled points, and again the closest pair's."""
    for i, j in _other_label_pairs(dataset):
        length = squared_distance(at[i], at[j])
        yield Shape(panel, "pair", _names(i, j), at[i], at[j], squared=length)
        if (i, j) == closest:
            yield Shape(panel, "closest", _names(i, j), at[i], at[j], squared=length)


def _closest(dataset: SeparatedDataset, rows: DyadicArray) -> tuple[int, int]:
    """Return the first differently labelled pair with the closest images."""
    images = _image(dataset.X, rows)
    return min(
        _other_label_pairs(dataset), key=lambda ij: squared_distance(images[ij[0]], images[ij[1]])
    )


def _other_label_pairs(dataset: SeparatedDataset) -> list[tuple[int, int]]:
    return [(i, j) for i, j in combinations(range(dataset.N), 2) if dataset.y[i] != dataset.y[j]]


def _image(X: DyadicArray, rows: DyadicArray) -> list[tuple[Fraction, ...]]:
    """Return W x of every point, exactly."""
    images = integer_matmul(X.numerators, np.ascontiguousarray(rows.numerators.T))
    return [tuple(row) for row in DyadicArray(images, X.exponent + rows.exponent).fractions()]


def _lipschitz(built: Built) -> Fraction:
    """Return the bound on ||W|| that the certificate names and its checker proves."""
    assert built.certificate is not None
    return Fraction(str(built.certificate.structure["lipschitz"]))


def _plane(points: Sequence[Point], rows: DyadicArray) -> tuple[tuple[Fraction, ...], Fraction]:
    """Return n and c of the plane <n, x> = c at right angles to n = w_1 x w_2, below all points."""
    (a, b, c), (d, e, f) = rows.fractions()
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    lowest = min(_product(normal, at) for at in points)
    return normal, lowest - _BELOW * _product(normal, normal)


def _foot(at: Point, normal: Point, offset: Fraction) -> tuple[Fraction, ...]:
    """Return the point of the plane nearest to x: x - n (<n, x> - c) / <n, n>."""
    share = (_product(normal, at) - offset) / _product(normal, normal)
    return tuple(Fraction(v) - share * n for v, n in zip(at, normal, strict=True))


def _patch(images: Sequence[Point]) -> list[tuple[Fraction, Fraction]]:
    """Return the corners of a rectangle in R^2 that holds all discs, in order around it."""
    sides = [(min(values) - _MARGIN, max(values) + _MARGIN) for values in zip(*images, strict=True)]
    (left, right), (low, high) = sides
    return [(left, low), (right, low), (right, high), (left, high)]


def _product(first: Point, second: Point) -> Fraction:
    return sum((Fraction(a) * b for a, b in zip(first, second, strict=True)), Fraction(0))


def _name(index: int) -> str:
    """Return the corner's coordinates as its name: "101" for (1, 0, 1)."""
    return f"{index:0{D}b}"


def _names(i: int, j: int) -> str:
    return f"{_name(i)} {_name(j)}"
