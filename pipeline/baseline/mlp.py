"""The trained module, its normalization, and the exact network that equals both.

Training sees inputs (x - centre) * scale and targets (y - middle) / unit. Centre, scale, middle and
unit are dyadic (the scales powers of two), so folding them into the first and the last affine map
is exact: the returned network computes in exact arithmetic what the module stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from torch import nn

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import Affine, ReLUNetwork, SparseIntegers
from pipeline.network.torch_bridge import network_of_module


@dataclass(frozen=True, eq=False)
class Normalization:
    """x -> (x - centre) * 2**shift per coordinate, y -> (y - middle) / 2**unit.

    Args:
        centre: shape (d,), exact.
        shift: integers, shape (d,).
        middle: a multiple of 1/2.
        unit: an integer.
    """

    centre: DyadicArray
    shift: np.ndarray
    middle: Fraction
    unit: int

    @classmethod
    def of_dataset(cls, dataset: SeparatedDataset, radius: float) -> Normalization:
        """Return the normalization fitted to points, labels and the radius of the balls.

        A coordinate is divided by its spread or by the radius, whichever is larger: stretching a
        coordinate beyond the radius would stretch the balls with it.
        """
        X = dataset.X.nearest_float64()
        spread = np.maximum(X.std(axis=0), radius)
        shift = -np.rint(np.log2(spread)).astype(np.int64)
        # Eight bits below the spread: a centre needs no more, and weights stay short.
        centre = np.ldexp(np.rint(np.ldexp(X.mean(axis=0), shift + 8)), -shift - 8)
        unit = max((dataset.C - 1).bit_length() - 2, -1)
        return cls(as_dyadic(centre), shift, Fraction(dataset.C + 1, 2), unit)

    def inputs(self, X: DyadicArray) -> np.ndarray:
        """Return the normalized points in float64, the difference taken exactly."""
        exponent = min(X.exponent, self.centre.exponent)
        difference = X.at_exponent(exponent).astype(object) - self.centre.at_exponent(exponent)
        return np.ldexp(DyadicArray(difference, exponent).nearest_float64(), self.shift)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return the normalized labels in float64."""
        return np.ldexp(y - float(self.middle), -self.unit)

    def scale(self) -> np.ndarray:
        """Return the factor of each coordinate in float64."""
        return np.ldexp(1.0, self.shift)

    @property
    def half_gap(self) -> float:
        """Half the distance between neighbouring targets: the tolerance of rule `nearest`."""
        return float(np.ldexp(0.5, -self.unit))

    def folded(self, network: ReLUNetwork) -> ReLUNetwork:
        """Return the exact network on raw inputs whose output is the label."""
        d = len(self.shift)
        exponent = int(min(self.shift.min(), 0))
        scale = np.array([1 << int(s - exponent) for s in self.shift], dtype=object)
        weight = SparseIntegers.from_dense(np.diag(scale))
        # b = -centre * 2**shift, row by row.
        numerators = self.centre.numerators.astype(object) * scale
        common = min(exponent, exponent + self.centre.exponent)
        bias = -numerators * (1 << (exponent + self.centre.exponent - common))
        first = Affine(weight, np.zeros(d, dtype=np.int64), exponent).at_exponent(common)
        inputs = Affine(first.weight, bias, common)
        outputs = Affine.from_fractions(
            (1, 1), {(0, 0): Fraction(2) ** self.unit}, {0: self.middle}
        )
        layers = list(network.layers)
        layers[0] = layers[0].after(inputs)
        layers[-1] = outputs.after(layers[-1])
        return ReLUNetwork(tuple(layers), network.activations)


def exact_network(module: nn.Sequential, normalization: Normalization) -> ReLUNetwork:
    """Return the exact network of a trained module, normalization folded in."""
    return normalization.folded(network_of_module(module))
