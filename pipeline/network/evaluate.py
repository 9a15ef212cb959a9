"""Exact evaluation of a network on many points: float64 BLAS on limbs, carried exactly.

Deep narrow networks with long numbers go to `evaluate_columns` instead.

Each neuron has its own exponent, computed once from the weights, so that numerators stay as short
as the values need. A block of points goes through all layers before the next block starts; blocks
run in threads. docs/exact_evaluation.md has the measurements behind the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import ThreadpoolController

from pipeline.exact import (
    DyadicArray,
    carried,
    integers_from_limbs,
    limbs_from_integers,
    max_bit_length,
    sign_digits,
    usable_cores,
)
from pipeline.exact.dyadic import compact
from pipeline.exact.product import limb_bits_for
from pipeline.network.evaluate_columns import evaluate_columns

if TYPE_CHECKING:
    from pipeline.network.affine import Affine
    from pipeline.network.relu_network import ReLUNetwork

# A matrix with fewer nonzeros than this share multiplies faster in compressed rows.
_DENSE_SHARE = 0.15
# Values of one layer and one block, about 2 MiB of float64, stay in a core's cache.
_BLOCK_VALUES = 1 << 18
# Columns are faster where all three hold; either is exact everywhere (docs/exact_evaluation.md).
_COLUMNS_FROM_DEPTH, _COLUMNS_UP_TO_TERMS = 64, 64


@dataclass(frozen=True)
class _ExactLayer:
    """Integer weight planes and bias planes of one layer.

    Args:
        weights: planes W_0, W_1, ... of a sparse layer, else empty.
        stacked: [W_{L-1} ... W_1 W_0] of a dense layer, shape (outputs, L * inputs), else None.
        levels: L.
        bias: shape (levels, outputs).
        threshold: mask of the neurons that are thresholds, None after the last layer.
        terms: largest number of nonzero weights in a row.
    """

    weights: Sequence[csr_array]
    stacked: np.ndarray | None
    levels: int
    bias: np.ndarray
    threshold: np.ndarray | None
    terms: int


def evaluate_exact(network: ReLUNetwork, X: DyadicArray, workers: int | None = None) -> DyadicArray:
    """Return f(x) of every row of X, exactly (see `ReLUNetwork.evaluate_exact`).

    Raises:
        ValueError: if X does not have d columns.
    """
    if len(X.shape) != 2 or X.shape[1] != network.inputs:
        raise ValueError(f"X must have shape (n, {network.inputs}), got {X.shape}")
    if columns_are_faster(network):
        return evaluate_columns(network, X)
    return limb_outputs(network, X, workers)


def columns_are_faster(network: ReLUNetwork) -> bool:
    """Return whether a network is deep, narrow (nonzeros a layer) and has weights above 62 bits."""
    weights = [layer.weight.values for layer in network.layers]
    return (
        network.depth >= _COLUMNS_FROM_DEPTH
        and sum(map(len, weights)) <= _COLUMNS_UP_TO_TERMS * network.depth
        and any(values.dtype == object for values in weights)
    )


def limb_outputs(network: ReLUNetwork, X: DyadicArray, workers: int | None = None) -> DyadicArray:
    """Return f(x) of every row of X, shape (n, d), exactly and normalized."""
    bits = limb_bits_for(max(_terms(layer) for layer in network.layers))
    layers, exponents = _prepared(network, X.exponent, bits)
    widest = max([network.inputs, *network.hidden_widths])
    size = int(np.clip(_BLOCK_VALUES // widest, 16, 1024))
    blocks = [X.numerators[start : start + size] for start in range(0, len(X), size)]
    threads = min(workers or usable_cores(), max(len(blocks), 1))
    with _thread_pools().limit(limits=1), ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(lambda block: _block(layers, block, bits), blocks))
    common = int(exponents.min())
    shifts = np.array([1 << int(e - common) for e in exponents], dtype=object)
    if not rows:
        return DyadicArray(np.zeros((0, network.outputs), dtype=np.int64), 0)
    return DyadicArray(compact(np.concatenate(rows) * shifts), common).normalized()


@cache
def _thread_pools() -> ThreadpoolController:
    """Return the thread pools of the loaded libraries; finding them takes some milliseconds."""
    return ThreadpoolController()


def _terms(layer: Affine) -> int:
    """Return the largest number of nonzero weights in a row."""
    return int(np.bincount(layer.weight.rows, minlength=1).max())


def _block(layers: Sequence[_ExactLayer], points: np.ndarray, bits: int) -> np.ndarray:
    """Return the outputs of one block of points as an object array (n, outputs)."""
    planes = limbs_from_integers(np.ascontiguousarray(points.T), bits)
    for layer in layers:
        planes = _affine_planes(layer, planes, bits)
        if layer.threshold is not None:
            planes = _activated(planes, layer.threshold)
    return integers_from_limbs(planes, bits).T


def _activated(planes: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Return the activations of carried planes; the sign of an integer is that of its last limb."""
    active = planes[-1] >= 0
    if threshold.all():
        return active[None].astype(np.float64)
    planes *= active
    if threshold.any():
        planes[:, threshold] = 0.0
        planes[0, threshold] = active[threshold]
    return planes


