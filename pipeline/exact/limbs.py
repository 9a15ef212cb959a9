"""Big integers as planes of float64 limbs, so that BLAS multiplies them exactly.

An integer n is written n = sum_l limb_l * 2**(bits * l) with |limb_l| < 2**bits. A product of two
limbs is below 2**(2*bits); sums of them are exact in float64 as long as they stay below 2**53, in
whatever order BLAS adds. The limb axis comes first: shape (limbs, ...).
"""

from __future__ import annotations

import numpy as np

# Two limbs of 24 bits leave 2**5 exact additions below 2**53.
LIMB_BITS_MAX = 24


def sign_digits(integers: np.ndarray, bits: int) -> np.ndarray:
    """Return limbs that carry the sign of their integer: n = sign * |n| in base 2**bits.

    Args:
        integers: int64 or object array of shape S.
        bits: limb size, 1 to 24.

    Returns:
        float64 array of shape (L,) + S, |limb| < 2**bits, L >= 1 as small as possible.
    """
    array = np.asarray(integers)
    negative = array < 0
    rest = np.abs(array)
    planes = []
    mask = (1 << bits) - 1
    while True:
        planes.append((rest & mask).astype(np.float64))
        rest = rest >> bits
        if not np.any(rest):
            break
    out = np.stack(planes)
    return np.where(negative.astype(bool), -out, out)


def limbs_from_integers(integers: np.ndarray, bits: int) -> np.ndarray:
    """Return limbs in the carried form: all but the last in [0, 2**bits), the last signed."""
    return carried(sign_digits(integers, bits), bits)


def carried(planes: np.ndarray, bits: int) -> np.ndarray:
    """Return the same integers with limbs in [0, 2**bits), except a signed last limb.

    The last limb is negative exactly where the integer is. Each entry of `planes` must be below
    2**53 in magnitude; planes are added while the last limb does not fit.

    Args:
        planes: float64 array of shape (L, ...), consumed (overwritten).
        bits: limb size.

    Returns:
        float64 array of shape (L', ...), |last limb| <= 2**bits.
    """
    base, inverse = float(1 << bits), 1.0 / float(1 << bits)
    carry = np.empty_like(planes[0])
    low = np.empty_like(planes[0])
    for level in range(len(planes) - 1):
        _split(planes[level], carry, low, base, inverse)
        planes[level + 1] += carry
    while planes[-1].size and np.abs(planes[-1]).max() > base:
        _split(planes[-1], carry, low, base, inverse)
        planes = np.concatenate([planes, carry[None]])
    return trimmed(planes)


def _split(
    plane: np.ndarray, carry: np.ndarray, low: np.ndarray, base: float, inverse: float
) -> None:
    """Reduce `plane` to [0, base) in place and leave the carried part in `carry`."""
    np.multiply(plane, inverse, out=carry)
    np.floor(carry, out=carry)
    np.multiply(carry, base, out=low)
    np.subtract(plane, low, out=plane)


def trimmed(planes: np.ndarray) -> np.ndarray:
    """Return carried planes without last limbs that are zero everywhere."""
    top = len(planes)
    while top > 1 and not planes[top - 1].any():
        top -= 1
    return planes[:top]


def integers_from_limbs(planes: np.ndarray, bits: int) -> np.ndarray:
    """Return the integers as an object array of shape `planes.shape[1:]`."""
    total = np.zeros(planes.shape[1:], dtype=object)
    for level, plane in enumerate(planes):
        total = total + plane.astype(np.int64).astype(object) * (1 << (bits * level))
    return total
