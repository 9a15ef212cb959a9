"""The kinds of memorizers that a round of halving_lattice may have (docs/theory.md 7).

All of them give bits in [0, 1] for every real key, which the gates between rounds rely on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.gadgets.bit_table import BitTable, knot_rows, step_rows, zigzags
from pipeline.gadgets.keyed_table import (
    KeyedGroup,
    KeyedSizes,
    bits_of_label,
    keyed_label,
    keyed_widths,
    widths_of_bits,
)
from pipeline.gadgets.retrieval import RetrievalSizes, retrieval_widths, retrieved
from pipeline.network import Circuit, Expression, Plan, Repeat


class Memorizer(ABC):
    """What gives the cells of a round their codes.

    Attributes:
        kind: "shallow", "retrieval" or "keyed".
        weights: of the hash, weights[j][l] of digit l of coordinate j.
    """

    kind: str
    weights: list[list[int]]

    @abstractmethod
    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""

    @abstractmethod
    def appended(
        self, circuit: Circuit, kept: list[Expression], key: Expression
    ) -> tuple[list[Expression], list[Expression]]:
        """Append the layers; return kept values and the bits of the code."""

    @abstractmethod
    def named(self) -> dict[str, int | str]:
        """Return the sizes by the names that certificates use."""


@dataclass(frozen=True)
class Shallow(Memorizer):
    """Two layers that store about one weight for each change of a bit along the keys."""

    weights: list[list[int]]
    table: BitTable
    kind: str = "shallow"

    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""
        return shallow_widths(kept, self.table.steps, self.table.width, len(self.table.knots))

    def appended(
        self, circuit: Circuit, kept: list[Expression], key: Expression
    ) -> tuple[list[Expression], list[Expression]]:
        """Append the layers; return kept values and the bits of the code, clipped to [0, 1]."""
        count = len(kept)
        neurons = circuit.hidden([*kept, *step_rows(self.table, key)])
        neurons = circuit.hidden([*neurons[:count], *knot_rows(self.table, neurons[count:])])
        bits = zigzags(self.table, neurons[count:])
        for _ in range(2):
            neurons = circuit.hidden([*neurons[:count], *[1 - bit for bit in bits]])
            bits = neurons[count:]
        return neurons[:count], bits

    def named(self) -> dict[str, int | str]:
        """Return the sizes by the names that certificates use."""
        return {"memorizer": self.kind, "steps": self.table.steps, "knots": self.table.width}


def shallow_widths(kept: int, steps: int, knots: int, bits: int) -> tuple[int, ...]:
    """Return the hidden widths of a shallow table with `kept` values passing by."""
    return (kept + steps, kept + knots, kept + bits, kept + bits)


@dataclass(frozen=True)
class Retrieval(Memorizer):
    """Words of bits found by a ribbon; no keys are stored."""

    weights: list[list[int]]
    sizes: RetrievalSizes
    words: list[int]
    kind: str = "retrieval"

    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""
        return retrieval_widths(self.sizes, kept)

    def appended(
        self, circuit: Circuit, kept: list[Expression], key: Expression
    ) -> tuple[list[Expression], list[Expression]]:
        """Append the layers; return kept values and the bits of the code."""
        return retrieved(circuit, kept, key, self.words, self.sizes)

    def named(self) -> dict[str, int | str]:
        """Return the sizes by the names that certificates use."""
        return {"memorizer": self.kind, **self.sizes.named()}


@dataclass(frozen=True)
class Keyed(Memorizer):
    """A table of the keys whose code is not 0, by the gaps between them; others give 0."""

    weights: list[list[int]]
    sizes: KeyedSizes
    groups: list[KeyedGroup]
    kind: str = "keyed"

    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""
        return keyed_bits_widths(self.sizes, kept)

    def appended(
        self, circuit: Circuit, kept: list[Expression], key: Expression
    ) -> tuple[list[Expression], list[Expression]]:
        """Append the layers; return kept values and the bits of the code, in [0, 1]."""
        kept, label = keyed_label(circuit, kept, key, self.groups, self.sizes)
        return bits_of_label(circuit, kept, label, self.sizes.code_bits)

    def named(self) -> dict[str, int | str]:
        """Return the sizes by the names that certificates use."""
        return {"memorizer": self.kind, **self.sizes.named()}


def keyed_bits_widths(sizes: KeyedSizes, kept: int) -> tuple[int | Repeat, ...]:
    """Return the hidden widths of a keyed table and its code's bits."""
    return (*keyed_widths(sizes, kept), *widths_of_bits(sizes.code_bits, kept))


def memorizer_cost(widths: tuple[int | Repeat, ...], kept: int, bits: int) -> int:
    """Return the parameters of a memorizer's layers, from a key and `kept` values to its bits."""
    return Plan(kept + 1, widths, {}, kept + bits).parameter_count()
