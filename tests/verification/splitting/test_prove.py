"""Proving balls: journals are resumed, workers change nothing, proofs survive their file."""

from __future__ import annotations

import math
import os
import signal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.verification.splitting import prove
from pipeline.verification.splitting.proofs import FORMAT, Leaves, no_leaves
from pipeline.verification.splitting.prove import Budget, by_bounds, by_splits
from pipeline.verification.splitting.proved import Proved, together
from pipeline.verification.splitting.question import Question
from pipeline.verification.splitting.search import SearchOptions
from tests.verification.splitting.contradictions import borderline_question
from tests.verification.splitting.questions import checked

BUDGET = Budget(seconds=None, nodes=600)


@cache
def example() -> tuple[Question, dict[int, float]]:
    """Return a question with several balls that bounds alone leave open, and their bounds."""
    for seed in range(1, 40, 2):
        question = borderline_question(seed)
        lower = by_bounds(question, np.arange(question.dataset.N), BUDGET).lower
        if len(lower) >= 3:
            return question, lower
    raise AssertionError("no example has three open balls")


def same(a: Proved, b: Proved) -> bool:
    """Return whether two results have the same leaves, witnesses, bounds and nodes."""
    leaves = all(
        np.array_equal(getattr(a.leaves, name), getattr(b.leaves, name))
        for name in Leaves.__dataclass_fields__
    )
    points = [(v.index, v.output, v.witness.fractions().tolist()) for v in a.witnesses]
    others = [(v.index, v.output, v.witness.fractions().tolist()) for v in b.witnesses]
    return leaves and points == others and a.lower == b.lower and a.nodes == b.nodes


def test_bounds_and_splits_together_decide_every_ball_once() -> None:
    question, _ = example()
    first = by_bounds(question, np.arange(question.dataset.N), BUDGET)
    second = by_splits(question, first.lower, BUDGET, workers=1)
    both = together([first, second], question)
    proved, refuted = set(both.leaves.ball.tolist()), {v.index for v in both.witnesses}
    assert proved | refuted | set(both.lower) == set(range(question.dataset.N))
    assert not proved & refuted and not (proved | refuted) & set(both.lower)
    assert set(both.methods()) == proved
    assert {"branch_and_bound"} <= {both.methods()[ball] for ball in set(second.leaves.ball)}


def test_two_workers_find_the_same_as_one() -> None:
    question, lower = example()
    one, two = (by_splits(question, lower, BUDGET, workers=n) for n in (1, 2))
    assert same(one, two) and len(one.leaves)


def test_a_killed_search_is_resumed_with_the_balls_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, lower = example()
    whole, searched, inner = by_splits(question, lower, BUDGET, workers=1), [], prove._one_ball

    def killed_at_the_third(question, ball, options):
        searched.append(ball)
        if len(searched) == 3:
            raise KeyboardInterrupt
        return inner(question, ball, options)

    monkeypatch.setattr(prove, "_one_ball", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        by_splits(question, lower, BUDGET, journal=tmp_path, workers=1)
    resumed = by_splits(question, lower, BUDGET, journal=tmp_path, workers=1)
    assert same(resumed, whole)
    # The third ball was searched twice, every other one once.
    assert len(searched) == len(lower) + 1 and len(set(searched)) == len(lower)
    before = len(searched)
    assert same(by_splits(question, lower, BUDGET, journal=tmp_path, workers=1), whole)
    assert len(searched) == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"no archive", None])
def test_a_damaged_journal_is_searched_again(tmp_path: Path, caplog, damage) -> None:
    question, lower = example()
    whole = by_splits(question, lower, BUDGET, journal=tmp_path, workers=1)
    path = sorted(tmp_path.glob("ball_*.npz"))[0]
    kept = path.read_bytes()
    flipped = bytes(b ^ 255 if 200 < k < 240 else b for k, b in enumerate(kept))
    path.write_bytes(flipped if damage is None else damage(kept))
    assert same(by_splits(question, lower, BUDGET, journal=tmp_path, workers=1), whole)
    assert path.read_bytes() == kept
    assert f"{path} is damaged: the ball is searched again" in caplog.text


