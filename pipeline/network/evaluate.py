"""Exact evaluation of a network on many points: float64 BLAS on limbs, carried exactly.

Each neuron has its own exponent, computed once from the weights, so that numerators stay as short
as the values need. A block of points goes through all layers before the next block starts; blocks
run in threads. docs/exact_evaluation.md has the measurements behind the choice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from pipeline.exact import (
    DyadicArray,
    carried,
    integers_from_limbs,
    limbs_from_integers,
    max_bit_length,
    sign_digits,
)
from pipeline.exact.dyadic import compact
from pipeline.exact.product import limb_bits_for

if TYPE_CHECKING:
    from pipeline.network.affine import Affine
    from pipeline.network.relu_network import ReLUNetwork

# A matrix with fewer nonzeros than this share multiplies faster in compressed rows.
_DENSE_SHARE = 0.15
# Values of one layer and one block, about 1 MiB of float64, stay in a core's cache.
_BLOCK_VALUES = 1 << 17


@dataclass(frozen=True)
class _ExactLayer:
    """Integer weight planes, bias planes and the exponents of the outputs of one layer."""

    weights: Sequence[np.ndarray | csr_array]
    bias: np.ndarray
    activation: str | None
    terms: int


def evaluate_exact(network: ReLUNetwork, X: DyadicArray, workers: int | None = None) -> DyadicArray:
    """Return f(x) of every row of X, exactly (see `ReLUNetwork.evaluate_exact`).

    Raises:
        ValueError: if X does not have d columns.
    """
    if len(X.shape) != 2 or X.shape[1] != network.inputs:
        raise ValueError(f"X must have shape (n, {network.inputs}), got {X.shape}")
    bits = limb_bits_for(max(_terms(layer) for layer in network.layers))
    layers, exponents = _prepared(network, X.exponent, bits)
    widest = max([network.inputs, *network.hidden_widths])
    size = int(np.clip(_BLOCK_VALUES // widest, 16, 1024))
    blocks = [X.numerators[start : start + size] for start in range(0, len(X), size)]
    threads = min(workers or os.cpu_count() or 1, max(len(blocks), 1))
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(lambda block: _block(layers, block, bits), blocks))
    common = int(exponents.min())
    shifts = np.array([1 << int(e - common) for e in exponents], dtype=object)
    if not rows:
        return DyadicArray(np.zeros((0, network.outputs), dtype=np.int64), 0)
    return DyadicArray(compact(np.concatenate(rows) * shifts), common).normalized()


def _terms(layer: Affine) -> int:
    """Return the largest number of nonzero weights in a row."""
    return int(np.bincount(layer.weight.rows, minlength=1).max())


def _block(layers: Sequence[_ExactLayer], points: np.ndarray, bits: int) -> np.ndarray:
    """Return the outputs of one block of points as an object array (n, outputs)."""
    planes = limbs_from_integers(np.ascontiguousarray(points.T), bits)
    for layer in layers:
        planes = _affine_planes(layer, planes, bits)
        if layer.activation == "relu":
            planes *= planes[-1] >= 0
        elif layer.activation == "threshold":
            planes = (planes[-1:] >= 0).astype(np.float64)
    return integers_from_limbs(planes, bits).T


def _affine_planes(layer: _ExactLayer, planes: np.ndarray, bits: int) -> np.ndarray:
    count = len(layer.weights) + len(planes) - 1
    count = max(count, len(layer.bias))
    outputs, points = layer.bias.shape[1], planes.shape[2]
    total = np.zeros((count, outputs, points))
    total[: len(layer.bias)] += layer.bias[:, :, None]
    # One carried limb and `budget` products of each kind stay below 2**53.
    budget = (1 << 53) // (max(layer.terms, 1) << (2 * bits)) - 1
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
    activations = [*(a.value for a in network.activations), None]
    for affine, activation in zip(network.layers, activations, strict=True):
        weights, bias, exponents = _row_scaled(affine, exponents)
        planes = sign_digits(weights, bits) if len(weights) else np.zeros((1, 0))
        shape = affine.weight.shape
        matrices = [_matrix(affine, plane, shape) for plane in planes]
        layers.append(_ExactLayer(matrices, sign_digits(bias, bits), activation, _terms(affine)))
        if activation == "threshold":
            exponents = np.zeros(affine.outputs, dtype=np.int64)
    return layers, exponents


def _matrix(affine: Affine, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray | csr_array:
    if len(values) < _DENSE_SHARE * shape[0] * shape[1]:
        pointers = np.searchsorted(affine.weight.rows, np.arange(shape[0] + 1))
        return csr_array((values, affine.weight.columns, pointers), shape=shape)
    out = np.zeros(shape[0] * shape[1])
    out[affine.weight.index] = values
    return out.reshape(shape)


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
