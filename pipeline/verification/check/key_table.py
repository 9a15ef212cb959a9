r"""A table of integers in two layers, confirmed: whatever they are, they are evaluated exactly.

Layers: neurons relu(c key + e), neurons that read those alone, relu(1 - f_b) for sums f_b of the
second ones, relu(1 - that). Kept values pass by.

Lemma. The last layer's bits lie in [0, 1] for every real key, and depend on nothing but the key.
Their values at integer keys are computed in integers here (in float64 where every product and every
partial sum is an integer below 2^53). Proof: 0 <= relu(1 - relu(.)) <= 1; the rows show what reads
what. QED
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.verification.check.forms import Form, require_rows
from pipeline.verification.check.layers import LayerReader, neurons
from pipeline.verification.check.rejection import Rejected

_ONE = Form({}, Fraction(1))
# Values held at once, and where float64 stops to be exact.
_VALUES, _EXACT = 1 << 24, 1 << 53


@dataclass(frozen=True)
class _Map:
    """An affine map in integers times 2^-bits: weights (outputs, inputs) and offsets."""

    weights: np.ndarray
    offsets: np.ndarray
    bits: int


@dataclass(frozen=True)
class KeyTable:
    """Three affine maps with relus behind each; 1 - relu of the last ones are the bits.

    Args:
        maps: from the key to the first layer, to the second, to relu(1 - f_b).
    """

    maps: tuple[_Map, _Map, _Map]

    def codes(self, keys: np.ndarray) -> np.ndarray:
        """Return the code at each integer key, int64.

        Raises:
            Rejected: if some bit is neither 0 nor 1.
        """
        distinct, place = np.unique(keys, return_inverse=True)
        widest = max(len(each.offsets) for each in self.maps)
        step = max(_VALUES // widest, 1)
        parts = [self._codes(distinct[s : s + step]) for s in range(0, len(distinct), step)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts])[place]

    def _codes(self, keys: np.ndarray) -> np.ndarray:
        values, bits = keys[:, None], 0
        for each in self.maps:
            values, bits = _applied(each, values, bits)
            values = np.maximum(values, 0)
        # The bit is 1 - v cut off at 0, v = relu(1 - f): 1 where v = 0, 0 where v >= 1.
        zero, one = values >= 1 << bits, values == 0
        if not (zero | one).all():
            raise Rejected("a table's bit is neither 0 nor 1 at the key of some cell")
        return (one.astype(np.int64) << np.arange(one.shape[1])).sum(axis=1)


def confirm_table(
    reader: LayerReader, kept: list[Form], key: Form, first: int, second: int, bits: int
) -> tuple[KeyTable, list[Form], list[Form]]:
    """Confirm the layers of a table; return it, the kept values and the bits.

    Args:
        reader: the layers.
        kept: values >= 0 that pass by.
        key: the key.
        first: neurons of the first layer that read the key.
        second: neurons of the second layer.
        bits: c.

    Raises:
        Rejected: if a neuron reads anything else.
    """
    count = len(kept)
    rows = _rest(reader, kept, first, "the table's first layer")
    one = _map_of([_of_key(row, key, reader.used) for row in rows], [0])
    rows = _rest(reader, neurons(0, count), second, "the table's second layer")
    two = _map_of(rows, range(count, count + first))
    rows = _rest(reader, neurons(0, count), bits, "the table's bits")
    three = _map_of(rows, range(count, count + second))
    reader.confirm([*neurons(0, count), *[_ONE - f for f in neurons(count, bits)]], "clipping")
    return KeyTable((one, two, three)), neurons(0, count), neurons(count, bits)


def _rest(reader: LayerReader, kept: list[Form], more: int, what: str) -> list[Form]:
    """Read a layer that starts with the kept values; return its other rows.

    Raises:
        Rejected: if it does not, or has another number of further rows.
    """
    rows = reader.rows()
    if len(rows) != len(kept) + more:
        raise Rejected(f"layer {reader.used}: {what} needs {len(kept) + more} neurons")
    require_rows(reader.used, rows[: len(kept)], kept, what)
    return rows[len(kept) :]


def _of_key(row: Form, key: Form, number: int) -> Form:
    """Return a row c key + e as c times neuron 0 plus e.

    Raises:
        Rejected: if it is no such row.
    """
    if not key.terms:
        raise Rejected(f"layer {number}: the key is a constant")
    at, unit = next(iter(key.terms.items()))
    factor = row.terms.get(at, Fraction(0)) / unit
    rest = row - key * factor
    if rest.terms:
        raise Rejected(f"layer {number}: a table's first layer must read the key alone")
    return Form({0: factor} if factor else {}, rest.constant)


def _map_of(rows: list[Form], inputs: range | list[int]) -> _Map:
    """Return rows over the listed neurons as integers.

    Raises:
        Rejected: if a row reads another neuron, or a weight is not dyadic.
    """
    place = {neuron: k for k, neuron in enumerate(inputs)}
    numbers = [v for row in rows for v in (*row.terms.values(), row.constant)]
    bits = max((v.denominator.bit_length() - 1 for v in numbers), default=0)
    weights = np.zeros((len(rows), len(place)), dtype=object)
    offsets = np.zeros(len(rows), dtype=object)
    for k, row in enumerate(rows):
        strangers = set(row.terms) - set(place)
        if strangers:
            raise Rejected(f"a table reads neuron {min(strangers)}, which is none of its own")
        for i, value in row.terms.items():
            weights[k, place[i]] = int(value * (1 << bits))
        offsets[k] = int(row.constant * (1 << bits))
    return _Map(weights, offsets, bits)


def _applied(each: _Map, values: np.ndarray, bits: int) -> tuple[np.ndarray, int]:
    """Return W v + b in integers and their fractional bits, v having `bits` of them."""
    offsets = each.offsets * (1 << bits)
    largest = max((abs(int(v)) for v in (values.min(), values.max())), default=0)
    sums = np.abs(each.weights).sum(axis=1) * largest + np.abs(offsets)
    if int(sums.max()) < _EXACT:
        product = values.astype(np.float64) @ each.weights.astype(np.float64).T
        return (product + offsets.astype(np.float64)).astype(np.int64), bits + each.bits
    return values.astype(object) @ each.weights.T + offsets, bits + each.bits
