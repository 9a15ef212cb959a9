"""A network's layers, read one after the other and compared with what a gadget needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.verification.check.forms import Form, neuron, require_rows, rows_of
from pipeline.verification.check.readers import Layer, Network
from pipeline.verification.check.rejection import Rejected

# Words, gammas and cells longer than this are no structure: refuse them instead of computing them.
_MOST_BITS = 1 << 20


class Confirms(Protocol):
    """What reads a layer and requires it to hold given rows: `Layers` and `LayerReader`."""

    def confirm(self, expected: Sequence[Form], what: str) -> None:
        """Read the next layer and require it to be exactly the expected rows."""


class Reads(Confirms, Protocol):
    """What also reads a layer of a given width: `Layers` and `LayerReader`."""

    def read(self, width: int) -> list[Form]:
        """Return the next layer's rows, which must be so many."""

    def same(self, found: Sequence[Form], expected: Sequence[Form], what: str) -> None:
        """Require the rows of the layer read last to be the expected ones."""


class Layers:
    """The layers of a network of known depth, consumed in order.

    Args:
        network: the network.
        depth: how many affine maps the claimed structure has.

    Attributes:
        number: layers read so far; the last one's number, from 1.

    Raises:
        Rejected: if the network has another depth.
    """

    def __init__(self, network: Network, depth: int) -> None:
        if depth != len(network.layers):
            raise Rejected(f"the structure needs {depth} layers, got {len(network.layers)}")
        self._layers = network.layers
        self.number = 0

    def read(self, width: int, thresholds: int = 0) -> list[Form]:
        """Return the next layer's rows, of which the last ones must feed threshold neurons.

        Args:
            width: neurons the layer must have.
            thresholds: how many of them, the last ones, must be thresholds; the others are ReLUs.

        Raises:
            Rejected: if the layer has another width or other activations.
        """
        layer = self._layers[self.number]
        self.number += 1
        if layer.outputs != width:
            raise Rejected(f"layer {self.number}: {width} neurons expected, got {layer.outputs}")
        relus = width - thresholds
        if layer.thresholds[:relus].any() or not layer.thresholds[relus:].all():
            raise Rejected(
                f"layer {self.number}: the first {relus} neurons must be ReLUs, the other "
                f"{thresholds} thresholds"
            )
        return rows_of(layer)

    def confirm(self, expected: Sequence[Form], what: str, thresholds: int = 0) -> None:
        """Read the next layer and require it to be exactly the expected rows.

        Raises:
            Rejected: if it is not.
        """
        found = self.read(len(expected), thresholds)
        require_rows(self.number, found, expected, what)

    def same(self, found: Sequence[Form], expected: Sequence[Form], what: str) -> None:
        """Require the rows of the layer read last to be the expected ones.

        Raises:
            Rejected: if they are not.
        """
        require_rows(self.number, found, expected, what)


class LayerReader:
    """Layers consumed in order, of a network whose depth follows from its blocks.

    Args:
        layers: the layers.

    Attributes:
        used: layers read so far; the last one's number, from 1.
    """

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self._layers = layers
        self.used = 0

    def rows(self) -> list[Form]:
        """Return the next layer's rows.

        Raises:
            Rejected: if no layer is left.
        """
        found = self.following()
        self.used += 1
        return found

    def read(self, width: int) -> list[Form]:
        """Return the next layer's rows.

        Args:
            width: neurons the layer must have.

        Raises:
            Rejected: if no layer is left, or it has another width.
        """
        found = self.rows()
        if len(found) != width:
            raise Rejected(f"layer {self.used}: {width} neurons expected, got {len(found)}")
        return found

    def same(self, found: Sequence[Form], expected: Sequence[Form], what: str) -> None:
        """Require the rows of the layer read last to be the expected ones.

        Raises:
            Rejected: if they are not.
        """
        require_rows(self.used, found, expected, what)

    def following(self) -> list[Form]:
        """Return the rows of the layer after the last one read, without consuming it.

        Raises:
            Rejected: if no layer is left.
        """
        if self.used >= len(self._layers):
            raise Rejected("the network has too few layers")
        return rows_of(self._layers[self.used])

    def confirm(self, expected: Sequence[Form], what: str) -> None:
        """Read the next layer and require it to be exactly the expected rows.

        Raises:
            Rejected: if it is not.
        """
        require_rows(self.used + 1, self.rows(), expected, what)

    def require_output(self, output: Form) -> None:
        """Read the last layer, which must be the output and nothing behind it.

        Raises:
            Rejected: if it is not.
        """
        require_rows(self.used + 1, self.rows(), [output], "the output")
        if self.used != len(self._layers):
            raise Rejected(f"{len(self._layers) - self.used} layers follow the output")


def neurons(first: int, count: int) -> list[Form]:
    """Return the forms of `count` neurons from number `first` on."""
    return [neuron(i) for i in range(first, first + count)]


def positive(structure: dict[str, Any], *names: str) -> list[int]:
    """Return integers of the structure, each at least 1 and not absurdly long.

    Raises:
        Rejected: if one is out of range.
    """
    values = [int(structure[name]) for name in names]
    for name, value in zip(names, values, strict=True):
        if not 1 <= value <= _MOST_BITS:
            raise Rejected(f"{name} must lie in 1..{_MOST_BITS}, got {structure[name]}")
    return values
