"""Where and how training runs: device by name, random streams, deterministic algorithms."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.data import generator


def training_device(name: str) -> torch.device:
    """Return the device: `auto` takes a GPU if there is one.

    Raises:
        ValueError: if the name is unknown, or `cuda` is asked for and missing.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name != "cuda":
        raise ValueError(f"device must be auto, cpu or cuda, got {name!r}")
    if not available:
        raise ValueError("device cuda was asked for, but torch finds no CUDA device")
    return torch.device("cuda")


def torch_generator(seed: int, name: str) -> torch.Generator:
    """Return the named stream of a run's seed as a torch generator on the CPU."""
    return torch.Generator().manual_seed(int(generator(seed, "train", name).integers(2**63)))


@contextmanager
def deterministic_algorithms() -> Iterator[None]:
    """Run a block with torch's deterministic algorithms, which fail rather than vary."""
    # cuBLAS is deterministic only with a fixed workspace, read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
