"""Devices by name, streams by seed, and deterministic algorithms only inside their block."""

from __future__ import annotations

import pytest
import torch

from pipeline.baseline.devices import deterministic_algorithms, torch_generator, training_device


def draws(seed: int, name: str) -> list[float]:
    return torch.randn(4, generator=torch_generator(seed, name)).tolist()


def test_streams_are_named_and_seeded():
    assert draws(1, "weights") == draws(1, "weights")
    others = [draws(1, "batches"), draws(2, "weights")]
    assert draws(1, "weights") not in others and others[0] != others[1]


def test_deterministic_algorithms_end_with_their_block():
    with pytest.raises(RuntimeError, match="inside"), deterministic_algorithms():
        assert torch.are_deterministic_algorithms_enabled()
        raise RuntimeError("inside")
    assert not torch.are_deterministic_algorithms_enabled()


def test_auto_is_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert training_device("auto").type == expected and training_device("cpu").type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is present")
def test_missing_cuda_is_a_clear_error():
    with pytest.raises(ValueError, match="finds no CUDA device"):
        training_device("cuda")


def test_unknown_devices_are_refused():
    with pytest.raises(ValueError, match="device must be auto, cpu or cuda, got 'tpu'"):
        training_device("tpu")
