"""The note on a job's run claims what was proved and nothing more."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.report import BallData, RowDetails, SummaryRow
from pipeline.stages.note import MEANINGS, job_note
from pipeline.stages.outcome import Outcome

DOCS = Path(__file__).resolve().parents[2] / "docs" / "tracking.md"
PROVED = SummaryRow(
    construction="voting",
    dataset="cube",
    N=1200,
    d=4,
    C=2,
    rho="1/4",
    parameter_count=7700,
    nonzero_count=50,
    depth=3,
    width=9,
    first_hidden_width=5,
    bit_complexity=12,
    lower_bound=77.0,
    verified=1200,
    falsified=0,
    unknown=0,
    files={"dataset": "d.npz", "network": "n.npz", "certificate": "c.json"},
    holds=True,
)
ATTACKED = replace(
    PROVED, construction="pgd", verified=3, falsified=1190, unknown=7, claim="none", holds=None,
    files={"dataset": "d.npz", "network": "n.npz"}, trained=True,
)  # fmt: skip
PLANNED = replace(
    PROVED, verified=None, falsified=None, unknown=None, holds=None, files={"dataset": "d.npz"}
)
MEMORIZED = replace(
    PROVED, construction="vardi2022", claim="points", points=1200, verified=0, falsified=1200
)


def outcome(row: SummaryRow) -> Outcome:
    details = RowDetails(row.construction, decision_rule="nearest" if row.trained else "exact")
    return Outcome(row, details, BallData(row.construction), {}, {}, [], None, None)


def note(*rows: SummaryRow) -> str:
    return job_note([outcome(row) for row in rows], "ab12")


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (PROVED, "VERIFIED"),
        (ATTACKED, "FALSIFIED"),
        (MEMORIZED, "MEMORIZED"),
        (PLANNED, "PLANNED"),
    ],
)
def test_each_verdict_is_named_counted_and_explained(row, verdict):
    text = note(row)
    (line,) = re.findall(rf"^\| `{row.construction}`&nbsp; \| .*$", text, re.MULTILINE)
    counts = [row.verified, row.falsified, row.unknown]
    cells = [verdict, "7,700", "100", *("-" if n is None else f"{n:,}" for n in counts)]
    assert line.strip("| ").split("&nbsp; | ")[1:] == cells
    assert f"{verdict}: {MEANINGS[verdict]}." in text
    assert [word for word in MEANINGS if f"{word}: {MEANINGS[word]}" in text] == [verdict]


def test_the_claim_is_in_words_with_its_rule():
    assert "Proved for all 1,200 balls: f(x′) = yᵢ for every i" in note(PROVED)
    words = note(ATTACKED)
    assert "Proved for 3 of 1,200 balls: |f(x′) − yᵢ| < 1/2" in words
    assert "Refuted on 1,190 of 1,200 balls" in words and "Proved for all" not in words


def test_the_audit_is_named_where_there_is_something_to_audit():
    assert "`make audit RUN=ab12`" in note(PROVED, PLANNED)
    assert "audit" not in note(PLANNED)


def test_every_row_of_the_job_is_there_once():
    text = note(PROVED, ATTACKED)
    assert text.count("| `voting`&nbsp;") == text.count("| `pgd`&nbsp;") == 1
    assert text.count("- `voting`: ") == text.count("- `pgd`: ") == 1


def test_a_dataset_cannot_break_out_of_its_place():
    text = note(replace(PROVED, dataset="a`|<img src=x>\n# b"))
    assert text.splitlines()[0].startswith("**`a??<img src=x>?# b`**: N = 1,200")


def test_the_verdicts_explained_are_those_documented():
    table = DOCS.read_text(encoding="utf-8").partition("| `verdict` | what")[2].partition("\n\n")[0]
    assert re.findall(r"^\| ([A-Z]+) \|", table, re.MULTILINE) == list(MEANINGS)
