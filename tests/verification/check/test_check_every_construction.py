"""The checker accepts every construction's claim, for its data and radius and for no others."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import Claim
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.network import load_network
from tests.construction.ball_points import wrong_points
from tests.construction.cases import CASES, BuildCase
from tests.verification.check.check_files import Files

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_the_claim_of_the_files_is_verified(case: BuildCase, tmp_path: Path) -> None:
    built = case.built()
    assert Files(tmp_path).write(case.data(), built.network, built.certificate).verified


@every_case
def test_the_claim_is_rejected_with_two_labels_swapped(case: BuildCase, tmp_path: Path) -> None:
    built, data = case.built(), case.data()
    y = data.y.copy()
    i = int(np.flatnonzero(y != y[0])[0])
    y[0], y[i] = y[i], y[0]
    swapped = SeparatedDataset("swapped", data.X, y)
    assert not Files(tmp_path).write(swapped, built.network, built.certificate).verified


@every_case
def test_the_claim_is_rejected_with_a_point_moved_to_another(
    case: BuildCase, tmp_path: Path
) -> None:
    """Point 0 gets a place next to a point of another label, where the network says that label."""
    built, data = case.built(), case.data()
    i = int(np.flatnonzero(data.y != data.y[0])[0])
    numerators = data.X.numerators * 64
    numerators[0] = numerators[i]
    numerators[0, 0] += 1
    moved = SeparatedDataset("moved", DyadicArray(numerators, data.X.exponent - 6), data.y)
    files = Files(tmp_path)
    if files.write(moved, built.network, built.certificate).verified:
        # Only if the network is right there, which the exact values decide.
        values = load_network(files.network).evaluate_exact(moved.X).fractions()[:, 0]
        assert values.tolist() == moved.y.tolist()


@every_case
def test_a_larger_radius_is_rejected_or_right(case: BuildCase, tmp_path: Path) -> None:
    built, data = case.built(), case.data()
    for rho in (case.ratio * 2, Fraction(1, 2), Fraction(99, 100)):
        if not case.ratio < rho < 1:
            continue
        answer = Files(tmp_path).write(data, built.network, built.certificate, rho=str(rho))
        if answer.verified and built.certificate.claim is Claim.BALLS:
            assert wrong_points(built.network, data, rho) == []


@every_case
def test_a_claim_stands_for_what_follows_from_it_and_nothing_else(
    case: BuildCase, tmp_path: Path
) -> None:
    built, files = case.built(), Files(tmp_path)
    claims = {"balls": None, "points": None, "error": "1/1000000"}
    for claim, eta in claims.items():
        answer = files.write(case.data(), built.network, built.certificate, claim=claim, eta=eta)
        if built.certificate.claim is Claim.BALLS:
            # Right on all of every ball: error 0, and right at the points.
            assert answer.verified
        if built.certificate.claim is Claim.POINTS:
            assert answer.verified == (claim == "points")
        if built.certificate.claim is Claim.ERROR and claim == "balls" and answer.verified:
            # Only where no ball meets a band.
            assert wrong_points(built.network, case.data(), case.ratio) == []
