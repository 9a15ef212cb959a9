"""Networks that memorize points: proved at the points, and nothing about the balls."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.construction import Certificate
from pipeline.construction.vardi2022 import build_vardi2022
from pipeline.data import SeparatedDataset
from pipeline.gadgets import MemorizerSizes, WordSizes, memorized
from pipeline.network import Activation, Circuit, Expression, ReLUNetwork
from pipeline.verification.check.balls import Findings
from tests.construction.ball_points import dataset_of, spread
from tests.verification.check.check_files import (
    Files,
    changed,
    findings_in_memory,
    nonzero_entries,
    zero_entries,
)
from tests.verification.check.lattice_networks import claim_of
from tests.verification.check.test_check_mutations import changes

RHO = Fraction(1, 10)
SMALL = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4]], [1, 2, 3, 2])
STRUCTURE = {"groups": 1, "keys_per_group": 3, "key_bits": 3, "label_bits": 2, "eta_bits": 2}


def built(dataset: SeparatedDataset, mode: str) -> tuple[ReLUNetwork, Certificate]:
    made = build_vardi2022(dataset, RHO, mode=mode)
    assert made.certificate is not None
    return made.network, made.certificate


@pytest.mark.parametrize("mode", ["paper", "adaptive"])
@pytest.mark.parametrize("dataset", [SMALL, spread(11, 3, 3), spread(7, 1, 2)])
def test_a_constructed_network_is_right_at_the_points_alone(
    mode: str, dataset: SeparatedDataset, tmp_path: Path
) -> None:
    files = Files(tmp_path)
    network, certificate = built(dataset, mode)
    assert files.write(dataset, network, certificate).verified
    answer = files.certify(certificate, claim="balls")
    assert "nothing about the balls" in answer.reason
    assert not files.certify(certificate, claim="error", eta="99/100").verified
    values = network.evaluate_exact(dataset.X, 1).fractions()[:, 0]
    assert values.tolist() == dataset.y.tolist()


def test_a_wrong_structure_or_wrong_labels_are_rejected(tmp_path: Path) -> None:
    files = Files(tmp_path)
    network, certificate = built(SMALL, "adaptive")
    assert files.write(SMALL, network, certificate).verified
    for field, value in certificate.structure.items():
        for wrong in (value - 1, value + 1, 0, -1, 10**9):
            if wrong != value:
                assert not files.certify(certificate, {field: wrong}).verified
        assert not files.certify(certificate, without=field).verified
    activations = (Activation.THRESHOLD, *network.activations[1:])
    other = ReLUNetwork(network.layers, activations)
    assert not files.write(SMALL, other, certificate).verified
    others = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4]], [1, 3, 2, 2])
    assert not files.write(others, network, certificate).verified


def on_a_line(offset: Fraction) -> list[bool]:
    """Return at which of the points 0, 3/4, 2 a memorizer of {0: 1, 2: 2} of x + b is proved."""
    dataset = dataset_of([[0], [3], [8]], [1, 1, 2], -2)
    circuit = Circuit(1)
    t = Expression(0, {0: 1}, offset)
    sizes = MemorizerSizes(1, WordSizes(3, 3, 2))
    _, label = memorized(circuit, [], t, {0: 1, 2: 2}, sizes, Fraction(1, 4))
    network = circuit.network([label])
    findings = findings_in_memory(network, "vardi2022", STRUCTURE, claim_of(dataset, RHO))
    assert isinstance(findings, Findings)
    assert findings.points is not None
    assert not findings.verified.any()
    values = network.evaluate_exact(dataset.X, 1).fractions()[:, 0]
    for proved, value, label in zip(findings.points, values, dataset.y, strict=True):
        assert not proved or value == label
    return findings.points.tolist()


def test_a_point_on_a_ramp_or_below_zero_or_of_another_key_is_not_proved() -> None:
    tiny = Fraction(1, 1 << 40)
    assert on_a_line(Fraction(0)) == [True, True, True]
    assert on_a_line(tiny) == [True, False, True]
    assert on_a_line(-tiny) == [False, True, False]
    assert on_a_line(Fraction(1, 4)) == [True, False, True]
    assert on_a_line(Fraction(3, 4)) == [True, False, True]
    assert on_a_line(Fraction(1)) == [False, False, False]


def test_every_changed_weight_is_rejected_or_harmless() -> None:
    network, certificate = built(SMALL, "adaptive")
    claim = claim_of(SMALL, RHO)
    rejected = harmless = 0
    entries = [*nonzero_entries(network), *zero_entries(network, 29)]
    for entry, (_, value, finer) in ((e, c) for e in entries for c in changes(e)):
        if value == entry.value << finer:
            continue
        wrong = changed(network, entry, value, finer)
        findings = findings_in_memory(wrong, "vardi2022", certificate.structure, claim)
        if isinstance(findings, Findings) and findings.hold("points", None):
            values = wrong.evaluate_exact(SMALL.X, 1).fractions()[:, 0]
            assert values.tolist() == SMALL.y.tolist()
            harmless += 1
        else:
            rejected += 1
    assert rejected > 9 * harmless > 0
