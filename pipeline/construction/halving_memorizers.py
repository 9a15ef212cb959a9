"""What a round of halving_lattice remembers its cells with, and which is the cheapest.

A cell's key is a random linear hash of its digits (gadgets.folding) (docs/theory.md 7). A shallow
table and a keyed one (gadgets.keyed_table) need no more than that keys of different codes differ; a
retrieval (gadgets.retrieval) needs its banded systems to be solvable. All is checked on the data,
and drawn again where it fails. A keyed table stores no cell of code 0, which other integers have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from pipeline.construction.halving_kinds import (
    Keyed,
    Memorizer,
    Retrieval,
    Shallow,
    keyed_bits_widths,
    memorizer_cost,
    shallow_widths,
)
from pipeline.construction.halving_rounds import Round
from pipeline.gadgets.bit_table import StoredKeys
from pipeline.gadgets.folding import digits_of_cells
from pipeline.gadgets.keyed_groups import keyed_groups, keyed_sizes_for, keyed_sizes_of
from pipeline.gadgets.keyed_table import KeyedSizes
from pipeline.gadgets.retrieval import RetrievalSizes, retrieval_widths
from pipeline.gadgets.ribbon import ribbon_words
from pipeline.network import Repeat

# Rows of digits held at once.
_BLOCK = 1 << 16
# Hashes tried for the shallow table with the fewest changes, fewer of them for more cells.
_HASHES, _HASHED = 400, 200_000
# Hashes tried for a keyed table before their weights get one bit more.
_DRAWS = 16
# Keys are sums of hash weights and fit into int64.
_KEY_BITS = 62
_WINDOWS = (8, 12, 16, 20, 24, 28, 32)
# Groups whose systems are tried first, the fullest ones.
_FULLEST = 24
# Kinds that are estimated to cost more times the least are not made.
_WORTH_TRYING = 2


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
    about = estimated(len(made.cells), bits, kept)
    costs = {kind: memorizer_cost(widths, kept, bits) for kind, widths in about.of_kinds(kept)}
    costs = {kind: count for kind, count in costs.items() if kind in kinds}
    least = min(costs.values())
    found: dict[str, Memorizer] = {}
    worth = [kind for kind in costs if costs[kind] <= _WORTH_TRYING * least]
    others = sorted(costs.keys() - worth, key=lambda kind: costs[kind])
    for kind in [*worth, *others]:
        # A cell whose digits are all 0 has row 0 whatever the hash: no word gives it another code.
        if found and kind in others:
            break
        if (memorizer := _made(kind, made, about, kept, random)) is not None:
            found[kind] = memorizer
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
        retrieval: sizes of a retrieval.
        keyed: sizes of a keyed table.
        bits: c.
    """

    cells: int
    retrieval: RetrievalSizes
    keyed: KeyedSizes
    bits: int

    def of_kinds(self, kept: int) -> list[tuple[str, tuple[int | Repeat, ...]]]:
        """Return the hidden widths of each kind with `kept` values passing by."""
        return [
            ("shallow", _likely_shallow(self.cells, self.bits, kept)),
            ("retrieval", retrieval_widths(self.retrieval, kept)),
            ("keyed", keyed_bits_widths(self.keyed, kept)),
        ]

    def widths(self, kept: int) -> tuple[int | Repeat, ...]:
        """Return the hidden widths with `kept` values passing by."""
        of_kinds = (widths for _, widths in self.of_kinds(kept))
        return min(of_kinds, key=lambda widths: memorizer_cost(widths, kept, self.bits))


def estimated(count: int, bits: int, kept: int) -> Estimate:
    """Return what a memorizer of so many cells would be like."""
    # Codes as likely as each other; keys of twice the bits, which gaps halve.
    stored = max(count - (count >> bits), 1)
    keyed = keyed_sizes_for(stored, count.bit_length() + 1, bits, kept)
    return Estimate(count, _estimated(count, bits, kept), keyed, bits)


def _likely_shallow(cells: int, bits: int, kept: int) -> tuple[int, ...]:
    """Return widths of a shallow table whose bits change at every other cell."""
    changes = cells // 2 + 1
    groups = max(int((changes / 2) ** 0.5), 1)
    return shallow_widths(kept, 2 * groups, (changes // groups + 1) * bits, bits)


def _made(
    kind: str, made: Round, about: Estimate, kept: int, random: np.random.Generator
) -> Memorizer | None:
    """Return the memorizer of a kind for a round's cells, None where there is none."""
    digits = _Digits(made.cells, made.levels)
    if kind == "shallow":
        return _shallow(digits, made.codes, about.bits, kept, random)
    if kind == "retrieval":
        return _retrieval(digits, made.codes, about.retrieval, random)
    return _keyed(digits, made.codes, about.bits, kept, random.spawn(1)[0])


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


def _keyed(
    digits: _Digits, codes: np.ndarray, bits: int, kept: int, random: np.random.Generator
) -> Keyed:
    """Return the keyed table of the shortest keys that some draws find."""
    width, tries = max(2 * digits.count.bit_length() - 5, 1), 0
    while True:
        weights = random.integers(0, 1 << min(width, 48), digits.shape)
        table = _codes_of_keys(digits.keys(weights), codes)
        if table is not None:
            stored = {key: code for key, code in table.items() if code}
            sizes = keyed_sizes_of([sorted(stored)], bits, kept)
            return Keyed(weights.tolist(), sizes, keyed_groups(stored, sizes))
        tries += 1
        width += int(tries % min(_DRAWS, _HASHED // digits.count + 1) == 0)


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
