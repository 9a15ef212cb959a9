"""A built network seen in the plane of its cells: z' with unit cells, keys and values there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.construction import Built
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.illustrations.parts import from_layer, read_neurons
from pipeline.network import Affine, ReLUNetwork, serial


@dataclass(frozen=True)
class LatticePlane:
    """The plane of z' = scale x + offset, where cells are unit squares (Theorems B.3 and B.5).

    Args:
        keys: network from z' to the key, sum_j R^(j-1) Floor(z'_j).
        values: network from z' to f; of a stage, to the largest label offered so far.
        scale: of the first layer, which is a multiple of the identity.
        offset: what is added to each coordinate.
        R: cells a coordinate.
        gamma: width of the bands right of the walls (Lemma B.16).
    """

    keys: ReLUNetwork
    values: ReLUNetwork
    scale: Fraction
    offset: tuple[Fraction, Fraction]
    R: int
    gamma: Fraction

    def centres(self, dataset: SeparatedDataset) -> list[tuple[Fraction, Fraction]]:
        """Return z' of every point."""
        (a, b), s = self.offset, self.scale
        return [(s * x + a, s * y + b) for x, y in dataset.X.fractions()]

    def radius_squared(self, dataset: SeparatedDataset, rho: Fraction) -> Fraction:
        """Return the square of the radius of the balls' images, which are balls too."""
        return self.scale**2 * dataset.radius_power(rho, 2)

    def keys_at(self, points: DyadicArray) -> np.ndarray:
        """Return the key at every row z', shape (n,), objects; integers off the bands."""
        return _outputs(self.keys, points)

    def values_at(self, points: DyadicArray) -> np.ndarray:
        """Return f at every row z', shape (n,), objects."""
        return _outputs(self.values, points)


def _outputs(network: ReLUNetwork, points: DyadicArray) -> np.ndarray:
    """Return the exact outputs, shape (n,); few differ, so each is made a rational once."""
    found = network.evaluate_exact(points)
    unique, index = np.unique(found.numerators[:, 0], return_inverse=True)
    return DyadicArray(unique, found.exponent).fractions()[index]


def plane_of_network(built: Built) -> LatticePlane:
    """Return the plane of a network of Theorem 4.2(i), read off its weights."""
    moved = built.network.layers[1].dense()[1].fractions()
    floors = int(built.plan.resolved["floor_layers"])
    rest = from_layer(built.network, 1)
    return _plane(built, moved, read_neurons(rest, 1 + floors, [0]), rest)


def plane_of_first_stage(built: Built) -> LatticePlane:
    """Return the plane of the first stage of a network of Theorem 4.2(ii), read off its weights.

    The values are those of the running output after the stage, f_1 >= 0.
    """
    bias = built.network.layers[1].dense()[1].fractions()
    sizes = built.plan.resolved
    m, floors, depth = (int(sizes[name]) for name in ("m", "floor_layers", "stage_depth"))
    rest = from_layer(built.network, 1)
    # Neurons of a stage: z, y, then what it works on.
    return _plane(
        built,
        bias[m + 1 :],
        read_neurons(rest, 1 + floors, [m + 1]),
        read_neurons(rest, depth, [m]),
    )


def _plane(built: Built, moved: np.ndarray, keys: ReLUNetwork, values: ReLUNetwork) -> LatticePlane:
    """Return the plane of networks in z, which is `moved` by the second layer to z'.

    Raises:
        ValueError: if the first layer is no multiple of the identity of the plane.
    """
    weight, bias = (part.fractions() for part in built.network.layers[0].dense())
    scale = weight[0, 0]
    if weight.shape != (2, 2) or (weight != np.diag([scale, scale])).any():
        raise ValueError(
            f"cells are drawn where z = s x + b in the plane, got a first layer of shape "
            f"{weight.shape} that is no multiple of the identity"
        )
    # From z' back to z, which later layers of a stage carry along.
    back = ReLUNetwork.relu(
        Affine.from_fractions((2, 2), {(0, 0): 1, (1, 1): 1}, {j: -moved[j] for j in range(2)})
    )
    structure = built.certificate.structure if built.certificate else {}
    return LatticePlane(
        serial(back, keys),
        serial(back, values),
        scale,
        (bias[0] + moved[0], bias[1] + moved[1]),
        int(structure["cells_across"]),
        Fraction(1, 1 << int(structure["gamma_bits"])),
    )
