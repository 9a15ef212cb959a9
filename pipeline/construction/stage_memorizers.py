"""What a stage of lattices remembers its keys with: Lemma B.10 as it stands, or a keyed table.

Both give 0 at every integer that is no key. The literal one needs two packed words a group and
three layers a bit of every key; the compact one (gadgets.keyed_table) stores gaps between keys.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.gadgets import MemorizerSizes, memorized, memorizer_sizes, memorizer_widths
from pipeline.gadgets.keyed_groups import keyed_groups, keyed_sizes_for, keyed_sizes_of
from pipeline.gadgets.keyed_table import KeyedSizes, keyed_label, keyed_widths
from pipeline.network import Circuit, Expression, Repeat


class MemorizerKind(StrEnum):
    """LITERAL: Lemma B.10. COMPACT: keyed tables (docs/theory.md 7)."""

    LITERAL = "literal"
    COMPACT = "compact"


class StageMemorizer(ABC):
    """The memorizer that every stage has, with labels of its own in each.

    Attributes:
        label_bits: bits of a label.
        depth: affine maps of the memorizer as a network of its own, the last one included.
    """

    @property
    @abstractmethod
    def label_bits(self) -> int:
        """Bits of a label."""

    @property
    @abstractmethod
    def depth(self) -> int:
        """Affine maps of the memorizer as a network of its own, the last one included."""

    @abstractmethod
    def named(self) -> dict[str, int]:
        """Return the sizes by the names that plans, certificates and the checker use."""

    @abstractmethod
    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""

    @abstractmethod
    def appended(
        self, circuit: Circuit, kept: list[Expression], key: Expression, labels: Mapping[int, int]
    ) -> tuple[list[Expression], Expression]:
        """Append the layers; return kept values and the label."""

    @abstractmethod
    def notes(self) -> tuple[tuple[str, str], ...]:
        """Return the sizes chosen, for the report."""


@dataclass(frozen=True)
class Literal(StageMemorizer):
    """Lemma B.10."""

    sizes: MemorizerSizes

    @property
    def label_bits(self) -> int:
        """Bits of a label."""
        return self.sizes.words.label_bits

    @property
    def depth(self) -> int:
        """Affine maps of the memorizer as a network of its own, the last one included."""
        return self.sizes.depth

    def named(self) -> dict[str, int]:
        """Return the sizes by the names that plans, certificates and the checker use."""
        return self.sizes.named()

    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""
        return memorizer_widths(self.sizes, kept)

    def appended(
        self, circuit: Circuit, kept: list[Expression], key: Expression, labels: Mapping[int, int]
    ) -> tuple[list[Expression], Expression]:
        """Append the layers; return kept values and the label."""
        return memorized(circuit, kept, key, labels, self.sizes)

    def notes(self) -> tuple[tuple[str, str], ...]:
        """Return the sizes chosen, for the report."""
        words = self.sizes.words
        return (
            ("groups of keys, keys a group", f"{self.sizes.groups}, {words.keys}"),
            ("bits a key", f"{words.key_bits}"),
        )


@dataclass(frozen=True)
class Compact(StageMemorizer):
    """A keyed table."""

    sizes: KeyedSizes

    @property
    def label_bits(self) -> int:
        """Bits of a label."""
        return self.sizes.code_bits

    @property
    def depth(self) -> int:
        """Affine maps of the memorizer as a network of its own, the last one included."""
        return self.sizes.hidden_layers + 1

    def named(self) -> dict[str, int]:
        """Return the sizes by the names that plans, certificates and the checker use."""
        return {**self.sizes.named(), "label_bits": self.sizes.code_bits}

    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""
        return keyed_widths(self.sizes, kept)

    def appended(
        self, circuit: Circuit, kept: list[Expression], key: Expression, labels: Mapping[int, int]
    ) -> tuple[list[Expression], Expression]:
        """Append the layers; return kept values and the label."""
        return keyed_label(circuit, kept, key, keyed_groups(labels, self.sizes), self.sizes)

    def notes(self) -> tuple[tuple[str, str], ...]:
        """Return the sizes chosen, for the report."""
        return (
            ("groups of keys, keys a group", f"{self.sizes.groups}, {self.sizes.keys}"),
            ("bits a gap between keys", f"{self.sizes.gap_bits}"),
        )


def memorizer_for(
    kind: MemorizerKind, N: int, largest_key: int, C: int, kept: int
) -> StageMemorizer:
    """Return the memorizer that holds any N keys up to `largest_key` with labels up to C.

    Args:
        kind: which one.
        N: number of keys.
        largest_key: the largest one.
        C: number of classes.
        kept: values that pass by.
    """
    if kind is MemorizerKind.LITERAL:
        return Literal(memorizer_sizes(N, largest_key, C))
    return Compact(keyed_sizes_for(N, largest_key.bit_length(), C.bit_length(), kept))


def memorizer_of(
    kind: MemorizerKind, tables: Sequence[Mapping[int, int]], C: int, kept: int
) -> StageMemorizer:
    """Return the memorizer that holds each of these tables of labels up to C."""
    if kind is MemorizerKind.LITERAL:
        most = max(len(table) for table in tables)
        return Literal(memorizer_sizes(most, max(max(table) for table in tables), C))
    return Compact(keyed_sizes_of([sorted(table) for table in tables], C.bit_length(), kept))
