"""The table of cases at every representation: exact, torch float64, file round trip."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.exact import DyadicArray
from pipeline.network import ReLUNetwork, load_network, save_network
from pipeline.network.torch_bridge import network_of_module
from tests.cases import CASES, Case, dyadic

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def torch_outputs(network: ReLUNetwork, X: DyadicArray) -> list[list[float]]:
    with torch.no_grad():
        outputs = network.to_torch(torch.float64)(torch.from_numpy(X.nearest_float64()))
    return outputs.tolist()


@every_case
@pytest.mark.parametrize("workers", [1, 2])
def test_exact_outputs_are_those_known_by_hand(case: Case, workers: int) -> None:
    outputs = case.network.evaluate_exact(case.X, workers)
    assert outputs.fractions().tolist() == [list(row) for row in case.outputs]
    assert outputs == dyadic(case.outputs)


@every_case
def test_float64_agrees_exactly_where_it_does_not_round(case: Case) -> None:
    agrees = torch_outputs(case.network, case.X) == [list(row) for row in case.outputs]
    assert agrees == case.float64_is_exact


@every_case
def test_a_file_round_trip_keeps_every_output_and_count(case: Case, tmp_path: Path) -> None:
    save_network(tmp_path / "n.npz", case.network)
    loaded = load_network(tmp_path / "n.npz")
    assert loaded.evaluate_exact(case.X) == dyadic(case.outputs)
    assert loaded.parameter_count() == case.parameters
    assert loaded.nonzero_count() == case.nonzero
    assert loaded.activations == case.network.activations


@every_case
def test_a_torch_module_is_read_back_exactly(case: Case) -> None:
    back = network_of_module(case.network.to_torch(torch.float64))
    if case.name != "big_integers":
        assert back.evaluate_exact(case.X) == dyadic(case.outputs)
    assert back.activations == case.network.activations


@every_case
def test_counts_and_bits_are_those_known_by_hand(case: Case) -> None:
    assert case.network.parameter_count() == case.parameters
    assert case.network.nonzero_count() == case.nonzero
    assert case.network.bit_complexity == case.bits
