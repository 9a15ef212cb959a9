"""All methods side by side on random cases: no two of them may contradict each other."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np
import torch

from pipeline.verification.adversarial_points import adversarial_points_attack
from pipeline.verification.balls import displaced_points, radius_below
from pipeline.verification.bounds import Balls, Claims, RoundedNetwork, crown_lower
from pipeline.verification.pgd import pgd_attack
from pipeline.verification.splitting.proofs import Leaves
from pipeline.verification.splitting.question import Question
from pipeline.verification.splitting.search import SearchOptions
from pipeline.verification.verdicts import Decision, confirmed_witnesses
from tests.verification.splitting.questions import checked, random_question

NORMS = (1, 2, inf)
SAMPLES = 60


def borderline_question(seed: int, points: int = 6) -> Question:
    """Return a random question; every other one with a rho at which CROWN leaves balls open."""
    question = random_question(
        seed, p=NORMS[seed % 3], d=(2, 8), width=(4, 24), hidden=(1, 3), points=points
    )
    if seed % 2 == 0:
        return question
    ratios = [Fraction(k, 40) for k in range(2, 39)]
    open_balls = {rho: (~crown_proves(at(question, rho))).sum() for rho in ratios}
    rho = next((rho for rho, count in open_balls.items() if count >= points // 2), ratios[-1])
    return at(question, rho)


def at(question: Question, rho: Fraction) -> Question:
    return Question(question.network, question.dataset, rho, question.p)


def crown_proves(question: Question) -> np.ndarray:
    """Return which balls CROWN proves, shape (N,)."""
    network = RoundedNetwork.of(question.network)
    balls = Balls.of(question.network, question.dataset, question.rho, question.p)
    labels = torch.from_numpy(question.dataset.y.astype(np.float64))
    lower = crown_lower(network, balls, Claims.of(network, labels, 0.5))
    return (lower > 0).all(1).numpy()


def sampled_wrong(question: Question, seed: int) -> np.ndarray:
    """Return which balls have a wrong point among samples near the sphere, exactly, shape (N,)."""
    rng, data = np.random.default_rng(seed), question.dataset
    rows = np.repeat(np.arange(data.N), SAMPLES)
    t = rng.normal(size=(len(rows), data.d))
    if question.p == inf:
        t = np.where(rng.random(t.shape) < 0.5, np.sign(t), t)
    elif question.p == 1:
        t *= rng.random(t.shape) < 0.5
    lengths = np.maximum(np.linalg.norm(t, ord=question.p, axis=1), 1e-9)
    radius = radius_below(data, question.rho, question.p)
    depth = rng.random(len(rows)) ** 0.2 * (1 - 2.0**-20)
    points = displaced_points(data.X, rows, t * (radius * depth / lengths)[:, None], radius)
    found = confirmed_witnesses(
        question.network,
        data,
        question.rho,
        question.p,
        Decision.NEAREST,
        rows,
        points,
        "samples",
        1,
    )
    return of_balls([v.index for v in found], data.N)


def attacked(question: Question) -> np.ndarray:
    """Return which balls attacks falsify, shape (N,)."""
    common = question.network, question.dataset, question.rho, question.p, Decision.NEAREST
    found = pgd_attack(*common, steps=15, restarts=4, workers=1)
    found += adversarial_points_attack(*common)
    return of_balls([v.index for v in found], question.dataset.N)


def of_balls(indices: list[int], N: int) -> np.ndarray:
    marked = np.zeros(N, dtype=bool)
    marked[indices] = True
    return marked


def compared(seed: int, folder: Path, *, nodes: int = 2000, attacks: bool = True) -> Counter[str]:
    """Return how many balls of a random network were decided how.

    Raises:
        AssertionError: if two methods contradict each other on a ball.
    """
    question = borderline_question(seed)
    every = np.arange(question.dataset.N)
    # Roots alone give CROWN's and alpha-CROWN's proofs, the second search those by splits.
    roots, _ = question.search(every, SearchOptions(seconds=60, nodes=0))
    searched, found = question.search(every, SearchOptions(seconds=60, nodes=nodes))
    crown, proved, refuted = crown_proves(question), searched.proved, searched.refuted
    wrong = sampled_wrong(question, seed) | refuted | roots.refuted
    if attacks:
        wrong |= attacked(question)
    assert set(np.flatnonzero(refuted)) == set(found.verdicts), f"seed {seed}: no witness"
    for name, claimed in (("CROWN", crown), ("roots", roots.proved), ("search", proved)):
        assert not (claimed & wrong).any(), f"seed {seed}: {name} proves a wrong ball"
    assert not (crown & ~proved).any(), f"seed {seed}: the search loses a proof of CROWN"
    checker = checked(question, Leaves.of(searched.leaves, every), folder)
    assert not (checker & wrong).any(), f"seed {seed}: the checker proves a wrong ball"
    assert not (checker & ~proved).any(), f"seed {seed}: the checker proves what is unproved"
    counts = Counter(
        cases=len(every),
        crown=int(crown.sum()),
        alpha_crown=int((roots.proved & ~crown).sum()),
        splits=int((proved & ~roots.proved).sum()),
        falsified=int(wrong.sum()),
        falsified_by_the_search=int(refuted.sum()),
        undecided=int((~proved & ~wrong).sum()),
        # Not a contradiction: the checker bounds with other roundings and orders.
        proofs_the_checker_does_not_follow=int((proved & ~checker).sum()),
    )
    return counts
