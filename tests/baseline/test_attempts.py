"""The journal of a search: what is kept comes back, what is damaged counts as missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.baseline.attempts import CERTIFIED, LEARNED, REFUTED, Attempt, Journal, decided
from pipeline.network import Affine, ReLUNetwork

LINE = Affine.from_fractions((1, 1), {(0, 0): 1}, {})
NETWORK = ReLUNetwork.relu(LINE, LINE)
ATTEMPT = Attempt(width=1, seed=7, parameter_count=4, outcome=LEARNED, curve=[{"step": 1.0}])


def test_an_attempt_and_its_network_come_back(tmp_path):
    journal = Journal(tmp_path / "journal")
    assert journal.attempts() == {}
    journal.keep(ATTEMPT, NETWORK)
    again = Journal(tmp_path / "journal")
    assert again.attempts() == {(1, 7): ATTEMPT}
    assert again.network(ATTEMPT).parameter_count() == 4


@pytest.mark.parametrize("file", ["attempt.json", "network.npz"])
@pytest.mark.parametrize("damage", [b"", b"{", None])
def test_a_damaged_attempt_counts_as_missing(tmp_path, file, damage):
    journal = Journal(tmp_path)
    journal.keep(ATTEMPT, NETWORK)
    path = journal.place(ATTEMPT) / file
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert journal.attempts() == {}


def test_one_falsified_ball_refutes_and_one_open_ball_leaves_undecided():
    outcomes = [decided(ATTEMPT, counts, 1.5).outcome for counts in ((3, 0, 0), (2, 1, 0))]
    assert outcomes == [CERTIFIED, REFUTED]
    assert decided(ATTEMPT, (2, 0, 1), 1.5).outcome == "undecided"
    assert decided(ATTEMPT, (2, 1, 1), 1.5) == replace(
        ATTEMPT, outcome=REFUTED, verified=2, falsified=1, unknown=1, seconds=1.5
    )


def test_an_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match="an outcome is one of"):
        replace(ATTEMPT, outcome="fine")
