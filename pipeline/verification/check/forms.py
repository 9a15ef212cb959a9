"""Affine forms in a layer's neurons, and the comparison of a layer with the forms it must hold.

Every gadget is confirmed the same way: the quantities it needs (a coordinate, a running sum) are
affine forms in the neurons of the previous layer, the next layer's rows must be given combinations
of them, entry for entry, and new forms in the new neurons come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

from pipeline.verification.check.readers import Layer
from pipeline.verification.check.rejection import Rejected

_ZERO, _ONE = Fraction(0), Fraction(1)
# Equal small integers are one object, which makes most comparisons of long networks trivial.
_SMALL = {0: _ZERO, 1: _ONE} | {v: Fraction(v) for v in range(-64, 65) if v not in (0, 1)}


@dataclass(frozen=True)
class Form:
    """The affine form sum_i terms[i] * neuron_i + constant; never changed in place."""

    terms: dict[int, Fraction] = field(default_factory=dict)
    constant: Fraction = _ZERO

    def __add__(self, other: Form) -> Form:
        terms = dict(self.terms)
        for i, value in other.terms.items():
            total = terms.get(i, Fraction(0)) + value
            if total:
                terms[i] = total
            else:
                terms.pop(i, None)
        return Form(terms, self.constant + other.constant)

    def __mul__(self, factor: Fraction | int) -> Form:
        if not factor:
            return Form()
        return Form({i: v * factor for i, v in self.terms.items()}, self.constant * factor)

    def __sub__(self, other: Form) -> Form:
        return self + other * -1

    def plus(self, constant: Fraction | int) -> Form:
        """Return the form with a number added."""
        return Form(self.terms, self.constant + constant)


@cache
def neuron(i: int) -> Form:
    """Return the form that is one neuron."""
    return Form({i: _ONE})


def rows_of(layer: Layer) -> list[Form]:
    """Return the layer's pre-activations as forms in its inputs."""
    terms: list[dict[int, Fraction]] = [{} for _ in range(layer.outputs)]
    values = _scaled(layer.values.tolist(), layer.exponent)
    for r, c, v in zip(layer.rows.tolist(), layer.columns.tolist(), values, strict=True):
        if v:
            terms[r][c] = v
    biases = _scaled(layer.bias.tolist(), layer.exponent)
    return [Form(t, b) for t, b in zip(terms, biases, strict=True)]


def _scaled(integers: list[int], exponent: int) -> list[Fraction]:
    """Return n * 2**exponent for every n."""
    if exponent >= 0:
        shifted = [n << exponent for n in integers]
        return [_SMALL[n] if -64 <= n <= 64 else Fraction(n) for n in shifted]
    one = 1 << -exponent
    known = {0: _ZERO, one: _ONE}
    return [known[n] if n in known else Fraction(n, one) for n in integers]


def require_rows(number: int, found: Sequence[Form], expected: Sequence[Form], what: str) -> None:
    """Reject unless the rows found in layer `number` are exactly the expected forms.

    Raises:
        Rejected: at the first row that differs.
    """
    if len(found) != len(expected):
        raise Rejected(f"layer {number}: {what} needs {len(expected)} neurons, got {len(found)}")
    for k, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        if mine == theirs:
            continue
        if mine.constant != theirs.constant:
            raise Rejected(
                f"layer {number}, neuron {k}: {what} needs bias {theirs.constant}, "
                f"got {mine.constant}"
            )
        columns = sorted(set(mine.terms) | set(theirs.terms))
        at = next(c for c in columns if mine.terms.get(c, 0) != theirs.terms.get(c, 0))
        raise Rejected(
            f"layer {number}, neuron {k}: {what} needs weight {theirs.terms.get(at, 0)} on input "
            f"{at}, got {mine.terms.get(at, 0)}"
        )
