"""Growth is fitted over certified networks, and a network that is not certified stops the fit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from pipeline.construction import CONSTRUCTIONS
from pipeline.data import generate_dataset
from pipeline.verification import certified_exponents as module
from pipeline.verification.certified_exponents import (
    CERTIFIED,
    certified_count,
    certified_exponent,
)
from pipeline.verification.certify import Checked

RHO = Fraction(1, 200)


def test_a_count_is_that_of_the_network_the_checker_proved(monkeypatch):
    seen = []

    def watched(built, *about):
        seen.append((built, *about))
        return unproved(built, *about)

    unproved = module.unproved
    monkeypatch.setattr(module, "unproved", watched)
    P = certified_count("halving_lattice", 64, 4, RHO, seed=3)
    ((built, known, data, rho),) = seen
    expected, _ = generate_dataset("cube", N=64, d=4, C=2, seed=3)
    assert P == built.network.parameter_count() == built.plan.parameter_count()
    assert (known, rho) == (CONSTRUCTIONS["halving_lattice"], RHO)
    assert data.X == expected.X and data.y.tolist() == expected.y.tolist()
    rounds = [text for label, text in built.notes if label.startswith("round ")]
    assert rounds and all("shallow" not in text and "retrieval" in text for text in rounds)


def no_certificate(built):
    return replace(built, certificate=None)


def larger_balls(built):
    return replace(built, certificate=replace(built.certificate, rho=2 * built.certificate.rho))


def smaller_balls(built):
    return replace(built, certificate=replace(built.certificate, rho=built.certificate.rho / 2))


def other_labels(built):
    data, _ = generate_dataset("cube", N=32, d=4, C=2, seed=0)
    return CONSTRUCTIONS["halving_lattice"].build(
        replace(data, y=3 - data.y), built.certificate.rho, memorizer="retrieval"
    )


@pytest.mark.parametrize("change", [no_certificate, larger_balls, smaller_balls, other_labels])
def test_a_network_that_is_not_proved_has_no_count(monkeypatch, change):
    def changed(*arguments, **options):
        return change(build(*arguments, **options))

    build = module.build
    monkeypatch.setattr(module, "build", changed)
    with pytest.raises(ValueError, match="only certified networks are fitted, .* N = 32, .*not: ."):
        certified_count("halving_lattice", 32, 4, RHO)


def test_what_the_checker_rejects_has_no_count_whatever_was_built(monkeypatch):
    def rejected(files):
        return Checked(False, {"verdict": "REJECTED", "reason": "a wall too near"}, "")

    monkeypatch.setattr("pipeline.verification.certified_counts.checked", rejected)
    with pytest.raises(ValueError, match="not: a wall too near"):
        certified_count("halving_lattice", 32, 4, RHO)


def test_the_fit_is_of_the_counts_given_with_nothing_divided_out():
    found = certified_exponent("halving_lattice", [(100, 30), (400, 60), (1600, 120)], 8, RHO)
    assert found.points == ((100, 30), (400, 60), (1600, 120))
    # A power law in floats.
    assert found.fit.slope == pytest.approx(0.5, abs=1e-12)
    assert (found.construction, found.variable, found.expected) == ("halving_lattice", "N", 0.5)
    assert found.quantity == "P, built and certified, d = 8, rho = 1/200, retrieval"


def test_only_constructions_whose_growth_has_a_theorem_are_grown():
    assert CERTIFIED == ("halving_lattice",)
    with pytest.raises(ValueError, match="growth is measured of certified halving_lattice, got 'y"):
        certified_count("yu2024", 8, 2, RHO)
    with pytest.raises(ValueError, match="got 'yu2024'"):
        certified_exponent("yu2024", [(1, 1), (2, 2), (3, 3)], 2, RHO)
