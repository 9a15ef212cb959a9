"""Networks of one lattice: every ball in one cell, or no proof of that ball."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import pytest

from pipeline.construction import Built, Certificate
from pipeline.construction.thm_4_2_i_small import build_thm_4_2_i
from pipeline.data import SeparatedDataset
from pipeline.gadgets import MemorizerSizes, WordSizes
from pipeline.network import Activation, ReLUNetwork
from pipeline.verification.check.balls import Findings
from tests.construction.ball_points import dataset_of, spread, wrong_points
from tests.verification.check.check_files import Files, findings_in_memory
from tests.verification.check.lattice_networks import Lattice, claim_of, single
from tests.verification.check.test_check_mutations import tally

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
SMALL = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4]], [1, 2, 3, 2])
# On a line with eps = 1/2: rho = 1/2 makes balls of radius 1/4.
LINE = dataset_of([[0], [1], [2]], [1, 2, 1])
ON_LINE = Lattice([[1]], [1])


def largest_rho(dataset: SeparatedDataset) -> Fraction:
    return Fraction(1, isqrt(25 * dataset.N**2 * dataset.d - 1) + 1)


def certificate_of(built: Built) -> Certificate:
    assert built.certificate is not None
    return built.certificate


def found(
    network: ReLUNetwork, at: Lattice, dataset: SeparatedDataset, rho: Fraction, **fields: Any
) -> Findings | str:
    structure = {**at.structure(), **fields}
    return findings_in_memory(network, "lattice", structure, claim_of(dataset, rho))


def verified(
    network: ReLUNetwork, at: Lattice, dataset: SeparatedDataset, rho: Fraction, **fields: Any
) -> list[bool]:
    findings = found(network, at, dataset, rho, **fields)
    assert isinstance(findings, Findings), findings
    return findings.verified.tolist()


@pytest.mark.parametrize("mode", ["paper", "adaptive"])
@pytest.mark.parametrize("dataset", [SMALL, spread(9, 3, 3), spread(7, 1, 2)])
def test_a_constructed_network_is_verified(
    mode: str, dataset: SeparatedDataset, tmp_path: Path
) -> None:
    rho = largest_rho(dataset)
    built = build_thm_4_2_i(dataset, rho, mode=mode)
    answer = Files(tmp_path).write(dataset, built.network, certificate_of(built))
    assert answer.verified
    assert not wrong_points(built.network, dataset, rho)


def test_a_larger_radius_is_verified_only_as_long_as_no_point_is_wrong(tmp_path: Path) -> None:
    dataset, files = spread(8, 2, 3), Files(tmp_path)
    rho = largest_rho(dataset)
    built = build_thm_4_2_i(dataset, rho, mode="adaptive")
    certificate = certificate_of(built)
    assert files.write(dataset, built.network, certificate).verified
    answers = []
    for quarters in range(5, 60, 3):
        larger = rho * quarters / 4
        answers.append(files.certify(certificate, rho=str(larger)).verified)
        assert not answers[-1] or not wrong_points(built.network, dataset, larger)
    assert not answers[-1]
    assert answers == sorted(answers, reverse=True)


def test_other_labels_are_rejected(tmp_path: Path) -> None:
    built = build_thm_4_2_i(SMALL, largest_rho(SMALL), mode="adaptive")
    others = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4]], [1, 3, 2, 2])
    answer = Files(tmp_path).write(others, built.network, certificate_of(built))
    assert "memorized with another label" in answer.reason


@pytest.mark.parametrize(
    "field",
    [
        "m",
        "cells_across",
        "floor_layers",
        "gamma_bits",
        "groups",
        "keys_per_group",
        "key_bits",
        "label_bits",
    ],
)
def test_a_wrong_size_in_the_structure_is_rejected(field: str, tmp_path: Path) -> None:
    files = Files(tmp_path)
    built = build_thm_4_2_i(SMALL, largest_rho(SMALL), mode="paper")
    certificate = certificate_of(built)
    assert files.write(SMALL, built.network, certificate).verified
    value = int(certificate.structure[field])
    for wrong in (value - 1, value + 1, 2 * value, 0, -value, 10**9, 10**4000):
        assert not files.certify(certificate, {field: wrong}).verified
    assert not files.certify(certificate, without=field).verified
    assert not files.certify(certificate, {"lipschitz": "1/1000"}).verified
    assert not files.certify(certificate, {"lipschitz": "-1000"}).verified
    assert files.certify(certificate, {field: str(value)}).verified


def test_a_network_with_a_threshold_is_rejected(tmp_path: Path) -> None:
    built = build_thm_4_2_i(SMALL, largest_rho(SMALL), mode="adaptive")
    activations = list(built.network.activations)
    activations[5] = Activation.THRESHOLD
    network = ReLUNetwork(built.network.layers, tuple(activations))
    answer = Files(tmp_path).write(SMALL, network, certificate_of(built))
    assert "layer 6: every hidden neuron must be a ReLU" in answer.reason


def test_every_changed_weight_is_rejected_or_harmless(tmp_path: Path) -> None:
    built = build_thm_4_2_i(SMALL, largest_rho(SMALL), mode="adaptive")
    n = int(certificate_of(built).structure["floor_layers"])
    names = ["projection", "translation", *["floors"] * n]
    names += ["memorizer"] * (built.network.depth - len(names) - 1) + ["output"]
    result = tally(Files(tmp_path), built, SMALL, names, step=37)
    assert result.share("floors") == 1
    assert result.share("output") == 1
    assert result.share("memorizer") > Fraction(19, 20)
    assert result.total > Fraction(9, 10)


def test_walls_and_bands_may_be_touched_but_not_crossed() -> None:
    # Balls of radius 1/4 and bands of width 1/2 fill the cells when moved by t = 1/4.
    at = Lattice([[1]], [1], q=1)
    labels = {0: 1, 1: 2, 2: 1}
    assert verified(single(at, [QUARTER], labels), at, LINE, HALF) == [True] * 3
    for t in (QUARTER - Fraction(1, 1 << 40), QUARTER + Fraction(1, 1 << 40)):
        assert verified(single(at, [t], labels), at, LINE, HALF) == [False] * 3
    shorter = HALF - Fraction(1, 1 << 30)
    tiny = Fraction(1, 1 << 33)
    for t in (QUARTER - tiny, QUARTER + tiny):
        assert verified(single(at, [t], labels), at, LINE, shorter) == [True] * 3


def test_a_ball_below_the_band_or_of_another_cell_is_not_verified() -> None:
    at = ON_LINE
    # Cells [0, 1), [1, 2), [2, 3) hold 1/2, 3/2, 5/2 with radius 1/4.
    network = single(at, [HALF], {0: 1, 1: 2, 2: 1})
    assert verified(network, at, LINE, HALF) == [True] * 3
    assert verified(single(at, [HALF], {0: 1, 1: 2, 2: 2}), at, LINE, HALF) == [True, True, False]
    assert verified(single(at, [HALF], {0: 1, 1: 2}), at, LINE, HALF) == [True, True, False]
    assert verified(single(at, [HALF], {0: 1, 1: 2, 3: 1}), at, LINE, HALF) == [True, True, False]
    # The third ball leaves the cells, or the first one starts below them.
    assert verified(single(at, [-1], {2: 1, 3: 2, 4: 1}), at, LINE, HALF) == [False] * 3
    moved = single(at, [-HALF - 1], {2: 1, 3: 2, 4: 1})
    assert verified(moved, at, LINE, HALF) == [True, True, False]
    moved = single(at, [HALF + 1], {0: 2, 1: 1})
    assert verified(moved, at, LINE, HALF) == [False, True, True]


def test_a_ball_that_relu_cuts_off_is_not_verified() -> None:
    # z = relu(x + b) with b = 1/8 is cut off on the first ball, though its cell is right.
    at = Lattice([[1]], [Fraction(1, 8)])
    labels = {0: 1, 1: 2, 2: 1}
    network = single(at, [Fraction(-3, 8)], labels)
    findings = found(network, at, LINE, HALF)
    assert isinstance(findings, Findings)
    assert findings.verified.tolist() == [False, True, True]
    assert "below 0" in findings.reason
    at = Lattice([[1]], [QUARTER])
    assert verified(single(at, [-QUARTER], labels), at, LINE, HALF) == [True] * 3


def test_bands_wider_than_claimed_are_rejected() -> None:
    at = ON_LINE
    network = single(at, [HALF], {0: 1, 1: 2, 2: 1})
    for q in (3, 5, 0, 40):
        assert "floors" in str(found(network, at, LINE, HALF, gamma_bits=q))


def test_floors_that_do_not_reach_the_cells_are_rejected() -> None:
    at = Lattice([[1]], [1], R=5, n=2)
    network = single(at, [HALF], {0: 1, 1: 2, 2: 1})
    assert "do not reach" in str(found(network, at, LINE, HALF))


def test_a_key_beyond_the_cells_answers_for_no_ball() -> None:
    at = Lattice([[1]], [1], sizes=MemorizerSizes(1, WordSizes(4, 5, 2)))
    network = single(at, [HALF], {0: 1, 1: 2, 18: 1})
    assert verified(network, at, LINE, HALF) == [True, True, False]


def test_the_norm_of_the_projection_is_proved() -> None:
    at = Lattice([[2]], [1], lipschitz="1")
    network = single(at, [HALF], {0: 1, 2: 2, 4: 1})
    assert "norm" in str(found(network, at, LINE, HALF))
    stretched = Lattice([[2]], [1], R=8, n=3, lipschitz="2")
    network = single(stretched, [HALF], {0: 1, 2: 2, 4: 1})
    assert verified(network, stretched, LINE, HALF) == [False] * 3
    assert verified(network, stretched, LINE, QUARTER) == [True] * 3


def test_balls_of_another_norm_are_proved_by_an_enclosing_ball() -> None:
    dataset = dataset_of([[0, 0], [4, 0]], [1, 2])
    at = Lattice([[QUARTER, 0], [0, QUARTER]], [1, 1], q=6, lipschitz="1/4")
    network = single(at, [HALF, HALF], {0: 1, 1: 2})
    for p, rho, expected in ((1, HALF, True), (2, HALF, True), (4, Fraction(4, 5), True)):
        findings = findings_in_memory(network, "lattice", at.structure(), claim_of(dataset, rho, p))
        assert isinstance(findings, Findings)
        assert findings.verified.all() == expected
    findings = findings_in_memory(
        network, "lattice", at.structure(), claim_of(dataset, Fraction(4, 5), 8)
    )
    assert isinstance(findings, Findings)
    assert not findings.verified.any()
