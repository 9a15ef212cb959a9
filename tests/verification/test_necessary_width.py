"""Too narrow a first layer is proved too narrow on the data at hand (docs/theory.md 10)."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from pipeline.construction.parallel_balls import build_parallel_balls
from pipeline.data import SeparatedDataset
from pipeline.data.generate import generate_dataset
from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.necessary_width import NecessaryWidth, necessary_first_width
from pipeline.verification.null_space import null_space_attack
from pipeline.verification.width_certificate import (
    WEIGHT_BITS,
    WidthCertificate,
    certificate_of_weights,
    width_is_impossible,
)
from pipeline.verification.width_search import occupations

HALF, LARGE = Fraction(1, 2), Fraction(4, 5)


def dataset(name: str, **sizes: int) -> SeparatedDataset:
    return generate_dataset(name, **sizes)[0]


SPHERE = dataset("sphere", N=60, d=8)


def certified(data: SeparatedDataset, rho: Fraction) -> WidthCertificate:
    certificate = necessary_first_width(data, rho).certificate
    assert certificate is not None
    return certificate


# rho^2 min{N - 1, d} is an integer for 1/2 (and 3/4, 1/4) at 16: that width is not excluded.
@pytest.mark.parametrize(("N", "d"), [(17, 16), (40, 16), (10, 16), (2, 3), (33, 32), (65, 64)])
@pytest.mark.parametrize("rho", ["1/10", "1/4", "1/2", "3/4", "4/5", "19/20"])
def test_the_bound_of_proposition_3_2_is_met_exactly(N: int, d: int, rho: str) -> None:
    ratio = Fraction(rho)
    found = necessary_first_width(dataset("hard_width", N=N, d=d), ratio)
    assert found.width == max(1, ceil(ratio**2 * min(N - 1, d)))


@pytest.mark.filterwarnings("ignore:iris. 1 duplicate")
@pytest.mark.parametrize("rho", [HALF, LARGE])
@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("iris", {}),
        ("wine", {}),
        ("cube", {"N": 40, "d": 6}),
        ("sphere", {"N": 30, "d": 8}),
        ("hard_width", {"N": 13, "d": 12}),
    ],
)
def test_no_construction_is_narrower(name: str, sizes: dict[str, int], rho: Fraction) -> None:
    data = dataset(name, **sizes)
    built = build_parallel_balls(data, rho, projection="optimised", steps=50, restarts=1)
    assert necessary_first_width(data, rho).width <= built.network.first_hidden_width


def separating_directions(data: SeparatedDataset, rho: Fraction, size: int) -> bool:
    """Whether a direction (a, b) of integers up to `size` keeps all pairs 2 mu apart, exactly."""
    X = [[int(v) for v in row] for row in data.X.fractions()]
    differences = [
        (p[0] - q[0], p[1] - q[1])
        for i, p in enumerate(X)
        for j, q in enumerate(X)
        if data.y[i] < data.y[j]
    ]
    # 4 mu^2 = rho^2 times the least squared distance.
    limit = rho**2 * min(a * a + b * b for a, b in differences)
    return any(
        all((a * u + b * v) ** 2 >= limit * (a * a + b * b) for u, v in differences)
        for a in range(size + 1)
        for b in range(-size, size + 1)
        if a or b
    )


def test_one_neuron_is_excluded_in_the_plane_only_where_no_direction_separates() -> None:
    random = np.random.default_rng(1)
    seen = {1: 0, 2: 0}
    for count in [3, 4, 5, 6] * 6:
        points = np.unique(random.integers(-1, 2, (count, 2)), axis=0)
        y = np.arange(len(points)) % 2 + 1
        data = SeparatedDataset("plane", as_dyadic(points), random.permutation(y))
        width = necessary_first_width(data, LARGE).width
        separable = separating_directions(data, LARGE, 25)
        assert not (separable and width > 1)
        seen[width] += 1
    assert min(seen.values()) >= 3, f"one side of the claim was hardly tried: {seen}"


def test_every_layer_of_an_excluded_width_maps_two_balls_onto_each_other() -> None:
    found = certified(SPHERE, LARGE)
    assert found.width >= 2
    random = np.random.default_rng(2)
    rows = found.factor.nearest_float64().T
    layers = [random.normal(size=(found.width, SPHERE.d)) for _ in range(4)]
    for weight in [*layers, rows[: found.width]]:
        network = ReLUNetwork.relu(
            Affine.from_floats(weight, np.zeros(len(weight))),
            Affine.from_floats(np.ones((1, len(weight))), np.zeros(1)),
        )
        assert null_space_attack(network, SPHERE, LARGE, workers=1)


def test_the_proved_sum_lies_below_the_limit_and_above_the_float_eigenvalues() -> None:
    found = necessary_first_width(SPHERE, LARGE)
    certificate = found.certificate
    assert certificate is not None and found.value is not None
    X = SPHERE.X.nearest_float64()
    u = X[certificate.pairs[:, 0]] - X[certificate.pairs[:, 1]]
    M = (u * np.ldexp(certificate.weights.astype(float), -WEIGHT_BITS)[:, None]).T @ u
    total = np.linalg.eigvalsh(M)[-certificate.width :].sum()
    # Float eigenvalues of a matrix of norm about 1.
    assert total - 1e-9 < float(found.value) < float(found.limit)


def test_larger_balls_never_need_fewer_neurons() -> None:
    widths = [necessary_first_width(SPHERE, Fraction(k, 10)).width for k in (1, 5, 9)]
    assert widths == sorted(widths) and widths[0] == 1 and widths[-1] > 2


def test_the_bound_does_not_depend_on_the_scale_of_the_data() -> None:
    tiny = SeparatedDataset("tiny", DyadicArray(SPHERE.X.numerators, -2000), SPHERE.y)
    huge = SeparatedDataset("huge", DyadicArray(SPHERE.X.numerators, 2000), SPHERE.y)
    width = necessary_first_width(SPHERE, LARGE).width
    assert {necessary_first_width(data, LARGE).width for data in (tiny, huge)} == {width}


def test_what_floats_cannot_resolve_ends_in_the_trivial_bound() -> None:
    wide = DyadicArray(np.array([[0, 0], [1, 0], [1 << 80, 1]], dtype=object), 0)
    assert (
        necessary_first_width(SeparatedDataset("wide", wide, np.array([1, 2, 1])), HALF).width == 1
    )
    many = dataset("hard_width", N=300, d=299)
    assert necessary_first_width(many, LARGE).width == 1


def scaled(factor: DyadicArray, numerator: int) -> DyadicArray:
    """The factor times numerator / 16."""
    return DyadicArray(factor.numerators.astype(object) * numerator, factor.exponent - 4)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: {"factor": scaled(c.factor, 15)},
        lambda c: {"factor": scaled(c.factor, 0)},
        lambda c: {"factor": scaled(c.factor, 24)},
        lambda c: {"factor": DyadicArray(c.factor.numerators[::-1], c.factor.exponent)},
        lambda c: {"level": c.level * Fraction(1, 2)},
        lambda c: {"level": c.level * 4},
        lambda c: {"width": c.width + 1},
        lambda c: {"width": 8},
        lambda c: {"pairs": c.pairs[::-1]},
    ],
)
def test_a_perturbed_certificate_proves_nothing(change: object) -> None:
    found = certified(SPHERE, LARGE)
    assert width_is_impossible(SPHERE, LARGE, found)
    wrong = dataclasses.replace(found, **change(found))  # type: ignore[operator]
    assert not width_is_impossible(SPHERE, LARGE, wrong)


def test_a_certificate_holds_for_narrower_layers_and_larger_balls_only() -> None:
    found = certified(SPHERE, LARGE)
    assert width_is_impossible(SPHERE, LARGE, dataclasses.replace(found, width=1))
    assert width_is_impossible(SPHERE, Fraction(9, 10), found)
    assert not width_is_impossible(SPHERE, HALF, found)


def moved(weights: np.ndarray, first: int, second: int) -> np.ndarray:
    out = weights.copy()
    out[0] += first
    out[1] += second
    return out


@pytest.mark.parametrize(
    "change",
    [
        lambda c: {"weights": moved(c.weights, 1, 0)},
        lambda c: {"weights": moved(c.weights, int(c.weights[1]) + 1, -int(c.weights[1]) - 1)},
        lambda c: {"weights": c.weights // 2},
        lambda c: {"weights": c.weights[1:]},
        lambda c: {"level": -c.level},
        lambda c: {"width": 0},
    ],
)
def test_what_is_no_certificate_cannot_be_written(change: object) -> None:
    found = certified(SPHERE, LARGE)
    with pytest.raises(ValueError, match=r"weights|level|width"):
        dataclasses.replace(found, **change(found))  # type: ignore[operator]


@pytest.mark.parametrize("pair", [(0, 0), (0, 60), (-1, 0)])
def test_pairs_must_be_two_labels_of_the_data(pair: tuple[int, int]) -> None:
    found = certified(SPHERE, LARGE)
    pairs = found.pairs.copy()
    pairs[0] = pair
    with pytest.raises(ValueError, match="pairs must"):
        width_is_impossible(SPHERE, LARGE, dataclasses.replace(found, pairs=pairs))


def test_weights_that_show_nothing_give_no_certificate() -> None:
    data = dataset("hard_width", N=17, d=16)
    pairs = np.stack([np.arange(16), np.full(16, 16)], axis=1)
    # The sum of the top 4 of 16 eigenvalues 1/16 is 1/4 = 4 mu^2, not less.
    assert certificate_of_weights(data, HALF, 4, pairs, np.ones(16)) is None
    assert certificate_of_weights(data, HALF, 3, pairs, np.ones(16)) is not None
    assert certificate_of_weights(data, HALF, 3, pairs, np.eye(16)[0]) is None


def test_occupations_fill_the_largest_eigenvalues_first() -> None:
    filled = occupations(np.array([0.1, 0.4, 0.2, 0.3]), 2, 0.01)
    assert list(np.argsort(filled)) == [0, 2, 3, 1]
    # Bisection to the last bits of nu.
    assert filled.sum() == pytest.approx(2, abs=1e-9)


@pytest.mark.parametrize("options", [{"pairs": 0}, {"steps": 0}, {"rounds": 0}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        necessary_first_width(SPHERE, HALF, **options)
    with pytest.raises(ValueError, match="rho must"):
        necessary_first_width(SPHERE, Fraction(1))


def test_a_width_comes_with_the_certificate_of_the_one_below() -> None:
    found = necessary_first_width(SPHERE, LARGE)
    with pytest.raises(ValueError, match="needs a certificate"):
        NecessaryWidth(found.width + 1, found.limit, found.certificate)
