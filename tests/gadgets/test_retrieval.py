"""Retrieval without keys: every stored key gets its code, every real key bits in [0, 1]."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.exact import DyadicArray
from pipeline.gadgets.retrieval import RetrievalSizes, retrieval_widths, retrieved
from pipeline.gadgets.ribbon import ribbon_words
from pipeline.network import Circuit, Plan, ReLUNetwork

SIZES = [
    RetrievalSizes(2, 2, 14, 6, 2, 1),
    RetrievalSizes(3, 2, 20, 8, 1, 2),
    RetrievalSizes(2, 3, 20, 5, 0, 3),
    RetrievalSizes(3, 4, 1, 7, 2, 1),
    RetrievalSizes(5, 2, 2, 4, 2, 1),
    RetrievalSizes(4, 3, 5, 1, 0, 1),
]


def stored(sizes: RetrievalSizes) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return keys, codes and words of a random solvable case that is as full as the bits allow."""
    random = np.random.default_rng(0)
    most = max(sizes.groups * (sizes.positions + sizes.window - 1) * 2 // 3, 1)
    for _ in range(2000):
        keys = np.unique(random.integers(0, sizes.modulus << sizes.quotient_bits, most))
        codes = random.integers(0, 1 << sizes.code_bits, len(keys))
        words = ribbon_words(keys, codes, sizes)
        if words is not None:
            return keys, codes, words
        most = max(most - 1, 1)
    raise AssertionError("no solvable case")


def network_of(sizes: RetrievalSizes, words: list[int]) -> ReLUNetwork:
    """Return (kept, key) -> (kept, bits)."""
    circuit = Circuit(2)
    kept, key = circuit.inputs
    passing, bits = retrieved(circuit, [kept], key, words, sizes)
    return circuit.network([*passing, *bits])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_stored_key_gets_its_code(sizes: RetrievalSizes) -> None:
    keys, codes, words = stored(sizes)
    assert len(set(codes.tolist())) > 1 or sizes.window == 1
    network = network_of(sizes, words)
    kept = np.arange(len(keys)) % 5
    values = network.evaluate_exact(DyadicArray(np.stack([kept, keys], axis=1), 0)).fractions()
    assert values[:, 0].tolist() == kept.tolist()
    found = [sum(int(b) << j for j, b in enumerate(row)) for row in values[:, 1:]]
    assert found == codes.tolist()
    plan = Plan(2, retrieval_widths(sizes, 1), {}, 1 + sizes.code_bits)
    assert list(plan.hidden_widths()) == list(network.hidden_widths)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_bits_of_any_real_key_lie_between_zero_and_one(sizes: RetrievalSizes) -> None:
    _, _, words = stored(sizes)
    random = np.random.default_rng(1)
    keys = random.integers(0, sizes.modulus << (sizes.quotient_bits + 4), 400)
    points = DyadicArray(np.stack([np.zeros(400, dtype=np.int64), keys], axis=1), -3)
    bits = network_of(sizes, words).evaluate_exact(points).fractions()[:, 1:]
    assert all(0 <= bit <= 1 for row in bits for bit in row)
    assert any(0 < bit < 1 for row in bits for bit in row) or sizes.window == 1


def test_an_unsolvable_system_has_no_words() -> None:
    sizes = RetrievalSizes(2, 2, 1, 2, 0, 1)
    # Rows 01, 10 and 11 of one word of two bits: the third is the sum of the others.
    assert ribbon_words(np.array([1, 2, 3]), np.array([1, 1, 0]), sizes) is not None
    assert ribbon_words(np.array([1, 2, 3]), np.array([1, 1, 1]), sizes) is None


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rows and columns"):
        RetrievalSizes(1, 3, 3, 3, 0, 1)
    with pytest.raises(ValueError, match="quotient_bits"):
        RetrievalSizes(2, 2, 3, 3, -1, 1)
