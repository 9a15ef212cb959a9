"""Run an outside verifier on an exported case and read its answer; believe only what is checked.

A verifier is any command that reads an ONNX file and a query and prints (or writes) a line `sat`,
`unsat`, `unknown` or `timeout`, followed for `sat` by a counterexample, as in VNN-COMP,
`((X_0 0.5) (X_1 1) (Y_0 2))`, or as in VNN-LIB 2.0, `X[0,0]=0.5`. A counterexample counts only if
`confirmed_witness` finds it strictly inside the open ball and wrongly read, in exact arithmetic.
`unsat` is the tool's opinion: nothing here ever says VERIFIED.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.exact import as_dyadic
from pipeline.exchange.ball_case import BallCase
from pipeline.verification.verdicts import BallVerdict, Verdict, confirmed_witness

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_COORDINATE = re.compile(rf"X(?:_(\d+)\s+|\[\s*(?:0\s*,\s*)?(\d+)\s*\]\s*=\s*){_NUMBER}(?=[\s)]|$)")
_MOST_DIGITS = 4000


class Answer(StrEnum):
    """What the outside tool says."""

    SAT = "sat"
    UNSAT = "unsat"
    UNKNOWN = "unknown"
    TIMEOUT = "timeout"


_WORDS = {
    "sat": Answer.SAT,
    "violated": Answer.SAT,
    "unsat": Answer.UNSAT,
    "holds": Answer.UNSAT,
    "unknown": Answer.UNKNOWN,
    "timeout": Answer.TIMEOUT,
    "timed-out": Answer.TIMEOUT,
}


@dataclass(frozen=True, eq=False)
class OutsideAnswer:
    """An outside tool's answer about one ball.

    Args:
        answer: what it says.
        falsified: FALSIFIED with its counterexample, if that was confirmed exactly.
        printed: its output.

    Raises:
        ValueError: if a verdict other than FALSIFIED, or one without `sat`, is attached.
    """

    answer: Answer
    falsified: BallVerdict | None
    printed: str

    def __post_init__(self) -> None:
        verdict = self.falsified
        if verdict is None:
            return
        if verdict.verdict is not Verdict.FALSIFIED or self.answer is not Answer.SAT:
            raise ValueError("only a confirmed counterexample of an answer sat is a verdict")

    def meaning(self, query: str) -> str:
        """Return what the answer means for the ball, given which query was asked.

        Args:
            query: "ball", "inscribed" or "circumscribed".
        """
        if self.falsified is not None:
            return f"FALSIFIED: counterexample confirmed exactly, f = {self.falsified.output}"
        if self.answer is Answer.SAT:
            return "UNKNOWN: the tool says sat, its counterexample is not confirmed"
        if self.answer is Answer.UNSAT and query == "inscribed":
            return "UNKNOWN: unsat of the inscribed box says nothing about the rest of the ball"
        if self.answer is Answer.UNSAT:
            return "UNKNOWN: the tool's opinion is that the ball is right; that is no proof here"
        return f"UNKNOWN: the tool says {self.answer.value}"


def outside_answer(
    case: BallCase, template: str, files: Mapping[str, Path], time_limit: float
) -> OutsideAnswer:
    """Return the answer of the command on a case, its counterexample checked exactly.

    Args:
        case: the ball; its network must be the one in the ONNX file.
        template: the command, split as a shell would but run without one; `{onnx}`, `{vnnlib}`,
            `{result}` and `{timeout}` are replaced. With `{result}` the answer is read from that
            file, else from standard output.
        files: "onnx", "vnnlib", "result".
        time_limit: seconds until the command and its children are ended.

    Raises:
        ValueError: if the template is malformed, or the output has no answer.
        OSError: if the command cannot be started.
    """
    command = _command(template, files, time_limit)
    result = Path(files["result"]) if "{result}" in template else None
    if result is not None:
        result.unlink(missing_ok=True)
    printed, ended = _run(command, time_limit)
    if result is not None and result.is_file():
        printed = result.read_text(encoding="utf-8", errors="replace")
    if not ended:
        return OutsideAnswer(Answer.TIMEOUT, None, printed)
    answer, rest = read_answer(printed)
    point = read_point(rest, case.dataset.d) if answer is Answer.SAT else None
    return OutsideAnswer(answer, _confirmed(case, point), printed)


def read_answer(printed: str) -> tuple[Answer, str]:
    """Return the last line that is an answer and what follows it.

    Raises:
        ValueError: if there is none, or two lines differ.
    """
    lines = printed.splitlines()
    found = [(n, _WORDS[w]) for n, w in enumerate(_word(line) for line in lines) if w in _WORDS]
    if not found:
        tail = printed.strip()[-500:]
        raise ValueError(f"the verifier printed no line sat, unsat, unknown or timeout: {tail!r}")
    if len({answer for _, answer in found}) > 1:
        raise ValueError(
            "the verifier printed answers that differ: " + ", ".join(a for _, a in found)
        )
    number, answer = found[-1]
    return answer, "\n".join(lines[number + 1 :])


def _word(line: str) -> str:
    return line.strip().lower()


def read_point(text: str, d: int) -> tuple[Fraction, ...] | None:
    """Return the input of a counterexample in either format, None if it is not complete.

    Args:
        text: what follows the line `sat`.
        d: number of coordinates.

    Raises:
        ValueError: if a coordinate is out of range or given twice.
    """
    values: dict[int, Fraction] = {}
    for old, new, number in _COORDINATE.findall(text):
        j = int(old or new)
        if j >= d or j in values:
            raise ValueError(f"the counterexample gives X_{j}, the input has {d} coordinates once")
        values[j] = _rational(number)
    return tuple(values[j] for j in range(d)) if len(values) == d else None


def _rational(number: str) -> Fraction:
    mantissa, _, exponent = number.lower().partition("e")
    if len(mantissa) > _MOST_DIGITS or abs(int(exponent or 0)) > _MOST_DIGITS:
        raise ValueError(f"a number of the counterexample is out of any range: {number[:40]}")
    return Fraction(number)


def _confirmed(case: BallCase, point: tuple[Fraction, ...] | None) -> BallVerdict | None:
    """Return FALSIFIED if the point, rounded to float64, refutes the ball exactly."""
    if point is None:
        return None
    try:
        floats = np.array([float(v) for v in point])
    except OverflowError:
        return None
    return confirmed_witness(
        case.network,
        case.dataset,
        case.rho,
        case.p,
        case.decision,
        case.index,
        as_dyadic(floats),
        "outside",
    )


def _command(template: str, files: Mapping[str, Path], time_limit: float) -> list[str]:
    names = {key: str(path) for key, path in files.items()} | {"timeout": f"{time_limit:g}"}
    try:
        # Split first: a path with a space stays one argument.
        command = [part.format(**names) for part in shlex.split(template)]
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f"the command may use {{onnx}}, {{vnnlib}}, {{result}}, {{timeout}}: {template!r} "
            f"({error})"
        ) from None
    if not command or "{onnx}" not in template or "{vnnlib}" not in template:
        raise ValueError(f"the command must use {{onnx}} and {{vnnlib}}, got {template!r}")
    return command


def _run(command: list[str], time_limit: float) -> tuple[str, bool]:
    """Return what the command printed and whether it ended by itself in time."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=time_limit)[0], True
    except subprocess.TimeoutExpired:
        # A session of its own: children of the verifier end with it.
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], False
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
