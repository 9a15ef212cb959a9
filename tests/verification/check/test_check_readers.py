"""The checker's readers refuse every file that has not exactly one reading, and never crash."""

from __future__ import annotations

import json
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import Built, build
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.network import load_network
from tests.construction.ball_points import dataset_of, wrong_points
from tests.verification.check.check_files import Answer, Files, run

HALF = Fraction(1, 2)
SMALL = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4]], [1, 2, 3, 2])
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def one() -> Built:
    return build("parallel_balls", SMALL, HALF)


@pytest.fixture
def files(one: Built, tmp_path: Path) -> Files:
    """Return files that are VERIFIED."""
    found = Files(tmp_path)
    assert found.write(SMALL, one.network, one.certificate).verified
    return found


def arrays_of(files: Files, which: str) -> Arrays:
    """Return the arrays of the dataset or the network file."""
    return files.arrays(files.dataset if which == "dataset" else files.network)


def rewritten(files: Files, one: Built, which: str, arrays: Arrays) -> Answer:
    """Write the dataset or network file with other arrays and check with fresh digests."""
    with open(files.dataset if which == "dataset" else files.network, "wb") as handle:
        np.savez(handle, **arrays)
    return files.certify(one.certificate)


def with_arrays(files: Files, one: Built, which: str, **arrays: np.ndarray) -> Answer:
    """Replace some arrays of a file and check."""
    return rewritten(files, one, which, arrays_of(files, which) | arrays)


# An array whose header never closes its brackets.
OPEN = b"\x93NUMPY\x01\x00\x06\x00(((((\n"
FIELDS = (
    *(("dataset", name) for name in ("format", "points", "exponent", "labels")),
    *(
        ("network", name)
        for name in (
            *("format", "widths", "activation", "exponent"),
            *("entries", "weight_index", "weight", "weight_words", "bias", "bias_words"),
        )
    ),
)


@pytest.mark.parametrize("which", ["dataset", "network"])
def test_digests_of_other_files_are_named(which: str, files: Files, one: Built) -> None:
    answer = files.certify(one.certificate, **{f"{which}_sha256": "0" * 64})
    assert f"the certificate is about another {which}" in answer.reason


