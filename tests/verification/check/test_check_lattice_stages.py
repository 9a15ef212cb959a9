"""Stages of lattices: what is VERIFIED is right everywhere, and errors stay below their bounds."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import pytest

from pipeline.construction import Built, Certificate
from pipeline.construction.masked_moderate import build_masked_moderate
from pipeline.construction.thm_4_2_ii_moderate import build_thm_4_2_ii
from pipeline.construction.thm_4_2_ii_threshold import build_thm_4_2_ii_threshold
from pipeline.data import SeparatedDataset
from pipeline.gadgets import MemorizerSizes, WordSizes
from pipeline.network import Activation, ReLUNetwork
from pipeline.verification.check.balls import Findings
from tests.construction.ball_points import dataset_of, points_in_balls, spread, wrong_points
from tests.verification.check.check_files import (
    Files,
    changed,
    findings_in_memory,
    nonzero_entries,
    zero_entries,
)
from tests.verification.check.lattice_networks import (
    LINE,
    ON_LINE,
    Lattice,
    claim_of,
    found_in_stages,
)
from tests.verification.check.test_check_mutations import changes, tally

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
SMALL = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4], [6, 6]], [1, 2, 3, 2, 1])


def rho_for(dataset: SeparatedDataset, n: int) -> Fraction:
    """Return a ratio for which groups have n points."""
    return Fraction(1, isqrt(25 * n * n * dataset.d - 1) + 1)


def certificate_of(built: Built) -> Certificate:
    assert built.certificate is not None
    return built.certificate


@pytest.mark.parametrize("mode", ["paper", "adaptive"])
@pytest.mark.parametrize("dataset", [SMALL, spread(9, 3, 3), spread(12, 2, 4)])
def test_constructed_networks_are_verified(
    mode: str, dataset: SeparatedDataset, tmp_path: Path
) -> None:
    files, rho = Files(tmp_path), rho_for(dataset, 3)
    built = build_thm_4_2_ii_threshold(dataset, rho, mode=mode)
    assert files.write(dataset, built.network, certificate_of(built)).verified
    assert not wrong_points(built.network, dataset, rho)
    built = build_thm_4_2_ii(dataset, rho, mode=mode, eta=Fraction(1, 50))
    answer = files.write(dataset, built.network, certificate_of(built))
    assert answer.verified
    assert "error at most" in answer.text
    # Of no error at all there is no proof, but where no ball meets a band.
    whole = files.certify(certificate_of(built), claim="balls", eta=None).verified
    assert whole == (f"f = y on all of {dataset.N} of {dataset.N} balls" in answer.text)
    assert not whole or not wrong_points(built.network, dataset, rho)
    assert files.certify(certificate_of(built), eta="1/1000000").verified == whole
    # Right on all of every ball, so right at the points; else nothing is proved of them.
    assert files.certify(certificate_of(built), claim="points", eta=None).verified == whole


def test_a_larger_radius_is_verified_only_as_long_as_no_point_is_wrong(tmp_path: Path) -> None:
    dataset, files = spread(8, 2, 3), Files(tmp_path)
    rho = rho_for(dataset, 2)
    built = build_thm_4_2_ii_threshold(dataset, rho, mode="adaptive")
    certificate = certificate_of(built)
    assert files.write(dataset, built.network, certificate).verified
    answers = []
    for quarters in range(5, 60, 4):
        larger = rho * quarters / 4
        answers.append(files.certify(certificate, rho=str(larger)).verified)
        assert not answers[-1] or not wrong_points(built.network, dataset, larger)
    assert not answers[-1]


def test_other_labels_are_rejected(tmp_path: Path) -> None:
    files, rho = Files(tmp_path), rho_for(SMALL, 3)
    others = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4], [6, 6]], [1, 3, 2, 2, 1])
    for build in (build_thm_4_2_ii_threshold, build_thm_4_2_ii):
        built = build(SMALL, rho, mode="adaptive")
        answer = files.write(others, built.network, certificate_of(built))
        assert not answer.verified


@pytest.mark.parametrize("build", [build_thm_4_2_ii_threshold, build_thm_4_2_ii])
def test_a_wrong_size_in_the_structure_is_rejected(build: Any, tmp_path: Path) -> None:
    files = Files(tmp_path)
    built = build(SMALL, rho_for(SMALL, 3), mode="paper")
    certificate = certificate_of(built)
    assert files.write(SMALL, built.network, certificate).verified
    names = ["m", "cells_across", "floor_layers", "groups", "keys_per_group", "key_bits"]
    names += ["label_bits", "stages"]
    names += ["gamma_bits"] if build is build_thm_4_2_ii else []
    for field in names:
        value = int(certificate.structure[field])
        for wrong in (value - 1, value + 1, 2 * value, 0, -value, 10**9):
            assert not files.certify(certificate, {field: wrong}).verified, (field, wrong)
        assert not files.certify(certificate, without=field).verified
    exact = certificate.structure["thresholds"]
    others: list[Any] = [not exact, int(not exact), int(exact), "true", None, []]
    for other in others:
        assert not files.certify(certificate, {"thresholds": other}).verified
    assert not files.certify(certificate, without="thresholds").verified


def test_other_activations_are_rejected(tmp_path: Path) -> None:
    files, rho = Files(tmp_path), rho_for(SMALL, 3)
    for build in (build_thm_4_2_ii_threshold, build_thm_4_2_ii):
        built = build(SMALL, rho, mode="adaptive")
        network = built.network
        for number in range(0, network.depth - 1, 7):
            kinds = network.thresholds(number)
            flipped = tuple(
                Activation.THRESHOLD if bool(t) != (k == number % len(kinds)) else Activation.RELU
                for k, t in enumerate(kinds)
            )
            activations = (
                *network.activations[:number],
                flipped,
                *network.activations[number + 1 :],
            )
            wrong = ReLUNetwork(network.layers, activations)
            assert not files.write(SMALL, wrong, certificate_of(built)).verified


def names_of(built: Built) -> list[str]:
    structure = certificate_of(built).structure
    floors = structure["floor_layers"]
    stage = built.plan.resolved["stage_depth"]
    assert isinstance(stage, int)
    names = ["translation", *["floors"] * floors, *["memorizer"] * (stage - floors - 2), "maximum"]
    return ["projection", *names * structure["stages"], "output"]


def test_every_changed_weight_of_threshold_stages_is_rejected_or_harmless(tmp_path: Path) -> None:
    dataset = dataset_of([[0], [3], [8]], [1, 2, 1])
    built = build_thm_4_2_ii_threshold(dataset, rho_for(dataset, 2), mode="adaptive")
    result = tally(Files(tmp_path), built, dataset, names_of(built), step=41)
    for gadget in ("floors", "maximum", "output"):
        assert result.share(gadget) == 1, (gadget, result)
    assert result.total > Fraction(9, 10)


@pytest.mark.parametrize("memorizer", ["literal", "compact"])
def test_every_changed_weight_of_masked_stages_is_rejected_or_harmless(
    memorizer: str, tmp_path: Path
) -> None:
    dataset = dataset_of([[0], [3], [8]], [1, 2, 1])
    rho = rho_for(dataset, 2)
    built = build_masked_moderate(dataset, rho, mode="adaptive", memorizer=memorizer)
    structure = certificate_of(built).structure
    floors, stage = structure["floor_layers"], built.plan.resolved["stage_depth"]
    assert isinstance(stage, int)
    names = ["translation", *["folds"] * floors, "distances"]
    names += [*["memorizer"] * (stage - len(names) - 2), "cut", "maximum"]
    gadgets = ["projection", *names * structure["stages"], "output"]
    result = tally(Files(tmp_path), built, dataset, gadgets, step=41)
    for gadget in ("folds", "distances", "cut", "maximum", "output"):
        assert result.share(gadget) == 1, (gadget, result)
    assert result.total > Fraction(9, 10)


@pytest.mark.parametrize("memorizer", ["literal", "compact"])
def test_a_wrong_memorizer_of_masked_stages_is_rejected(memorizer: str, tmp_path: Path) -> None:
    files = Files(tmp_path)
    built = build_masked_moderate(SMALL, rho_for(SMALL, 3), memorizer=memorizer)
    certificate = certificate_of(built)
    assert files.write(SMALL, built.network, certificate).verified
    names = ["groups", "keys_per_group", "label_bits", "stages"]
    for field in [*names, "gap_bits" if memorizer == "compact" else "key_bits"]:
        value = int(certificate.structure[field])
        # One key a group has no gaps: their bits are no part of the network.
        free = field == "gap_bits" and certificate.structure["keys_per_group"] == 1
        for wrong in (value - 1, value + 1, 0, -value, 10**9):
            assert free or not files.certify(certificate, {field: wrong}).verified, (field, wrong)
        assert not files.certify(certificate, without=field).verified
    others: list[Any] = [{"literal": "compact", "compact": "literal"}[memorizer], "none", None, 1]
    for other in others:
        assert not files.certify(certificate, {"memorizer": other}).verified
    # Certificates from before there was a choice name none.
    assert files.certify(certificate, without="memorizer").verified == (memorizer == "literal")


def test_every_changed_weight_of_relu_stages_is_rejected_or_within_the_error() -> None:
    dataset = dataset_of([[0], [3], [8]], [1, 2, 1])
    rho, eta = rho_for(dataset, 2), Fraction(1, 1000)
    built = build_thm_4_2_ii(dataset, rho, mode="adaptive", eta=eta)
    network, certificate = built.network, certificate_of(built)
    claim = claim_of(dataset, rho)
    points, labels = points_in_balls(dataset, rho, random=8)
    names, outcomes = names_of(built), Counter[tuple[str, bool]]()
    entries = [*nonzero_entries(network), *zero_entries(network, 41)]
    for entry, (_, value, finer) in ((e, c) for e in entries for c in changes(e)):
        if value == entry.value << finer:
            continue
        wrong = changed(network, entry, value, finer)
        findings = findings_in_memory(wrong, certificate.check, certificate.structure, claim)
        holds = isinstance(findings, Findings) and findings.hold("error", eta)
        outcomes[names[entry.layer], holds] += 1
        if holds:
            # The bands take less than 1/1000 of every ball: none of these points lies in one.
            assert wrong.evaluate_exact(points, 1).fractions()[:, 0].tolist() == labels.tolist()
    for gadget in ("floors", "maximum", "output"):
        assert not outcomes[gadget, True]
    assert sum(n for (_, holds), n in outcomes.items() if holds) < outcomes.total() / 10


@pytest.mark.parametrize("thresholds", [False, True])
def test_a_ball_needs_a_stage_of_its_own(thresholds: bool) -> None:
    # Images 1, 3, 5 with radius 1/4, moved by 1/2 into the middle of the cells 0, 2, 4.
    whole = found_in_stages(
        ON_LINE, [([HALF], {0: 1, 2: 2, 4: 1})], LINE, QUARTER, thresholds=thresholds
    )
    assert whole.verified.all()
    parts = [([HALF], {0: 1}), ([HALF], {2: 2}), ([HALF], {4: 1})]
    assert found_in_stages(ON_LINE, parts, LINE, QUARTER, thresholds=thresholds).verified.all()
    for k in range(3):
        some = parts[:k] + parts[k + 1 :]
        findings = found_in_stages(ON_LINE, some, LINE, QUARTER, thresholds=thresholds)
        assert findings.verified.tolist() == [i != k for i in range(3)]
        assert findings.error is not None
        assert findings.error[k] == 1
        assert "no stage" in findings.reason
    lower = [([HALF], {0: 1, 2: 1, 4: 1}), ([HALF], {2: 2})]
    assert found_in_stages(ON_LINE, lower, LINE, QUARTER, thresholds=thresholds).verified.all()
    higher = [([HALF], {0: 1, 2: 2, 4: 1}), ([HALF], {2: 3})]
    findings = found_in_stages(ON_LINE, higher, LINE, QUARTER, thresholds=thresholds)
    assert findings.verified.tolist() == [True, False, True]
    assert "higher label" in findings.reason


def test_a_ball_that_crosses_into_a_cell_of_a_higher_label_is_not_verified() -> None:
    own = ([HALF], {0: 1, 2: 2, 4: 1})
    # Moved by 1 the balls lie across the walls 0, 2, 4, which is below the cells for the first.
    findings = found_in_stages(ON_LINE, [own, ([0], {3: 2})], LINE, QUARTER, thresholds=True)
    assert findings.verified.all()
    for t, cell, bad in ((0, 4, 2), (0, 5, 2), (0, 0, 0), (0, 1, 0)):
        findings = found_in_stages(ON_LINE, [own, ([t], {cell: 2})], LINE, QUARTER, thresholds=True)
        assert findings.verified.tolist() == [i != bad for i in range(3)]
        assert findings.error is not None
        assert findings.error[bad] == 1
    # Cells next to a ball, at a distance of exactly its radius, are not met.
    for beside, cell in ((QUARTER, 5), (-QUARTER, 4)):
        findings = found_in_stages(
            ON_LINE, [own, ([beside], {cell: 2})], LINE, QUARTER, thresholds=True
        )
        assert findings.verified.all()
        tiny = Fraction(1, 1 << 30)
        moved = [beside - tiny if beside > 0 else beside + tiny]
        findings = found_in_stages(
            ON_LINE, [own, (moved, {cell: 2})], LINE, QUARTER, thresholds=True
        )
        assert findings.verified.tolist() == [True, True, False]


def test_a_cell_near_a_ball_diagonally_is_compared_exactly() -> None:
    # The radius is sqrt(2) / 3: a centre 1/3 left of and below a corner is just that far.
    dataset = dataset_of([[0, 0], [4, 4]], [1, 2], -1)
    rho = Fraction(1, 3)
    at = Lattice([[1, 0], [0, 1]], [2, 2], R=8, n=3, sizes=MemorizerSizes(1, WordSizes(2, 7, 2)))
    own = ([HALF, HALF], {1 + 8: 1, 3 + 8 * 3: 2})
    assert found_in_stages(at, [own], dataset, rho, thresholds=True).verified.all()
    for s, met in ((Fraction(1, 3), True), (Fraction(34, 100), False), (HALF, False)):
        # In stage two the first centre is s left of and below the corner of the cell (2, 2).
        t = Fraction(int(s * 2**20), 2**20)
        findings = found_in_stages(
            at, [own, ([t, t], {2 + 8 * 2: 2})], dataset, rho, thresholds=True
        )
        assert findings.verified.tolist() == [not met, True], s


def test_balls_outside_the_cells_are_not_verified_though_their_key_is_free() -> None:
    # Unclaimed keys of cells outside [0, R)^m are keys of other cells.
    dataset = dataset_of([[0, 0], [3, 0]], [1, 2])
    at = Lattice([[1, 0], [0, 1]], [1, 1], R=3, n=3, sizes=MemorizerSizes(1, WordSizes(2, 7, 2)))
    # The second image (4 - 1/2, 1/2) has the key 3 of the cell (0, 1), whatever its label there.
    findings = found_in_stages(
        at, [([HALF, HALF], {0: 1, 3: 2})], dataset, QUARTER, thresholds=True
    )
    assert findings.verified.tolist() == [True, False]
    assert "leaves the cells" in findings.reason
    wide = Lattice(at.rows, at.offsets, R=4, n=3, sizes=at.sizes)
    findings = found_in_stages(
        wide, [([HALF, HALF], {0: 1, 3: 2})], dataset, QUARTER, thresholds=True
    )
    assert findings.verified.all()
    # Below 0: moved by 1 the first ball begins at -1/4.
    findings = found_in_stages(
        wide, [([HALF, HALF], {0: 1, 3: 2}), ([1, HALF], {})], dataset, QUARTER, thresholds=True
    )
    assert findings.verified.tolist() == [False, True]


def test_a_ball_that_relu_cuts_off_is_not_verified() -> None:
    at = Lattice([[1]], [Fraction(1, 8)], R=8, n=3)
    findings = found_in_stages(at, [([Fraction(-3, 8)], {0: 1, 2: 2, 4: 1})], LINE, QUARTER)
    assert findings.verified.tolist() == [False, True, True]
    assert "below 0" in findings.reason


def test_keys_that_no_cell_has_are_never_reached() -> None:
    sizes = MemorizerSizes(2, WordSizes(2, 9, 2))
    at = Lattice([[1]], [1], R=8, n=3, sizes=sizes)
    labels = {0: 1, 2: 2, 4: 1, 8: 3}
    assert found_in_stages(at, [([HALF], labels)], LINE, QUARTER, thresholds=True).verified.all()
