"""Many MLPs of one shape as stacked tensors, trained together and yet each as if it were alone.

Every product is one `torch.bmm`. A matrix product's order of summation depends on its shape, so a
network's weights would depend on what it is trained with. Therefore the shape is a function of the
network alone: widths are padded to a power of two, inputs to a multiple of 8, rows to a multiple of
16, and a stack always has the same number of slots, the unused ones empty. Padded weights are zero
and stay zero: a padded neuron's output and gradient vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import nn

from pipeline.baseline.devices import torch_generator

_LEAST_WIDTH, _ROWS, _COLUMNS = 8, 16, 8
# Multiply-adds a row that keep one core busy; more slots would only wait for each other. On a
# GPU a step takes hardly longer with more slots, until memory is the limit (docs/training.md).
_SLOTS_TIMES_WIDTH = {"cpu": 256, "cuda": 16384}


@dataclass(frozen=True)
class NetworkSpec:
    """Which network is trained: its shape and the seed of everything random about it.

    Args:
        width: of every hidden layer.
        depth: affine layers.
        seed: of initial weights, batches and attacks.

    Raises:
        ValueError: if width or depth is below 1.
    """

    width: int
    depth: int
    seed: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.depth < 1:
            raise ValueError(
                f"a baseline needs width and depth >= 1, got {self.width} and {self.depth}"
            )

    def parameter_count(self, d: int) -> int:
        """Return P on inputs from R^d, zeros counted (Eq. 3).

        >>> NetworkSpec(width=16, depth=3, seed=0).parameter_count(4)
        369
        """
        sizes = [d] + [self.width] * (self.depth - 1) + [1]
        return sum((m + 1) * n for m, n in zip(sizes[:-1], sizes[1:], strict=True))

    @property
    def padded_width(self) -> int:
        """The width that the network has in a stack: a power of two, at least 8."""
        return max(_LEAST_WIDTH, 1 << (self.width - 1).bit_length())

    def slots(self, device: torch.device) -> int:
        """Return how many networks of this shape are trained in one stack on a device."""
        return max(_SLOTS_TIMES_WIDTH[device.type] // self.padded_width, 1)


def padded_rows(count: int) -> int:
    """Return the number of rows that so many points take."""
    return -(-count // _ROWS) * _ROWS


def padded_columns(d: int) -> int:
    """Return the number of columns that so many coordinates take."""
    return -(-d // _COLUMNS) * _COLUMNS


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy on the CPU that is laid out row by row."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


class Stack:
    """Networks of one depth and padded width, slot by slot.

    Args:
        specs: the networks; they share depth and padded width.
        d: input dimension.
        device: where they live.

    Attributes:
        weights: one (slots, inputs, outputs) a layer.
        biases: one (slots, 1, outputs) a layer.

    Raises:
        ValueError: if the networks do not fit into one stack.
    """

    def __init__(self, specs: Sequence[NetworkSpec], d: int, device: torch.device) -> None:
        shapes = {(spec.depth, spec.padded_width) for spec in specs}
        if len(shapes) != 1 or len(specs) > specs[0].slots(device):
            raise ValueError(f"{len(specs)} networks of shapes {sorted(shapes)} fit no stack")
        self.specs, self.d, self.slots = tuple(specs), d, specs[0].slots(device)
        inner = [specs[0].padded_width] * (specs[0].depth - 1)
        sizes = [padded_columns(d), *inner, _COLUMNS]
        pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
        self.weights = [torch.zeros(self.slots, m, n) for m, n in pairs]
        self.biases = [torch.zeros(self.slots, 1, n) for _, n in pairs]
        for slot, spec in enumerate(specs):
            self._initialize(slot, spec)
        self.weights = [w.to(device).requires_grad_(True) for w in self.weights]
        self.biases = [b.to(device).requires_grad_(True) for b in self.biases]

    def _initialize(self, slot: int, spec: NetworkSpec) -> None:
        """Draw He's initial weights, on the CPU so that every device starts alike."""
        generator = torch_generator(spec.seed, "weights")
        sizes = [self.d] + [spec.width] * (spec.depth - 1) + [1]
        for weight, m, n in zip(self.weights, sizes[:-1], sizes[1:], strict=True):
            drawn = torch.empty(n, m).normal_(0.0, (2.0 / m) ** 0.5, generator=generator)
            weight[slot, :m, :n] = drawn.T

    @property
    def parameters(self) -> list[torch.Tensor]:
        """The tensors that an optimizer moves."""
        return [*self.weights, *self.biases]

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Return the outputs, shape (slots, n), at points of shape (slots, n, padded d)."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            points = torch.baddbmm(bias, points, weight).relu()
        return torch.baddbmm(self.biases[-1], points, self.weights[-1])[:, :, 0]

    @torch.no_grad()
    def output_and_gradient(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs, shape (slots, n), and their gradients in the points, as `points`."""
        masks = []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            points = torch.baddbmm(bias, points, weight)
            masks.append(points > 0)
            points = points.relu_()
        output = torch.baddbmm(self.biases[-1], points, self.weights[-1])[:, :, 0]
        gradient = self.weights[-1][:, :, 0].unsqueeze(1).expand_as(points)
        for weight, mask in zip(reversed(self.weights[:-1]), reversed(masks), strict=True):
            gradient = torch.bmm(gradient * mask, weight.transpose(1, 2))
        return output, gradient

    @torch.no_grad()
    def finite(self) -> list[bool]:
        """Return, slot by slot, whether all weights are finite numbers."""
        flags = [torch.isfinite(t).flatten(1).all(dim=1) for t in self.parameters]
        return [bool(flag) for flag in torch.stack(flags).all(dim=0).tolist()[: len(self.specs)]]

    @torch.no_grad()
    def clear(self, slot: int) -> None:
        """Empty a slot: its network is left behind, the others do not notice."""
        for tensor in self.parameters:
            tensor[slot] = 0.0

    def on_cpu(self) -> Stack:
        """Return the same networks on the CPU, without gradients; there it shares the memory."""
        other = copy(self)
        other.weights = [weight.detach().cpu() for weight in self.weights]
        other.biases = [bias.detach().cpu() for bias in self.biases]
        return other

    @torch.no_grad()
    def module(self, slot: int) -> nn.Sequential:
        """Return a copy of one network without its padding, on the CPU."""
        spec = self.specs[slot]
        sizes = [self.d] + [spec.width] * (spec.depth - 1) + [1]
        modules: list[nn.Module] = []
        for layer, (m, n) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            # Without initial weights, which would draw from torch's global generator.
            linear = nn.Linear(m, n, device="meta")
            linear.weight = nn.Parameter(_copy(self.weights[layer][slot, :m, :n].T))
            linear.bias = nn.Parameter(_copy(self.biases[layer][slot, 0, :n]))
            modules += [linear, nn.ReLU()]
        return nn.Sequential(*modules[:-1])
