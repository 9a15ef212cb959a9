"""Lemmas B.9 and B.10: every integer of a range, every word of a size, the claimed sizes."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gadgets import (
    MemorizerSizes,
    WordSizes,
    integer_memorizer,
    key_match,
    memorizer_sizes,
    memorizer_widths,
)
from pipeline.gadgets.key_match import match_widths
from pipeline.network import Plan
from tests.gadgets.evaluated import values

HALF = Fraction(1, 2)


@pytest.mark.parametrize(("key_bits", "label_bits"), [(2, 1), (2, 2), (1, 3)])
def test_match_gives_the_label_of_the_key_for_every_word_of_two_keys(
    key_bits: int, label_bits: int
) -> None:
    sizes = WordSizes(2, key_bits, label_bits)
    network = key_match(sizes, HALF)
    rows, expected = [], []
    for keys in permutations(range(1 << key_bits), 2):
        for labels in product(range(1 << label_bits), repeat=2):
            w, u = sizes.packed(keys, labels)
            for x in range((1 << key_bits) + 2):
                rows.append((x, w, u))
                expected.append(dict(zip(keys, labels, strict=True)).get(x, 0))
    assert values(network, rows) == expected


@pytest.mark.parametrize("sizes", [WordSizes(1, 3, 2), WordSizes(3, 2, 4), WordSizes(4, 3, 3)])
def test_match_has_the_width_depth_and_bits_of_lemma_b9(sizes: WordSizes) -> None:
    network = key_match(sizes, HALF)
    longest = max(sizes.key_bits, sizes.label_bits)
    assert network.width == 12
    assert network.depth == 3 * sizes.keys * longest + 2 * sizes.keys + 2
    assert network.bit_complexity <= sizes.keys * longest + 2
    assert tuple(Plan(3, match_widths(sizes, 0)).hidden_widths()) == network.hidden_widths


def test_words_that_do_not_hold_their_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="distinct keys"):
        WordSizes(2, 3, 1).packed([1, 1], [0, 1])
    with pytest.raises(ValueError, match="8 has more than 3 bits"):
        WordSizes(2, 3, 1).packed([1, 8], [0, 1])
    with pytest.raises(ValueError, match="2 has more than 1 bits"):
        WordSizes(2, 3, 1).packed([1, 2], [0, 2])
    with pytest.raises(ValueError, match="sizes of at least 1"):
        WordSizes(2, 0, 1)


@settings(max_examples=40)
@given(
    st.dictionaries(st.integers(0, 60), st.integers(1, 5), min_size=1, max_size=14),
    st.sampled_from([Fraction(1), HALF, Fraction(1, 8)]),
)
def test_memorizer_is_its_table_and_0_on_every_other_integer(
    labels: dict[int, int], eta: Fraction
) -> None:
    sizes = memorizer_sizes(len(labels), max(labels), max(labels.values()))
    network = integer_memorizer(labels, sizes, eta)
    # Beyond the largest word too: unclaimed cells have larger keys.
    points = [*range(140), 10**6, (1 << 80) + 1]
    assert values(network, points) == [labels.get(x, 0) for x in points]
    ends = [k + 1 - eta for k in labels] + [k + (1 - eta) / 2 for k in labels]
    assert values(network, ends) == [*labels.values()] * 2


@settings(max_examples=25)
@given(st.integers(1, 10**4), st.integers(0, 10**6), st.integers(2, 12))
def test_sizes_are_those_of_lemma_b10(N: int, largest: int, C: int) -> None:
    sizes = memorizer_sizes(N, largest, C)
    assert sizes.groups == int(np.ceil(np.sqrt(N)))
    assert sizes.words.keys == isqrt(N) + 1
    assert sizes.groups * sizes.words.keys >= N
    assert 1 << sizes.words.key_bits > largest
    assert 1 << sizes.words.key_bits >= sizes.words.keys
    assert sizes.words.label_bits == int(np.floor(np.log2(C))) + 1


@pytest.mark.parametrize("N", [1, 2, 5, 16, 30])
def test_built_memorizer_is_as_planned_with_width_12(N: int) -> None:
    labels = {7 * k % 211: k % 3 + 1 for k in range(1, N + 1)}
    sizes = memorizer_sizes(N, 210, 3)
    network = integer_memorizer(labels, sizes)
    planned = Plan(1, memorizer_widths(sizes, 0))
    assert tuple(planned.hidden_widths()) == network.hidden_widths
    assert network.width == 12
    assert network.depth == planned.depth == sizes.depth
    bits = sizes.words.keys * max(sizes.words.key_bits, sizes.words.label_bits)
    assert network.bit_complexity <= bits + 2


def test_sizes_beyond_the_need_leave_the_function_as_it_is() -> None:
    labels, sizes = {3: 1, 8: 2}, MemorizerSizes(4, WordSizes(3, 6, 2))
    points = list(range(64))
    assert values(integer_memorizer(labels, sizes), points) == [labels.get(x, 0) for x in points]


def test_keys_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 keys >= 0 must fit into 1 groups of 2"):
        integer_memorizer({1: 1, 2: 1, 3: 1}, MemorizerSizes(1, WordSizes(2, 3, 1)))
    with pytest.raises(ValueError, match="keys >= 0"):
        integer_memorizer({-1: 1}, MemorizerSizes(1, WordSizes(2, 3, 1)))
