"""Verdict tables: every row is re-checked, and no wrong row passes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.construction import build
from pipeline.exact import DyadicArray
from pipeline.network import ReLUNetwork
from pipeline.verification.check.evaluation import Evaluation
from pipeline.verification.verdict_table import verdict_csv
from pipeline.verification.verdicts import BallVerdict, Verdict, confirmed_witness, unknown
from tests.cases import layer
from tests.construction.ball_points import dataset_of, line
from tests.network.laws import naive_output, networks, points
from tests.verification.check.check_files import Answer, Files, in_memory, run
from tests.verification.check.proof_files import Leaf, ProofFiles, both_sides

# f(0) = f(2) = 3/4 and f(1) = 9/4 with slopes of 3/2; the balls have radius 1/4.
DATA = dataset_of([[0], [1], [2]], [1, 2, 1])
TENT = ReLUNetwork.relu(layer([[1], [1]], [0, -1]), layer([[Fraction(3, 2), -3]], [Fraction(3, 4)]))
RULES = ("--rho", "1/2", "--p", "2", "--decision", "nearest")
HEADER = "index,label,verdict,method,margin,witness,output\n"
# f(2 + 7/32) = 27/64 < 1/2, and 71/32 = 2 + 7/32.
ROWS = ["0,1,UNKNOWN,none,,,", "1,2,UNKNOWN,none,,,", "2,1,FALSIFIED,pgd,,71 * 2**-5,27 * 2**-6"]


@pytest.fixture
def files(tmp_path: Path) -> ProofFiles:
    found = ProofFiles(tmp_path)
    found.save(DATA, TENT)
    return found


def table(files: ProofFiles, rows: list[str], *options: str | Path) -> Answer:
    """Run the checker on a verdict table of these rows."""
    path = files.folder / "verdicts.csv"
    path.write_text(HEADER + "".join(row + "\n" for row in rows), encoding="utf-8")
    return run(files.dataset, files.network, *options, "--verdicts", path)


def refused(answer: Answer) -> str:
    assert answer.code == 1
    last = answer.text.splitlines()[-1]
    assert last.startswith("REJECTED: "), answer.text
    return last


def test_true_rows_pass_without_a_certificate(files: ProofFiles) -> None:
    answer = table(files, ROWS, *RULES)
    assert (answer.code, answer.text.splitlines()[-1]) == (
        0,
        "VERDICTS: 0 VERIFIED and 1 FALSIFIED re-checked, 2 UNKNOWN",
    )


def test_verified_rows_need_a_proof(files: ProofFiles, tmp_path: Path) -> None:
    rows = ["0,1,UNKNOWN,none,,,", "1,2,VERIFIED,bounds,,,", ROWS[2]]
    assert "ball 1 is VERIFIED in the table and not proved" in refused(table(files, rows, *RULES))
    leaves = both_sides([1], alpha=(0, 64))
    assert files.check(leaves, 2).verified
    output = tmp_path / "verdict.json"
    answer = table(files, rows, files.proofs, "--output", str(output))
    assert answer.code == 0, answer.text
    document = json.loads(output.read_text())
    assert document["table"] == {"reason": "", "verified": 1, "falsified": 1, "unknown": 1}
    assert document["verdict"] == "VERIFIED"
    assert files.check(leaves[:1], 2).code == 1
    assert "not proved" in refused(table(files, rows, files.proofs))


def test_a_rejected_claim_is_no_success_even_where_all_rows_hold(files: ProofFiles) -> None:
    files.check([*both_sides([1], alpha=(0, 64)), Leaf(0, 1)], 2)
    rows = ["0,1,UNKNOWN,none,,,", "1,2,VERIFIED,bounds,,,", ROWS[2]]
    answer = table(files, rows, files.proofs)
    assert answer.code == 1
    assert answer.text.splitlines()[-1].startswith("VERDICTS: 1 VERIFIED")


def falsified(witness: str, output: str) -> list[str]:
    return [*ROWS[:2], f"2,1,FALSIFIED,pgd,,{witness},{output}"]


WRONG = {
    "on the boundary": (falsified("9 * 2**-2", "3 * 2**-3"), "not inside the open ball"),
    "outside": (falsified("5 * 2**-1", "0 * 2**0"), "not inside the open ball"),
    "another output": (falsified("71 * 2**-5", "26 * 2**-6"), "another value"),
    "a point where f is right": (falsified("2 * 2**0", "3 * 2**-2"), "f is right"),
    "two coordinates": (falsified("71 0 * 2**-5", "27 * 2**-6"), "2 coordinates"),
    "two outputs": (falsified("71 * 2**-5", "27 0 * 2**-6"), "one number"),
    "no witness": (falsified("", "27 * 2**-6"), "must read"),
    "no output": (falsified("71 * 2**-5", ""), "must read"),
    "a float": (falsified("2.21875", "0.421875"), "must read"),
    "a huge exponent": (falsified("1 * 2**99999", "0 * 2**0"), "exponent"),
    "an endless exponent": (falsified("1 * 2**99999999999", "0 * 2**0"), "must read"),
    "a power that is no integer": (falsified("71 * 2**-0x5", "27 * 2**-6"), "must read"),
    "other digits": (falsified("\u0667\u0661 * 2**-5", "27 * 2**-6"), "must read"),
    "another label": ([*ROWS[:2], ROWS[2].replace("2,1", "2,2", 1)], "not in the dataset"),
    "another ball": ([*ROWS[:2], ROWS[2].replace("2,1", "3,1", 1)], "not in the dataset"),
    "a missing row": (ROWS[1:], "ball 0 has 0 rows"),
    "a row twice": ([*ROWS, ROWS[0]], "ball 0 has 2 rows"),
    "another verdict": (["0,1,PROVED,none,,,", *ROWS[1:]], "must be one of"),
    "a witness of nothing": (["0,1,UNKNOWN,none,,1 * 2**-5,", *ROWS[1:]], "only FALSIFIED"),
    "a short row": (["0,1,UNKNOWN", *ROWS[1:]], "not readable"),
    "a negative ball": (["-1,1,UNKNOWN,none,,,", *ROWS], "not readable"),
    "an open quote": (['0,1,UNKNOWN,"none,,,', *ROWS[1:]], "not a readable table"),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_a_wrong_row_is_named(what: str, files: ProofFiles) -> None:
    rows, reason = WRONG[what]
    assert reason in refused(table(files, rows, *RULES))


def test_the_rule_decides_which_outputs_are_wrong(files: ProofFiles) -> None:
    rows = falsified("2 * 2**0", "3 * 2**-2")
    exact = ("--rho", "1/2", "--p", "2", "--decision", "exact")
    assert table(files, rows, *exact).code == 0
    assert "f is right" in refused(table(files, rows, *RULES))


@pytest.mark.parametrize("missing", range(0, 6, 2))
def test_rho_p_and_the_rule_are_needed_without_a_certificate(
    missing: int, files: ProofFiles
) -> None:
    options = [*RULES[:missing], *RULES[missing + 2 :]]
    assert "must be given" in refused(table(files, ROWS, *options))


def test_options_that_contradict_the_proofs_are_refused(files: ProofFiles) -> None:
    files.check(both_sides([1], alpha=(0, 64)), 2)
    for options in (("--rho", "1/3"), ("--p", "inf"), ("--decision", "exact")):
        assert "not" in refused(table(files, ROWS, files.proofs, *options))
    assert table(files, ROWS, files.proofs, *RULES).code == 0


def test_a_constructed_network_is_held_to_f_equal_to_y(tmp_path: Path) -> None:
    files = Files(tmp_path)
    data = line(3, 2)
    built = build("parallel_balls", data, Fraction(1, 2))
    assert files.write(data, built.network, built.certificate).verified
    verdicts = [BallVerdict(i, Verdict.VERIFIED, "certificate") for i in range(3)]
    path = tmp_path / "verdicts.csv"
    path.write_text(verdict_csv(data, verdicts), encoding="utf-8")
    answer = run(files.dataset, files.network, files.certificate, "--verdicts", path)
    assert answer.code == 0
    assert answer.text.splitlines()[-2] == "VERIFIED: 3 of 3 balls"


def test_the_project_s_own_tables_pass(files: ProofFiles) -> None:
    point = DyadicArray(np.array([(9 << 80) - 1], dtype=object), -82)
    witness = confirmed_witness(TENT, DATA, Fraction(1, 2), 2, "nearest", 2, point)
    assert witness is not None
    path = files.folder / "verdicts.csv"
    path.write_text(verdict_csv(DATA, [unknown(0), unknown(1), witness]), encoding="utf-8")
    assert "0x" in path.read_text()
    assert run(files.dataset, files.network, *RULES, "--verdicts", path).code == 0


@settings(max_examples=60)
@given(networks(outputs=1), st.data())
def test_values_are_those_of_the_definition(network: ReLUNetwork, more: st.DataObject) -> None:
    found = more.draw(points(network.inputs))
    bits = max(v.denominator.bit_length() - 1 for x in found for v in x)
    numerators = [[int(v * 2**bits) for v in x] for x in found]
    expected = [naive_output(network, x)[0] for x in found]
    assert Evaluation(in_memory(network)).outputs(numerators, -bits) == expected
