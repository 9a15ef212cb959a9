"""Lines through balls, and the places on them where neurons of a network change sign.

On a line a ReLU network is affine between the places where a neuron changes sign, so errors of a
narrow band, of a steep ramp or of a step show at those places and between them, where gradients
tell nothing. Float64 is a guide: the first layer is exact at the centres, the rest is rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from pipeline.exact import DyadicArray
from pipeline.network import Affine, ReLUNetwork

# A matrix with fewer nonzeros than this share multiplies faster in compressed rows.
_DENSE_SHARE = 0.15
# Places are found to 2**-40 of the distance of two samples.
_HALVINGS = 40
_SAMPLES = 17
_POINTS_A_BLOCK = 4096
# Deep networks are followed for so many neurons: floors and tests come before memorizers.
_NEURONS = 4096


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines x_i + t u, t in [-reach, reach].

    Args:
        balls: index of the ball of each line, shape (n,).
        directions: u, shape (n, d).
        values: the first layer's pre-activations at the centres, shape (n, k).
        slopes: their change a unit of t, shape (n, k).
        reach: largest |t|.
    """

    balls: np.ndarray
    directions: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    reach: float


class SignPatterns:
    """Which neurons of the network's first layers are active at points of lines, in float64.

    Args:
        network: the network.

    Raises:
        OverflowError: if a weight lies beyond the range of float64.
    """

    def __init__(self, network: ReLUNetwork) -> None:
        self.first = _matrix(network.layers[0])
        neurons = np.cumsum(network.hidden_widths)
        followed = network.layers[1 : max(1, int((neurons <= _NEURONS).sum()))]
        self._layers = [(_matrix(layer), _bias(layer)) for layer in followed]
        self._thresholds = [network.thresholds(i) for i in range(len(network.activations))]

    def at(self, lines: Lines, rows: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return the packed signs of the neurons, shape (n, bytes).

        Args:
            lines: the lines.
            rows: line of each point, shape (n,).
            t: place of each point on its line, shape (n,).
        """
        parts = []
        for start in range(0, len(rows), _POINTS_A_BLOCK):
            part = slice(start, start + _POINTS_A_BLOCK)
            line = rows[part]
            u = lines.values[line] + t[part, None] * lines.slopes[line]
            parts.append(self._packed(u.T))
        return np.concatenate(parts)

    def _packed(self, u: np.ndarray) -> np.ndarray:
        signs = [u > 0]
        with np.errstate(over="ignore", invalid="ignore"):
            for (weight, bias), steps in zip(self._layers, self._thresholds, strict=False):
                a = np.where(steps[:, None], u >= 0, np.maximum(u, 0))
                u = weight @ a + bias[:, None]
                signs.append(u > 0)
        return np.packbits(np.concatenate(signs).T, axis=1)


def _matrix(layer: Affine) -> np.ndarray | csr_array:
    sparse = layer.weight
    values = DyadicArray(sparse.values, layer.exponent).nearest_float64()
    matrix = csr_array((values, (sparse.rows, sparse.columns)), shape=sparse.shape)
    filled = len(values) > _DENSE_SHARE * sparse.shape[0] * sparse.shape[1]
    return matrix.toarray() if filled else matrix


def _bias(layer: Affine) -> np.ndarray:
    return DyadicArray(layer.bias, layer.exponent).nearest_float64()


def breakpoints(
    patterns: SignPatterns, lines: Lines, most: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return places where signs change, on both sides of each, and places between neighbours.

    Intervals at whose ends the signs differ are halved until they are 2**-40 of a sample's
    distance wide, both halves if both have a change.

    Args:
        patterns: the network's signs.
        lines: the lines.
        most: intervals kept on a line, drawn where there are more.
        random: draws them.

    Returns:
        Line of each place, shape (n,), and the places t, shape (n,).
    """
    count = len(lines.balls)
    grid = np.linspace(-lines.reach, lines.reach, _SAMPLES)
    rows = np.repeat(np.arange(count), _SAMPLES)
    signs = patterns.at(lines, rows, np.tile(grid, count)).reshape(count, _SAMPLES, -1)
    line, place = np.nonzero((signs[:, 1:] != signs[:, :-1]).any(axis=2))
    low, high = grid[place], grid[place + 1]
    below, above = signs[line, place], signs[line, place + 1]
    for _ in range(_HALVINGS):
        kept = _drawn(line, most, random)
        line, low, high = line[kept], low[kept], high[kept]
        below, above = below[kept], above[kept]
        if not len(line):
            break
        middle = (low + high) / 2
        between = patterns.at(lines, line, middle)
        left, right = (below != between).any(axis=1), (between != above).any(axis=1)
        line = np.concatenate([line[left], line[right]])
        low = np.concatenate([low[left], middle[right]])
        high = np.concatenate([middle[left], high[right]])
        below = np.concatenate([below[left], between[right]])
        above = np.concatenate([between[left], above[right]])
    order = np.lexsort((low, line))
    line, low, high = line[order], low[order], high[order]
    follow = np.flatnonzero(line[1:] == line[:-1])
    between = (high[follow] + low[follow + 1]) / 2
    return np.concatenate([line, line, line[follow]]), np.concatenate([low, high, between])


def _drawn(line: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """Return positions of at most `most` entries of each line, drawn evenly."""
    order = np.lexsort((random.random(len(line)), line))
    ranked = line[order]
    first = np.searchsorted(ranked, ranked, side="left")
    return np.sort(order[np.arange(len(line)) - first < most])


def walls(lines: Lines, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places where a neuron of the first layer is an integer: a wall of floors, or 0.

    Walls of the neuron that changes most along the line, nearest to the centre first.

    Args:
        lines: the lines.
        most: walls on a line.

    Yields:
        Lines, shape (n,), and places t, shape (n,), one wall a line at most.
    """
    steepest = np.abs(lines.slopes).argmax(axis=1)
    rows = np.arange(len(lines.balls))
    values, slopes = lines.values[rows, steepest], lines.slopes[rows, steepest]
    nearest = np.rint(values)
    side = np.where(nearest > values, 1.0, -1.0)
    for number in range(most):
        # The nearest integer, then in turn the next ones on both sides of the value.
        wall = nearest + side * (1 if number % 2 == 0 else -1) * ((number + 1) // 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (wall - values) / slopes
        meets = np.abs(t) < lines.reach
        yield rows[meets], t[meets]
