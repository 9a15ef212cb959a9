"""`python -m pipeline.verification.check DATASET NETWORK CERTIFICATE`: verdict, exit 0 or 1."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path

from pipeline.verification.check.balls import Claim, Findings, at_most
from pipeline.verification.check.egosi2025 import check_egosi2025
from pipeline.verification.check.geometry import Cloud
from pipeline.verification.check.halving_lattice import check_halving_lattice
from pipeline.verification.check.lattice import check_lattice
from pipeline.verification.check.lattice_stages import check_lattice_stages
from pipeline.verification.check.masked_stages import check_masked_stages
from pipeline.verification.check.parallel_balls import check_parallel_balls
from pipeline.verification.check.readers import (
    Certificate,
    Dataset,
    Network,
    read_certificate,
    read_dataset,
    read_network,
)
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.separation import separation_power
from pipeline.verification.check.stable import check_stable
from pipeline.verification.check.vardi2022 import check_vardi2022
from pipeline.verification.check.voting import check_voting
from pipeline.verification.check.yu2024 import check_yu2024

_NOT_READABLE = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, MemoryError)
_CHECKS = {
    "egosi2025": check_egosi2025,
    "halving_lattice": check_halving_lattice,
    "lattice": check_lattice,
    "lattice_stages": check_lattice_stages,
    "masked_stages": check_masked_stages,
    "parallel_balls": check_parallel_balls,
    "stable": check_stable,
    "vardi2022": check_vardi2022,
    "voting": check_voting,
    "yu2024": check_yu2024,
}
# Checks that know threshold neurons; all others are about ReLUs alone.
_THRESHOLDS_ALLOWED = {"lattice_stages", "stable"}
_STATEMENTS = {
    "balls": "f(x) = y_i for every i and every x with ||x - x_i||_{p} < mu = rho * eps_D",
    "error": "P[f(x) != y_i] <= {eta} for every i, x uniform on ||x - x_i||_{p} < rho * eps_D",
    "points": "f(x_i) = y_i for every i; nothing about the balls",
}


@dataclass(frozen=True)
class _Case:
    """The three files, read."""

    dataset: Dataset
    network: Network
    certificate: Certificate


def main(arguments: list[str] | None = None) -> int:
    """Check one certificate and print what was proved; return 0 if its claim is VERIFIED."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.verification.check", description=main.__doc__
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("certificate", type=Path)
    parser.add_argument("--output", type=Path, help="write the verdict of every ball as JSON")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    try:
        case = _read(options.dataset, options.network, options.certificate)
        separation, pair = _describe(case, lines)
        findings = _findings(case, separation)
    except (Rejected, *_NOT_READABLE) as rejection:
        document: dict[str, object] = {"verdict": "REJECTED", "reason": str(rejection)}
        lines.append(f"REJECTED: {rejection}")
    else:
        document = _document(case, findings, separation, pair)
        lines += [f"confirmed   {fact}" for fact in findings.facts]
        lines.append(_verdict_line(case.certificate, findings))
    print("\n".join(lines))
    if options.output:
        _write(options.output, document)
    return 0 if document["verdict"] == "VERIFIED" else 1


def _read(dataset: Path, network: Path, certificate: Path) -> _Case:
    case = _Case(read_dataset(dataset), read_network(network), read_certificate(certificate))
    for what, found, named in (
        ("dataset", case.dataset.sha256, case.certificate.dataset_sha256),
        ("network", case.network.sha256, case.certificate.network_sha256),
    ):
        if found != named:
            raise Rejected(f"the certificate is about another {what} (SHA-256 {named[:16]}...)")
    layers = case.network.layers
    if layers[0].inputs != case.dataset.points.shape[1] or layers[-1].outputs != 1:
        raise Rejected("the network does not map R^d to R")
    return case


def _describe(case: _Case, lines: list[str]) -> tuple[Fraction, tuple[int, int]]:
    """Derive eps_D from the dataset; print the claim with everything it depends on."""
    data, certificate = case.dataset, case.certificate
    N, d = data.points.shape
    p = "inf" if certificate.p == inf else str(certificate.p)
    separation, i, j = separation_power(
        Cloud(data.points, data.exponent), data.labels, certificate.p
    )
    power = "eps_D" if certificate.p in (1, inf) else f"eps_D^{p}"
    lines += [
        f"dataset     {data.name!r}  SHA-256 {data.sha256}",
        f"network     {certificate.construction!r}, {len(case.network.layers)} layers  "
        f"SHA-256 {case.network.sha256}",
        f"rho = {certificate.rho}   p = {p}   N = {N}   d = {d}   C = {int(data.labels.max())}",
        f"separation  {power} = {separation}, attained by points {i} and {j}",
        f"claim       {_STATEMENTS[certificate.claim].format(p=p, eta=certificate.eta)}",
    ]
    return separation, (i, j)


def _findings(case: _Case, separation: Fraction) -> Findings:
    certificate = case.certificate
    if certificate.check not in _CHECKS:
        raise Rejected(f"there is no check {certificate.check!r}")
    ratio = certificate.rho
    power = ratio if certificate.p == inf else ratio ** int(certificate.p)
    claim = Claim(case.dataset, separation * power, certificate.p)
    try:
        if certificate.check not in _THRESHOLDS_ALLOWED:
            case.network.require_relu()
        return _CHECKS[certificate.check](case.network, certificate.structure, claim)
    except _NOT_READABLE as error:
        raise Rejected(f"the certificate's structure is not readable: {error!r}") from None


def _verdict_line(certificate: Certificate, findings: Findings) -> str:
    count, total = int(findings.verified.sum()), len(findings.verified)
    verdict = "VERIFIED" if findings.hold(certificate.claim, certificate.eta) else "REJECTED"
    if certificate.claim == "error" and findings.error is not None:
        return (
            f"{verdict}: error at most {at_most(max(findings.error))} on every ball; "
            f"f = y on all of {count} of {total} balls"
        )
    if certificate.claim == "points" and findings.points is not None:
        return f"{verdict}: f = y at {int(findings.points.sum())} of {total} points"
    if verdict == "VERIFIED":
        return f"{verdict}: {count} of {total} balls"
    return f"{verdict}: {count} of {total} balls proved; {findings.reason}"


def _document(
    case: _Case, findings: Findings, separation: Fraction, pair: tuple[int, int]
) -> dict[str, object]:
    certificate = case.certificate
    holds = findings.hold(certificate.claim, certificate.eta)
    return {
        "verdict": "VERIFIED" if holds else "REJECTED",
        "claim": certificate.claim,
        "eta": None if certificate.eta is None else str(certificate.eta),
        "error_upper": None if findings.error is None else at_most(max(findings.error)),
        "points": None if findings.points is None else int(findings.points.sum()),
        "reason": findings.reason,
        "construction": certificate.construction,
        "rho": str(certificate.rho),
        "p": "inf" if certificate.p == inf else str(certificate.p),
        "N": len(findings.verified),
        "separation_power": str(separation),
        "separation_pair": list(pair),
        "dataset_sha256": case.dataset.sha256,
        "network_sha256": case.network.sha256,
        "facts": list(findings.facts),
        "verified": int(findings.verified.sum()),
        "unproved": [int(i) for i in (~findings.verified).nonzero()[0]],
        "slack": [None if s != s else float(s) for s in findings.slack],
    }


def _write(path: Path, document: dict[str, object]) -> None:
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(document) + "\n", encoding="utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())
