"""Outside verifiers: only exactly confirmed counterexamples count, and nothing is ever verified."""

from __future__ import annotations

import shlex
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.exchange.outside import Answer, OutsideAnswer, outside_answer, read_answer, read_point
from pipeline.verification.verdicts import BallVerdict, Verdict, unknown
from tests.exchange.cases_of_balls import ball

FALSE = "sat\n((X_0 1.25)\n (X_1 0.5)\n (Y_0 2.25))"
# Label 2, rho = 9/10, mu = 0.503, f = |x_0| + 1: wrong where |x_0 - 1| >= 1/2.
TRUE_OLD = "sat\n((X_0 1.5)\n (X_1 0.5)\n (Y_0 2.5))"
TRUE_NEW = "Parsed.\nsat\nX[0,0]=5.0e-1\nX[0,1]=0.5\nY[0,0]=1.5"
FAR = "sat\nX[0,0]=1.75\nX[0,1]=0.5\nY[0,0]=2.75"


def program(tmp_path: Path, source: str) -> str:
    path = tmp_path / "verifier with a space.py"
    path.write_text(f"import sys, time, pathlib\n{source}\n")
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"


def asked(tmp_path: Path, printed: str, end: str = "{onnx} {vnnlib}") -> OutsideAnswer:
    template = program(tmp_path, f"print({printed!r})") + " " + end
    return outside_answer(ball(rho=Fraction(9, 10)), template, files(tmp_path), 20)


def files(folder: Path) -> dict[str, Path]:
    return {"onnx": folder / "n.onnx", "vnnlib": folder / "q", "result": folder / "r.txt"}


@pytest.mark.parametrize("printed", [TRUE_OLD, TRUE_NEW])
def test_a_counterexample_in_the_ball_that_breaks_the_rule_counts(
    tmp_path: Path, printed: str
) -> None:
    answer = asked(tmp_path, printed)
    assert answer.answer is Answer.SAT and answer.falsified is not None
    assert answer.falsified.verdict is Verdict.FALSIFIED
    assert abs(answer.falsified.output - 2) == Fraction(1, 2)  # type: ignore[operator]
    assert answer.meaning("circumscribed").startswith("FALSIFIED")


@pytest.mark.parametrize("printed", [FALSE, FAR, "sat", "sat\n((X_0 1.5) (Y_0 2.5))"])
def test_a_counterexample_that_is_none_does_not_count(tmp_path: Path, printed: str) -> None:
    answer = asked(tmp_path, printed)
    assert answer.answer is Answer.SAT and answer.falsified is None
    assert answer.meaning("ball") == (
        "UNKNOWN: the tool says sat, its counterexample is not confirmed"
    )


def test_no_answer_is_ever_a_proof(tmp_path: Path) -> None:
    for word, answer in (("unsat", Answer.UNSAT), ("holds", Answer.UNSAT), ("Unknown", "unknown")):
        given = asked(tmp_path, word)
        assert given.answer == answer and given.falsified is None
        for query in ("ball", "inscribed", "circumscribed"):
            assert given.meaning(query).startswith("UNKNOWN")
    assert "says nothing" in OutsideAnswer(Answer.UNSAT, None, "").meaning("inscribed")
    assert "opinion" in OutsideAnswer(Answer.UNSAT, None, "").meaning("circumscribed")
    for verdict in (unknown(1), BallVerdict(1, Verdict.VERIFIED, "outside")):
        with pytest.raises(ValueError, match="only a confirmed counterexample"):
            OutsideAnswer(Answer.SAT, verdict, "")
    falsified = asked(tmp_path, TRUE_OLD).falsified
    with pytest.raises(ValueError, match="only a confirmed counterexample"):
        OutsideAnswer(Answer.UNSAT, falsified, "")


def test_a_result_file_is_read_and_an_old_one_is_not(tmp_path: Path) -> None:
    write = program(tmp_path, "pathlib.Path(sys.argv[3]).write_text('unsat\\n'); print('sat')")
    given = outside_answer(ball(), write + " {onnx} {vnnlib} {result}", files(tmp_path), 20)
    assert given.answer is Answer.UNSAT
    silent = program(tmp_path, "print('crashed')")
    with pytest.raises(ValueError, match="printed no line sat, unsat, unknown or timeout"):
        outside_answer(ball(), silent + " {onnx} {vnnlib} {result}", files(tmp_path), 20)


def test_a_verifier_out_of_time_is_ended_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time, pathlib\ntime.sleep(1)\npathlib.Path({str(alive)!r}).touch()"
    source = f"import subprocess\nsubprocess.run([sys.executable, '-c', {child!r}])"
    template = program(tmp_path, source) + " {onnx} {vnnlib} {timeout}"
    assert outside_answer(ball(), template, files(tmp_path), 0.4).answer is Answer.TIMEOUT
    time.sleep(0.8)
    assert not alive.exists()


def test_malformed_commands_and_outputs_are_refused(tmp_path: Path) -> None:
    for template, message in (
        ("verify {onnx}", "must use {onnx} and {vnnlib}"),
        ("verify {onnx} {vnnlib} {model}", "the command may use"),
        ("verify {onnx} '{vnnlib}", "the command may use"),
    ):
        with pytest.raises(ValueError, match=message):
            outside_answer(ball(), template, files(tmp_path), 1)
    with pytest.raises(OSError):
        outside_answer(ball(), str(tmp_path / "none") + " {onnx} {vnnlib}", files(tmp_path), 1)
    with pytest.raises(ValueError, match="answers that differ: sat, unsat"):
        read_answer("sat\nunsat")
    with pytest.raises(ValueError, match="gives X_2, the input has 2 coordinates"):
        read_point("X[0,2]=1.0", 2)
    with pytest.raises(ValueError, match="gives X_0, the input has"):
        read_point("((X_0 1.0) (X_0 2.0))", 2)
    with pytest.raises(ValueError, match="out of any range"):
        read_point("X[0]=1e999999999", 1)


def test_points_are_read_exactly_in_both_formats() -> None:
    expected = (Fraction(-1, 10), Fraction(25))
    assert read_point("((X_0 -0.1)\n(X_1 2.5e+1)\n(Y_0 3))", 2) == expected
    assert read_point("X[0,0]=-0.1\nX[0,1] = 25\nY[0,0]=7", 2) == expected
    assert read_point("X[0]=-.1\nX[1]=25.", 2) == expected
