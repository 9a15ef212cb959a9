"""A verdict table, row by row: every VERIFIED among the proved balls, every witness re-evaluated.

FALSIFIED holds if the witness is a dyadic point x with ||x - x_i||_p < mu, compared as rational
powers, at which the network's exact value is the one in the table and breaks the decision rule:
f != y for `exact`, |f - y| >= 1/2 for `nearest`. UNKNOWN claims nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np

from pipeline.verification.check.balls import Claim
from pipeline.verification.check.evaluation import Evaluation
from pipeline.verification.check.readers import Network
from pipeline.verification.check.rejection import Rejected

COLUMNS = ["index", "label", "verdict", "method", "margin", "witness", "output"]
VERDICTS = ("VERIFIED", "FALSIFIED", "UNKNOWN")
_DYADIC = re.compile(r"((?:-?(?:0x[0-9a-f]+|[0-9]{1,4000}) )+)\* 2\*\*(-?[0-9]{1,7})", re.ASCII)
# Powers of two beyond these are no points and no outputs: refuse them instead of computing them.
_POINTS, _OUTPUTS = 1 << 16, 1 << 20
_LONGEST_FIELD = 1 << 26
_TOGETHER = 64


@dataclass(frozen=True)
class Row:
    """One row: a ball, its verdict and, for FALSIFIED, the point n * 2**exponent and f there."""

    index: int
    verdict: str
    point: list[int]
    exponent: int
    output: Fraction


def read_rows(path: Path, labels: np.ndarray) -> list[Row]:
    """Return the rows of a verdict table, one for every ball, sorted by ball.

    Args:
        path: a CSV file with the columns `COLUMNS`.
        labels: the dataset's, shape (N,).

    Raises:
        Rejected: if a row is not readable or has another label, or a ball has no row or two.
    """
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise Rejected(f"{path}: not a readable table ({error})") from None
    finally:
        csv.field_size_limit(limit)
    if not lines or lines[0] != COLUMNS:
        raise Rejected(f"{path}: the columns must be {', '.join(COLUMNS)}")
    rows = [_row(line, labels) for line in lines[1:]]
    indices = np.bincount([row.index for row in rows], minlength=len(labels))
    if np.any(indices != 1):
        ball = int(np.flatnonzero(indices != 1)[0])
        raise Rejected(f"ball {ball} has {indices[ball]} rows in the verdict table")
    return sorted(rows, key=lambda row: row.index)


def recheck(
    rows: list[Row], network: Network, claim: Claim, decision: str, proved: np.ndarray
) -> dict[str, int]:
    """Return the number of rows of each verdict, all of which hold.

    Args:
        rows: one a ball.
        network: the network.
        claim: dataset and radius.
        decision: "nearest" or "exact".
        proved: which balls were proved here, shape (N,).

    Raises:
        Rejected: at the first row that does not hold.
    """
    for row in rows:
        if row.verdict == "VERIFIED" and not proved[row.index]:
            raise Rejected(f"ball {row.index} is VERIFIED in the table and not proved")
    falsified = [row for row in rows if row.verdict == "FALSIFIED"]
    if falsified:
        evaluation = Evaluation(network)
        for start in range(0, len(falsified), _TOGETHER):
            _refute(falsified[start : start + _TOGETHER], evaluation, claim, decision)
    return {v.lower(): sum(row.verdict == v for row in rows) for v in VERDICTS}


def _row(line: list[str], labels: np.ndarray) -> Row:
    if len(line) != len(COLUMNS) or not all(re.fullmatch("[0-9]{1,18}", v) for v in line[:2]):
        raise Rejected(f"a row of the verdict table is not readable: {','.join(line)[:60]!r}")
    index, label, verdict = int(line[0]), int(line[1]), line[2]
    if index >= len(labels) or label != labels[index]:
        raise Rejected(f"ball {index} of label {label} is not in the dataset")
    if verdict not in VERDICTS:
        raise Rejected(f"ball {index}: the verdict must be one of {', '.join(VERDICTS)}")
    if verdict != "FALSIFIED":
        if line[5] or line[6]:
            raise Rejected(f"ball {index}: only FALSIFIED has a witness and an output")
        return Row(index, verdict, [], 0, Fraction(0))
    point, exponent = _dyadic(line[5], _POINTS, f"ball {index}: the witness")
    value, power = _dyadic(line[6], _OUTPUTS, f"ball {index}: the output")
    if len(value) != 1:
        raise Rejected(f"ball {index}: the output must be one number")
    return Row(index, verdict, point, exponent, value[0] * Fraction(2) ** power)


def _dyadic(text: str, limit: int, what: str) -> tuple[list[int], int]:
    """Return the integers and the exponent of a text such as `3 -5 0x1f * 2**-4`.

    Raises:
        Rejected: if the text has another form, or too large an exponent.
    """
    match = _DYADIC.fullmatch(text)
    if not match:
        raise Rejected(f"{what} must read n_1 n_2 ... * 2**e, got {text[:60]!r}")
    exponent = int(match[2])
    if abs(exponent) > limit:
        raise Rejected(f"{what} has an exponent beyond +-{limit}")
    return [int(n, 0) if "x" in n else int(n) for n in match[1].split()], exponent


def _refute(rows: list[Row], evaluation: Evaluation, claim: Claim, decision: str) -> None:
    """Check that every row's witness breaks the rule inside its ball.

    Raises:
        Rejected: at the first that does not.
    """
    for row in rows:
        if len(row.point) != claim.data.points.shape[1]:
            raise Rejected(f"ball {row.index}: the witness has {len(row.point)} coordinates")
        if not _inside(row, claim):
            raise Rejected(f"ball {row.index}: the witness is not inside the open ball")
    exponent = min(row.exponent for row in rows)
    points = [_at(row.point, row.exponent - exponent) for row in rows]
    for row, value in zip(rows, evaluation.outputs(points, exponent), strict=True):
        if value != row.output:
            raise Rejected(f"ball {row.index}: f has another value at the witness")
        error = abs(value - int(claim.data.labels[row.index]))
        if not (error > 0 if decision == "exact" else error >= Fraction(1, 2)):
            raise Rejected(f"ball {row.index}: f is right at the witness ({decision})")


def _inside(row: Row, claim: Claim) -> bool:
    """Return whether ||x - x_i||_p < mu."""
    exponent = min(row.exponent, claim.data.exponent)
    centre = _at(claim.data.points[row.index], claim.data.exponent - exponent)
    point = _at(row.point, row.exponent - exponent)
    gaps = [abs(a - b) for a, b in zip(point, centre, strict=True)]
    unit = Fraction(2) ** exponent
    if claim.p == inf:
        return max(gaps) * unit < claim.mu_power
    degree = int(claim.p)
    return sum(gap**degree for gap in gaps) * unit**degree < claim.mu_power


def _at(values: Iterable[int], shift: int) -> list[int]:
    return [int(v) << shift for v in values]
