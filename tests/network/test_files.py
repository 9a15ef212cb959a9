"""Network files: identity, bytes, damage."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.network import ReLUNetwork, load_network, save_network
from tests.cases import BIG, MIXED, TENT
from tests.network.laws import networks


@settings(max_examples=40)
@given(networks())
def test_load_of_save_is_the_identity(network: ReLUNetwork) -> None:
    with TemporaryDirectory() as folder:
        first, second = Path(folder) / "a.npz", Path(folder) / "b.npz"
        save_network(first, network)
        loaded = load_network(first)
        save_network(second, loaded)
        assert first.read_bytes() == second.read_bytes()
    assert loaded.activations == network.activations
    for mine, theirs in zip(loaded.layers, network.layers, strict=True):
        assert mine.exponent == theirs.exponent
        assert mine.weight.shape == theirs.weight.shape
        assert mine.weight.index.tolist() == theirs.weight.index.tolist()
        assert mine.weight.values.tolist() == theirs.weight.values.tolist()
        assert mine.bias.tolist() == theirs.bias.tolist()


def test_equal_networks_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_network(tmp_path / name, MIXED)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    save_network(tmp_path / "c", TENT)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_network_file_truncated_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.npz"
    save_network(path, BIG)
    content = path.read_bytes()
    for length in [*range(0, len(content), 61), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="truncated or not a relu-network 2 file"):
            load_network(path)


@pytest.mark.parametrize(
    "array",
    [
        *("widths", "activation", "exponent", "entries", "weight_index"),
        *("weight", "weight_words", "bias", "bias_words"),
    ],
)
def test_a_network_file_without_an_array_is_refused(array: str, tmp_path: Path) -> None:
    save_network(tmp_path / "n.npz", TENT)
    with np.load(tmp_path / "n.npz") as data:
        arrays = {name: data[name] for name in data.files if name != array}
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match="m.npz"):
        load_network(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("array", "change"),
    [
        ("widths", lambda a: a[:-1]),
        ("widths", lambda a: a + 1),
        ("entries", lambda a: a - 1),
        ("entries", lambda a: a + 1),
        ("weight_index", lambda a: a + 100),
        ("weight", lambda a: a[:-1]),
        ("weight", lambda a: a * 0),
        ("weight_words", lambda a: a[:-1]),
        ("weight_words", lambda a: a + 1),
        ("weight_words", lambda a: np.arange(len(a)) * 0 + [len(a), *[0] * (len(a) - 1)]),
        ("bias_words", lambda a: a * 0),
        ("bias", lambda a: a[:-1]),
        ("activation", lambda a: a + 2),
        ("activation", lambda a: a[:0]),
        ("exponent", lambda a: a[:0]),
        ("exponent", lambda a: a.astype(float)),
    ],
)
def test_a_network_file_of_arrays_that_do_not_fit_is_refused(
    array: str, change: object, tmp_path: Path
) -> None:
    save_network(tmp_path / "n.npz", TENT)
    with np.load(tmp_path / "n.npz") as data:
        arrays = {name: data[name] for name in data.files}
    arrays[array] = change(arrays[array])  # type: ignore[operator]
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match="damaged|outside|nonzero"):
        load_network(tmp_path / "m.npz")


def test_a_dataset_file_is_no_network_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", format=np.array("separated-dataset 1"))
    with pytest.raises(ValueError, match="has format 'separated-dataset 1', expected 'relu-netw"):
        load_network(tmp_path / "d.npz")
