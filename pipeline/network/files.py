"""Network files (docs/format.md): one NPZ of flat integer arrays, same network -> same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.exact.dyadic import compact
from pipeline.exact.files import load_arrays
from pipeline.exact.words import entries_of_words, words_of_entries
from pipeline.network.affine import Affine, SparseIntegers
from pipeline.network.relu_network import Activation, ReLUNetwork

FORMAT = "relu-network 2"
_ARRAYS = (
    *("widths", "activation", "exponent", "entries", "weight_index"),
    *("weight", "weight_words", "bias", "bias_words"),
)
_KINDS = (Activation.RELU, Activation.THRESHOLD)


def save_network(path: Path | str, network: ReLUNetwork) -> None:
    """Write a network file; equal layers give equal bytes."""
    layers = network.layers
    weight, weight_words = words_of_entries(np.concatenate([a.weight.values for a in layers]))
    bias, bias_words = words_of_entries(np.concatenate([a.bias for a in layers]))
    masks = [network.thresholds(number) for number in range(network.depth - 1)]
    arrays = {
        "format": np.array(FORMAT),
        "widths": np.array([network.inputs] + [a.outputs for a in layers], dtype=np.int64),
        "activation": np.concatenate([np.zeros(0, dtype=bool), *masks]).astype(np.int8),
        "exponent": np.array([a.exponent for a in layers], dtype=np.int64),
        "entries": np.array([len(a.weight.index) for a in layers], dtype=np.int64),
        "weight_index": np.concatenate([a.weight.index for a in layers]),
        "weight": weight,
        "weight_words": weight_words,
        "bias": bias,
        "bias_words": bias_words,
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
    values = entries_of_words(arrays["weight"], arrays["weight_words"])
    bias = entries_of_words(arrays["bias"], arrays["bias_words"])
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
    codes = arrays["activation"].tolist()
    hidden_ends = np.cumsum(widths[1:-1]).tolist()
    starts = [0, *hidden_ends[:-1]] if hidden_ends else []
    activations = tuple(
        tuple(_KINDS[code] for code in codes[start:end])
        for start, end in zip(starts, hidden_ends, strict=True)
    )
    return ReLUNetwork(tuple(layers), activations)


def _require_consistent(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    for name in _ARRAYS:
        if name not in arrays:
            raise ValueError(f"{path} is damaged: it has no array {name!r}")
        if arrays[name].dtype.kind != "i" or arrays[name].ndim != 1:
            raise ValueError(f"{path} is damaged: {name} must be a list of integers")
    depth, entries = len(arrays["widths"]) - 1, int(arrays["entries"].sum())
    lengths = {
        "activation": int(arrays["widths"][1:-1].sum()),
        "exponent": depth,
        "entries": depth,
        "weight_index": entries,
        "weight_words": entries,
        "bias_words": int(arrays["widths"][1:].sum()),
    }
    for name, length in lengths.items():
        if len(arrays[name]) != length:
            raise ValueError(
                f"{path} is damaged: {name} needs length {length}, got {len(arrays[name])}"
            )
    for name in ("weight", "bias"):
        counts = arrays[f"{name}_words"]
        if (counts < 1).any() or int(counts.sum()) != len(arrays[name]):
            raise ValueError(f"{path} is damaged: the words of {name} do not add up")
    if not np.isin(arrays["activation"], range(len(_KINDS))).all():
        raise ValueError(f"{path} is damaged: unknown activation code")
    if (arrays["entries"] < 0).any() or (arrays["widths"] < 1).any():
        raise ValueError(f"{path} is damaged: widths and entry counts cannot be negative")
