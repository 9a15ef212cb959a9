"""Integers of any size in int64 files: value = sum_l words[..., l] * 2**(32 l).

One word is enough for integers below 2**62; longer ones take signed digits in base 2**32. Arrays
whose entries differ much in length (the weights of bit extraction) are stored entry after entry
with the number of words of each.
"""

from __future__ import annotations

import numpy as np

from pipeline.exact.dyadic import INT64_SAFE, compact

WORD_BITS = 32


def words_of_array(integers: np.ndarray) -> np.ndarray:
    """Return int64 words of shape S + (L,) of an integer array of shape S."""
    array = compact(np.asarray(integers))
    if array.dtype != object:
        return array[..., None]
    negative = (array < 0).astype(bool)
    rest, planes = np.abs(array), []
    while np.any(rest):
        planes.append((rest & ((1 << WORD_BITS) - 1)).astype(np.int64))
        rest = rest >> WORD_BITS
    words = np.stack(planes, axis=-1)
    return np.where(negative[..., None], -words, words)


def array_of_words(words: np.ndarray) -> np.ndarray:
    """Return the integer array of shape S stored as words of shape S + (L,)."""
    if words.shape[-1] == 1:
        return compact(words[..., 0])
    total = np.zeros(words.shape[:-1], dtype=object)
    for level in range(words.shape[-1]):
        total = total + words[..., level].astype(object) * (1 << (WORD_BITS * level))
    return compact(total)


def words_of_entries(integers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the int64 words of a list of integers, one after the other, and each one's count.

    >>> words_of_entries(np.array([5, -(1 << 70)], dtype=object))
    (array([  5,   0,   0, -64]), array([1, 3], dtype=int32))
    """
    array = compact(np.asarray(integers))
    if array.dtype != object:
        return array, np.ones(len(array), dtype=np.int32)
    words, counts = [], []
    for value in map(int, array):
        entry = [value] if abs(value) < INT64_SAFE else _digits(value)
        words.extend(entry)
        counts.append(len(entry))
    return np.array(words, dtype=np.int64), np.array(counts, dtype=np.int32)


def entries_of_words(words: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the integers stored as words of the given counts, int64 where all are short.

    Raises:
        ValueError: if the counts do not add up to the words, or one is below 1.
    """
    if len(counts) and int(counts.min()) < 1 or int(counts.sum()) != len(words):
        raise ValueError(f"{len(words)} words do not divide into entries of the given lengths")
    if len(words) == len(counts):
        return compact(words)
    ends = np.cumsum(counts, dtype=np.int64)
    entries = words[ends - counts].astype(object)
    for k in np.flatnonzero(counts > 1):
        entries[k] = _integer(words[ends[k] - counts[k] : ends[k]])
    return entries


def _digits(value: int) -> list[int]:
    size = -(-value.bit_length() // WORD_BITS)
    digits = np.frombuffer(abs(value).to_bytes(4 * size, "little"), dtype="<u4").astype(np.int64)
    return (digits if value > 0 else -digits).tolist()


def _integer(words: np.ndarray) -> int:
    low, high = int(words.min()), int(words.max())
    for sign, (least, most) in ((1, (low, high)), (-1, (-high, -low))):
        if 0 <= least and most < 1 << WORD_BITS:
            return sign * int.from_bytes((sign * words).astype("<u4").tobytes(), "little")
    return sum(int(w) << (WORD_BITS * level) for level, w in enumerate(words))
