"""The groups of a keyed table, their words, and the sizes that cost the fewest parameters.

Keys with a gap of more than b bits between them go to different groups, so large gaps cost a group
instead of bits of every key. For each b and each number n of keys a group the number of groups G
follows; the least count of all is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline.gadgets.keyed_table import KeyedGroup, KeyedSizes, keyed_widths
from pipeline.network import Plan


def keyed_sizes_for(N: int, key_bits: int, code_bits: int, kept: int) -> KeyedSizes:
    """Return the cheapest sizes that hold any N keys below 2^key_bits.

    Args:
        N: number of keys, at least 1.
        key_bits: bits of a key.
        code_bits: c.
        kept: values that pass by.
    """
    return _cheapest({max(key_bits, 1): [[N]]}, code_bits, kept)


def keyed_sizes_of(tables: Sequence[Sequence[int]], code_bits: int, kept: int) -> KeyedSizes:
    """Return the cheapest sizes that hold each of these tables.

    Args:
        tables: distinct keys >= 0, ascending.
        code_bits: c.
        kept: values that pass by.
    """
    gaps = [[_gap_bits(a, b) for a, b in zip(t, t[1:], strict=False)] for t in tables]
    most = max((bits for table in gaps for bits in table), default=1)
    runs = {b: [list(_runs(table, b)) for table in gaps] for b in range(1, most + 1)}
    return _cheapest(runs, code_bits, kept)


def keyed_groups(codes: Mapping[int, int], sizes: KeyedSizes) -> list[KeyedGroup]:
    """Return `sizes.groups` groups with their words.

    Args:
        codes: the code of every key >= 0.
        sizes: at least what the keys need.

    Raises:
        ValueError: if the sizes are too small for the keys or the codes.
    """
    if any(key < 0 or not 0 <= code < 1 << sizes.code_bits for key, code in codes.items()):
        raise ValueError(f"keys >= 0 with codes of {sizes.code_bits} bits are needed")
    parts = _parts(sorted(codes), sizes) or [[]]
    if len(parts) > sizes.groups:
        raise ValueError(f"{len(codes)} keys need {len(parts)} groups, got {sizes}")
    groups = [
        KeyedGroup(keys[0] if keys else 0, _word(keys, [codes[k] for k in keys], sizes))
        for keys in parts
    ]
    # Groups that no key needs have no codes and lie behind the last key.
    last = parts[-1][-1] if parts[-1] else 0
    return groups + [KeyedGroup(last + k, 0) for k in range(1, sizes.groups - len(groups) + 1)]


def _cheapest(runs: Mapping[int, list[list[int]]], code_bits: int, kept: int) -> KeyedSizes:
    """Return the sizes with the fewest parameters.

    Args:
        runs: for each b, the lengths of the runs of keys of each table that may share a group.
        code_bits: c.
        kept: values that pass by.
    """
    best: tuple[int, KeyedSizes] | None = None
    for bits, tables in runs.items():
        least = max(len(table) for table in tables)
        for n in range(1, max(length for table in tables for length in table) + 1):
            if best and _cost(KeyedSizes(least, n, bits, code_bits), kept) >= best[0]:
                break
            groups = max(sum(-(-length // n) for length in table) for table in tables)
            sizes = KeyedSizes(groups, n, bits, code_bits)
            cost = _cost(sizes, kept)
            if best is None or cost < best[0]:
                best = cost, sizes
    assert best is not None
    return best[1]


def _cost(sizes: KeyedSizes, kept: int) -> int:
    """Return the parameters of the table's layers, from x and kept values to y and these."""
    return Plan(kept + 1, keyed_widths(sizes, kept), {}, kept + 1).parameter_count()


def _gap_bits(key: int, following: int) -> int:
    return (following - key).bit_length()


def _runs(gaps: Sequence[int], bits: int) -> Iterator[int]:
    """Yield how many keys follow each other with gaps of at most so many bits."""
    length = 1
    for gap in gaps:
        if gap > bits:
            yield length
            length = 0
        length += 1
    yield length


def _parts(keys: Sequence[int], sizes: KeyedSizes) -> list[list[int]]:
    """Return the keys of each group: at most n, gaps of at most b bits."""
    parts: list[list[int]] = []
    for key in keys:
        full = not parts or len(parts[-1]) == sizes.keys
        if full or _gap_bits(parts[-1][-1], key) > sizes.gap_bits:
            parts.append([])
        parts[-1].append(key)
    return parts


def _word(keys: Sequence[int], codes: Sequence[int], sizes: KeyedSizes) -> int:
    """Return the word whose Gray code is the first code, then gaps and codes, then zeros."""
    digits = codes[0] if codes else 0
    for before, key, code in zip(keys, keys[1:], codes[1:], strict=False):
        digits = (digits << sizes.gap_bits | key - before) << sizes.code_bits | code
    empty = sizes.keys - max(len(keys), 1)
    digits <<= empty * (sizes.gap_bits + sizes.code_bits)
    shift = 1
    while shift < sizes.word_bits:
        digits ^= digits >> shift
        shift *= 2
    return digits
