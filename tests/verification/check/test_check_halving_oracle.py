"""Whatever balls a halving lattice is proved right on, exact evaluation finds no wrong point there.

Networks of random small data; the claims are the true one, larger balls and moved data, so that
some balls are proved and others not. Points are looked for where the network is most likely wrong.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.construction import Built
from pipeline.construction.halving_lattice import build_halving_lattice
from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.verification.check.balls import Claim, Findings
from pipeline.verification.check.readers import Dataset
from tests.verification.check.check_files import findings_in_memory
from tests.verification.check.halving_points import Balls, hard_points, true_balls, wrong_balls

# Bits of the moves of data.
FINER = 12


def random_data(random: np.random.Generator) -> SeparatedDataset:
    d, C = int(random.integers(1, 4)), int(random.integers(2, 6))
    N, size = int(random.integers(C, 31)), int(random.choice([6, 30, 200]))
    points = np.unique(random.integers(-size, size + 1, (N, d)), axis=0)
    random.shuffle(points)
    while len(points) < C:
        points = np.vstack([points, points[-1] + size])
    labels = np.arange(len(points)) % C + 1
    return SeparatedDataset("random", as_dyadic(points), random.permutation(labels))


def random_network(random: np.random.Generator) -> tuple[SeparatedDataset, Built] | None:
    """Return data and a network, None where the construction finds none."""
    data = random_data(random)
    options: dict[str, Any] = {
        "projection": str(random.choice(["identity", "pca", "random"])),
        "memorizer": str(random.choice(["shallow", "retrieval", "keyed", "cheapest"])),
        "seed": int(random.integers(1000)),
        "cells": 20_000,
    }
    if options["projection"] == "random":
        options["m"] = int(random.integers(1, data.d + 1))
    rho = Fraction(int(random.integers(1, 49)), 64)
    p = float(random.choice([2, 2, 2, 1, np.inf]))
    try:
        return data, build_halving_lattice(data, rho, p if p == np.inf else int(p), **options)
    except ValueError:
        return None


def claims(built: Built, data: SeparatedDataset, random: np.random.Generator) -> list[Balls]:
    """Return the balls of the true claim, of larger radii and of moved data."""
    certificate = built.certificate
    assert certificate is not None
    p = certificate.p
    true = true_balls(data, certificate.rho, p)
    power = true.power
    degree = 1 if p in (1, np.inf) else int(p)
    out = [true]
    for share in random.choice([1, 2, 4, 16, 64], 2, replace=False):
        out.append(replace(true, power=power * (1 + Fraction(int(share), 64)) ** degree))
    radius = float(power) ** (1 / degree) / 2.0**true.exponent
    for share in random.choice([1 / 64, 1 / 8, 1 / 2, 1], 2, replace=False):
        moves = random.normal(size=(data.N, data.d)) * share * radius * 2**FINER
        moved = true.centres * (1 << FINER) + moves.astype(np.int64).astype(object)
        out.append(replace(true, centres=moved, exponent=true.exponent - FINER))
    return out


def judged(built: Built, balls: Balls, each: int) -> tuple[Counter[str], set[int]]:
    """Return counts of balls and points, and the proved balls with a wrong point."""
    certificate = built.certificate
    assert certificate is not None
    dataset = Dataset("", balls.centres, balls.exponent, balls.labels, "")
    claim, structure = Claim(dataset, balls.power, balls.p), certificate.structure
    findings = findings_in_memory(built.network, "halving_lattice", structure, claim)
    # A table may be neither 0 nor 1 at the key of a cell that was not planned: nothing is proved.
    proved = np.zeros(len(balls.labels), dtype=bool)
    if isinstance(findings, Findings):
        proved = findings.verified
    points, owners = hard_points(built.network, structure, balls, each)
    wrong = wrong_balls(built.network, points, owners, balls.labels)
    counts = Counter(
        proved=int(proved.sum()),
        unproved=int((~proved).sum()),
        caught=sum(not proved[i] for i in wrong),
        points=int(proved[owners].sum()),
        networks=1,
    )
    return counts, {i for i in wrong if proved[i]}


def test_no_proved_ball_has_a_wrong_point() -> None:
    total: Counter[str] = Counter()
    for seed in range(16):
        random = np.random.default_rng(seed)
        made = random_network(random)
        if made is None:
            continue
        data, built = made
        for k, balls in enumerate(claims(built, data, random)):
            counts, wrong = judged(built, balls, each=8)
            assert not wrong, (seed, k, wrong)
            assert k or not counts["unproved"], seed
            total += counts
    # The claims are neither all proved nor all refused, and the points do find wrong balls.
    assert total["proved"] > 500 and total["points"] > 5000, total
    assert total["unproved"] > 100 and total["caught"] > 50, total
