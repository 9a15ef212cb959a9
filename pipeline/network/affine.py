"""Affine maps with exact dyadic entries: sparse integers and one exponent a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.exact import DyadicArray, as_dyadic, max_bit_length
from pipeline.exact.dyadic import compact


@dataclass(frozen=True, eq=False)
class SparseIntegers:
    """Integer matrix by its nonzero entries in row-major order.

    Args:
        shape: (rows, columns).
        index: flat positions row * columns + column, strictly increasing, int64.
        values: the nonzero integers there, int64 or object.

    Raises:
        ValueError: if positions are out of range or not increasing, or a value is zero.
    """

    shape: tuple[int, int]
    index: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        index = np.asarray(self.index, dtype=np.int64)
        values = compact(np.asarray(self.values))
        rows, columns = self.shape
        if index.shape != values.shape or index.ndim != 1:
            raise ValueError(f"index and values must match, got {index.shape}, {values.shape}")
        if len(index) and (index[0] < 0 or index[-1] >= rows * columns):
            raise ValueError(f"an entry lies outside the {rows} x {columns} matrix")
        if len(index) > 1 and not (np.diff(index) > 0).all():
            raise ValueError("entries must be in strictly increasing row-major order")
        if len(values) and not np.all(values != 0):
            raise ValueError("stored entries must be nonzero")
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "values", values)

    @classmethod
    def from_dense(cls, matrix: np.ndarray) -> SparseIntegers:
        """Return the sparse form of a dense integer matrix of shape (rows, columns)."""
        matrix = compact(np.asarray(matrix))
        flat = matrix.reshape(-1)
        index = np.flatnonzero(flat != 0)
        return cls((matrix.shape[0], matrix.shape[1]), index, flat[index])

    @classmethod
    def from_entries(
        cls, shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray, values: np.ndarray
    ) -> SparseIntegers:
        """Return the matrix with the given entries, repeated positions added up."""
        flat = np.asarray(rows, dtype=np.int64) * shape[1] + np.asarray(columns, dtype=np.int64)
        values = np.asarray(values)
        if len(flat) == 0:
            return cls(shape, flat, np.zeros(0, dtype=np.int64))
        order = np.argsort(flat, kind="stable")
        flat, values = flat[order], values[order]
        if max_bit_length(values) + len(values).bit_length() > 62:
            values = values.astype(object)
        starts = np.flatnonzero(np.concatenate([[True], np.diff(flat) > 0]))
        sums = np.add.reduceat(values, starts)
        keep = np.flatnonzero(sums != 0)
        return cls(shape, flat[starts][keep], sums[keep])

    @property
    def rows(self) -> np.ndarray:
        """Row of each stored entry."""
        return self.index // self.shape[1] if len(self.index) else self.index

    @property
    def columns(self) -> np.ndarray:
        """Column of each stored entry."""
        return self.index % self.shape[1] if len(self.index) else self.index

    def dense(self) -> np.ndarray:
        """Return the dense integer matrix."""
        out = np.zeros(self.shape[0] * self.shape[1], dtype=self.values.dtype)
        out[self.index] = self.values
        return out.reshape(self.shape)

    def scaled(self, factor: int) -> SparseIntegers:
        """Return the matrix times a nonzero integer."""
        if factor == 1:
            return self
        return SparseIntegers(self.shape, self.index, _exact_product(self.values, factor))

    def __matmul__(self, other: SparseIntegers) -> SparseIntegers:
        """Return the exact matrix product.

        Raises:
            ValueError: if the shapes do not match.
        """
        if self.shape[1] != other.shape[0]:
            raise ValueError(f"shapes do not match: {self.shape} @ {other.shape}")
        pointers = np.searchsorted(other.rows, np.arange(other.shape[0] + 1))
        counts = np.diff(pointers)[self.columns]
        left = np.repeat(np.arange(len(self.index)), counts)
        offsets = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        right = pointers[self.columns[left]] + offsets
        bits = max_bit_length(self.values) + max_bit_length(other.values)
        a, b = self.values[left], other.values[right]
        if bits + len(left).bit_length() > 61:
            a = a.astype(object)
        return SparseIntegers.from_entries(
            (self.shape[0], other.shape[1]), self.rows[left], other.columns[right], a * b
        )


def _exact_product(values: np.ndarray, factor: int) -> np.ndarray:
    if max_bit_length(values) + factor.bit_length() > 61:
        return compact(values.astype(object) * factor)
    return values * factor


@dataclass(frozen=True, eq=False)
class Affine:
    """Exact affine map x -> (W x + b), W and b integers times 2**exponent.

    Args:
        weight: integer numerators of W, shape (outputs, inputs).
        bias: integer numerators of b, shape (outputs,).
        exponent: common power of two of W and b.

    Raises:
        ValueError: if the shapes do not match or a side is empty.
    """

    weight: SparseIntegers
    bias: np.ndarray
    exponent: int

    def __post_init__(self) -> None:
        bias = compact(np.asarray(self.bias))
        if bias.shape != (self.weight.shape[0],):
            raise ValueError(f"bias must have shape ({self.weight.shape[0]},), got {bias.shape}")
        if min(self.weight.shape) < 1:
            raise ValueError(f"an affine map needs inputs and outputs, got {self.weight.shape}")
        object.__setattr__(self, "bias", bias)
        object.__setattr__(self, "exponent", int(self.exponent))

    @classmethod
    def from_dyadic(cls, weight: DyadicArray, bias: DyadicArray) -> Affine:
        """Return the map with dense dyadic weight (outputs, inputs) and bias (outputs,)."""
        common = min(weight.exponent, bias.exponent)
        matrix = SparseIntegers.from_dense(weight.at_exponent(common))
        return cls(matrix, bias.at_exponent(common), common)

    @classmethod
    def from_floats(cls, weight: np.ndarray, bias: np.ndarray) -> Affine:
        """Return the map whose entries equal the given finite floats exactly."""
        return cls.from_dyadic(as_dyadic(weight), as_dyadic(bias))

    @classmethod
    def from_fractions(
        cls,
        shape: tuple[int, int],
        entries: Mapping[tuple[int, int], Fraction | int],
        bias: Mapping[int, Fraction | int],
    ) -> Affine:
        """Return the map with the given dyadic entries, zero elsewhere.

        Raises:
            ValueError: if an entry is not a dyadic rational.
        """
        values = [Fraction(v) for v in entries.values()]
        biases = [Fraction(v) for v in bias.values()]
        bits = max((_fraction_bits(v) for v in values + biases), default=0)
        positions = np.array(list(entries), dtype=np.int64).reshape(-1, 2)
        numerators = _objects([int(v * (1 << bits)) for v in values])
        offset = np.zeros(shape[0], dtype=object)
        for row, value in zip(bias, biases, strict=True):
            offset[row] = int(value * (1 << bits))
        weight = SparseIntegers.from_entries(
            shape, positions[:, 0], positions[:, 1], compact(numerators)
        )
        return cls(weight, offset, -bits)

    @property
    def inputs(self) -> int:
        """Input dimension."""
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Output dimension."""
        return self.weight.shape[0]

    def at_exponent(self, exponent: int) -> Affine:
        """Return the same map written with a finer exponent.

        Raises:
            ValueError: if the exponent is coarser than the map's own.
        """
        shift = self.exponent - exponent
        if shift < 0:
            raise ValueError(f"exponent must be at most {self.exponent}, got {exponent}")
        factor = 1 << shift
        return Affine(self.weight.scaled(factor), _exact_product(self.bias, factor), exponent)

    def normalized(self) -> Affine:
        """Return the same map with the common factors of two moved into the exponent."""
        entries = np.concatenate([self.weight.values, self.bias])
        reduced = DyadicArray(entries, self.exponent).normalized()
        size = len(self.weight.values)
        weight = SparseIntegers(self.weight.shape, self.weight.index, reduced.numerators[:size])
        return Affine(weight, reduced.numerators[size:], reduced.exponent)

    def after(self, first: Affine) -> Affine:
        """Return the exact composition x -> self(first(x)) as one affine map."""
        weight = self.weight @ first.weight
        column = SparseIntegers.from_dense(first.bias.reshape(-1, 1))
        product = (self.weight @ column).dense()[:, 0]
        exponent = self.exponent + first.exponent
        # W2 (W1 x + b1) 2^(e1+e2) + b2 2^e2: bring b2 to the common exponent.
        common = min(exponent, self.exponent)
        shifted = product.astype(object) * (1 << (exponent - common))
        bias = shifted + self.bias.astype(object) * (1 << (self.exponent - common))
        merged = Affine(weight.scaled(1 << (exponent - common)), bias, common)
        return merged.normalized()

    def dense(self) -> tuple[DyadicArray, DyadicArray]:
        """Return weight (outputs, inputs) and bias (outputs,) as dense dyadic arrays."""
        return DyadicArray(self.weight.dense(), self.exponent), DyadicArray(
            self.bias, self.exponent
        )


def _fraction_bits(value: Fraction) -> int:
    if value.denominator & (value.denominator - 1):
        raise ValueError(f"weights must be dyadic rationals, got {value}")
    return value.denominator.bit_length() - 1


def _objects(values: list[int]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
