"""What a round of halving_lattice remembers its cells with, and which is the cheapest.

A cell's key is a random linear hash of its digits (gadgets.folding) (docs/theory.md 7). A
shallow table needs no more than that keys of different codes differ; a retrieval
(gadgets.retrieval) needs its banded systems to be solvable. Both are checked on the data, and drawn
again where they fail.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from pipeline.construction.halving_rounds import Round
from pipeline.gadgets.bit_table import BitTable, StoredKeys, knot_rows, step_rows, zigzags
from pipeline.gadgets.folding import digits_of_cells
from pipeline.gadgets.retrieval import RetrievalSizes, retrieval_widths, retrieved
from pipeline.gadgets.ribbon import ribbon_words
from pipeline.network import Circuit, Expression, Plan, Repeat

# Rows of digits held at once.
_BLOCK = 1 << 16
# Hashes tried for the shallow table with the fewest changes, fewer of them for more cells.
_HASHES, _HASHED = 400, 200_000
# Keys are sums of hash weights and fit into int64.
_KEY_BITS = 62
_WINDOWS = (8, 12, 16, 20, 24, 28, 32)
# Groups whose systems are tried first, the fullest ones.
_FULLEST = 24
# Kinds that are estimated to cost more times the least are not made.
_WORTH_TRYING = 2


class Memorizer(ABC):
    """What gives the cells of a round their codes.

    Attributes:
        kind: "shallow" or "retrieval".
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
        return _shallow_widths(kept, self.table.steps, self.table.width, len(self.table.knots))

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


def _shallow_widths(kept: int, steps: int, knots: int, bits: int) -> tuple[int, ...]:
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


def memorizer_cost(widths: tuple[int | Repeat, ...], kept: int, bits: int) -> int:
    """Return the parameters of a memorizer's layers, from a key and `kept` values to its bits."""
    return Plan(kept + 1, widths, {}, kept + bits).parameter_count()


@dataclass(frozen=True)
class Choice:
    """The cheapest memorizer of a round and what the others would cost.

    Args:
        memorizer: the cheapest one.
        costs: parameters by kind, estimated unless made.
        made: the kinds that were made.
    """

    memorizer: Memorizer
    costs: dict[str, int]
    made: tuple[str, ...]


def cheapest_memorizer(
    made: Round, bits: int, kept: int, kinds: tuple[str, ...], random: np.random.Generator
) -> Choice:
    """Return the memorizer with the fewest parameters for a round's cells.

    Args:
        made: cells and codes.
        bits: c, bits of a code.
        kept: values that pass by.
        kinds: what to choose from.
        random: source of the hashes.

    Raises:
        ValueError: if no kind works.
    """
    digits = _Digits(made.cells, made.levels)
    sizes = _estimated(len(made.cells), bits, kept)
    costs = {
        "shallow": memorizer_cost(_likely_shallow(len(made.cells), bits, kept), kept, bits),
        "retrieval": memorizer_cost(retrieval_widths(sizes, kept), kept, bits),
    }
    costs = {kind: count for kind, count in costs.items() if kind in kinds}
    least = min(costs.values())
    found: dict[str, Memorizer] = {}
    for kind in [kind for kind in costs if costs[kind] <= _WORTH_TRYING * least]:
        if kind == "shallow":
            found[kind] = _shallow(digits, made.codes, bits, kept, random)
        elif (solved := _retrieval(digits, made.codes, sizes, random)) is not None:
            found[kind] = solved
    if not found and "shallow" in kinds:
        # A cell whose digits are all 0 has row 0 whatever the hash: no word gives it another code.
        found["shallow"] = _shallow(digits, made.codes, bits, kept, random)
    if not found:
        raise ValueError(f"no memorizer among {', '.join(kinds)} holds {len(made.cells)} cells")
    costs |= {kind: memorizer_cost(each.widths(kept), kept, bits) for kind, each in found.items()}
    best = min(found, key=lambda kind: costs[kind])
    return Choice(found[best], costs, tuple(found))


@dataclass(frozen=True)
class Estimate:
    """Widths of a memorizer that is not made yet.

    Args:
        cells: how many cells there are.
        sizes: of a retrieval.
        bits: c.
    """

    cells: int
    sizes: RetrievalSizes
    bits: int

    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""
        both = _likely_shallow(self.cells, self.bits, kept), retrieval_widths(self.sizes, kept)
        return min(both, key=lambda widths: memorizer_cost(widths, kept, self.bits))


def estimated(count: int, bits: int, kept: int) -> Estimate:
    """Return what a memorizer of so many cells would be like."""
    return Estimate(count, _estimated(count, bits, kept), bits)


