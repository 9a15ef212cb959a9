"""Networks on the line as exact pieces: an oracle for small networks, by breakpoints."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pipeline.data import SeparatedDataset
from pipeline.network import ReLUNetwork
from tests.verification.check.proof_files import fractions_of

Form = tuple[Fraction, Fraction]
Interval = tuple[Fraction, Fraction]


def pieces(network: ReLUNetwork, low: Fraction, high: Fraction) -> list[tuple[Interval, Form]]:
    """Return open intervals that fill (low, high), with f = a x + b on each, ReLUs only."""
    found = [((low, high), [(Fraction(1), Fraction(0))])]
    layers = fractions_of(network)
    for number, (W, b) in enumerate(layers):
        cut: list[tuple[Interval, list[Form]]] = []
        for interval, forms in found:
            z = [_combined(row, forms, bias) for row, bias in zip(W, b, strict=True)]
            hidden = number < len(layers) - 1
            for part in _parts(interval, z) if hidden else [interval]:
                cut.append((part, [_relu(form, part) for form in z] if hidden else z))
        found = cut
    return [(interval, forms[0]) for interval, forms in found]


def right_balls(
    network: ReLUNetwork, data: SeparatedDataset, rho: Fraction, margin: Fraction | None
) -> list[bool]:
    """Return on which balls |f - y| < margin (f = y for None) everywhere, for p = 2 on the line."""
    radius = data.radius_power(rho, 1)
    right = []
    for (x,), label in zip(data.X.fractions().tolist(), data.y.tolist(), strict=True):
        low, high = x - radius, x + radius
        # The ends of the ball do not belong to it, but to a piece that is constant they do.
        errors = [
            (abs(a * end + b - label), low < end < high or a == 0)
            for interval, (a, b) in pieces(network, low, high)
            for end in interval
        ]
        if margin is None:
            right.append(all(error == 0 for error, _ in errors))
        else:
            right.append(all(e < margin or (e == margin and not met) for e, met in errors))
    return right


def _combined(row: Sequence[Fraction], forms: Sequence[Form], bias: Fraction) -> Form:
    a = sum((w * form[0] for w, form in zip(row, forms, strict=True)), Fraction(0))
    b = sum((w * form[1] for w, form in zip(row, forms, strict=True)), Fraction(0))
    return a, b + bias


def _parts(interval: Interval, forms: Sequence[Form]) -> list[Interval]:
    low, high = interval
    bends = {-b / a for a, b in forms if a}
    ends = [low, *sorted(bend for bend in bends if low < bend < high), high]
    return list(zip(ends[:-1], ends[1:], strict=True))


def _relu(form: Form, interval: Interval) -> Form:
    a, b = form
    middle = (interval[0] + interval[1]) / 2
    return form if a * middle + b > 0 else (Fraction(0), Fraction(0))
