"""Arrays of dyadic rationals: integer numerators and one exponent, value = n * 2**exponent.

Every float64 array is such an array, so nothing is lost on the way in. Numerators are int64 where
all of them stay below 2**62 and Python integers (object dtype) where they do not; the values, not
the storage, decide equality.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

# Sums and differences of two numerators below this bound stay inside int64.
INT64_SAFE = 1 << 62


def compact(numerators: np.ndarray) -> np.ndarray:
    """Return the integers as int64 where all lie below 2**62 in magnitude, else as objects.

    Raises:
        ValueError: if the entries are not integers.
    """
    array = np.asarray(numerators)
    if array.dtype != object:
        if array.dtype.kind not in "iub":
            raise ValueError(f"numerators must be integers, got dtype {array.dtype}")
        if array.dtype.kind == "u" or array.itemsize == 8:
            big = array.size and (int(array.max()) >= INT64_SAFE or int(array.min()) <= -INT64_SAFE)
            if big:
                objects = np.empty(array.shape, dtype=object)
                objects.reshape(-1)[:] = array.reshape(-1).tolist()
                return objects
        return array.astype(np.int64, copy=False)
    flat = array.reshape(-1)
    if not all(isinstance(n, int | np.integer) for n in flat):
        raise ValueError("numerators must be integers, got an object that is none")
    if all(-INT64_SAFE < int(n) < INT64_SAFE for n in flat):
        return array.astype(np.int64)
    return array


@dataclass(frozen=True, eq=False)
class DyadicArray:
    """Exact array `numerators * 2**exponent`.

    Args:
        numerators: integers of any shape, int64 or object.
        exponent: the common power of two.

    Raises:
        ValueError: if the numerators are not integers.
    """

    numerators: np.ndarray
    exponent: int

    def __post_init__(self) -> None:
        array = compact(self.numerators)
        if array is self.numerators:
            array = array.view()
        array.flags.writeable = False
        object.__setattr__(self, "numerators", array)
        object.__setattr__(self, "exponent", int(self.exponent))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.numerators.shape

    def __len__(self) -> int:
        return len(self.numerators)

    def __getitem__(self, index: Any) -> DyadicArray:
        return DyadicArray(np.asarray(self.numerators[index]), self.exponent)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DyadicArray):
            return NotImplemented
        if self.shape != other.shape:
            return False
        common = min(self.exponent, other.exponent)
        mine, theirs = self.at_exponent(common), other.at_exponent(common)
        return bool(np.array_equal(mine, theirs))

    __hash__ = None  # type: ignore[assignment]

    def at_exponent(self, exponent: int) -> np.ndarray:
        """Return the integer numerators with respect to a finer or equal exponent.

        Raises:
            ValueError: if `exponent` is coarser than the array's own, which would lose bits.
        """
        shift = self.exponent - exponent
        if shift < 0:
            raise ValueError(
                f"exponent must be at most {self.exponent} to stay exact, got {exponent}"
            )
        if shift == 0:
            return self.numerators
        return compact(self.numerators.astype(object) * (1 << shift))

    def normalized(self) -> DyadicArray:
        """Return the same values with every common factor of two moved to the exponent."""
        flat = self.numerators.reshape(-1)
        combined = 0
        if flat.dtype == object:
            for n in flat:
                combined |= abs(int(n))
        elif flat.size:
            combined = int(np.bitwise_or.reduce(np.abs(flat)))
        if combined == 0:
            return DyadicArray(np.zeros(self.shape, dtype=np.int64), 0)
        shift = (combined & -combined).bit_length() - 1
        return DyadicArray(compact(self.numerators >> shift), self.exponent + shift)

    def fractions(self) -> np.ndarray:
        """Return an object array of exact `Fraction` values."""
        scale = Fraction(2) ** self.exponent
        out = np.empty(self.shape, dtype=object)
        out.reshape(-1)[:] = [int(n) * scale for n in self.numerators.reshape(-1).tolist()]
        return out

    def nearest_float64(self) -> np.ndarray:
        """Return float64 values, each rounded to nearest (not exact above 53 bits).

        Raises:
            OverflowError: if a value lies beyond the range of float64.
        """
        if self.numerators.dtype == object or abs(self.exponent) > 900:
            flat = [float(v) for v in self.fractions().reshape(-1)]
            return np.array(flat, dtype=np.float64).reshape(self.shape)
        return np.ldexp(self.numerators.astype(np.float64), self.exponent)


def as_dyadic(values: np.ndarray | DyadicArray) -> DyadicArray:
    """Return the exact dyadic array equal to an array of finite floats or integers.

    Args:
        values: float16/32/64 or integer array of any shape.

    Returns:
        The equal `DyadicArray`, with its common factors of two in the exponent.

    Raises:
        ValueError: on NaN or infinity.

    >>> as_dyadic(np.array([0.5, 0.75]))
    DyadicArray(numerators=array([2, 3]), exponent=-2)
    """
    if isinstance(values, DyadicArray):
        return values
    array = np.asarray(values)
    if array.dtype.kind in "iub" or array.dtype == object:
        return DyadicArray(array, 0).normalized()
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError("values must be finite, got NaN or infinity")
    mantissa, exponents = np.frexp(array)
    # A float64 is an integer of at most 53 bits times a power of two.
    integers = np.ldexp(mantissa, 53).astype(np.int64)
    nonzero = integers != 0
    if not nonzero.any():
        return DyadicArray(np.zeros(array.shape, dtype=np.int64), 0)
    trailing = np.zeros(array.shape, dtype=np.int64)
    low = integers[nonzero] & -integers[nonzero]
    trailing[nonzero] = np.round(np.log2(low.astype(np.float64))).astype(np.int64)
    odd = integers >> trailing
    powers = exponents.astype(np.int64) - 53 + trailing
    common = int(powers[nonzero].min())
    shifts = np.where(nonzero, powers - common, 0)
    bits = int((np.ceil(np.log2(np.abs(odd[nonzero]) + 1.0)) + shifts[nonzero]).max())
    if bits < 61:
        return DyadicArray(odd << shifts, common)
    objects = odd.astype(object) * np.array(
        [1 << int(s) for s in shifts.reshape(-1)], dtype=object
    ).reshape(array.shape)
    return DyadicArray(objects, common)


def dyadic_of_fraction(value: Fraction, fraction_bits: int, *, up: bool) -> Fraction:
    """Return the multiple of 2**-fraction_bits next to `value`, rounded up or down."""
    scaled = value * Fraction(2) ** fraction_bits
    floor = scaled.numerator // scaled.denominator
    integer = floor if not up or scaled.denominator == 1 else floor + 1
    return Fraction(integer) / Fraction(2) ** fraction_bits
