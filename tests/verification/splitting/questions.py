"""Random questions for the search, their searches, and the checker's opinion of the proofs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.data import save_dataset
from pipeline.network import save_network
from pipeline.verification.check.case import described, read_case
from pipeline.verification.check.proofs import Proofs
from pipeline.verification.check.proved_balls import check_proofs
from pipeline.verification.splitting.proofs import Leaves, save_proofs
from pipeline.verification.splitting.question import Question
from pipeline.verification.verdicts import Decision
from tests.verification.bounds.random_networks import fitted, random_dataset, random_network


def random_question(
    seed: int,
    *,
    p: float = 2,
    d: tuple[int, int] = (2, 4),
    width: tuple[int, int] = (4, 8),
    hidden: tuple[int, int] = (1, 2),
    points: int = 4,
    rho: Fraction | None = None,
) -> Question:
    """Return a network that is right at most of the points, and its balls.

    Args:
        seed: of everything.
        p: norm of the balls.
        d: least and largest dimension.
        width: of every hidden layer.
        hidden: number of hidden layers.
        points: of the dataset.
        rho: robustness ratio, random in [1/20, 19/20] by default.
    """
    rng = np.random.default_rng(seed)
    dimension = int(rng.integers(d[0], d[1] + 1))
    depth = int(rng.integers(hidden[0], hidden[1] + 1))
    widths = [int(w) for w in rng.integers(width[0], width[1] + 1, size=depth)]
    data = random_dataset(rng, dimension, points)
    network = fitted(random_network(rng, dimension, widths), data)
    ratio = Fraction(int(rng.integers(1, 20)), 20) if rho is None else rho
    return Question(network, data, ratio, p)


def checked(question: Question, leaves: Leaves, folder: Path) -> np.ndarray:
    """Return which balls the independent checker finds proved by the leaves' file, shape (N,)."""
    if not len(leaves):
        return np.zeros(question.dataset.N, dtype=bool)
    dataset, network, proofs = (folder / f"{name}.npz" for name in ("data", "network", "proofs"))
    save_dataset(dataset, question.dataset)
    save_network(network, question.network)
    save_proofs(
        proofs,
        leaves,
        dataset=dataset,
        network=network,
        rho=question.rho,
        p=question.p,
        decision=Decision.NEAREST,
    )
    case = read_case(dataset, network, proofs, None, None, None)
    separation, _ = described(case, [])
    assert isinstance(case.claimed, Proofs)
    return check_proofs(case.network, case.claimed, case.claim(separation)).verified
