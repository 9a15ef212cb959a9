"""Evaluation by columns against the definition and against limbs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.construction.thm_4_2_iii_large import build_thm_4_2_iii
from pipeline.data.generate import generate_dataset
from pipeline.exact import DyadicArray
from pipeline.gadgets.memorizer import integer_memorizer, memorizer_sizes
from pipeline.network import (
    Activation,
    Affine,
    ReLUNetwork,
    SparseIntegers,
    evaluate_columns,
    partitions,
)
from pipeline.network.evaluate import columns_are_faster, limb_outputs
from pipeline.network.partitions import Joins, Partition
from tests.cases import CASES, Case, dyadic, layer
from tests.network.laws import THRESHOLD, naive_output, networks, points

columns = evaluate_columns.evaluate_columns


def assert_same(ours: DyadicArray, peer: DyadicArray) -> None:
    assert ours.exponent == peer.exponent
    assert ours.numerators.dtype == peer.numerators.dtype
    assert ours.shape == peer.shape
    assert (ours.numerators == peer.numerators).all()


def random_network(
    rng: np.random.Generator, depth: int, width: int, bits: int, inputs: int = 2
) -> ReLUNetwork:
    """Return a sparse network whose neurons are relus, thresholds and carries."""
    widths = [inputs, *[width] * (depth - 1), 2]
    layers, kinds = [], []
    for number, (a, b) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        W = rng.integers(-(1 << bits), 1 << bits, size=(b, a), endpoint=True).astype(object)
        W[rng.random(W.shape) > 2 / a] = 0
        bias = rng.integers(-(1 << bits), 1 << bits, size=b).astype(object)
        for row in np.flatnonzero(rng.random(b) < 0.5):
            W[row], bias[row] = 0, 0
            W[row, rng.integers(a)] = int(rng.choice([1, 2, -1]))
        layers.append(Affine(SparseIntegers.from_dense(W), bias, int(rng.integers(-2, 1))))
        if number < depth - 1:
            drawn = rng.random(b) < 0.2
            kinds.append(tuple(Activation.THRESHOLD if t else Activation.RELU for t in drawn))
    return ReLUNetwork(tuple(layers), tuple(kinds))


def random_points(rng: np.random.Generator, n: int, d: int, bits: int = 4) -> DyadicArray:
    """Return points of few coordinates, most of them several times."""
    return DyadicArray(rng.integers(-(1 << bits), 1 << bits, size=(n, d)), -2)


@settings(max_examples=120)
@given(st.data())
def test_columns_are_the_definition(data: st.DataObject) -> None:
    network = data.draw(networks())
    rows = data.draw(points(network.inputs))
    outputs = columns(network, dyadic(rows))
    assert [tuple(row) for row in outputs.fractions()] == [naive_output(network, x) for x in rows]
    assert_same(outputs, limb_outputs(network, dyadic(rows)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_columns_are_limbs_on_the_cases(case: Case) -> None:
    assert columns(case.network, case.X) == dyadic(case.outputs)
    assert_same(columns(case.network, case.X), limb_outputs(case.network, case.X))


# Bits 2: few values, joins and coarsening everywhere. 20, 40: int64 and Python integers meet.
@pytest.mark.parametrize("share", [2, 4])
@pytest.mark.parametrize("bits", [1, 2, 20, 40])
@pytest.mark.parametrize("seed", range(6))
def test_columns_on_repeated_points(
    seed: int, bits: int, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_columns, "_COARSEN_FROM", 4)
    monkeypatch.setattr(evaluate_columns, "_COARSEN_SHARE", share)
    rng = np.random.default_rng(seed)
    network = random_network(rng, 12, 9, bits, inputs=3)
    X = random_points(rng, 700, 3, bits=seed)
    assert_same(columns(network, X), limb_outputs(network, X))


@pytest.mark.parametrize("kept, table", [(1, (0, 0)), (1, (8, 1 << 16)), (64, (0, 0))])
def test_neither_the_cache_nor_the_table_changes_the_outputs(
    kept: int, table: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_JOINS_KEPT", kept)
    monkeypatch.setattr(partitions, "_TABLE_SHARE", table[0])
    monkeypatch.setattr(partitions, "_TABLE_FROM", table[1])
    rng = np.random.default_rng(5)
    network = random_network(rng, 15, 10, 2, inputs=3)
    X = random_points(rng, 1000, 3)
    assert_same(columns(network, X), limb_outputs(network, X))


@settings(max_examples=200)
@given(st.data())
def test_a_join_refines_all_its_partitions(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    chain = [Partition(count)]
    for _ in range(data.draw(st.integers(1, 5))):
        parent = data.draw(st.sampled_from(chain))
        classes = st.lists(st.integers(0, 6), min_size=parent.size, max_size=parent.size)
        present, labels = np.unique(data.draw(classes), return_inverse=True)
        chain.append(Partition(len(present), parent, labels))
    root, joins = chain[0], Joins()
    chosen = data.draw(st.lists(st.sampled_from(chain), min_size=1, max_size=4))
    join = joins.common(chosen)
    on_root = np.arange(count) if join is root else join.over(root)
    assert sorted(set(on_root.tolist())) == list(range(join.size))
    for partition in chosen:
        own = np.arange(count) if partition is root else partition.over(root)
        classes_of = joins.classes(join, partition)
        assert (own == (on_root if classes_of is None else classes_of[on_root])).all()


def test_an_indicator_and_a_label_leave_the_points() -> None:
    X = DyadicArray(np.arange(3000)[:, None] * (1 << 40), 0)
    root = Partition(3000)
    far = evaluate_columns._column(root, X.numerators[:, 0], 0)
    assert far.partition is root
    steps = np.array([0, 5 << 100, 7 << 100], dtype=object)[np.arange(3000) % 3]
    near = evaluate_columns._column(root, steps, -7)
    assert near.partition.size == 3 and near.values.tolist() == [0, 5, 7]
    assert near.exponent == 93 and near.values.dtype == np.int64
    assert (near.low, near.high) == (0, 7)
    apart = evaluate_columns._column(root, (3 + 2 * (np.arange(3000) % 2)) << 41, 1)
    assert apart.partition.size == 2 and apart.values.tolist() == [3, 5]
    assert (apart.low, apart.high, apart.exponent) == (3, 5, 42)
    offset = evaluate_columns._column(root, 1 + ((np.arange(3000) % 2) << 41), 0)
    assert offset.partition.size == 2 and offset.values.tolist() == [1, (1 << 41) + 1]
    assert (near.partition.over(root) == np.arange(3000) % 3).all()


def test_small_yu_networks() -> None:
    dataset, _ = generate_dataset("cube", N=12, d=3, seed=1)
    network = build_thm_4_2_iii(dataset, Fraction(1, 2)).network
    X = DyadicArray(np.concatenate([dataset.X.numerators] * 40), dataset.X.exponent)
    rng = np.random.default_rng(0)
    noise = rng.integers(-5, 5, size=X.shape)
    X = DyadicArray(X.numerators + noise, X.exponent)
    assert_same(columns(network, X), limb_outputs(network, X))


def test_a_memorizer_of_long_words() -> None:
    keys = {3 + 101 * i: 1 + i % 3 for i in range(40)}
    network = integer_memorizer(keys, memorizer_sizes(40, 5000, 3))
    assert columns_are_faster(network)
    x = np.arange(4500)
    outputs = network.evaluate_exact(DyadicArray(x[:, None], 0))
    assert outputs.numerators[:, 0].tolist() == [keys.get(k, 0) for k in x.tolist()]
    few = DyadicArray(x[:250, None], 0)
    assert_same(columns(network, few), limb_outputs(network, few))


def test_exponents_may_be_huge() -> None:
    up, down = Fraction(1 << 5000), Fraction(1, 1 << 5000)
    network = ReLUNetwork(
        (
            layer([[up, -1], [down, 0], [1, 1]], [down, up, -1]),
            layer([[down, 1, 0], [up, 0, -1], [0, up, up]], [0, down, -up]),
            layer([[1, 1, down]], [0]),
        ),
        (Activation.RELU, (Activation.RELU, Activation.THRESHOLD, Activation.RELU)),
    )
    rows = ((Fraction(3), up), (-down, Fraction(1)), (Fraction(0), -up), (up, down))
    outputs = columns(network, dyadic(rows))
    assert [tuple(row) for row in outputs.fractions()] == [naive_output(network, x) for x in rows]


def test_thousands_of_layers() -> None:
    # x -> the tent 2 relu(x) - 4 relu(x - 1/2), 2,000 times: 2,000 bits of x, one a layer.
    rows: list[list[int | Fraction]] = [[2, -4], [2, -4]]
    step = layer(rows, [0, -Fraction(1, 2)])
    network = ReLUNetwork.relu(
        layer([[1], [1]], [0, -Fraction(1, 2)]), *[step] * 2000, layer([[2, -4]], [0])
    )
    start = Fraction(int("123456789" * 60), 1 << 2001)
    values, outputs = (
        [],
        columns(network, dyadic(((start,), (1 - start,), (Fraction(1),)))),
    )
    for x in (start, 1 - start, Fraction(1)):
        for _ in range(2001):
            x = 2 * x if x <= Fraction(1, 2) else 2 - 2 * x
        values.append([x])
    assert outputs.fractions().tolist() == values


@pytest.mark.parametrize("top", [61, 62, 63])
def test_sums_around_the_range_of_int64(top: int) -> None:
    near = (1 << top) - 1
    network = ReLUNetwork.relu(
        layer([[1, 0], [0, 1]], [0, 0]),
        layer([[1, 1], [3, -1], [1, 0]], [1, -1, near]),
        layer([[1, 1, 1], [1, -1, 2]], [near, -near]),
    )
    rows = ((near, near), (near, 0), (0, near), (near - 1, 1), (1, 1))
    outputs = columns(network, dyadic(rows))
    assert [tuple(row) for row in outputs.fractions()] == [naive_output(network, x) for x in rows]


@pytest.mark.parametrize("values", [1, 9 * 50, 9 * 699, 9 * 700])
def test_outputs_do_not_depend_on_blocks(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    network = random_network(rng, 6, 9, 20)
    n = 70 if values == 1 else 700
    X = random_points(rng, n, 2)
    whole = columns(network, X)
    monkeypatch.setattr(evaluate_columns, "_BLOCK_VALUES", values)
    monkeypatch.setattr(evaluate_columns, "_PRODUCT_ROWS", 17)
    assert_same(columns(network, X), whole)
    assert_same(whole, limb_outputs(network, X))


@pytest.mark.parametrize("exponent", [-70, 0, 9])
def test_a_dense_first_map_is_one_product(exponent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_columns, "_PRODUCT_ROWS", 7)
    rng = np.random.default_rng(3)
    first = Affine(
        SparseIntegers.from_dense(rng.integers(-(1 << 50), 1 << 50, size=(4, 30))),
        rng.integers(-(1 << 50), 1 << 50, size=4),
        exponent,
    )
    last = layer([[1, -1, 2, 1], [0, 1, 1, 0]], [0, Fraction(1, 4)])
    X = DyadicArray(rng.integers(-(1 << 30), 1 << 30, size=(100, 30)), -13)
    mixed = ReLUNetwork((first, last), ((THRESHOLD, Activation.RELU) * 2,))
    assert_same(columns(mixed, X), limb_outputs(mixed, X))


def test_affine_maps_and_constants() -> None:
    X = DyadicArray(np.arange(12).reshape(4, 3), -1)
    for network in (
        ReLUNetwork.relu(layer([[1, 2, 3], [0, 0, 0]], [0, Fraction(1, 8)])),
        ReLUNetwork.relu(layer([[0, 0, 0]], [5]), layer([[3]], [Fraction(-1, 4)])),
        ReLUNetwork.relu(layer([[0, 0, 0]], [-5]), layer([[3]], [0])),
        ReLUNetwork((layer([[0, 0, 0]], [0]), layer([[1 << 70]], [0])), (THRESHOLD,)),
    ):
        assert_same(columns(network, X), limb_outputs(network, X))


@pytest.mark.parametrize("depth", [1, 5])
def test_no_points_give_no_outputs(depth: int) -> None:
    network = random_network(np.random.default_rng(0), depth, 3, 4)
    X = DyadicArray(np.zeros((0, 2), dtype=np.int64), 0)
    assert_same(columns(network, X), limb_outputs(network, X))


def test_only_deep_narrow_networks_with_long_weights_go_to_columns() -> None:
    long, short = layer([[1 << 70, 1], [1, -1]], [0, 0]), layer([[1, 1], [1, -1]], [0, 0])
    assert columns_are_faster(ReLUNetwork.relu(long, *[short] * 63))
    assert not columns_are_faster(ReLUNetwork.relu(long, *[short] * 62))
    assert not columns_are_faster(ReLUNetwork.relu(*[short] * 100))
    wide = layer([[1] * 9] * 9, [0] * 9)
    assert not columns_are_faster(ReLUNetwork.relu(wide.at_exponent(-70), *[wide] * 99))
