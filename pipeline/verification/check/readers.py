"""Readers of the three files (docs/format.md), written independently of the writers."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.verification.check.rejection import Rejected

_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
# Powers of two beyond this are no data: refuse them instead of computing them.
_LARGEST_EXPONENT = 1 << 16


@dataclass(frozen=True)
class Dataset:
    """Points n * 2**exponent, shape (N, d) of Python integers, and labels 1..C."""

    name: str
    points: np.ndarray
    exponent: int
    labels: np.ndarray
    sha256: str


@dataclass(frozen=True)
class Layer:
    """One affine map: sorted nonzero entries and the bias, all times 2**exponent.

    `thresholds` says which of its neurons are thresholds (1 if u >= 0 else 0) and not ReLUs; after
    the last layer nothing is applied.
    """

    inputs: int
    outputs: int
    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    bias: np.ndarray
    exponent: int
    thresholds: np.ndarray


@dataclass(frozen=True)
class Network:
    """Affine maps with ReLU or threshold neurons in between."""

    layers: tuple[Layer, ...]
    sha256: str

    def require_relu(self) -> None:
        """Check that every hidden neuron is a ReLU.

        Raises:
            Rejected: if one is a threshold.
        """
        for number, layer in enumerate(self.layers, 1):
            if layer.thresholds.any():
                raise Rejected(f"layer {number}: every hidden neuron must be a ReLU")


@dataclass(frozen=True)
class Certificate:
    """The claimed structure, with the digests of the files it speaks about.

    Args:
        construction: for the reader.
        check: which check reads the structure.
        claim: "balls", "error" or "points".
        eta: the claimed error, None for the other claims.
        rho: robustness ratio.
        p: norm of the balls.
        structure: what the check looks for.
        dataset_sha256: digest of the dataset's file.
        network_sha256: digest of the network's file.
    """

    construction: str
    check: str
    claim: str
    eta: Fraction | None
    rho: Fraction
    p: float
    structure: dict[str, Any]
    dataset_sha256: str
    network_sha256: str


def read_dataset(path: Path) -> Dataset:
    """Return the dataset in a file; Rejected if it breaks the rules of Section 2.2.

    Raises:
        Rejected: if the file is damaged or breaks the rules of Section 2.2.
    """
    arrays, digest = read_arrays(path, "separated-dataset 1")
    points = _integers(arrays, "points", 2)
    labels = int64_array(arrays, "labels")
    if points.shape[1] < 1:
        raise Rejected(f"{path}: points need at least one coordinate")
    if labels.shape != (len(points),):
        raise Rejected(f"{path}: {points.shape} points do not fit {labels.shape} labels")
    classes = np.unique(labels)
    if len(classes) < 2 or not np.array_equal(classes, np.arange(1, len(classes) + 1)):
        raise Rejected(f"{path}: labels must be 1..C with every class present and C >= 2")
    if len({tuple(point) for point in points.tolist()}) < len(points):
        raise Rejected(f"{path}: points must be pairwise distinct (Section 2.2)")
    exponent = _exponents(arrays, 0)
    return Dataset(str(arrays["name"]), points, int(exponent), labels, digest)


def read_network(path: Path) -> Network:
    """Return the network in a file.

    Raises:
        Rejected: if the file is damaged, shapes do not fit, or an activation is unknown.
    """
    arrays, digest = read_arrays(path, "relu-network 2")
    widths, entries = (int64_array(arrays, name).tolist() for name in ("widths", "entries"))
    index, exponents = int64_array(arrays, "weight_index"), _exponents(arrays, 1)
    values, bias = _entries(arrays, "weight"), _entries(arrays, "bias")
    activation = int64_array(arrays, "activation")
    depth = len(widths) - 1
    if depth < 1 or min(widths) < 1 or len(entries) != depth or len(exponents) != depth:
        raise Rejected(f"{path}: layer sizes do not fit together")
    if min(entries) < 0:
        raise Rejected(f"{path}: layer sizes do not fit together")
    if sum(entries) != len(values) or len(index) != len(values) or sum(widths[1:]) != len(bias):
        raise Rejected(f"{path}: numbers of weights or biases do not fit the layer sizes")
    hidden = sum(widths[1:-1])
    if len(activation) != hidden or np.any((activation != 0) & (activation != 1)):
        raise Rejected(f"{path}: every hidden neuron must be a ReLU (0) or a threshold (1)")
    thresholds = np.concatenate([activation == 1, np.zeros(widths[-1], dtype=bool)])
    layers, start, offset = [], 0, 0
    for number in range(depth):
        inputs, outputs = widths[number], widths[number + 1]
        part = slice(start, start + entries[number])
        flat = index[part]
        if len(flat) and (
            flat[0] < 0 or flat[-1] >= inputs * outputs or np.any(flat[1:] <= flat[:-1])
        ):
            raise Rejected(f"{path}: layer {number + 1} has entries out of place")
        if np.any(values[part] == 0):
            raise Rejected(f"{path}: layer {number + 1} stores a zero among its nonzero entries")
        layers.append(
            Layer(
                inputs,
                outputs,
                flat // inputs,
                flat % inputs,
                values[part],
                bias[offset : offset + outputs],
                int(exponents[number]),
                thresholds[offset : offset + outputs],
            )
        )
        start, offset = start + entries[number], offset + outputs
    return Network(tuple(layers), digest)


def read_certificate(path: Path) -> Certificate:
    """Return the certificate in a file; Rejected if rho, p or a field is not readable.

    Raises:
        Rejected: if the file is damaged, or rho or p is out of range.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document["format"] != "robustness-certificate 2":
            raise Rejected(f"{path}: unknown format {document['format']!r}")
        rho, p = rational(document["rho"]), str(document["p"])
        eta = document["eta"]
        certificate = Certificate(
            str(document["construction"]),
            str(document["check"]),
            str(document["claim"]),
            None if eta is None else rational(eta),
            rho,
            float("inf") if p == "inf" else int(p),
            dict(document["structure"]),
            str(document["dataset_sha256"]),
            str(document["network_sha256"]),
        )
    except _UNREADABLE as error:
        raise Rejected(f"{path}: truncated or not a certificate ({error})") from None
    if not 0 < certificate.rho < 1:
        raise Rejected(f"rho must lie in (0, 1), got {certificate.rho} (Definition 2.2)")
    if certificate.claim not in ("balls", "error", "points"):
        raise Rejected(f"the claim must be balls, error or points, got {certificate.claim!r}")
    eta = certificate.eta
    if (eta is not None) != (certificate.claim == "error") or (eta is not None and not 0 < eta < 1):
        raise Rejected(f"the claim {certificate.claim!r} does not go with eta = {eta}")
    if certificate.p < 1:
        raise Rejected(f"p must be at least 1, got {p}")
    return certificate


