"""Counts of networks that exist and are proved: built, filed, and read by the checker's process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from pipeline.construction import CONSTRUCTIONS, Built, Claim, Construction
from pipeline.construction.candidates import Considered
from pipeline.construction.crossovers import (
    BOUNDED,
    REJECTED,
    VERIFIED,
    Counted,
    cheapest_variants,
    counted,
)
from pipeline.data import SeparatedDataset, save_dataset
from pipeline.exact import digest_of_file
from pipeline.network import save_network
from pipeline.verification.certify import checked
from pipeline.verification.forced_width import require_possible_width


def certified_counts(
    dataset: SeparatedDataset,
    rho: Fraction,
    names: Sequence[str] | None = None,
    largest_build: int = 300_000,
    thresholds: bool = False,
    seed: int = 0,
    error_bounds: bool = False,
) -> list[Counted]:
    """Return one row a construction: certified, planned where too large, or why it does not apply.

    "verified" means that the independent checker proved every open ball from the network's own
    file, in a process of its own, "error bound" that it proved the robust memorization error that
    the construction claims; whatever else happens is "rejected", with the reason.

    Args:
        dataset: N points in R^d.
        rho: robustness ratio.
        names: of constructions, None for all that make such a claim.
        largest_build: parameters above which a network is counted and not built.
        thresholds: whether networks with threshold neurons count.
        seed: of random projections.
        error_bounds: whether constructions count that claim a robust memorization error alone.

    Raises:
        ValueError: if a name is unknown or its construction claims less.
        ContradictionError: if every ball is proved on a network narrower than all must be.
    """
    rows = []
    claims = (Claim.BALLS, Claim.ERROR) if error_bounds else (Claim.BALLS,)
    for each in cheapest_variants(dataset, rho, names, thresholds, seed, claims):
        started = time.monotonic()
        row = counted(each, dataset, rho)
        if each.plan is not None and each.cost <= largest_build:
            reason, nonzero = _proof(each, dataset, rho, seed)
            proved = VERIFIED if row.claim == Claim.BALLS else BOUNDED
            verdict = REJECTED if reason else proved
            row = replace(row, verdict=verdict, reason=reason, nonzero_count=nonzero)
        rows.append(replace(row, seconds=round(time.monotonic() - started, 3)))
    return rows


def _proof(
    each: Considered, dataset: SeparatedDataset, rho: Fraction, seed: int
) -> tuple[str, int | None]:
    """Return why the network is not proved, empty where it is, and its nonzero parameters."""
    known, options = CONSTRUCTIONS[each.candidate.name], each.candidate.options
    try:
        built = known.build(dataset, rho, 2, seed=seed, **options)
    except (ValueError, ArithmeticError) as error:
        return f"building it failed: {error}", None
    if built.network.parameter_count() != each.cost:
        return "the network is not the one that was planned", None
    return unproved(built, known, dataset, rho), built.network.nonzero_count()


def unproved(built: Built, known: Construction, dataset: SeparatedDataset, rho: Fraction) -> str:
    """Return why the independent checker does not prove a network, empty where it does.

    It reads dataset, network and certificate from files, in a process of its own.

    Args:
        built: the network with its certificate.
        known: the construction it was built by, with the claim that is to be proved.
        dataset: N points in R^d.
        rho: robustness ratio, of l2 balls.

    Raises:
        ContradictionError: if every ball is proved on a network narrower than all must be.
    """
    if built.certificate is None:
        return "the network has no certificate"
    if (built.certificate.claim, built.certificate.rho, built.certificate.p) != (
        known.claim, rho, 2,
    ):  # fmt: skip
        return "the certificate is about another claim, ratio or norm"
    with tempfile.TemporaryDirectory() as folder:
        names = {"dataset": "npz", "network": "npz", "certificate": "json"}
        files = {role: Path(folder) / f"{role}.{end}" for role, end in names.items()}
        save_dataset(files["dataset"], dataset)
        save_network(files["network"], built.network)
        digests = digest_of_file(files["dataset"]), digest_of_file(files["network"])
        files["certificate"].write_text(built.certificate.to_json(*digests), encoding="utf-8")
        answer = checked(files)
    if answer.verified and known.claim is Claim.BALLS:
        require_possible_width(built.network, dataset, rho)
    return "" if answer.verified else str(answer.document.get("reason") or "REJECTED")
