"""Network files (docs/format.md): one NPZ of flat integer arrays, same network -> same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.exact.dyadic import compact
from pipeline.exact.files import load_arrays
from pipeline.exact.words import array_of_words, words_of_array
from pipeline.network.affine import Affine, SparseIntegers
from pipeline.network.relu_network import Activation, ReLUNetwork

FORMAT = "relu-network 1"
_CODES = {Activation.RELU: 0, Activation.THRESHOLD: 1}


def save_network(path: Path | str, network: ReLUNetwork) -> None:
    """Write a network file; equal layers give equal bytes."""
    layers = network.layers
    arrays = {
        "format": np.array(FORMAT),
        "widths": np.array([network.inputs] + [a.outputs for a in layers], dtype=np.int64),
        "activation": np.array([_CODES[a] for a in network.activations], dtype=np.int8),
        "exponent": np.array([a.exponent for a in layers], dtype=np.int64),
        "entries": np.array([len(a.weight.index) for a in layers], dtype=np.int64),
        "weight_index": np.concatenate([a.weight.index for a in layers]),
        "weight": words_of_array(np.concatenate([a.weight.values for a in layers])),
        "bias": words_of_array(np.concatenate([a.bias for a in layers])),
    }
    with open(path, "wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]


def load_network(path: Path | str) -> ReLUNetwork:
    """Return the network in a file.

    Raises:
        ValueError: if the file is truncated, damaged or of another format.
    """
    arrays = load_arrays(path, FORMAT)
    _require_consistent(path, arrays)
    widths, counts = arrays["widths"], arrays["entries"]
    values = array_of_words(arrays["weight"])
    bias = array_of_words(arrays["bias"])
    index = arrays["weight_index"]
    ends = np.cumsum(counts)
    bias_ends = np.cumsum(widths[1:])
    layers = []
    for number, (end, bias_end) in enumerate(zip(ends, bias_ends, strict=True)):
        part = slice(int(end - counts[number]), int(end))
        inputs, outputs = int(widths[number]), int(widths[number + 1])
        weight = SparseIntegers((outputs, inputs), index[part], compact(values[part]))
        offset = compact(bias[int(bias_end) - outputs : int(bias_end)])
        layers.append(Affine(weight, offset, int(arrays["exponent"][number])))
    names = {code: activation for activation, code in _CODES.items()}
    activations = tuple(names[int(code)] for code in arrays["activation"])
    return ReLUNetwork(tuple(layers), activations)


def _require_consistent(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    shapes = {"widths": 1, "activation": 1, "exponent": 1, "entries": 1, "weight_index": 1}
    for name, dimensions in (shapes | {"weight": 2, "bias": 2}).items():
        if name not in arrays:
            raise ValueError(f"{path} is damaged: it has no array {name!r}")
        if arrays[name].dtype.kind != "i" or arrays[name].ndim != dimensions:
            raise ValueError(f"{path} is damaged: {name} needs {dimensions} axes of integers")
    depth, entries = len(arrays["widths"]) - 1, int(arrays["entries"].sum())
    lengths = {
        "activation": depth - 1,
        "exponent": depth,
        "entries": depth,
        "weight_index": entries,
        "weight": entries,
        "bias": int(arrays["widths"][1:].sum()),
    }
    for name, length in lengths.items():
        if len(arrays[name]) != length:
            raise ValueError(
                f"{path} is damaged: {name} needs length {length}, got {len(arrays[name])}"
            )
    if not np.isin(arrays["activation"], list(_CODES.values())).all():
        raise ValueError(f"{path} is damaged: unknown activation code")
    if (arrays["entries"] < 0).any() or (arrays["widths"] < 1).any():
        raise ValueError(f"{path} is damaged: widths and entry counts cannot be negative")
