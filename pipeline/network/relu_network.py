"""The intermediate representation: a frozen tuple of exact affine layers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exact import DyadicArray
from pipeline.network.affine import Affine
from pipeline.network.evaluate import evaluate_exact

if TYPE_CHECKING:
    import torch


class Activation(StrEnum):
    """Activation of a neuron: relu(u) = max(u, 0), threshold(u) = 1 if u >= 0 else 0."""

    RELU = "relu"
    THRESHOLD = "threshold"


@dataclass(frozen=True, eq=False)
class ReLUNetwork:
    """f(x) = W_L a_{L-1} + b_L, a_l = activation_l(W_l a_{l-1} + b_l), a_0 = x (Section 2.3).

    Args:
        layers: the L affine maps, inputs and outputs matching.
        activations: one per hidden layer (L - 1 of them): an `Activation` for all its neurons, or
            a tuple with one a neuron. A tuple of equal ones is kept as that one.

    Raises:
        ValueError: if neighbouring layers do not match or activations are missing.
    """

    layers: tuple[Affine, ...]
    activations: tuple[Activation | tuple[Activation, ...], ...]

    def __post_init__(self) -> None:
        layers = tuple(self.layers)
        activations = tuple(_activation(a) for a in self.activations)
        if not layers:
            raise ValueError("a network needs at least one affine layer (Section 2.3)")
        if len(activations) != len(layers) - 1:
            raise ValueError(
                f"{len(layers)} layers need {len(layers) - 1} activations, got {len(activations)}"
            )
        for number, (left, right) in enumerate(zip(layers[:-1], layers[1:], strict=True), 1):
            if left.outputs != right.inputs:
                raise ValueError(
                    f"layer {number} has {left.outputs} outputs, layer {number + 1} expects "
                    f"{right.inputs} inputs"
                )
        for number, (layer, kind) in enumerate(zip(layers, activations, strict=False), 1):
            if isinstance(kind, tuple) and len(kind) != layer.outputs:
                raise ValueError(
                    f"layer {number} has {layer.outputs} neurons, got {len(kind)} activations"
                )
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "activations", activations)

    @classmethod
    def relu(cls, *layers: Affine) -> ReLUNetwork:
        """Return the network with ReLU on every hidden layer."""
        return cls(tuple(layers), (Activation.RELU,) * (len(layers) - 1))

    @property
    def inputs(self) -> int:
        """Input dimension d."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        """Output dimension."""
        return self.layers[-1].outputs

    @property
    def depth(self) -> int:
        """Number of affine layers L."""
        return len(self.layers)

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Width of each hidden layer."""
        return tuple(layer.outputs for layer in self.layers[:-1])

    def thresholds(self, number: int) -> np.ndarray:
        """Return which neurons of hidden layer `number` (from 0) are thresholds, shape (width,)."""
        kind, width = self.activations[number], self.layers[number].outputs
        if isinstance(kind, tuple):
            return np.array([a is Activation.THRESHOLD for a in kind], dtype=bool)
        return np.full(width, kind is Activation.THRESHOLD, dtype=bool)

    @property
    def width(self) -> int:
        """Largest hidden width (0 for an affine map)."""
        return max(self.hidden_widths, default=0)

    @property
    def first_hidden_width(self) -> int:
        """Width of the first hidden layer (0 for an affine map)."""
        return self.hidden_widths[0] if self.hidden_widths else 0

    def parameter_count(self) -> int:
        """Return P = sum_l (d_{l-1} + 1) d_l, zero entries included (Eq. 3)."""
        return sum((layer.inputs + 1) * layer.outputs for layer in self.layers)

    def nonzero_count(self) -> int:
        """Return the number of nonzero weights and biases (Appendix E)."""
        return sum(
            len(layer.weight.values) + int(np.count_nonzero(layer.bias)) for layer in self.layers
        )

    @cached_property
    def bit_complexity(self) -> int:
        """Largest number of bits one parameter needs in fixed point.

        For a parameter w = n * 2**-f with n odd it is the bit length of floor(|w|) plus
        max(f, 0), the sign not counted.
        """
        return max(_fixed_point_bits(layer) for layer in self.layers)

    def evaluate_exact(self, X: DyadicArray, workers: int | None = None) -> DyadicArray:
        """Return f(x) of every row of X, exactly.

        Args:
            X: shape (n, d).
            workers: threads; all cores by default. The result does not depend on it.

        Returns:
            Dyadic array of shape (n, outputs).

        Raises:
            ValueError: if X does not have d columns.
        """
        return evaluate_exact(self, X, workers)

    def to_torch(
        self, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
    ) -> torch.nn.Sequential:
        """Return the same network as a torch module, weights rounded to nearest in `dtype`.

        Args:
            dtype: torch.float64 by default.
            device: where the module lives.
        """
        from pipeline.network.torch_bridge import module_of_network

        return module_of_network(self, dtype, device)


def _activation(
    kind: str | tuple[str, ...],
) -> Activation | tuple[Activation, ...]:
    """Return the activation of a layer, one a neuron only where they differ."""
    if isinstance(kind, str):
        return Activation(kind)
    neurons = tuple(Activation(a) for a in kind)
    return neurons[0] if len(set(neurons)) == 1 else neurons


def _fixed_point_bits(layer: Affine) -> int:
    entries = np.concatenate([layer.weight.values, layer.bias])
    entries = entries[entries != 0]
    if len(entries) == 0:
        return 0
    if entries.dtype == object:
        return max(_bits_of_entry(int(n), layer.exponent) for n in entries)
    magnitude = np.abs(entries)
    lowest = magnitude & -magnitude
    # frexp of an integer below 2**62 rounds at most up to the next power: correct it exactly.
    length = np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)
    length -= (np.int64(1) << np.maximum(length - 1, 0)) > magnitude
    trailing = np.frexp(lowest.astype(np.float64))[1].astype(np.int64) - 1
    fraction = np.maximum(-(layer.exponent + trailing), 0)
    integer = np.maximum(length + layer.exponent, 0)
    return int((fraction + integer).max())


def _bits_of_entry(numerator: int, exponent: int) -> int:
    magnitude = abs(numerator)
    trailing = (magnitude & -magnitude).bit_length() - 1
    fraction = max(-(exponent + trailing), 0)
    return fraction + max(magnitude.bit_length() + exponent, 0)
