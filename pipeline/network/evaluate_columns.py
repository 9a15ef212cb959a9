"""Exact evaluation of deep narrow networks: each neuron's distinct values, not its points.

A bit extraction network has thousands of narrow layers and numbers of thousands of bits, most of
which depend on a point only through its group. A neuron's column over a block of points is
therefore a partition of the points and one value a class. A pre-activation lives on the join of
its inputs' partitions; a column with few values moves to a coarser one. Values are int64 where a
bound computed beforehand says that no product or partial sum leaves it, else Python integers, and
each column has its own exponent.

One thread: nearly all time goes to Python integers and short arrays, which hold the GIL.
docs/exact_evaluation.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exact import DyadicArray, integer_matmul
from pipeline.exact.dyadic import INT64_SAFE, compact
from pipeline.network.partitions import Joins, Partition, relabelled

if TYPE_CHECKING:
    from pipeline.network.affine import Affine
    from pipeline.network.relu_network import ReLUNetwork

# Points of a block times width: one layer of int64 on all points is at most 32 MiB.
_BLOCK_VALUES = 1 << 22
# Columns on fewer classes are not coarsened: the arrays are too short to matter.
_COARSEN_FROM = 64
# A coarser partition has at most this share of the classes (1 / _COARSEN_SHARE).
_COARSEN_SHARE = 4
_SAMPLE = 32
# With more terms a row, the first map is one matrix product.
_PRODUCT_TERMS, _PRODUCT_ROWS = 8, 4096


@dataclass(frozen=True, eq=False, slots=True)
class _Column:
    """One neuron on a block of points: values[class of the point] * 2**exponent.

    Args:
        partition: classes of the points.
        values: one integer a class, int64 or object.
        exponent: power of two.
        low: smallest value.
        high: largest value. Columns with low == high have their value there alone.
    """

    partition: Partition
    values: np.ndarray
    exponent: int
    low: int
    high: int


_NOWHERE = Partition(0)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of an affine map: (column, n, e) for each weight n * 2**e, n odd; bias * 2**power."""

    terms: list[tuple[int, int, int]]
    bias: int
    power: int


@dataclass(frozen=True, slots=True)
class _Sum:
    """A pre-activation (sum of weight * column + bias) * 2**exponent over nonconstant columns."""

    terms: list[tuple[_Column, int]]
    bias: int
    exponent: int


