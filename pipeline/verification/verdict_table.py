"""The verdict table: one row a ball, integers written so that they can be read back exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.verification.verdicts import BallVerdict, Verdict

COLUMNS = ["index", "label", "verdict", "method", "margin", "witness", "output"]
# Python refuses to print decimals of more than 4300 digits; hexadecimal has no such limit.
_DECIMAL_BITS = 64


def verdict_table(dataset: SeparatedDataset, verdicts: Sequence[BallVerdict]) -> pd.DataFrame:
    """Return one row a ball: index, label, verdict, method, margin, witness, output.

    Witness and output are dyadic texts such as `3 -5 0x1f * 2**-4`; empty where there is none.
    """
    rows = [
        {
            "index": v.index,
            "label": int(dataset.y[v.index]),
            "verdict": v.verdict.value,
            "method": v.method,
            "margin": v.margin or "",
            "witness": "" if v.witness is None else dyadic_text(v.witness),
            "output": "" if v.output is None else _output_text(v.output),
        }
        for v in verdicts
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def verdict_csv(dataset: SeparatedDataset, verdicts: Sequence[BallVerdict]) -> str:
    """Return the verdict table as CSV text; equal verdicts give equal text."""
    return verdict_table(dataset, verdicts).to_csv(index=False, lineterminator="\n")


def verdict_counts(verdicts: Sequence[BallVerdict]) -> dict[str, int]:
    """Return the number of balls of each verdict, in lower case: verified, falsified, unknown."""
    return {
        verdict.value.lower(): sum(v.verdict is verdict for v in verdicts) for verdict in Verdict
    }


def dyadic_text(values: DyadicArray) -> str:
    """Return a vector as integers and one exponent, `n_1 n_2 ... * 2**e`.

    >>> dyadic_text(DyadicArray(np.array([3, -5]), -4))
    '3 -5 * 2**-4'
    """
    integers = " ".join(_integer_text(int(n)) for n in values.numerators.reshape(-1).tolist())
    return f"{integers} * 2**{values.exponent}"


def dyadic_of_text(text: str) -> DyadicArray:
    """Return the vector that `dyadic_text` wrote.

    Raises:
        ValueError: if the text has another form.
    """
    integers, mark, exponent = text.partition(" * 2**")
    if not mark:
        raise ValueError(f"a dyadic vector reads `n_1 n_2 * 2**e`, got {text!r}")
    values = [int(n, 0) for n in integers.split()]
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return DyadicArray(out, int(exponent))


def _integer_text(value: int) -> str:
    return str(value) if abs(value).bit_length() <= _DECIMAL_BITS else hex(value)


def _output_text(value: Fraction) -> str:
    exponent = 1 - value.denominator.bit_length()
    return f"{_integer_text(value.numerator)} * 2**{exponent}"
