"""Integers of any size in int64 files: value = sum_l words[..., l] * 2**(32 l).

One word is enough for integers below 2**62; longer ones take signed digits in base 2**32.
"""

from __future__ import annotations

import numpy as np

from pipeline.exact.dyadic import compact

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
