"""The null-space attack falsifies every network that is too narrow (Proposition 3.2)."""

from __future__ import annotations

import functools
from fractions import Fraction
from math import ceil, inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.baseline import train_baseline
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, as_dyadic, integer_matmul
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification import null_space
from pipeline.verification.null_basis import null_space_basis, unit_rows
from pipeline.verification.null_space import null_space_attack
from pipeline.verification.verdicts import Verdict, confirmed_witness

D = 32
RATIOS = [Fraction(3, 10), Fraction(1, 2), Fraction(4, 5), Fraction(19, 20)]


def hard_width(d: int = D) -> SeparatedDataset:
    """e_1..e_d with label 2 and the origin with label 1: eps_D = 1/2 (Proposition 3.2)."""
    points = np.vstack([np.eye(d, dtype=np.int64), np.zeros((1, d), dtype=np.int64)])
    return SeparatedDataset("hard_width", as_dyadic(points), np.array([2] * d + [1]))


DATASET = hard_width()


def with_first_layer(weight: np.ndarray, rng: np.random.Generator) -> ReLUNetwork:
    """A network with that first layer, a random bias, and two small further layers."""
    k = len(weight)
    return ReLUNetwork.relu(
        Affine.from_floats(weight, rng.normal(size=k)),
        Affine.from_floats(rng.normal(size=(3, k)), rng.normal(size=3)),
        Affine.from_floats(rng.normal(size=(1, 3)), rng.normal(size=1)),
    )