def _likely_shallow(cells: int, bits: int, kept: int) -> tuple[int, ...]:
    """Return widths of a shallow table whose bits change at every other cell."""
    changes = cells // 2 + 1
    groups = max(int((changes / 2) ** 0.5), 1)
    return _shallow_widths(kept, 2 * groups, (changes // groups + 1) * bits, bits)


@dataclass(frozen=True)
class _Digits:
    """Digits of all cells, a block of rows at a time."""

    cells: np.ndarray
    levels: int

    def keys(self, weights: np.ndarray) -> np.ndarray:
        """Return the sum of weights of every cell's digits, int64; weights have shape (m, n)."""
        out = np.empty(len(self.cells), dtype=np.int64)
        for start in range(0, len(self.cells), _BLOCK):
            part = slice(start, start + _BLOCK)
            digits = digits_of_cells(self.cells[part], self.levels)
            out[part] = np.tensordot(digits, weights, axes=2)
        return out

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        return self.cells.shape[1], self.levels

    @cached_property
    def count(self) -> int:
        """Number of cells."""
        return len(self.cells)


def _shallow(
    digits: _Digits, codes: np.ndarray, bits: int, kept: int, random: np.random.Generator
) -> Shallow:
    """Return the shallow table of the hash with the fewest changes among some draws."""
    width = 2 * digits.count.bit_length() + 8
    best: tuple[int, np.ndarray, StoredKeys] | None = None
    tries = 0
    while best is None or tries < min(_HASHES, _HASHED // digits.count):
        weights = random.integers(0, 1 << min(width, 48), digits.shape)
        tries += 1
        table = _codes_of_keys(digits.keys(weights), codes)
        if table is None:
            width += 1
            continue
        stored = StoredKeys(table, bits)
        changes = sum(len(each) for each in stored.changes)
        if best is None or changes < best[0]:
            best = changes, weights, stored
    _, weights, stored = best
    return min(
        (Shallow(weights.tolist(), stored.table(knots)) for knots in _knots(stored.most)),
        key=lambda each: memorizer_cost(each.widths(kept), kept, bits),
    )


def _knots(most: int) -> list[int]:
    """Return changes a group to try, around the square roots of what they may be."""
    root = most**0.5
    tried = {max(round(root * factor), 1) for factor in (0.5, 0.7, 1, 1.4, 2)}
    return sorted({*tried, 1, most} if most < 64 else tried)


def _codes_of_keys(keys: np.ndarray, codes: np.ndarray) -> dict[int, int] | None:
    """Return the code of each key, None if a key has two."""
    order = np.lexsort((codes, keys))
    keys, codes = keys[order], codes[order]
    if np.any((keys[1:] == keys[:-1]) & (codes[1:] != codes[:-1])):
        return None
    return dict(zip(keys.tolist(), codes.tolist(), strict=True))


def _slack(window: int) -> float:
    """Return about how many more bits than equations a group needs, as measured."""
    return {8: 2.0, 12: 1.2, 16: 0.6, 20: 0.42, 24: 0.3, 28: 0.25, 32: 0.2}[window]


def _estimated(count: int, bits: int, kept: int) -> RetrievalSizes:
    """Return the sizes with the fewest parameters, words estimated."""
    best: tuple[int, RetrievalSizes] | None = None
    for window, (rows, columns) in product(_WINDOWS, _shapes(count)):
        load = count / (rows * columns)
        fullest = load + (2 * load * np.log(rows * columns + 1)) ** 0.5
        positions = max(int(fullest * (1 + _slack(window))) - window // 2, 1)
        sizes = RetrievalSizes(rows, columns, positions, window, 6, bits)
        enough = sizes.modulus.bit_length() <= _KEY_BITS - 7
        if enough and 4 * sizes.modulus >= count * count:
            cost = memorizer_cost(retrieval_widths(sizes, kept), kept, bits)
            if best is None or cost < best[0]:
                best = cost, sizes
    if best is None:
        return RetrievalSizes(2, 2, max(count, 1), 32, 6, bits)
    return best[1]


def _shapes(count: int) -> list[tuple[int, int]]:
    """Return rows and columns of groups to try, with at least four keys a group."""
    shapes, columns = [], 2
    while columns == 2 or columns * columns <= count:
        shapes += [(ratio * columns, columns) for ratio in range(1, 6)]
        columns = max(columns + 1, int(columns * 1.06))
    return shapes


def _retrieval(
    digits: _Digits, codes: np.ndarray, estimate: RetrievalSizes, random: np.random.Generator
) -> Retrieval | None:
    """Return the retrieval with words as short as they get with the estimate's groups."""
    positions = max(int(estimate.positions * 0.9), 1)
    for _ in range(40):
        sizes = replace(estimate, positions=positions)
        weights = random.integers(0, sizes.modulus, digits.shape)
        most = int(weights.sum()) // sizes.modulus
        sizes = replace(sizes, quotient_bits=most.bit_length())
        if (sizes.modulus << sizes.quotient_bits).bit_length() > _KEY_BITS:
            return None
        keys = digits.keys(weights)
        words = _words(keys, codes, sizes)
        if words is not None:
            return Retrieval(weights.tolist(), sizes, words)
        positions = int(positions * 1.03) + 1
    return None


def _words(keys: np.ndarray, codes: np.ndarray, sizes: RetrievalSizes) -> list[int] | None:
    """Return the words, None where a system has no solution; the fullest groups are tried first."""
    groups = keys % sizes.modulus // sizes.span
    loads = np.bincount(groups, minlength=sizes.groups)
    if loads.max() > sizes.positions + sizes.window - 1 + 4:
        return None
    full = np.isin(groups, np.argsort(loads)[-_FULLEST:])
    if ribbon_words(keys[full], codes[full], sizes) is None:
        return None
    return ribbon_words(keys, codes, sizes)
