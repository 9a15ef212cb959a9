"""Exact products of integer matrices through float64 BLAS on limbs."""

from __future__ import annotations

import numpy as np

from pipeline.exact.dyadic import compact
from pipeline.exact.limbs import LIMB_BITS_MAX, carried, integers_from_limbs, sign_digits

_ROWS_A_BLOCK = 4096


def max_bit_length(integers: np.ndarray) -> int:
    """Return the bit length of the largest magnitude (0 for an empty or zero array)."""
    array = np.asarray(integers)
    if array.size == 0:
        return 0
    return max(int(array.max()).bit_length(), int(array.min()).bit_length())


def limb_bits_for(inner: int) -> int:
    """Return the largest limb size whose products can be added `4 * inner` times below 2**53."""
    room = 53 - max(1, 4 * max(inner, 1) - 1).bit_length()
    return max(1, min(LIMB_BITS_MAX, room // 2))


def integer_matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the exact product of two integer matrices.

    Args:
        left: shape (n, k), int64 or object.
        right: shape (k, m), int64 or object.

    Returns:
        Integer matrix of shape (n, m), int64 where every entry is below 2**62.
    """
    left, right = compact(left), compact(right)
    inner = left.shape[1]
    size = max_bit_length(left) + max_bit_length(right) + max(inner, 1).bit_length()
    if size <= 53 or 0 in (len(left), right.shape[1]):
        product = left.astype(np.float64) @ right.astype(np.float64)
        return product.astype(np.int64)
    bits = limb_bits_for(inner)
    factors = sign_digits(right, bits)
    rows = [
        _block_product(left[start : start + _ROWS_A_BLOCK], factors, bits)
        for start in range(0, len(left), _ROWS_A_BLOCK)
    ]
    return compact(np.concatenate(rows))


def _block_product(left: np.ndarray, factors: np.ndarray, bits: int) -> np.ndarray:
    digits = sign_digits(left, bits)
    shape = (len(left), factors.shape[2])
    planes = np.zeros((len(digits) + len(factors), *shape))
    for i, digit in enumerate(digits):
        for j, factor in enumerate(factors):
            planes[i + j] += digit @ factor
        if i % 2 == 1:
            planes = _extended(carried(planes, bits), len(digits) + len(factors))
    return integers_from_limbs(carried(planes, bits), bits)


def _extended(planes: np.ndarray, count: int) -> np.ndarray:
    if len(planes) >= count:
        return planes
    return np.concatenate([planes, np.zeros((count - len(planes), *planes.shape[1:]))])
