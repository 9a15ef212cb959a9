"""A vote's layers, confirmed from the weights: digits, keys, tables, thresholds (voting.py)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.layers import Layers, neurons, positive
from pipeline.verification.check.rejection import Rejected


@dataclass(frozen=True)
class Shape:
    """T tables of k rows with Q walls each, B bits, and the neurons of the tables' two layers."""

    tables: int
    k: int
    walls: int
    bits: int
    steps: list[int]
    knots: list[int]

    @property
    def rows(self) -> int:
        """M = T k."""
        return self.tables * self.k

    @property
    def depth(self) -> int:
        """Affine maps in all."""
        return 3 + 3 * self.tables + 4


@dataclass(frozen=True)
class Vote:
    """One table, from the weights: its key from its digits, and z_b from its key.

    Args:
        walls: c of each of its rows.
        key: the key as a form in the number of the digit, row after row.
        layers: the rows of three layers, each in the neurons of the one before; z at the end.
    """

    walls: list[list[Fraction]]
    key: Form
    layers: list[list[Form]]


def shape_of(structure: dict[str, Any]) -> Shape:
    """Return the sizes that a structure names.

    Raises:
        Rejected: if they are no sizes.
    """
    tables, k, walls, bits = positive(structure, "tables", "coordinates", "walls", "bits")
    steps, knots = ([int(n) for n in structure[name]] for name in ("steps", "knots"))
    if len(steps) != tables or len(knots) != tables or min(*steps, *knots) < 1:
        raise Rejected(f"{tables} tables need as many positive steps and knots")
    return Shape(tables, k, walls, bits, steps, knots)


def confirm_digits(layers: Layers, shape: Shape) -> tuple[list[list[Fraction]], list[Form]]:
    """Confirm the digits' layer; return the walls of each row, and the digits' forms.

    Raises:
        Rejected: if a wall is below 0, where the relu of the row would move it.
    """
    if shape.walls == 1:
        flipped = [(neuron(j) * -1).plus(1) for j in range(shape.rows)]
        layers.confirm(flipped, "digits")
        return [[Fraction(0)]] * shape.rows, flipped
    found = layers.read(2 * shape.rows * shape.walls)
    cuts = [-row.constant for row in found[::2]]
    expected = []
    for n, cut in enumerate(cuts):
        place = neuron(n // shape.walls)
        expected += [place.plus(-cut), place.plus(-cut - 1)]
    layers.same(found, expected, "digits")
    if min(cuts) < 0:
        raise Rejected(f"layer {layers.number}: a wall must be at 0 or above, got {min(cuts)}")
    pairs = [neuron(2 * n) - neuron(2 * n + 1) for n in range(len(cuts))]
    return [cuts[i : i + shape.walls] for i in range(0, len(cuts), shape.walls)], pairs


def confirm_keys(layers: Layers, shape: Shape, digits: list[Form]) -> list[Form]:
    """Confirm the keys' layer; return each key as a form in the table's own digits, from 0.

    Raises:
        Rejected: if a key is no affine form in the digits of its own table.
    """
    found = layers.read(shape.tables)
    count, keys = shape.k * shape.walls, []
    expected = []
    for t, row in enumerate(found):
        key, own = Form(), Form()
        for n, digit in enumerate(digits[t * count : t * count + count]):
            at, sign = next(iter(digit.terms.items()))
            weight = row.terms.get(at, Fraction(0)) / sign
            key, own = key + neuron(n) * weight, own + digit * weight
        constant = row.constant - own.constant
        keys.append(key.plus(constant))
        expected.append(own.plus(constant))
    layers.same(found, expected, "keys")
    return keys


def confirm_tables(
    layers: Layers, shape: Shape, walls: list[list[Fraction]], keys: list[Form]
) -> list[Vote]:
    """Confirm what is carried past the tables and that each reads its own key alone."""
    bits = shape.bits
    rest = neurons(0, shape.tables)
    counted: list[Form] = []
    last: list[Form] = []
    votes = []
    for t in range(shape.tables):
        key, rest = rest[0], rest[1:]
        place = next(iter(key.terms))
        carried = [*rest, *counted, *last]
        first = _own(layers, carried, shape.steps[t], place, 1)
        carried = neurons(0, len(carried))
        rest, sums = carried[: len(rest)], _counted(carried[len(rest) :], bits)
        second = _own(layers, [*rest, *sums], shape.knots[t], len(carried), shape.steps[t])
        kept = len(rest) + len(sums)
        third = _own(layers, neurons(0, kept), bits, kept, shape.knots[t])
        rest, counted = neurons(0, len(rest)), neurons(len(rest), len(sums))
        last = [(neuron(kept + b) * -1).plus(1) for b in range(bits)]
        rows = walls[t * shape.k : t * shape.k + shape.k]
        votes.append(Vote(rows, keys[t], [first, second, third]))
    layers.confirm([*counted, *last], "the last votes")
    return votes


def _counted(found: list[Form], bits: int) -> list[Form]:
    """Return the votes counted so far: sums before and the last table's votes."""
    if len(found) <= bits:
        return found
    return [a + b for a, b in zip(found[:bits], found[bits:], strict=True)]


def _own(layers: Layers, carried: list[Form], count: int, first: int, inputs: int) -> list[Form]:
    """Read a layer of carried forms and `count` rows on neurons first..first + inputs - 1 alone.

    Returns:
        These rows, their inputs numbered from 0.

    Raises:
        Rejected: if one of them reads another neuron.
    """
    found = layers.read(len(carried) + count)
    layers.same(found[: len(carried)], carried, "carrying")
    rows = []
    for row in found[len(carried) :]:
        terms = {i - first: value for i, value in row.terms.items()}
        if any(not 0 <= i < inputs for i in terms):
            raise Rejected(f"layer {layers.number}: a table reads more than its own key")
        rows.append(Form(terms, row.constant))
    return rows


def confirm_thresholds(layers: Layers, shape: Shape) -> list[tuple[Fraction, Fraction]]:
    """Confirm the layers from the votes to the label; return a and c of every bit.

    Raises:
        Rejected: if a threshold is no falling function of its bit's votes.
    """
    bits = shape.bits
    # The sums of all tables but the last, and the last one's votes.
    totals = _counted(neurons(0, bits if shape.tables == 1 else 2 * bits), bits)
    found = layers.read(bits)
    chosen, expected = [], []
    for b, row in enumerate(found):
        steepness = -row.terms.get(b, Fraction(0))
        if steepness <= 0:
            raise Rejected(f"layer {layers.number}: the threshold of bit {b} must fall")
        chosen.append((steepness, row.constant / steepness))
        expected.append((totals[b] * -steepness).plus(row.constant))
    layers.same(found, expected, "thresholds")
    flipped = [(neuron(b) * -1).plus(1) for b in range(bits)]
    layers.confirm(flipped, "clipping")
    label = Form(constant=Fraction(1))
    for b in range(bits):
        label = label + flipped[b] * (1 << b)
    layers.confirm([label], "the output")
    return chosen