def test_proofs_in_a_file_are_the_leaves_and_prove_the_same_balls(tmp_path: Path) -> None:
    question, lower = example()
    first = by_bounds(question, np.arange(question.dataset.N), BUDGET)
    leaves = together([first, by_splits(question, lower, BUDGET, workers=1)], question).leaves
    proved = sorted(set(leaves.ball.tolist()))
    assert np.flatnonzero(checked(question, leaves, tmp_path)).tolist() == proved
    with np.load(tmp_path / "proofs.npz") as data:
        assert str(data["format"]) == FORMAT and str(data["decision"]) == "nearest"
        for name in Leaves.__dataclass_fields__:
            assert np.array_equal(data[name], getattr(leaves, name))
    some = leaves.of_balls(np.array(proved[:1]))
    assert np.flatnonzero(checked(question, some, tmp_path)).tolist() == proved[:1]


def test_one_leaf_less_and_its_ball_is_not_proved_any_more(tmp_path: Path) -> None:
    question, lower = example()
    leaves = by_splits(question, lower, BUDGET, workers=1).leaves
    ends = np.cumsum(leaves.path_length)
    for gone in range(0, len(leaves), max(len(leaves) // 5, 1)):
        keep = np.arange(len(leaves)) != gone
        steps = np.repeat(keep, leaves.path_length)
        fewer = Leaves(
            *(getattr(leaves, n)[keep] for n in ("ball", "side", "path_length")),
            leaves.path[steps],
            leaves.beta[steps],
            leaves.alpha[keep],
            leaves.kind[keep],
        )
        assert not checked(question, fewer, tmp_path)[leaves.ball[gone]]
    assert ends[-1] == len(leaves.path)


def _dies(ball: int, options: SearchOptions) -> Proved:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(f"ball {ball} is searched by a dead process with {options}")


def test_workers_that_die_leave_their_balls_undecided_and_are_reported(monkeypatch, caplog) -> None:
    question, lower = example()
    monkeypatch.setattr(prove, "_in_worker", _dies)
    found = by_splits(question, lower, BUDGET, workers=2)
    assert "BrokenProcessPool" in caplog.text
    assert not len(found.leaves) and not found.witnesses


@pytest.mark.parametrize("note", ["[]", "{}", '{"witness": "1 2 * 2**0", "lower": 1, "nodes": 1}'])
def test_a_journal_that_says_something_else_is_searched_again(
    tmp_path: Path, note: str, caplog
) -> None:
    question, lower = example()
    found = by_splits(question, lower, BUDGET, journal=tmp_path, workers=1)
    ball = max(lower)
    path = tmp_path / f"ball_{ball}.npz"
    with np.load(path) as data:
        arrays = dict(data)
    np.savez(path, **(arrays | {"note": np.array(note)}))
    again = by_splits(question, lower, BUDGET, journal=tmp_path, workers=1)
    assert "is searched again" in caplog.text
    assert again.methods() == found.methods()


def test_without_time_or_nodes_nothing_is_searched() -> None:
    question, lower = example()
    for budget in (Budget(seconds=0), Budget(nodes=0)):
        found = by_splits(question, lower, budget, workers=1)
        assert not len(found.leaves) and not found.witnesses and not found.lower
    none = by_bounds(question, np.arange(3), Budget(seconds=0))
    assert not len(none.leaves) and not none.lower
    assert not len(no_leaves(5)) and no_leaves(5).alpha.shape == (0, 5)


def test_a_negative_budget_is_refused() -> None:
    for wrong in ({"seconds": -1.0}, {"seconds": math.nan}, {"nodes": -1}):
        with pytest.raises(ValueError, match="must not be negative"):
            Budget(**wrong)
