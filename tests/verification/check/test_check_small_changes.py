"""One weight a little off, in every construction: it is rejected, or the network is still right.

Some entries of every layer, of weights, biases and zeros, are changed by one unit in the last place
and by one part in 2^20; `make bench ARGS="--mutations"` changes all. Where data lie on a line, a
second method decides about each network that is still VERIFIED.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.construction import CONSTRUCTIONS
from pipeline.network import ReLUNetwork
from pipeline.verification.check import layers
from tests.benchmarks import bench_mutations
from tests.benchmarks.bench_mutations import mutation_lines, mutation_row
from tests.verification.check.check_files import CHECKS, Entry, Files, changed
from tests.verification.check.mutated import SUBJECTS, Subject, outcomes, some_entries, too_much
from tests.verification.check.segments import Piece, Segment

MOST = 15
every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.label)


def test_every_construction_check_and_memorizer_is_among_the_subjects() -> None:
    assert {subject.name for subject in SUBJECTS} == set(CONSTRUCTIONS)
    assert {subject.built.certificate.check for subject in SUBJECTS} == set(CHECKS)
    kinds = {
        each["memorizer"]
        for subject in SUBJECTS
        if subject.name == "halving_lattice"
        for each in subject.built.certificate.structure["rounds"]
    }
    assert kinds == {"shallow", "retrieval", "keyed"}


@every_subject
def test_a_small_change_is_rejected_or_harmless(subject: Subject, tmp_path: Path) -> None:
    network, files, seen = subject.built.network, Files(tmp_path), []

    def also(wrong: ReLUNetwork, verified: bool) -> None:
        seen.append(verified)
        if len(seen) % 40 == 1:
            answer = files.write(subject.data, wrong, subject.built.certificate)
            assert answer.verified == verified

    assert subject.is_verified(network)
    assert subject.refutation(network) == ""
    found = outcomes(subject, some_entries(network, MOST), also)
    assert found.refuted == []
    assert found.tried == len(seen) > 30 and found.rejected.total() > found.tried / 3
    # On a line nothing is left to attacks.
    assert not (subject.decided and found.attacked())


@every_subject
def test_entries_are_spread_over_layers_weights_biases_and_zeros(subject: Subject) -> None:
    entries = some_entries(subject.built.network, MOST)
    assert len({*entries}) == len(entries) <= max(MOST, 2)
    assert {(e.is_bias, e.value == 0) for e in entries} >= {(False, False), (True, False)}
    assert len({e.layer for e in entries}) >= min(subject.built.network.depth, MOST) / 4


def test_the_second_method_refutes_what_is_wrong() -> None:
    """The bias of the output moved by one unit: wrong everywhere, whatever the claim."""
    for subject in SUBJECTS:
        network = subject.built.network
        last = network.depth - 1
        entry = Entry(last, 0, True, int(network.layers[last].bias[0]))
        assert subject.refutation(changed(network, entry, entry.value + 1)), subject.label


def test_a_checker_that_overlooks_small_differences_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows that a gadget fixes entry for entry are not compared: VERIFIED is then refuted."""
    monkeypatch.setattr(layers, "require_rows", lambda *arguments: None)
    for subject in SUBJECTS:
        if subject.decided and subject.name in ("yu2024", "thm_4_2_i"):
            found = outcomes(subject, some_entries(subject.built.network, MOST))
            assert found.refuted, subject.label


def test_an_error_is_measured_exactly() -> None:
    """Wrong on 1/5 of the 2 units of a ball: an error of 1/10."""
    pieces = [Piece(1, Fraction(-1), Fraction(-9, 10)), Piece(1, Fraction(0), Fraction(1, 10))]
    segments = [Segment((k,), (1,), 0, Fraction(1)) for k in range(2)]
    assert too_much(segments, pieces, Fraction(1, 10)) == ""
    assert too_much(segments, pieces, Fraction(1, 11)).startswith("wrong on 1/10 of segment 1")


def test_the_benchmark_tells_rejected_from_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_mutations, "DECIDED", 20)
    row = mutation_row(SUBJECTS[1], zeros=50)
    found = row.outcomes
    assert found.refuted == [] and found.verified.total() > 5 < found.rejected.total()
    assert 0 < row.wrong <= row.sampled
    table = list(mutation_lines([row, row]))
    assert table[1].startswith("halving_lattice shallow") and table[-1].startswith("all")
    assert table[-1].split()[1:3] == [str(2 * n) for n in (found.entries, found.tried)]
