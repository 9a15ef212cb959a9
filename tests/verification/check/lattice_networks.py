"""Lattice networks made by hand, layer by layer, for attacks that no construction would make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from pipeline.data import SeparatedDataset
from pipeline.gadgets import (
    MemorizerSizes,
    WordSizes,
    floored,
    floored_by_thresholds,
    memorized,
    raised,
)
from pipeline.network import Circuit, Expression, ReLUNetwork
from pipeline.verification.check.balls import Claim, Findings
from pipeline.verification.check.readers import Dataset
from tests.construction.ball_points import dataset_of
from tests.verification.check.check_files import Document, findings_in_memory

Number = int | Fraction


@dataclass(frozen=True)
class Lattice:
    """Rows of W, offsets b, and sizes.

    Args:
        rows: W.
        offsets: b.
        R: cells a coordinate.
        n: layers of the floors.
        q: gamma = 2^-q.
        lipschitz: what the certificate says about ||W||.
        sizes: of the memorizers.
    """

    rows: Sequence[Sequence[Number]]
    offsets: Sequence[Number]
    R: int = 4
    n: int = 2
    q: int = 4
    lipschitz: str = "1"
    sizes: MemorizerSizes = field(default=MemorizerSizes(2, WordSizes(2, 5, 2)))

    @property
    def m(self) -> int:
        return len(self.rows)

    def structure(self) -> Document:
        """Return the true structure."""
        words = self.sizes.words
        return {
            "lipschitz": self.lipschitz,
            "m": self.m,
            "cells_across": self.R,
            "floor_layers": self.n,
            "gamma_bits": self.q,
            "groups": self.sizes.groups,
            "keys_per_group": words.keys,
            "key_bits": words.key_bits,
            "label_bits": words.label_bits,
        }

    def projected(self) -> tuple[Circuit, list[Expression]]:
        """Return z = relu(W x + b)."""
        circuit = Circuit(len(self.rows[0]))
        forms = []
        for row, offset in zip(self.rows, self.offsets, strict=True):
            terms = {k: v for k, v in enumerate(row) if v}
            forms.append(Expression(0, terms, offset))
        return circuit, circuit.hidden(forms)

    def key(self, floors: Sequence[Expression]) -> Expression:
        total = floors[0]
        for j, floor in enumerate(floors[1:], 1):
            total = total + floor * self.R**j
        return total


def single(at: Lattice, translation: Sequence[Number], labels: Mapping[int, int]) -> ReLUNetwork:
    """Return the network of check "lattice"."""
    circuit, z = at.projected()
    moved = circuit.hidden([v - t for v, t in zip(z, translation, strict=True)])
    _, floors = floored(circuit, [], moved, at.n, at.q)
    _, label = memorized(circuit, [], at.key(floors), labels, at.sizes)
    return circuit.network([label])


def stages(
    at: Lattice,
    each: Sequence[tuple[Sequence[Number], Mapping[int, int]]],
    *,
    thresholds: bool = False,
) -> ReLUNetwork:
    """Return the network of check "lattice_stages", a translation and labels a stage."""
    circuit, z = at.projected()
    y, m = circuit.constant(0), at.m
    for translation, labels in each:
        moved = [v - t for v, t in zip(z, translation, strict=True)]
        neurons = circuit.hidden([*z, y, *moved])
        carried, moved = neurons[: m + 1], neurons[m + 1 :]
        if thresholds:
            weights = [at.R**j for j in range(m)]
            carried, key = floored_by_thresholds(circuit, carried, moved, weights, at.n)
        else:
            carried, floors = floored(circuit, carried, moved, at.n, at.q)
            key = at.key(floors)
        carried, label = memorized(circuit, carried, key, labels, at.sizes)
        z, y = raised(circuit, carried[:m], carried[m], label)
    return circuit.network([y])


def stages_structure(at: Lattice, count: int, *, thresholds: bool = False) -> Document:
    """Return the true structure of `stages`."""
    return {**at.structure(), "stages": count, "thresholds": thresholds}


def claim_of(dataset: SeparatedDataset, rho: Fraction, p: int = 2) -> Claim:
    """Return the claim about the dataset's balls, as the checker derives it from files."""
    points = dataset.X.numerators.astype(object)
    data = Dataset(dataset.name, points, dataset.X.exponent, dataset.y, "")
    return Claim(data, dataset.radius_power(rho, p), p)


Each = Sequence[tuple[Sequence[Number], Mapping[int, int]]]

# eps = 1: rho = 1/4 makes balls of radius 1/4.
LINE = dataset_of([[0], [2], [4]], [1, 2, 1])
ON_LINE = Lattice([[1]], [1], R=8, n=3)


def found_in_stages(
    at: Lattice,
    each: Each,
    dataset: SeparatedDataset,
    rho: Fraction,
    *,
    thresholds: bool = False,
    p: int = 2,
    **fields: Any,
) -> Findings:
    """Return what the checker finds on the network of these stages, structure fields changed."""
    network = stages(at, each, thresholds=thresholds)
    structure = {**stages_structure(at, len(each), thresholds=thresholds), **fields}
    findings = findings_in_memory(network, "lattice_stages", structure, claim_of(dataset, rho, p))
    assert isinstance(findings, Findings), findings
    assert findings.error is not None
    for ok, error in zip(findings.verified, findings.error, strict=True):
        assert (error == 0) == ok
    return findings