@pytest.mark.parametrize("which", ["dataset", "network", "certificate"])
def test_files_cut_short_anywhere_are_rejected(which: str, files: Files) -> None:
    path: Path = getattr(files, which)
    whole = path.read_bytes()
    for length in [*range(0, 80), *range(80, len(whole), max(len(whole) // 50, 1)), -2, -3]:
        path.write_bytes(whole[:length] if length >= 0 else whole[: len(whole) + length])
        assert not files.check().verified
    path.unlink()
    assert "damaged" in files.check().reason or "not a certificate" in files.check().reason


@pytest.mark.parametrize("which", ["dataset", "network"])
def test_cut_files_with_fresh_digests_are_called_damaged(
    which: str, files: Files, one: Built
) -> None:
    path: Path = getattr(files, which)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(len(whole) // 40, 1)):
        path.write_bytes(whole[:length])
        assert "truncated or damaged" in files.certify(one.certificate).reason


@pytest.mark.parametrize("which", ["dataset", "network"])
def test_other_packing_and_broken_headers_are_called_damaged(
    which: str, files: Files, one: Built
) -> None:
    path: Path = getattr(files, which)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for packing, member in ((zipfile.ZIP_LZMA, {}), (zipfile.ZIP_STORED, {"exponent.npy": OPEN})):
        with zipfile.ZipFile(path, "w", packing) as archive:
            for name, content in {**members, **member}.items():
                archive.writestr(name, content)
        assert "truncated or damaged" in files.certify(one.certificate).reason


@pytest.mark.parametrize("which", ["dataset", "network"])
def test_damaged_bytes_never_pass_as_another_network(which: str, files: Files, one: Built) -> None:
    path: Path = getattr(files, which)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    before = files.arrays(path)
    for position in generator.choice(len(whole), 80, replace=False):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(bytes(damaged))
        if files.certify(one.certificate).verified:
            after = files.arrays(path)
            read = [name for w, name in FIELDS if w == which]
            assert all(np.array_equal(after[name], before[name]) for name in read)


def test_damaged_certificates_never_crash_the_checker(files: Files) -> None:
    whole = files.certificate.read_bytes()
    generator = np.random.default_rng(1)
    for position in generator.choice(len(whole), 100):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(generator.integers(8))
        files.certificate.write_bytes(bytes(damaged))
        assert files.check().code in (0, 1)


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "null", '"x"', "{}", "[" * 100_000, '{"format": "x"}', "\xff", "NaN"]
)
def test_texts_that_are_no_certificate_are_rejected(text: str, files: Files) -> None:
    files.certificate.write_text(text, encoding="latin-1")
    assert "not a certificate" in files.check().reason or "unknown format" in files.check().reason


def test_exchanged_files_are_rejected(files: Files) -> None:
    a, b, c = files.dataset, files.network, files.certificate
    for order in ((b, a, c), (a, a, c), (b, b, c), (c, b, a), (a, c, b), (c, c, c), (a, b, a)):
        assert not run(*order).verified


@pytest.mark.parametrize("which", ["dataset", "network"])
def test_another_format_is_rejected(which: str, files: Files, one: Built) -> None:
    for name in ("", "relu-network 1", "separated-dataset 2", "relu-network 2 "):
        answer = with_arrays(files, one, which, format=np.array(name))
        assert "not a" in answer.reason


def test_another_certificate_format_is_rejected(files: Files, one: Built) -> None:
    answer = files.certify(one.certificate, format="robustness-certificate 1")
    assert "unknown format" in answer.reason


@pytest.mark.parametrize(("which", "name"), FIELDS)
def test_a_missing_array_is_a_rejection(which: str, name: str, files: Files, one: Built) -> None:
    arrays = arrays_of(files, which)
    del arrays[name]
    assert not rewritten(files, one, which, arrays).verified


@pytest.mark.parametrize(("which", "name"), [f for f in FIELDS if f[1] != "format"])
@pytest.mark.parametrize(
    "kind", ["float64", "uint64", "bool", "complex128", "U20", "S20", "M8[s]", "V8", "i4,i4"]
)
@pytest.mark.filterwarnings("ignore:Casting complex")
def test_arrays_of_another_kind_are_rejected(
    which: str, name: str, kind: str, files: Files, one: Built
) -> None:
    old = arrays_of(files, which)[name]
    plain = kind not in ("V8", "i4,i4")
    new = old.astype(kind) if plain else np.zeros(old.shape, dtype=kind)
    assert not with_arrays(files, one, which, **{name: new}).verified


@pytest.mark.parametrize(("which", "name"), [f for f in FIELDS if f[1] != "format"])
def test_arrays_of_another_shape_are_rejected(
    which: str, name: str, files: Files, one: Built
) -> None:
    original = arrays_of(files, which)
    old = original[name]
    other = np.array(7) if old.ndim else np.zeros((2, 2), dtype=np.int64)
    for new in (old[None], old[..., None, None], old.reshape(-1)[:0], other, np.tile(old, 2)):
        if new.shape != old.shape:
            answer = rewritten(files, one, which, original | {name: new})
            assert not answer.verified, new.shape


def test_weights_stored_out_of_order_under_unsigned_positions_are_rejected(
    files: Files, one: Built
) -> None:
    """Differences of unsigned positions wrap around, so that nothing looks out of order."""
    arrays = arrays_of(files, "network")
    index, words = arrays["weight_index"], arrays["weight"]
    arrays["weight_index"] = np.concatenate([index[[1]], index]).astype(np.uint64)
    arrays["weight"] = np.concatenate([words[[1]] + 1000, words])
    arrays["weight_words"] = np.insert(arrays["weight_words"], 0, 1)
    arrays["entries"][0] += 1
    assert not rewritten(files, one, "network", arrays).verified


@pytest.mark.parametrize("name", ["widths", "entries", "exponent", "weight_index", "weight"])
def test_another_number_anywhere_in_a_file_is_rejected_or_harmless(
    name: str, files: Files, one: Built
) -> None:
    original = arrays_of(files, "network")
    for position in range(len(original[name])):
        for value in (-1, 0, 1 << 40, -(1 << 62), np.iinfo(np.int64).min):
            array = original[name].copy()
            array[position] = value
            if np.array_equal(array, original[name]):
                continue
            if rewritten(files, one, "network", original | {name: array}).verified:
                assert name == "weight"
                assert wrong_points(load_network(files.network), SMALL, HALF) == []


def test_negative_entry_counts_are_rejected(files: Files, one: Built) -> None:
    entries = arrays_of(files, "network")["entries"]
    entries[0] += 1 + entries[1]
    entries[1] = -1
    assert "do not fit" in with_arrays(files, one, "network", entries=entries).reason


def test_threshold_layers_are_rejected(files: Files, one: Built) -> None:
    activation = arrays_of(files, "network")["activation"]
    activation[0] = 1
    answer = with_arrays(files, one, "network", activation=activation)
    assert "must be a ReLU" in answer.reason


def test_words_hold_integers_of_any_length_without_wrapping(files: Files, one: Built) -> None:
    original = arrays_of(files, "network")
    word = original["weight"]

    def with_words(words: np.ndarray) -> Answer:
        counts = np.full(len(word), words.shape[1], dtype=np.int32)
        changed = {"weight": words.reshape(-1), "weight_words": counts}
        return rewritten(files, one, "network", original | changed)

    # v = (v - 2^33) + 2 * 2^32
    assert with_words(np.stack([word - (1 << 33), np.full(len(word), 2)], axis=1)).verified
    # v + 2^64 is v where 64-bit integers wrap around.
    wrapped = np.zeros((len(word), 3), dtype=np.int64)
    wrapped[:, 0], wrapped[0, 2] = word, 1
    assert not with_words(wrapped).verified


def test_words_of_full_length_do_not_overflow(files: Files, one: Built) -> None:
    bias = arrays_of(files, "network")["bias"]
    words = np.zeros((len(bias), 40), dtype=np.int64)
    words[:, 0] = bias
    words[0] = np.iinfo(np.int64).max
    counts = np.full(len(bias), 40, dtype=np.int32)
    changed = {"bias": words.reshape(-1), "bias_words": counts}
    assert not with_arrays(files, one, "network", **changed).verified


def test_stored_zeros_are_rejected_as_the_project_s_own_reader_does(
    files: Files, one: Built
) -> None:
    built = build("parallel_balls", SMALL, HALF, options={"projection": "identity"})
    assert files.write(SMALL, built.network, built.certificate).verified
    arrays = arrays_of(files, "network")
    first = arrays["weight_index"][: arrays["entries"][0]].tolist()
    free = next(i for i in range(len(first) + 1) if i not in first)
    arrays["weight_index"] = np.insert(arrays["weight_index"], free, free)
    arrays["weight"] = np.insert(arrays["weight"], free, 0)
    arrays["weight_words"] = np.insert(arrays["weight_words"], free, 1)
    arrays["entries"][0] += 1
    assert "zero" in rewritten(files, built, "network", arrays).reason
    with pytest.raises(ValueError, match="nonzero"):
        load_network(files.network)


def test_two_arrays_of_one_name_are_rejected(files: Files, one: Built) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(files.network, "a") as archive:
            archive.writestr("bias.npy", archive.read("bias.npy"))
    assert "same name" in files.certify(one.certificate).reason


@pytest.mark.parametrize("labels", [[1, 2, 4, 2], [1, 1, 1, 1], [0, 1, 2, 1], [1, 2, -3, 2]])
def test_labels_that_are_not_1_to_C_are_rejected(
    labels: list[int], files: Files, one: Built
) -> None:
    answer = with_arrays(files, one, "dataset", labels=np.array(labels))
    assert "labels must be 1..C" in answer.reason


@pytest.mark.parametrize("label", [1 << 31, 1 << 32, (1 << 63) - 1, 3 + (1 << 32)])
def test_huge_labels_are_rejected(label: int, files: Files, one: Built) -> None:
    labels = np.array([1, 2, label, 2])
    answer = with_arrays(files, one, "dataset", labels=labels)
    assert "labels must be 1..C" in answer.reason


def test_labels_that_are_no_integers_are_not_rounded(files: Files, one: Built) -> None:
    answer = with_arrays(files, one, "dataset", labels=SMALL.y + 0.5)
    assert "labels" in answer.reason


@pytest.mark.parametrize("labels", [[1, 2, 3, 2], [2, 2, 3, 1]])
def test_points_that_coincide_are_rejected(labels: list[int], files: Files, one: Built) -> None:
    points = arrays_of(files, "dataset")["points"]
    points[3] = points[1]
    answer = with_arrays(files, one, "dataset", points=points, labels=np.array(labels))
    assert "pairwise distinct" in answer.reason


def test_numbers_beyond_any_data_are_refused_at_once(files: Files, one: Built) -> None:
    for exponent in (1 << 40, -(1 << 40), np.iinfo(np.int64).min):
        answer = with_arrays(files, one, "dataset", exponent=np.array(exponent))
        assert "exponent" in answer.reason


def test_a_plain_array_file_is_no_dataset(files: Files) -> None:
    with open(files.dataset, "wb") as handle:
        np.save(handle, np.arange(4))
    assert "damaged" in files.check().reason


def test_a_network_for_other_inputs_or_outputs_is_rejected(files: Files, one: Built) -> None:
    wider = SeparatedDataset(
        "wider", DyadicArray(np.pad(SMALL.X.numerators, ((0, 0), (0, 1))), 0), SMALL.y
    )
    assert "R^d to R" in files.write(wider, one.network, one.certificate).reason
    headless = type(one.network).relu(*one.network.layers[:-1])
    assert "R^d to R" in files.write(SMALL, headless, one.certificate).reason


def test_repeated_keys_in_a_certificate_do_not_hide_the_ratio(files: Files) -> None:
    """Whatever reading JSON gives a repeated key, the ratio printed is the one proved."""
    document = json.loads(files.certificate.read_text())
    text = json.dumps(document)[:-1] + ', "rho": "1/4"}'
    files.certificate.write_text(text)
    answer = files.check()
    assert not answer.verified or "rho = 1/4 " in answer.text