def _affine_planes(layer: _ExactLayer, planes: np.ndarray, bits: int) -> np.ndarray:
    """Return W a + b in carried planes, a given by carried planes of shape (k, inputs, points)."""
    # One carried limb, one bias limb and `budget` products of each kind stay below 2**53.
    budget = (1 << 53) // (max(layer.terms, 1) << (2 * bits)) - 1
    if layer.stacked is None:
        return _sparse_planes(layer, planes, bits, budget)
    groups = [planes[start : start + budget] for start in range(0, len(planes), budget)]
    total = _dense_planes(layer, layer.stacked, groups[0], bits)
    if len(groups) == 1:
        return total
    # Numbers of many limbs: each group carried by itself, then added at its place.
    parts = [total] + [_dense_planes(layer, layer.stacked, g, bits, bias=False) for g in groups[1:]]
    places = range(0, len(planes), budget)
    count = max(place + len(part) for place, part in zip(places, parts, strict=True))
    total = np.zeros((count, *total.shape[1:]))
    for place, part in zip(places, parts, strict=True):
        total[place : place + len(part)] += part
    return carried(total, bits)


def _dense_planes(
    layer: _ExactLayer, stacked: np.ndarray, planes: np.ndarray, bits: int, bias: bool = True
) -> np.ndarray:
    """Return sum_{l + k = s} W_l a_k for every s, each as one product of stacked matrices.

    The planes a_k lie one below the other, the W_l side by side in reverse order, so the pairs with
    l + k = s are a range of columns against a range of rows.
    """
    inputs, levels = planes.shape[1], len(planes)
    column = np.ascontiguousarray(planes).reshape(-1, planes.shape[2])
    count = max(layer.levels + levels - 1, len(layer.bias))
    total = np.zeros((count, layer.bias.shape[1], planes.shape[2]))
    for s in range(layer.levels + levels - 1):
        low, high = max(0, s - layer.levels + 1), min(levels - 1, s)
        start, stop = (layer.levels - 1 - s + low) * inputs, (layer.levels - s + high) * inputs
        rows = column[low * inputs : (high + 1) * inputs]
        np.matmul(stacked[:, start:stop], rows, out=total[s])
    if bias:
        total[: len(layer.bias)] += layer.bias[:, :, None]
    return carried(total, bits)


def _sparse_planes(layer: _ExactLayer, planes: np.ndarray, bits: int, budget: int) -> np.ndarray:
    count = max(layer.levels + len(planes) - 1, len(layer.bias))
    total = np.zeros((count, layer.bias.shape[1], planes.shape[2]))
    total[: len(layer.bias)] += layer.bias[:, :, None]
    added = 0
    for level, weight in enumerate(layer.weights):
        if added == budget:
            total, added = _widened(carried(total, bits), count), 0
        for place, plane in enumerate(planes):
            total[level + place] += weight @ plane
        added += 1
    return carried(total, bits)


