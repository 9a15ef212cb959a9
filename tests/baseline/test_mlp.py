"""Normalization is folded into the network exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.baseline.mlp import Normalization, exact_network
from pipeline.baseline.stack import NetworkSpec
from pipeline.exact import DyadicArray
from tests.baseline.cases import clusters, stack_of


def module_of(width: int, seed: int) -> torch.nn.Sequential:
    return stack_of([NetworkSpec(width, 3, seed)]).module(0)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 40), st.sampled_from([2.0**-30, 1.0, 3.0, 2.0**40]))
def test_folding_the_normalization_is_exact(seed, C, scale):
    dataset = clusters(max(C, 4), C, scale)
    normalization = Normalization.of_dataset(dataset, 0.25 * scale)
    module = module_of(3, seed)
    bare = exact_network(module, normalization)
    # The same in fractions, from the module's own weights.
    shift = [Fraction(2) ** int(s) for s in normalization.shift]
    centre = normalization.centre.fractions()
    rng = np.random.default_rng(seed)
    point = DyadicArray(rng.integers(-(2**40), 2**40, (1, 4)), dataset.X.exponent)
    a = [(x - c) * s for x, c, s in zip(point.fractions()[0], centre, shift, strict=True)]
    for number, part in enumerate(m for m in module if isinstance(m, torch.nn.Linear)):
        if number:
            a = [max(v, Fraction(0)) for v in a]
        weight, bias = part.weight.tolist(), part.bias.tolist()
        a = [
            sum(Fraction(w) * v for w, v in zip(row, a, strict=True)) + Fraction(b)
            for row, b in zip(weight, bias, strict=True)
        ]
    expected = a[0] * Fraction(2) ** normalization.unit + normalization.middle
    assert bare.evaluate_exact(point).fractions()[0, 0] == expected


def test_targets_and_tolerance_match_the_labels():
    for C in (2, 3, 10, 1000):
        dataset = clusters(max(C, 4), C)
        normalization = Normalization.of_dataset(dataset, 1.0)
        targets = normalization.targets(np.arange(1, C + 1))
        # Dyadic numbers of a few bits: no rounding.
        assert (np.diff(targets) == 2 * normalization.half_gap).all()
        assert np.abs(targets).max() <= 2


def test_module_and_exact_network_agree_in_floats():
    dataset = clusters()
    normalization = Normalization.of_dataset(dataset, 0.5)
    module = module_of(8, 1)
    exact = exact_network(module, normalization).evaluate_exact(dataset.X).nearest_float64()
    inputs = torch.as_tensor(normalization.inputs(dataset.X))
    with torch.no_grad():
        floats = module.double()(inputs).numpy() * 2.0**normalization.unit
    # float64 rounds each of the module's sums.
    assert np.allclose(exact, floats + float(normalization.middle), rtol=1e-12)