def first_layer(kind: str, k: int, rng: np.random.Generator) -> np.ndarray:
    half = max(1, k // 2)
    if kind == "zero":
        return np.zeros((k, D))
    if kind == "rank_deficient":
        left, right = rng.integers(-9, 10, (k, half)), rng.integers(-9, 10, (half, D))
        return (left @ right).astype(np.float64)
    if kind == "nearly_rank_deficient":
        return rng.normal(size=(k, half)) @ rng.normal(size=(half, D))
    weight = rng.normal(size=(k, D))
    scales = {
        "random": 0,
        "scaled_up": 60,
        "scaled_down": -60,
        "rows_scaled": rng.choice([-60, 0, 60], (k, 1)),
    }
    return np.ldexp(weight, scales[kind])


def assert_falsified(network: ReLUNetwork, rho: Fraction) -> None:
    """The attack finds witnesses of rule `nearest`, and they break rule `exact` as well."""
    verdicts = null_space_attack(network, DATASET, rho, 2, "nearest", workers=1)
    assert verdicts, f"width {network.first_hidden_width} survived rho = {rho}"
    first = verdicts[0]
    assert first.verdict is Verdict.FALSIFIED
    # Independent arithmetic: squared distance and output in fractions.
    gap = first.witness.fractions() - DATASET.X[first.index].fractions()
    assert sum(g * g for g in gap) < (rho / 2) ** 2
    point = DyadicArray(first.witness.numerators.reshape(1, -1), first.witness.exponent)
    output = network.evaluate_exact(point, 1).fractions()[0, 0]
    assert output == first.output
    assert abs(output - int(DATASET.y[first.index])) >= Fraction(1, 2)
    exact = confirmed_witness(network, DATASET, rho, 2, "exact", first.index, first.witness)
    assert exact is not None


def too_narrow(rho: Fraction) -> range:
    """Every width from 1 up to below rho^2 min{N-1, d}."""
    return range(1, ceil(rho**2 * D))


@functools.cache
def _known_basis(content: tuple[tuple[int, ...], ...], work: float) -> np.ndarray | None:
    return null_space_basis(np.array(content, dtype=object), work)


@pytest.fixture
def bases_kept(monkeypatch):
    """Compute the basis of a matrix once for all ratios: the networks of a width are the same."""
    monkeypatch.setattr(
        null_space,
        "null_space_basis",
        lambda weight, work: _known_basis(tuple(map(tuple, weight.tolist())), work),
    )


@pytest.mark.parametrize("rho", RATIOS, ids=str)
@pytest.mark.parametrize(
    "kind",
    [
        "random",
        "zero",
        "rank_deficient",
        "nearly_rank_deficient",
        "scaled_up",
        "scaled_down",
        "rows_scaled",
    ],
)
def test_every_too_narrow_network_is_falsified(kind, rho, bases_kept):
    for k in too_narrow(rho):
        rng = np.random.default_rng([k, len(kind)])
        assert_falsified(with_first_layer(first_layer(kind, k, rng), rng), rho)


@pytest.mark.parametrize("rho", RATIOS, ids=str)
def test_every_too_narrow_trained_network_is_falsified(rho):
    for k in too_narrow(rho):
        result = train_baseline(
            DATASET,
            rho,
            width=k,
            depth=3,
            max_steps=10,
            batch_size=33,
            attack_steps=1,
            evaluation_attack_steps=1,
            evaluate_every=10,
            learning_rate=0.05,
            progress=False,
        )
        assert_falsified(result.network, rho)


@pytest.mark.parametrize("kind", ["random", "rank_deficient", "scaled_up"])
def test_rule_exact_is_falsified_at_least_where_nearest_is(kind):
    rho = Fraction(1, 2)
    for k in too_narrow(rho):
        rng = np.random.default_rng(k)
        network = with_first_layer(first_layer(kind, k, rng), rng)
        nearest = null_space_attack(network, DATASET, rho, 2, "nearest", workers=1)
        exact = null_space_attack(network, DATASET, rho, 2, "exact", workers=1)
        assert {v.index for v in nearest} <= {v.index for v in exact} and exact


@pytest.mark.parametrize("p", [1, 3, inf])
def test_witnesses_in_other_norms_lie_inside_their_balls(p):
    rng = np.random.default_rng(0)
    network = with_first_layer(rng.normal(size=(1, D)), rng)
    rho = Fraction(19, 20)
    verdicts = null_space_attack(network, DATASET, rho, p, "exact")
    assert verdicts
    for verdict in verdicts:
        gap = abs(verdict.witness.fractions() - DATASET.X[verdict.index].fractions())
        if p == inf:
            assert max(gap) < rho / 2
        else:
            assert sum(g**p for g in gap) < (rho / 2) ** p


def test_a_network_whose_first_layer_is_injective_collides_nowhere():
    rng = np.random.default_rng(1)
    network = with_first_layer(rng.normal(size=(D, D)), rng)
    assert null_space_attack(network, DATASET, Fraction(19, 20), 2, "exact") == []


def test_rows_wide_enough_to_separate_the_balls_survive():
    """f = sum of coordinates > 1/2, as a step, is right on the l_1-like slab of small balls."""
    t = 8
    step = ReLUNetwork.relu(
        Affine.from_floats(np.full((2, 2), t), np.array([-t / 2 + 0.5, -t / 2 - 0.5])),
        Affine.from_floats(np.array([[1.0, -1.0]]), np.array([1.0])),
    )
    dataset = hard_width(2)
    assert null_space_attack(step, dataset, Fraction(1, 4), 2, "exact") == []


def test_collisions_are_exact_and_short():
    rng = np.random.default_rng(2)
    network = with_first_layer(rng.normal(size=(7, D)), rng)
    for verdict in null_space_attack(network, DATASET, Fraction(1, 2), 2, "nearest"):
        assert max(abs(int(n)).bit_length() for n in verdict.witness.numerators) < 64


def test_a_collision_that_is_not_in_the_kernel_is_not_confirmed(monkeypatch):
    """Mutation: with a wrong basis the points differ in f, and a correct f is not falsified."""
    network = ReLUNetwork.relu(
        Affine.from_floats(np.array([[8.0, 8.0], [8.0, 8.0]]), np.array([-3.5, -4.5])),
        Affine.from_floats(np.array([[1.0, -1.0]]), np.array([1.0])),
    )
    monkeypatch.setattr(null_space, "null_space_basis", lambda *_: np.eye(2, dtype=np.int64))
    assert null_space_attack(network, hard_width(2), Fraction(1, 4), 2, "exact") == []


def test_data_beyond_int64_are_attacked():
    points = DATASET.X.numerators.astype(object) * (2**70) + 2**80
    dataset = SeparatedDataset("big", DyadicArray(points, -90), DATASET.y)
    rng = np.random.default_rng(3)
    network = with_first_layer(rng.normal(size=(5, D)), rng)
    verdicts = null_space_attack(network, dataset, Fraction(1, 2), 2, "nearest")
    assert verdicts
    power = dataset.radius_power(Fraction(1, 2), 2)
    for verdict in verdicts:
        gap = verdict.witness.fractions() - dataset.X[verdict.index].fractions()
        assert sum(g * g for g in gap) < power


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_basis_spans_the_kernel(data):
    k, d = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 7))
    entries = st.one_of(st.integers(-3, 3), st.integers(-(2**80), 2**80))
    weight = np.array(
        data.draw(st.lists(st.lists(entries, min_size=d, max_size=d), min_size=k, max_size=k)),
        dtype=object,
    )
    work = data.draw(st.sampled_from([0.0, 1e9]))
    basis = null_space_basis(weight, work)
    rank = _rank(weight)
    if basis is None:
        assert rank == d
        return
    assert basis.shape == (d - rank, d)
    assert _rank(basis) == d - rank
    assert not np.any(weight.dot(basis.T.astype(object)))


def _rank(matrix: np.ndarray) -> int:
    """Rank by elimination over the rationals."""
    rows = [[Fraction(int(v)) for v in row] for row in matrix]
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / rows[rank][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


def test_an_unlucky_prime_costs_nothing():
    prime = (1 << 61) - 1
    weight = np.array([[1, 0, 0], [1, prime, 0]], dtype=object)
    for work in (0, 1e9):
        basis = null_space_basis(weight, work)
        assert basis.shape == (1, 3)
        assert not np.any(integer_matmul(weight, basis.T))
    assert null_space_basis(np.array([[1, 0], [1, prime]], dtype=object)) is None


def test_unit_rows_restore_the_integers():
    basis = np.array([[3 << 500, -(5 << 499)], [1, 0]], dtype=object)
    unit, exponents = unit_rows(basis)
    assert np.all((np.linalg.norm(unit, axis=1) >= 0.5) & (np.linalg.norm(unit, axis=1) <= 1))
    for row, floats, e in zip(basis, unit, exponents, strict=True):
        assert [Fraction(float(v)) * Fraction(2) ** e for v in floats] == [int(v) for v in row]
