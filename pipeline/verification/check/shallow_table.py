"""A table in one hidden layer, confirmed: relu(key - t) at integer knots, read as a function.

Lemma. first + sum_k s_k relu(key - t_k) with t_1 < t_2 < ... is piecewise linear with corners at
the knots; it lies in [0, 1] everywhere if it does so at the knots and is constant before the first
and after the last of them. At integers it is computed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.verification.check.forms import Form, require_rows
from pipeline.verification.check.layers import LayerReader, neurons
from pipeline.verification.check.rejection import Rejected


@dataclass(frozen=True)
class Shallow:
    """A layer of knots: their places, increasing, and the number of the first one's neuron."""

    knots: np.ndarray
    at: int


def confirm_knots(
    reader: LayerReader, kept: list[Form], key: Form, count: int
) -> tuple[Shallow, list[Form]]:
    """Confirm one layer of kept values and `count` knots; return them and the kept values.

    Raises:
        Rejected: if a row is not key - t, or knots are no increasing integers below 2^62.
    """
    rows = reader.rows()
    first = len(kept)
    knots = [key.constant - row.constant for row in rows[first:]]
    require_rows(reader.used, rows, [*kept, *[key.plus(-t) for t in knots]], "the table's knots")
    if len(knots) != count or any(t.denominator != 1 or not 0 <= t < 1 << 62 for t in knots):
        raise Rejected(f"layer {reader.used}: {count} integers below 2^62 must be knots")
    if any(a >= b for a, b in zip(knots[:-1], knots[1:], strict=True)):
        raise Rejected(f"layer {reader.used}: the table's knots must increase")
    places = np.array([int(t) for t in knots], dtype=np.int64)
    return Shallow(places, first), neurons(0, first)


def bit_at(table: Shallow, form: Form, keys: np.ndarray) -> np.ndarray:
    """Return the values of a form in the knots' neurons at integer keys, zeros and ones.

    Raises:
        Rejected: if it depends on other neurons, leaves [0, 1] somewhere, or is neither at a key.
    """
    count = len(table.knots)
    strangers = [i for i in form.terms if not table.at <= i < table.at + count]
    if strangers:
        raise Rejected(f"a table's bit depends on neuron {min(strangers)}, which is no knot")
    slopes = [form.terms.get(table.at + k, Fraction(0)) for k in range(count)]
    if any(v.denominator != 1 for v in [form.constant, *slopes]):
        raise Rejected("a table's bit must have integer weights")
    # Behind knot k the bit is lines[k][0] * key + lines[k][1].
    slope, value = 0, int(form.constant)
    lines = [(slope, value)]
    for t, change in zip(table.knots.tolist(), slopes, strict=True):
        if not 0 <= slope * t + value <= 1:
            raise Rejected(f"a table's bit leaves [0, 1] at key {t}")
        slope, value = slope + int(change), value - int(change) * t
        lines.append((slope, value))
    if slope or not 0 <= value <= 1 or not 0 <= int(form.constant) <= 1:
        raise Rejected("a table's bit must be constant at both ends, in [0, 1]")
    at = np.searchsorted(table.knots, keys)
    steep = np.array([line[0] for line in lines], dtype=object)[at]
    found = steep * keys.astype(object) + np.array([line[1] for line in lines], dtype=object)[at]
    if not np.isin(found, (0, 1)).all():
        raise Rejected("a table's bit is neither 0 nor 1 at the key of some cell")
    return found.astype(np.int64)
