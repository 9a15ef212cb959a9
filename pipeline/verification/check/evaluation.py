"""The network's exact value at dyadic points, by the definition, in integers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint

from pipeline.verification.check.readers import Layer, Network
from pipeline.verification.check.stable import layer_matrix, shortened

# A matrix of more entries is not made dense.
_DENSE = 1 << 22
_TOGETHER = 64


class Evaluation:
    """Exact outputs of a network R^d -> R of ReLUs (max(u, 0)) and thresholds (1 if u >= 0 else 0).

    Args:
        network: the network.
    """

    def __init__(self, network: Network) -> None:
        self._layers = network.layers
        self._matrices = [
            layer_matrix(layer) if layer.outputs * (layer.inputs + 1) <= _DENSE else None
            for layer in network.layers
        ]

    def outputs(self, points: Sequence[Sequence[int]], exponent: int) -> list[Fraction]:
        """Return f at each of the points n * 2**exponent."""
        found: list[Fraction] = []
        for start in range(0, len(points), _TOGETHER):
            found += self._some(points[start : start + _TOGETHER], exponent)
        return found

    def _some(self, points: Sequence[Sequence[int]], exponent: int) -> list[Fraction]:
        lift = max(exponent, 0)
        exponent -= lift
        rows = [[v << lift for v in column] for column in zip(*points, strict=True)]
        for layer, matrix in zip(self._layers, self._matrices, strict=True):
            rows = _affine(layer, matrix, [*rows, [1 << -exponent] * len(points)])
            exponent += layer.exponent
            if exponent > 0:
                rows, exponent = [[v << exponent for v in row] for row in rows], 0
            if layer is self._layers[-1]:
                break
            one = 1 << -exponent
            rows = [
                [one * (v >= 0) if threshold else max(v, 0) for v in row]
                for row, threshold in zip(rows, layer.thresholds.tolist(), strict=True)
            ]
            rows, exponent = shortened(rows, exponent)
        return [v * Fraction(2) ** exponent for v in rows[0]]


def _affine(layer: Layer, matrix: flint.fmpz_mat | None, rows: list[list[int]]) -> list[list[int]]:
    """Return [W b] times rows whose last one is the constant 1."""
    if matrix is not None:
        return [[int(v) for v in row] for row in (matrix * flint.fmpz_mat(rows)).tolist()]
    found = [[int(b) * one for one in rows[-1]] for b in layer.bias.tolist()]
    entries = zip(layer.rows.tolist(), layer.columns.tolist(), layer.values.tolist(), strict=True)
    for r, c, value in entries:
        found[r] = [total + value * v for total, v in zip(found[r], rows[c], strict=True)]
    return found
