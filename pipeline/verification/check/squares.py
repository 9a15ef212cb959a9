"""The folding gadget, confirmed: one layer of tents, and the running sum of squares.

Lemma. Let u in [0, M], v_0 = u, v_t = |fold| of v_{t-1} at half its range h = M / 2^(t-1), i.e.
v_t = relu(v_{t-1}) - 2 relu(v_{t-1} - h/2), S_0 = M u and S_t = S_{t-1} - (M / 2^t) v_t. Then S_t
is the piecewise linear interpolant of u^2 on 2^t equal pieces, so u^2 <= S_t <= u^2 + M^2/4^(t+1).
For u > M: v_1 = M - u < 0, later folds are relu of negatives, 0, and S_t >= M^2.
A layer with q folds has neurons relu(v - i h / 2^q), i = 0 .. 2^q - 1, h the range of v, and
v_{t+s} = n_0 + 2 sum_{k=1}^{2^s - 1} (-1)^k n_{k 2^(q-s)} for s = 1 .. q.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pipeline.verification.check.forms import Form, neuron, require_rows
from pipeline.verification.check.rejection import Rejected


@dataclass(frozen=True)
class Folding:
    """Forms of the carried values, of the sum S and of each coordinate still folded.

    Args:
        carried: values that pass through, all >= 0 on the balls.
        total: S.
        folded: per coordinate its form v.
        sides: the range h of each v, v in [0, h].
    """

    carried: list[Form]
    total: Form
    folded: list[Form]
    sides: list[Fraction]


def confirm_folds(number: int, found: list[Form], state: Folding, folds: list[int]) -> Folding:
    """Return the forms after layer `number`, which must do folds[j] >= 0 folds of coordinate j.

    Neurons in order: the carried values, S, then those of each coordinate.
    """
    _require_room(number, len(found), folds)
    expected = [*state.carried, state.total]
    places: list[list[int]] = []
    for form, side, q in zip(state.folded, state.sides, folds, strict=True):
        pieces = 1 << q if q else 0
        places.append(list(range(len(expected), len(expected) + pieces)))
        expected += [form.plus(-side * i / pieces) for i in range(pieces)]
    require_rows(number, found, expected, "folding")
    carried = [neuron(i) for i in range(len(state.carried))]
    total = neuron(len(state.carried))
    return _after(carried, total, state.sides, folds, places)


def confirm_first_folds(
    number: int, found: list[Form], z: list[Form], sides: list[Fraction], folds: list[int]
) -> Folding:
    """Return the forms after the first folding layer, where relu(z_j) is also the first piece."""
    _require_room(number, len(found), folds)
    expected = list(z)
    places: list[list[int]] = []
    for j, (form, side, q) in enumerate(zip(z, sides, folds, strict=True)):
        places.append([j, *range(len(expected), len(expected) + (1 << q) - 1)])
        expected += [form.plus(-side * i / (1 << q)) for i in range(1, 1 << q)]
    require_rows(number, found, expected, "first folding")
    carried = [neuron(j) for j in range(len(z))]
    total = Form()
    for j, side in enumerate(sides):
        total = total + neuron(j) * side
    return _after(carried, total, sides, folds, places)


def _require_room(number: int, neurons: int, folds: list[int]) -> None:
    """Check that the layer has room for the folds before their neurons are written down.

    Raises:
        Rejected: if it has not.
    """
    most = max(folds, default=0)
    if most > neurons.bit_length():
        raise Rejected(f"layer {number}: {most} folds need more than {neurons} neurons")


def _after(
    carried: list[Form],
    total: Form,
    sides: list[Fraction],
    folds: list[int],
    places: list[list[int]],
) -> Folding:
    folded, heights = [], []
    for side, q, neurons in zip(sides, folds, places, strict=True):
        value = neuron(neurons[0]) if neurons else Form()
        for step in range(1, q + 1):
            value = neuron(neurons[0])
            stride = 1 << (q - step)
            for k in range(1, 1 << step):
                value = value + neuron(neurons[k * stride]) * (2 * (-1) ** k)
            total = total - value * (side / (1 << step))
        folded.append(value)
        heights.append(side / (1 << q))
    return Folding(carried, total, folded, heights)
