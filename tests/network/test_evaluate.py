"""Exact evaluation against the definition in Fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import Affine, ReLUNetwork, SparseIntegers, evaluate
from tests.cases import dyadic, layer
from tests.network.laws import THRESHOLD, naive_output, networks, points


@settings(max_examples=120)
@given(st.data())
def test_exact_evaluation_is_the_definition(data: st.DataObject) -> None:
    network = data.draw(networks())
    rows = data.draw(points(network.inputs))
    outputs = network.evaluate_exact(dyadic(rows), 1)
    assert [tuple(row) for row in outputs.fractions()] == [naive_output(network, x) for x in rows]


def random_network(widths: list[int], bits: int, seed: int) -> ReLUNetwork:
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        W = rng.integers(-(1 << bits), 1 << bits, size=(outputs, inputs))
        W[rng.random(W.shape) < 0.3] = 0
        b = rng.integers(-(1 << bits), 1 << bits, size=outputs)
        layers.append(Affine(SparseIntegers.from_dense(W), b, -bits // 2))
    return ReLUNetwork.relu(*layers)


@pytest.mark.parametrize("bits", [3, 24, 25, 50, 61])
def test_wide_layers_are_exact_at_every_weight_size(bits: int) -> None:
    network = random_network([5, 70, 3, 40, 1], bits, seed=bits)
    X = as_dyadic(np.random.default_rng(1).normal(size=(6, 5)))
    values = X.fractions()
    for number, affine in enumerate(network.layers):
        W, b = (part.fractions() for part in affine.dense())
        values = values @ W.T + b
        if number < network.depth - 1:
            values = np.maximum(values, Fraction(0))
    assert network.evaluate_exact(X).fractions().tolist() == values.tolist()


def test_outputs_do_not_depend_on_workers_or_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network([4, 30, 30, 2], 30, seed=0)
    X = as_dyadic(np.random.default_rng(2).normal(size=(100, 4)))
    whole = network.evaluate_exact(X, 1)
    monkeypatch.setattr(evaluate, "_BLOCK_VALUES", 17 * 30)
    for workers in (1, 2, 5):
        again = network.evaluate_exact(X, workers)
        assert again == whole
        assert again.exponent == whole.exponent
        assert again.numerators.dtype == whole.numerators.dtype


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_sparse_and_dense_layers_agree(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network([4, 30, 30, 2], 30, seed=0)
    X = as_dyadic(np.random.default_rng(2).normal(size=(20, 4)))
    whole = network.evaluate_exact(X)
    monkeypatch.setattr(evaluate, "_DENSE_SHARE", share)
    monkeypatch.setattr(evaluate, "_DENSE_SIZE", 0, raising=False)
    assert network.evaluate_exact(X) == whole


def test_a_sum_at_zero_passes_a_threshold_and_just_below_does_not() -> None:
    tiny = Fraction(1, 1 << 90)
    network = ReLUNetwork((layer([[1]], [-1]), layer([[1]], [0])), (THRESHOLD,))
    rows = ((Fraction(1),), (1 - tiny,), (1 + tiny,))
    assert network.evaluate_exact(dyadic(rows)).fractions().tolist() == [[1], [0], [1]]


def test_no_points_give_no_outputs() -> None:
    network = random_network([4, 3, 2], 5, seed=0)
    X = DyadicArray(np.zeros((0, 4), dtype=np.int64), 0)
    assert network.evaluate_exact(X).shape == (0, 2)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (1, 4, 1)])
def test_points_of_another_dimension_are_refused(shape: tuple[int, ...]) -> None:
    network = random_network([4, 3, 2], 5, seed=0)
    with pytest.raises(ValueError, match=r"X must have shape \(n, 4\), got"):
        network.evaluate_exact(DyadicArray(np.zeros(shape, dtype=np.int64), 0))


def test_one_weight_changed_by_one_unit_changes_the_output() -> None:
    network = random_network([2, 3, 1], 40, seed=3)
    last = network.layers[-1]
    W = last.weight.dense()
    W[0, 0] += 1
    changed = Affine(SparseIntegers.from_dense(W), last.bias, last.exponent)
    X = as_dyadic(np.array([[3.0, -2.0], [1.0, 5.0], [-4.0, 1.0]]))
    other = ReLUNetwork.relu(*network.layers[:-1], changed)
    assert network.evaluate_exact(X) != other.evaluate_exact(X)
