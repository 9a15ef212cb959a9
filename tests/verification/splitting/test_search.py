"""The search: what it proves holds, what it refutes is wrong, its leaves cover the ball."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import inf
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.check.proofs import is_complete
from pipeline.verification.splitting.proofs import Leaves
from pipeline.verification.splitting.question import Question
from pipeline.verification.splitting.search import Searched, SearchOptions
from pipeline.verification.verdicts import BallVerdict
from tests.verification.adversarial_floats import CASES
from tests.verification.examples import fractions_inside
from tests.verification.splitting.contradictions import borderline_question
from tests.verification.splitting.questions import checked

SEEDS = (1, 3, 5, 7, 9, 11)


Answer = tuple[Searched, dict[int, BallVerdict]]
question_of = cache(borderline_question)


@cache
def search_of(seed: int, nodes: int = 4000) -> Answer:
    return search(question_of(seed), nodes=nodes)


def search(question: Question, **options: int) -> Answer:
    chosen = SearchOptions(**{"seconds": 30, "nodes": 4000, **options})
    searched, found = question.search(np.arange(question.dataset.N), chosen)
    return searched, found.verdicts


def tight_corner(width: float) -> Question:
    """f passes 3/2 in one corner of a square: where x_1 + x_2 > 2 - 3 width / 4."""
    edge = 2.0 - width
    steep = 2.0 / width
    first = Affine.from_floats(np.array([[1, 1], [1, -1], [-1, 1]]) * 1.0, np.array([-edge, 1, 1]))
    last = Affine.from_floats(np.array([[steep, 0.125, 0.125]]), np.array([0.75]))
    X = as_dyadic(np.array([[0.0, 0.0], [4.0, 0.0]]))
    data = SeparatedDataset("corner", X, np.array([1, 2]))
    return Question(ReLUNetwork.relu(first, last), data, Fraction(1, 2), inf)


@pytest.mark.parametrize("seed", SEEDS)
def test_leaves_cover_both_sides_of_every_proved_ball_and_no_other(seed: int) -> None:
    question, (searched, _) = question_of(seed), search_of(seed)
    leaves = Leaves.of(searched.leaves, np.arange(question.dataset.N))
    starts = np.concatenate([[0], np.cumsum(leaves.path_length)])
    for ball in range(question.dataset.N):
        for side in (1, -1):
            rows = np.flatnonzero((leaves.ball == ball) & (leaves.side == side))
            paths = [leaves.path[starts[k] : starts[k + 1]].tolist() for k in rows]
            assert bool(paths) == bool(searched.proved[ball])
            assert not paths or is_complete(paths)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_refuted_ball_has_a_witness_strictly_inside(seed: int) -> None:
    question, (searched, verdicts) = question_of(seed), search_of(seed)
    assert set(np.flatnonzero(searched.refuted)) == set(verdicts)
    assert not (searched.proved & searched.refuted).any()
    for verdict in verdicts.values():
        assert fractions_inside(question.dataset, verdict, question.rho, question.p)
        assert abs(verdict.output - int(question.dataset.y[verdict.index])) >= Fraction(1, 2)


def test_every_ball_of_a_small_network_is_decided_and_some_only_by_splits() -> None:
    splits = 0
    for seed in SEEDS:
        searched, _ = search_of(seed)
        assert (searched.proved | searched.refuted).all() and not searched.exhausted
        assert np.isposinf(searched.lower[searched.proved]).all()
        splits += int((searched.nodes[searched.proved] > 2).sum())
    assert splits > 0


def test_without_nodes_only_whole_balls_are_bounded() -> None:
    open_balls = 0
    for seed in SEEDS:
        searched, _ = search_of(seed, 0)
        assert searched.nodes.tolist() == [2] * len(searched.nodes)
        assert not searched.leaves.signs.any()
        undecided = ~(searched.proved | searched.refuted)
        assert (searched.lower[undecided].min(axis=1) < 0).all()
        open_balls += int(undecided.sum())
    assert open_balls > 0


def test_more_nodes_never_lose_a_proof() -> None:
    for seed in SEEDS[:3]:
        proved = [search_of(seed, nodes)[0].proved for nodes in (0, 8, 64, 4000)]
        for fewer, more in zip(proved, proved[1:], strict=False):
            assert not (fewer & ~more).any()


@pytest.mark.parametrize("bits", [4, 16, 24])
def test_a_ball_wrong_in_a_tiny_corner_only_is_refuted(bits: int) -> None:
    searched, verdicts = search(tight_corner(2.0**-bits))
    assert searched.refuted[0] and not searched.proved[0]
    assert min(verdicts[0].witness.fractions()) > 1 - 2 * Fraction(1, 2**bits)


@pytest.mark.parametrize("bits", [30, 40, 50])
def test_a_corner_that_attacks_do_not_reach_is_not_proved(bits: int) -> None:
    searched, _ = search(tight_corner(2.0**-bits))
    assert not searched.proved[0]


def test_a_corner_outside_the_ball_is_no_reason_to_doubt() -> None:
    question = tight_corner(2.0**-8)
    smaller = Question(question.network, question.dataset, Fraction(255, 512), inf)
    searched, _ = search(smaller)
    assert searched.proved[0]


def test_a_region_given_up_after_an_overflow_is_not_proved() -> None:
    for case in CASES:
        if not case.name.startswith(("weights 2^600", "weights 2^-1060", "radius 2^-1060")):
            continue
        searched, _ = search(Question(case.network, case.dataset, case.rho, 2), nodes=0)
        assert not searched.proved[case.ball]
        assert not (searched.lower[case.ball] > 0).all()


def test_a_solvers_point_just_outside_the_ball_is_a_witness_all_the_same() -> None:
    question = borderline_question(177)
    searched, found = question.search(np.array([1]), SearchOptions(seconds=30, nodes=100))
    assert searched.refuted[0] and found.verdicts[1].output > Fraction(5, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_independent_checker_follows_every_proof(seed: int, tmp_path: Path) -> None:
    question, (searched, _) = question_of(seed), search_of(seed)
    leaves = Leaves.of(searched.leaves, np.arange(question.dataset.N))
    assert checked(question, leaves, tmp_path).tolist() == searched.proved.tolist()
