"""torch modules and exact networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pipeline.exact import as_dyadic
from pipeline.network import ReLUNetwork
from pipeline.network.torch_bridge import Threshold, network_of_module
from tests.cases import dyadic, layer
from tests.network.laws import RELU, THRESHOLD, naive_output

SMALL = st.integers(-9, 9)


@settings(max_examples=60)
@given(st.data())
def test_float64_agrees_exactly_on_small_integers(data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    layers = []
    for a, b in zip(widths[:-1], widths[1:], strict=True):
        rows = data.draw(st.lists(st.lists(SMALL, min_size=a, max_size=a), min_size=b, max_size=b))
        layers.append(layer(rows, data.draw(st.lists(SMALL, min_size=b, max_size=b))))
    kinds = st.sampled_from([RELU, THRESHOLD])
    count = len(layers) - 1
    activations = data.draw(st.lists(kinds, min_size=count, max_size=count))
    network = ReLUNetwork(tuple(layers), tuple(activations))
    x = tuple(data.draw(st.lists(SMALL, min_size=widths[0], max_size=widths[0])))
    with torch.no_grad():
        output = network.to_torch(torch.float64)(torch.tensor([x], dtype=torch.float64))
    expected = naive_output(network, x)
    assert output[0].tolist() == list(expected)
    assert network.evaluate_exact(dyadic((x,))).fractions()[0].tolist() == list(expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_weight_of_a_module_is_kept_exactly(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4, bias=False), Threshold(), nn.Linear(4, 1)
    ).to(dtype)
    network = network_of_module(module)
    assert network.activations == (RELU, THRESHOLD)
    linear = [part for part in module if isinstance(part, nn.Linear)]
    for exact, part in zip(network.layers, linear, strict=True):
        W, b = exact.dense()
        assert W == as_dyadic(part.weight.detach().numpy())
        bias = np.zeros(part.out_features) if part.bias is None else part.bias.detach().numpy()
        assert b == as_dyadic(bias)


def test_a_network_through_torch_and_back_is_the_same() -> None:
    torch.manual_seed(1)
    network = network_of_module(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)))
    back = network_of_module(network.to_torch(torch.float64))
    for mine, theirs in zip(back.layers, network.layers, strict=True):
        assert mine.dense()[0] == theirs.dense()[0] and mine.dense()[1] == theirs.dense()[1]


def test_other_modules_are_refused() -> None:
    with pytest.raises(
        ValueError, match="only Linear and ReLU layers are exact networks, got GELU"
    ):
        network_of_module(nn.Sequential(nn.Linear(1, 1), nn.GELU(), nn.Linear(1, 1)))
    with pytest.raises(ValueError, match="1 layers need 0 activations, got 1"):
        network_of_module(nn.Sequential(nn.Linear(1, 1), nn.ReLU()))


def test_weights_that_are_not_finite_are_refused() -> None:
    module = nn.Sequential(nn.Linear(1, 1))
    with torch.no_grad():
        module[0].weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="values must be finite, got NaN or infinity"):
        network_of_module(module)