def rational(text: object) -> Fraction:
    """Return the rational written as "n" or "n/d".

    Other notations are refused: "1e999999999" would be computed for ever.

    Raises:
        ValueError: for any other text.
    """
    if not re.fullmatch(r"-?[0-9]+(/0*[1-9][0-9]*)?", str(text)):
        raise ValueError(f"a rational must be written n or n/d, got {str(text)[:60]!r}")
    return Fraction(str(text))


def read_arrays(path: Path, expected: str) -> tuple[dict[str, np.ndarray], str]:
    """Return the arrays in a file of the expected format, and the file's SHA-256.

    Raises:
        Rejected: if it is damaged, of another format, or names an array twice.
    """
    try:
        content = Path(path).read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # The array `bias` may stand in a member bias or bias.npy: readers differ on which.
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            packings = {member.compress_type for member in archive.infolist()}
        if not packings <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise Rejected(f"{path}: truncated or damaged (arrays neither stored nor deflated)")
        with np.load(io.BytesIO(content), allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except _UNREADABLE as error:
        raise Rejected(f"{path}: missing, truncated or damaged ({error})") from None
    if len(set(names)) < len(names):
        raise Rejected(f"{path}: two arrays have the same name")
    if str(arrays.get("format")) != expected:
        raise Rejected(f"{path}: not a {expected!r} file")
    return arrays, hashlib.sha256(content).hexdigest()


def _array(arrays: dict[str, np.ndarray], name: str, dimension: int) -> np.ndarray:
    """Return a signed integer array of the given dimension: no other kind has one reading.

    Raises:
        Rejected: if it is missing or of another kind.
    """
    if name not in arrays:
        raise Rejected(f"the array {name!r} is missing")
    array = arrays[name]
    if array.dtype.kind != "i" or array.ndim != dimension:
        raise Rejected(
            f"{name}: signed integers in {dimension} dimensions expected, got {array.dtype} in "
            f"{array.ndim}"
        )
    return array


def int64_array(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return a one-dimensional array of signed integers.

    Raises:
        Rejected: if it is missing or of another kind.
    """
    return _array(arrays, name, 1).astype(np.int64)


def _exponents(arrays: dict[str, np.ndarray], dimension: int) -> np.ndarray:
    exponents = _array(arrays, "exponent", dimension).astype(np.int64)
    if not all(abs(e) <= _LARGEST_EXPONENT for e in exponents.reshape(-1).tolist()):
        raise Rejected(f"exponents must lie within +-{_LARGEST_EXPONENT}")
    return exponents


def _entries(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return Python integers stored one after the other, `name`_words words each.

    Raises:
        Rejected: if the words do not divide so.
    """
    words, counts = int64_array(arrays, name), int64_array(arrays, f"{name}_words")
    if np.any(counts < 1) or sum(counts.tolist()) != len(words):
        raise Rejected(f"{name}: {len(words)} words do not divide into {len(counts)} integers")
    ends = np.cumsum(counts)
    values = words[ends - counts].astype(object)
    for k in np.flatnonzero(counts > 1).tolist():
        total = 0
        for word in reversed(words[ends[k] - counts[k] : ends[k]].tolist()):
            total = (total << 32) + word
        values[k] = total
    return values


def _integers(arrays: dict[str, np.ndarray], name: str, dimension: int) -> np.ndarray:
    """Return Python integers sum_l words[..., l] * 2**(32 l)."""
    words = _array(arrays, name, dimension + 1)
    total = np.zeros(words.shape[:-1], dtype=object)
    for level in range(words.shape[-1]):
        total = total + words[..., level].astype(object) * (1 << (32 * level))
    return total
