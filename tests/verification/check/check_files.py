"""Write a case to files, run the checker's main on it in this process, read its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.construction import Certificate
from pipeline.data import SeparatedDataset, save_dataset
from pipeline.exact import digest_of_file
from pipeline.network import Activation, Affine, ReLUNetwork, SparseIntegers, save_network
from pipeline.verification.check.__main__ import main
from pipeline.verification.check.balls import Claim, Findings
from pipeline.verification.check.egosi2025 import check_egosi2025
from pipeline.verification.check.halving_lattice import check_halving_lattice
from pipeline.verification.check.lattice import check_lattice
from pipeline.verification.check.lattice_stages import check_lattice_stages
from pipeline.verification.check.masked_stages import check_masked_stages
from pipeline.verification.check.parallel_balls import check_parallel_balls
from pipeline.verification.check.readers import Layer, Network
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.vardi2022 import check_vardi2022
from pipeline.verification.check.voting import check_voting
from pipeline.verification.check.yu2024 import check_yu2024

Document = dict[str, Any]
CHECKS = {
    "egosi2025": check_egosi2025,
    "halving_lattice": check_halving_lattice,
    "lattice": check_lattice,
    "lattice_stages": check_lattice_stages,
    "masked_stages": check_masked_stages,
    "parallel_balls": check_parallel_balls,
    "vardi2022": check_vardi2022,
    "voting": check_voting,
    "yu2024": check_yu2024,
}


@dataclass(frozen=True)
class Answer:
    """Exit code and what was printed."""

    code: int
    text: str

    @property
    def verified(self) -> bool:
        """Whether the checker said VERIFIED; exit code and last line must agree."""
        last = self.text.splitlines()[-1]
        assert last.startswith(("VERIFIED: ", "REJECTED: ")), self.text
        assert (self.code == 0) == last.startswith("VERIFIED: ")
        assert len(re.findall("^VERIFIED", self.text, re.MULTILINE)) == (self.code == 0)
        return self.code == 0

    @property
    def reason(self) -> str:
        """The reason of a rejection."""
        assert not self.verified
        return self.text.splitlines()[-1].removeprefix("REJECTED: ")


@dataclass(frozen=True)
class Files:
    """Paths of dataset, network and certificate in one folder."""

    folder: Path

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset.npz"

    @property
    def network(self) -> Path:
        return self.folder / "network.npz"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.json"

    def write(
        self,
        dataset: SeparatedDataset,
        network: ReLUNetwork,
        certificate: Certificate,
        structure: Document | None = None,
        **fields: Any,
    ) -> Answer:
        """Write all three files, the certificate changed last, and check them."""
        save_dataset(self.dataset, dataset)
        save_network(self.network, network)
        return self.certify(certificate, structure, **fields)

    def certify(
        self,
        certificate: Certificate,
        structure: Document | None = None,
        without: str = "",
        **fields: Any,
    ) -> Answer:
        """Write the certificate with the digests of the files as they are, changed, and check.

        Args:
            certificate: the true one.
            structure: new values of fields of its structure.
            without: a field to leave out.
            fields: new values of the other fields.
        """
        text = certificate.to_json(digest_of_file(self.dataset), digest_of_file(self.network))
        document = json.loads(text)
        document["structure"].update(structure or {})
        document.update(fields)
        document["structure"].pop(without, None)
        document.pop(without, None)
        self.certificate.write_text(json.dumps(document), encoding="utf-8")
        return self.check()

    def check(self) -> Answer:
        """Run the checker on the files as they are."""
        return run(self.dataset, self.network, self.certificate)

    def arrays(self, path: Path) -> dict[str, np.ndarray]:
        """Return the arrays of one of the NPZ files."""
        with np.load(path) as data:
            return {name: data[name] for name in data.files}


def run(*arguments: Path | str) -> Answer:
    """Run the checker's main; any exception is a failure of the test."""
    printed = StringIO()
    with redirect_stdout(printed):
        code = main([str(a) for a in arguments])
    return Answer(code, printed.getvalue())


def layers_as_read(network: ReLUNetwork) -> tuple[Layer, ...]:
    """Return the layers of a network as the checker's reader returns them."""
    return tuple(map(_as_read, network.layers, [*network.activations, None]))


# Networks with one entry changed share all other layers.
@lru_cache(maxsize=1024)
def _as_read(a: Affine, kind: Activation | tuple[Activation, ...] | None) -> Layer:
    kinds = kind if isinstance(kind, tuple) else (kind,) * a.outputs
    arrays = (
        a.weight.rows,
        a.weight.columns,
        a.weight.values.astype(object),
        a.bias.astype(object),
        np.array([each is Activation.THRESHOLD for each in kinds], dtype=bool),
    )
    for array in arrays:
        array.setflags(write=False)
    rows, columns, values, bias, thresholds = arrays
    return Layer(a.inputs, a.outputs, rows, columns, values, bias, a.exponent, thresholds)


def in_memory(network: ReLUNetwork) -> Network:
    """Return the network as the checker reads it, without a file."""
    return Network(layers_as_read(network), "")


def findings_in_memory(
    network: ReLUNetwork, name: str, structure: Document, claim: Claim
) -> Findings | str:
    """Return the checker's findings on a network not written to a file, or why it rejects it."""
    try:
        findings = CHECKS[name](in_memory(network), structure, claim)
    except Rejected as rejection:
        return str(rejection)
    assert (findings.reason == "") == bool(findings.verified.all())
    return findings


def reason_in_memory(network: ReLUNetwork, name: str, structure: Document, claim: Claim) -> str:
    """Return the checker's reason against a network that is not written to a file, or ""."""
    findings = findings_in_memory(network, name, structure, claim)
    return findings if isinstance(findings, str) else findings.reason


@dataclass(frozen=True)
class Entry:
    """One weight (row-major position) or bias of one layer, with its integer value."""

    layer: int
    position: int
    is_bias: bool
    value: int


def nonzero_entries(network: ReLUNetwork) -> Iterator[Entry]:
    """Yield every nonzero weight and bias."""
    for number, layer in enumerate(network.layers):
        for position, value in zip(layer.weight.index, layer.weight.values, strict=True):
            yield Entry(number, int(position), False, int(value))
        for position, value in enumerate(layer.bias):
            if value:
                yield Entry(number, position, True, int(value))


def zero_entries(network: ReLUNetwork, step: int) -> Iterator[Entry]:
    """Yield every `step`-th zero weight and bias, and at least one of each layer that has one."""
    for number, layer in enumerate(network.layers):
        held = set(layer.weight.index.tolist())
        size = layer.inputs * layer.outputs
        zeros = [Entry(number, i, False, 0) for i in range(size) if i not in held]
        zeros += [Entry(number, i, True, 0) for i, v in enumerate(layer.bias) if not v]
        yield from zeros[number % step :: step] or zeros[:1]


def changed(network: ReLUNetwork, entry: Entry, value: int, finer: int = 0) -> ReLUNetwork:
    """Return the network with one entry set to value * 2**(exponent - finer)."""
    layer = network.layers[entry.layer]
    layer = layer.at_exponent(layer.exponent - finer)
    weight, bias = layer.weight, layer.bias.astype(object)
    if entry.is_bias:
        bias[entry.position] = value
    else:
        dense = weight.dense().astype(object).reshape(-1)
        dense[entry.position] = value
        weight = SparseIntegers.from_dense(dense.reshape(weight.shape))
    layers = list(network.layers)
    layers[entry.layer] = Affine(weight, bias, layer.exponent)
    return ReLUNetwork(tuple(layers), network.activations)
