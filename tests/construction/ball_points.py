"""Small datasets and exact points strictly inside their open balls."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, as_dyadic, root_lower
from pipeline.network import ReLUNetwork

# Adversarial points lie at this share of mu, towards the nearest other label.
SHARE = Fraction(999_999, 1_000_000)


def dataset_of(points: list[list[int]], labels: list[int], exponent: int = 0) -> SeparatedDataset:
    """Return the dataset of integer points times 2**exponent."""
    return SeparatedDataset("small", DyadicArray(np.array(points), exponent), np.array(labels))


@st.composite
def datasets(
    draw: st.DrawFn, most: int = 12, dimensions: int = 5, classes: int = 4
) -> SeparatedDataset:
    """Return distinct integer points, at most `most`, with every class present."""
    d = draw(st.integers(1, dimensions))
    C = draw(st.integers(2, classes))
    point = st.lists(st.integers(-9, 9), min_size=d, max_size=d).map(tuple)
    points = draw(st.lists(point, min_size=C, max_size=most, unique=True))
    rest = [draw(st.integers(1, C)) for _ in points[C:]]
    labels = draw(st.permutations([*range(1, C + 1), *rest]))
    return dataset_of([list(p) for p in points], list(labels), draw(st.integers(-3, 3)))


def ratios() -> st.SearchStrategy[Fraction]:
    """Return ratios in (0, 1), some close to an end."""
    return st.one_of(
        st.integers(1, 15).map(lambda k: Fraction(k, 16)),
        st.sampled_from([Fraction(1, 100), Fraction(99, 100), Fraction(1, 3)]),
    )


def length_power(v: list[Fraction], p: int | float) -> Fraction:
    """Return the power of the l_p length of v: its p-th power, or itself for p = inf."""
    if p == inf:
        return max(abs(x) for x in v)
    return sum((abs(x) ** int(p) for x in v), Fraction(0))


def inside(v: list[int], power: Fraction, p: int | float, share: Fraction) -> list[Fraction]:
    """Return a dyadic multiple of v of l_p length at most share * r and below r, r^p = power."""
    length = length_power([Fraction(x) for x in v], p)
    degree = 1 if p == inf else int(p)
    scale = root_lower(power / length, degree) * share
    bits = 60 - scale.numerator.bit_length() + scale.denominator.bit_length()
    step = Fraction(2) ** -bits
    scale = scale // step * step
    moved = [x * scale for x in v]
    assert length_power(moved, p) < power
    return moved


def points_in_balls(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, seed: int = 0, random: int = 2
) -> tuple[DyadicArray, np.ndarray]:
    """Return centres and points strictly inside the open balls, with the labels they must get.

    For each ball: its centre, the point towards the nearest centre of another label at SHARE mu,
    `random` directions and one axis, alternating between SHARE mu and shorter.
    """
    generator = np.random.default_rng(seed)
    power = dataset.radius_power(rho, p)
    X = dataset.X.fractions().tolist()
    integers = dataset.X.numerators
    rows, labels = [], []
    for i, (x, label) in enumerate(zip(X, dataset.y, strict=True)):
        others = np.flatnonzero(dataset.y != label)
        towards = min(
            ([int(v) for v in integers[j] - integers[i]] for j in others),
            key=lambda v: length_power([Fraction(n) for n in v], p),
        )
        axis = [0] * dataset.d
        axis[int(generator.integers(dataset.d))] = 1 if generator.integers(2) else -1
        directions = [(towards, SHARE), (axis, SHARE)]
        for k in range(random):
            v = generator.integers(-1000, 1001, dataset.d).tolist()
            directions.append((v if any(v) else axis, SHARE if k % 2 == 0 else Fraction(3, 4)))
        rows.append(x)
        labels.append(label)
        for v, share in directions:
            moved = inside(v, power, p, share)
            rows.append([a + b for a, b in zip(x, moved, strict=True)])
            labels.append(label)
    bits = max(v.denominator.bit_length() - 1 for row in rows for v in row)
    array = np.empty((len(rows), dataset.d), dtype=object)
    array[:] = [[int(v * (1 << bits)) for v in row] for row in rows]
    return DyadicArray(array, -bits), np.array(labels)


def wrong_points(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    seed: int = 0,
) -> list[int]:
    """Return which of the points in the balls are mapped to anything but their label, exactly."""
    points, labels = points_in_balls(dataset, rho, p, seed)
    values = network.evaluate_exact(points).fractions()[:, 0]
    return [k for k, (v, label) in enumerate(zip(values, labels, strict=True)) if v != label]


def line(N: int, d: int = 1) -> SeparatedDataset:
    """Return points 0, 1, ..., N - 1 on the first axis with alternating labels."""
    points = [[i, *[0] * (d - 1)] for i in range(N)]
    return dataset_of(points, [1 + i % 2 for i in range(N)])


def spread(N: int, d: int, C: int, seed: int = 0) -> SeparatedDataset:
    """Return N random integer points in R^d, labels in turn."""
    points = np.random.default_rng(seed).integers(-60, 61, (N, d))
    return SeparatedDataset("spread", as_dyadic(points), np.arange(N) % C + 1)