def _widened(planes: np.ndarray, count: int) -> np.ndarray:
    if len(planes) >= count:
        return planes
    return np.concatenate([planes, np.zeros((count - len(planes), *planes.shape[1:]))])


def _prepared(
    network: ReLUNetwork, input_exponent: int, bits: int
) -> tuple[list[_ExactLayer], np.ndarray]:
    """Return the layers over integers and the exponents of the outputs."""
    exponents = np.full(network.inputs, input_exponent, dtype=np.int64)
    layers = []
    for number, affine in enumerate(network.layers):
        threshold = network.thresholds(number) if number < network.depth - 1 else None
        weights, bias, exponents = _row_scaled(affine, exponents)
        planes = sign_digits(weights, bits) if len(weights) else np.zeros((1, 0))
        stacked, sparse = _matrices(affine, planes)
        limbs = sign_digits(bias, bits)
        layers.append(_ExactLayer(sparse, stacked, len(planes), limbs, threshold, _terms(affine)))
        if threshold is not None:
            exponents = np.where(threshold, 0, exponents)
    return layers, exponents


def _matrices(affine: Affine, planes: np.ndarray) -> tuple[np.ndarray | None, list[csr_array]]:
    """Return the weight planes stacked if the layer is dense, else one sparse matrix a plane."""
    (rows, columns), weight = affine.weight.shape, affine.weight
    if len(weight.index) < _DENSE_SHARE * rows * columns:
        pointers = np.searchsorted(weight.rows, np.arange(rows + 1))
        shape = (rows, columns)
        return None, [csr_array((v, weight.columns, pointers), shape=shape) for v in planes]
    dense = np.zeros((len(planes), rows * columns))
    dense[:, weight.index] = planes
    return np.concatenate(dense[::-1].reshape(-1, rows, columns), axis=1), []


def _row_scaled(affine: Affine, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights and bias as integers, each row with the coarsest exponent that is exact."""
    rows, columns = affine.weight.rows, affine.weight.columns
    odd, trailing = _odd_part(affine.weight.values)
    odd_bias, trailing_bias = _odd_part(affine.bias)
    powers = trailing + affine.exponent + exponents[columns]
    bias_powers = trailing_bias + affine.exponent
    none = np.iinfo(np.int64).max
    lowest = np.full(affine.outputs, none, dtype=np.int64)
    np.minimum.at(lowest, rows, powers)
    lowest = np.where(affine.bias != 0, np.minimum(lowest, bias_powers), lowest)
    lowest = np.where(lowest == none, 0, lowest)
    weights = _shifted(odd, powers - lowest[rows])
    bias = _shifted(odd_bias, np.where(affine.bias != 0, bias_powers - lowest, 0))
    return weights, bias, lowest


def _odd_part(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return n and t with values = n * 2**t, n odd (n = t = 0 for zero)."""
    if values.dtype == object:
        trailing = np.array(
            [((v & -v).bit_length() - 1 if v else 0) for v in map(int, values)], dtype=np.int64
        )
        shift = np.array([1 << int(t) for t in trailing], dtype=object)
        return (values // shift if len(values) else values), trailing
    lowest = values & -values
    trailing = np.where(values != 0, np.frexp(lowest.astype(np.float64))[1] - 1, 0)
    return values >> trailing, trailing.astype(np.int64)


def _shifted(odd: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    if len(odd) == 0:
        return odd
    if odd.dtype != object and max_bit_length(odd) + int(shifts.max()) < 61:
        return odd << shifts
    factors = np.array([1 << int(s) for s in shifts], dtype=object)
    return odd.astype(object) * factors