def evaluate_columns(network: ReLUNetwork, X: DyadicArray) -> DyadicArray:
    """Return f(x) of every row of X, shape (n, d), exactly and normalized."""
    widest = max([*network.hidden_widths, network.outputs])
    size = max(_BLOCK_VALUES // widest, 1)
    blocks = [_block(network, X[start : start + size]) for start in range(0, len(X), size)]
    if not blocks:
        return DyadicArray(np.zeros((0, network.outputs), dtype=np.int64), 0)
    common = min(block.exponent for block in blocks)
    rows = np.concatenate([block.at_exponent(common) for block in blocks])
    return DyadicArray(rows, common).normalized()


def _block(network: ReLUNetwork, X: DyadicArray) -> DyadicArray:
    """Return the outputs of one block of at least one point."""
    joins = Joins()
    root = Partition(len(X))
    first = network.layers[0]
    if network.depth > 1 and len(first.weight.index) > _PRODUCT_TERMS * first.outputs:
        columns, done = _first_columns(network, X, root), 1
    else:
        inputs = np.ascontiguousarray(X.numerators.T)
        columns, done = [_column(root, values, X.exponent) for values in inputs], 0
    for number in range(done, network.depth - 1):
        thresholds = network.thresholds(number).tolist()
        columns = [
            _neuron(row, columns, threshold, joins)
            for row, threshold in zip(_rows(network.layers[number]), thresholds, strict=True)
        ]
    return _outputs(root, _rows(network.layers[-1]), columns, joins)


def _first_columns(network: ReLUNetwork, X: DyadicArray, root: Partition) -> list[_Column]:
    """Return the first hidden layer, its sums computed as one matrix product."""
    first, rows = network.layers[0], range(0, len(X), _PRODUCT_ROWS)
    weight = first.weight.dense().T
    parts = [integer_matmul(X.numerators[r : r + _PRODUCT_ROWS], weight) for r in rows]
    product = DyadicArray(np.concatenate(parts), X.exponent + first.exponent)
    exponent = min(product.exponent, first.exponent)
    bias = DyadicArray(first.bias, first.exponent).at_exponent(exponent)
    # Two numerators below 2**62 add up inside int64.
    sums = compact(product.at_exponent(exponent) + bias)
    return [
        _activated(root, values, exponent, threshold)
        for values, threshold in zip(
            np.ascontiguousarray(sums.T), network.thresholds(0).tolist(), strict=True
        )
    ]


def _rows(affine: Affine) -> list[_Row]:
    """Return the rows of an affine map, each number split into odd part and power of two."""
    terms: list[list[tuple[int, int, int]]] = [[] for _ in range(affine.outputs)]
    entries = zip(affine.weight.index.tolist(), affine.weight.values.tolist(), strict=True)
    for index, value in entries:
        row, column = divmod(index, affine.inputs)
        trailing = _trailing(value)
        terms[row].append((column, value >> trailing, trailing + affine.exponent))
    return [_Row(t, b, affine.exponent) for t, b in zip(terms, affine.bias.tolist(), strict=True)]


def _trailing(value: int) -> int:
    """Return the number of trailing zero bits of a nonzero integer."""
    return (value & -value).bit_length() - 1


def _neuron(row: _Row, columns: Sequence[_Column], threshold: bool, joins: Joins) -> _Column:
    """Return the activation of a row's sum; nothing is computed where its bounds decide it."""
    total = _sum(row, columns)
    low, high = _bounds(total)
    if threshold and (low >= 0 or high < 0):
        return _constant(int(low >= 0), 0)
    if not threshold and high <= 0:
        return _constant(0, 0)
    if not total.terms:
        return _constant(low, total.exponent)
    column, weight = total.terms[0]
    if low >= 0 and len(total.terms) == 1 and weight == 1 and not total.bias:
        same = column.exponent == total.exponent
        return column if same else replace(column, exponent=total.exponent)
    partition, values = _values(total, joins)
    return _activated(partition, values, total.exponent, threshold)


def _activated(partition: Partition, values: np.ndarray, exponent: int, threshold: bool) -> _Column:
    if threshold:
        return _column(partition, (values >= 0).astype(np.int64), 0)
    return _column(partition, np.maximum(values, 0), exponent)


def _sum(row: _Row, columns: Sequence[_Column]) -> _Sum:
    """Return a row's sum on the coarsest exponent that is exact, constants in the bias."""
    live, fixed = [], [(row.bias, row.power)] if row.bias else []
    for j, odd, power in row.terms:
        column = columns[j]
        if column.low != column.high:
            live.append((column, odd, power + column.exponent))
        elif column.low:
            fixed.append((odd * column.low, power + column.exponent))
    bias, bias_power = _dyadic_sum(fixed)
    powers = [power for _, _, power in live]
    exponent = min([*powers, bias_power] if bias else powers, default=0)
    terms = [(column, odd << (power - exponent)) for column, odd, power in live]
    return _Sum(terms, bias << (bias_power - exponent) if bias else 0, exponent)


def _dyadic_sum(numbers: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the sum of n * 2**e over the pairs (n, e) as an odd n or zero, and its exponent."""
    lowest = min((e for _, e in numbers), default=0)
    total = sum(n << (e - lowest) for n, e in numbers)
    if not total:
        return 0, 0
    trailing = _trailing(total)
    return total >> trailing, lowest + trailing


def _bounds(total: _Sum) -> tuple[int, int]:
    """Return a lower and an upper bound of the numerators."""
    ends = [(weight * column.low, weight * column.high) for column, weight in total.terms]
    return total.bias + sum(map(min, ends)), total.bias + sum(map(max, ends))


def _values(total: _Sum, joins: Joins) -> tuple[Partition, np.ndarray]:
    """Return a partition on which a sum of at least one term is constant, and its numerators."""
    partition = joins.common(column.partition for column, _ in total.terms)
    sizes = (abs(weight) * max(abs(column.low), column.high) for column, weight in total.terms)
    reach = abs(total.bias) + sum(sizes)
    # Each product and each partial sum is at most `reach` in magnitude.
    return partition, _combined(total, partition, joins, wide=reach >= INT64_SAFE)


def _combined(total: _Sum, partition: Partition, joins: Joins, wide: bool) -> np.ndarray:
    """Return bias + sum of weight * column on the partition, in Python integers if `wide`."""
    out: np.ndarray | int = total.bias
    for number, (column, weight) in enumerate(total.terms):
        part = _multiple(column.values, abs(weight), wide)
        classes = joins.classes(partition, column.partition)
        if classes is not None:
            part = part.take(classes)
        if not number and not total.bias and weight > 0:
            out = part
        else:
            out = out + part if weight > 0 else out - part
    assert isinstance(out, np.ndarray)
    return out


def _multiple(values: np.ndarray, factor: int, wide: bool) -> np.ndarray:
    if wide and values.dtype != object:
        values = values.astype(object)
    if factor == 1:
        return values
    if factor & (factor - 1) == 0:
        return values << (factor.bit_length() - 1)
    return values * factor


def _constant(value: int, exponent: int) -> _Column:
    return _Column(_NOWHERE, _NOWHERE.labels, exponent, value, value)


def _column(partition: Partition, values: np.ndarray, exponent: int) -> _Column:
    """Return the column of the values, on few classes and in few bits where that is cheap."""
    low, high = int(values.min()), int(values.max())
    if low == high:
        return _constant(low, exponent)
    column = _Column(partition, values, exponent, low, high)
    if partition.size >= _COARSEN_FROM:
        column = _coarsened(column)
    if column.values.dtype == object and max(abs(low), high) < INT64_SAFE:
        return replace(column, values=column.values.astype(np.int64))
    return column


def _coarsened(column: _Column) -> _Column:
    """Return the column on few classes if its values are few multiples of a power of two apart."""
    partition, values, low = column.partition, column.values, column.low
    span, limit = column.high - low, partition.size // _COARSEN_SHARE
    for part in (values[:: max(len(values) // _SAMPLE, 1)], values):
        # The sample has at least as many common trailing zeros: most columns end there.
        different = int(np.bitwise_or.reduce(part ^ low))
        trailing = _trailing(different) if different else span.bit_length()
        if span >> trailing > limit:
            return column
    steps = ((values - low) >> trailing).astype(np.int64)
    present, labels = relabelled(steps, (span >> trailing) + 1)
    kept = [low + (step << trailing) for step in present.tolist()]
    common = _trailing(reduce(or_, kept))
    return _Column(
        Partition(len(present), partition, labels),
        compact(np.array([value >> common for value in kept], dtype=object)),
        column.exponent + common,
        low >> common,
        column.high >> common,
    )


def _outputs(
    root: Partition, rows: Sequence[_Row], columns: Sequence[_Column], joins: Joins
) -> DyadicArray:
    """Return the last affine map on every point."""
    sums = [_sum(row, columns) for row in rows]
    common = min(total.exponent for total in sums)
    parts = []
    for total in sums:
        if total.terms:
            partition, values = _values(total, joins)
            classes = joins.classes(root, partition)
            values = values if classes is None else values[classes]
        else:
            values = np.full(root.size, total.bias, dtype=object)
        parts.append(DyadicArray(values, total.exponent).at_exponent(common))
    return DyadicArray(np.stack(parts, axis=1), common)
