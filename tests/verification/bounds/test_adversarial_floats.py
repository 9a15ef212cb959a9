"""Networks that floats misread are never proved: by CROWN, alpha-CROWN or the search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from pipeline.verification.bounds import (
    Balls,
    Claims,
    Regions,
    RoundedNetwork,
    bound_with,
    crown_lower,
    default_multipliers,
    optimised,
    pre_activation_bounds,
)
from pipeline.verification.splitting.question import Question
from pipeline.verification.splitting.search import SearchOptions
from pipeline.verification.verdicts import confirmed_witness
from tests.verification.adversarial_floats import CASES, NORMS, AdversarialCase

EVERY = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
OPTIONS = SearchOptions(seconds=5, nodes=12, steps=4)


def crown(
    case: AdversarialCase, p: float, *, rigorous: bool = True, device: str = "cpu"
) -> torch.Tensor:
    """Return CROWN's bounds of both claims about the case's ball, shape (2,)."""
    network = RoundedNetwork.of(case.network, device)
    balls = Balls.of(case.network, case.dataset, case.rho, p, np.array([case.ball]), device)
    claims = Claims.of(network, torch.tensor([float(case.label)], device=device), 0.5)
    return crown_lower(network, balls, claims, rigorous=rigorous)[0]


def alpha_crown(case: AdversarialCase, p: float) -> torch.Tensor:
    """Return alpha-CROWN's bounds of both claims about the case's ball, shape (2,)."""
    network = RoundedNetwork.of(case.network)
    balls = Balls.of(case.network, case.dataset, case.rho, p, np.array([case.ball] * 2))
    labels = torch.full((2,), float(case.label), dtype=torch.float64)
    claims = Claims.of(network, labels, 0.5, torch.tensor([[1], [-1]]))
    known, signs = pre_activation_bounds(network, balls), torch.zeros(2, sum(network.hidden))
    start = default_multipliers(known)
    regions = Regions(balls, known, claims, signs.double())
    found = optimised(network, regions, start, steps=5).rounded()
    return bound_with(network, regions, found).lower[:, 0]


def proves(bounds: torch.Tensor) -> bool:
    return bool((bounds > 0).all())


@contextmanager
def subnormals_flushed() -> Iterator[bool]:
    """Flush subnormal operands and results to 0 where the processor can."""
    possible = torch.set_flush_denormal(True)
    try:
        yield possible
    finally:
        torch.set_flush_denormal(False)


@EVERY
@pytest.mark.parametrize("p", NORMS)
def test_every_case_is_wrong_strictly_inside_its_ball(case: AdversarialCase, p: float) -> None:
    question = case.network, case.dataset, case.rho, p, "nearest", case.ball
    assert confirmed_witness(*question, case.witness) is not None


@EVERY
@pytest.mark.parametrize("p", NORMS)
def test_no_wrong_ball_is_proved(case: AdversarialCase, p: float) -> None:
    assert not proves(crown(case, p))
    assert not proves(alpha_crown(case, p))
    question = Question(case.network, case.dataset, case.rho, p)
    searched, _ = question.search(np.array([case.ball]), OPTIONS)
    assert not searched.proved.any() and not len(searched.leaves)


@EVERY
@pytest.mark.parametrize("p", NORMS)
def test_no_wrong_ball_is_proved_where_subnormal_numbers_are_flushed(
    case: AdversarialCase, p: float
) -> None:
    with subnormals_flushed() as possible:
        if not possible:
            pytest.skip("this processor does not flush subnormal numbers")
        assert not proves(crown(case, p))
        assert not proves(alpha_crown(case, p))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@EVERY
@pytest.mark.parametrize("p", NORMS)
def test_no_wrong_ball_is_proved_on_a_cuda_device(case: AdversarialCase, p: float) -> None:
    assert not proves(crown(case, p, device="cuda"))
    searched, _ = Question(case.network, case.dataset, case.rho, p, "cuda").search(
        np.array([case.ball]), OPTIONS
    )
    assert not searched.proved.any()


def test_without_error_bounds_floats_prove_wrong_balls() -> None:
    fooled = [case.name for case in CASES if proves(crown(case, 2, rigorous=False))]
    assert len(fooled) >= 6
    assert {name.split()[0] for name in fooled} >= {"output", "hidden", "first"}
