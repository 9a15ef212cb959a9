"""`python -m pipeline.verification.check DATASET NETWORK [CERTIFICATE]`: verdict, exit 0 or 1."""

from __future__ import annotations

import argparse
import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.verification.check.balls import Findings, at_most
from pipeline.verification.check.case import RULES, Case, described, read_case
from pipeline.verification.check.egosi2025 import check_egosi2025
from pipeline.verification.check.halving_lattice import check_halving_lattice
from pipeline.verification.check.lattice import check_lattice
from pipeline.verification.check.lattice_stages import check_lattice_stages
from pipeline.verification.check.masked_stages import check_masked_stages
from pipeline.verification.check.parallel_balls import check_parallel_balls
from pipeline.verification.check.proofs import Proofs
from pipeline.verification.check.proved_balls import check_proofs
from pipeline.verification.check.readers import Certificate
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.stable import check_stable
from pipeline.verification.check.vardi2022 import check_vardi2022
from pipeline.verification.check.verdict_rows import read_rows, recheck
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


def main(arguments: list[str] | None = None) -> int:
    """Check a certificate or proofs, or a verdict table, and print what was proved.

    Returns:
        0 if the claim is VERIFIED and every row of the table holds, else 1.
    """
    options = _options(arguments)
    lines: list[str] = []
    document: dict[str, object] = {}
    try:
        case = read_case(
            options.dataset,
            options.network,
            options.certificate,
            options.rho,
            options.p,
            options.decision,
        )
        separation, pair = described(case, lines)
        document = {**_derived(case, separation, pair), "verdict": None}
        proved = np.zeros(len(case.dataset.labels), dtype=bool)
        if case.claimed is not None:
            findings = _findings(case, case.claimed, separation)
            proved = findings.verified
            document |= _document(case.claimed, findings)
            lines += [f"confirmed   {fact}" for fact in findings.facts]
            lines.append(_verdict_line(case.claimed, findings))
    except (Rejected, *_NOT_READABLE) as rejection:
        document = {"verdict": "REJECTED", "reason": str(rejection)}
        lines.append(f"REJECTED: {rejection}")
    else:
        if options.verdicts:
            lines.append(_table_line(options.verdicts, case, separation, proved, document))
    # Names and digests may hold what no terminal prints: half of a surrogate pair.
    print("\n".join(lines).encode(errors="backslashreplace").decode())
    if options.output:
        _write(options.output, document)
    rows = document.get("table", {"reason": ""})
    holds = isinstance(rows, dict) and not rows["reason"]
    return 0 if holds and document["verdict"] in ("VERIFIED", None) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.verification.check",
        description="Check a certificate or proofs, or a verdict table, and print what was proved.",
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument(
        "certificate", type=Path, nargs="?", help="certificate or proofs; may miss with --verdicts"
    )
    parser.add_argument("--verdicts", type=Path, help="re-check every row of a verdict table")
    parser.add_argument(
        "--decision", choices=sorted(RULES), help="rule, needed without CERTIFICATE"
    )
    parser.add_argument("--rho", help="robustness ratio n/d, needed without CERTIFICATE")
    parser.add_argument("--p", help="norm of the balls, needed without CERTIFICATE")
    parser.add_argument("--output", type=Path, help="write the verdict of every ball as JSON")
    options = parser.parse_args(arguments)
    if options.certificate is None and options.verdicts is None:
        parser.error("a certificate, proofs or --verdicts is needed")
    return options


def _findings(case: Case, claimed: Certificate | Proofs, separation: Fraction) -> Findings:
    claim = case.claim(separation)
    if isinstance(claimed, Proofs):
        return check_proofs(case.network, claimed, claim)
    if claimed.check not in _CHECKS:
        raise Rejected(f"there is no check {claimed.check!r}")
    try:
        if claimed.check not in _THRESHOLDS_ALLOWED:
            case.network.require_relu()
        return _CHECKS[claimed.check](case.network, claimed.structure, claim)
    except _NOT_READABLE as error:
        raise Rejected(f"the certificate's structure is not readable: {error!r}") from None


def _table_line(
    table: Path,
    case: Case,
    separation: Fraction,
    proved: np.ndarray,
    document: dict[str, object],
) -> str:
    """Re-check the rows of a verdict table; enter their numbers, or what fails, in the document."""
    try:
        rows = read_rows(table, case.dataset.labels)
        counts = recheck(rows, case.network, case.claim(separation), case.decision, proved)
    except (Rejected, *_NOT_READABLE) as rejection:
        document["table"] = {"reason": str(rejection)}
        return f"REJECTED: {rejection}"
    document["table"] = {"reason": "", **counts}
    return (
        f"VERDICTS: {counts['verified']} VERIFIED and {counts['falsified']} FALSIFIED re-checked, "
        f"{counts['unknown']} UNKNOWN"
    )


def _verdict_line(claimed: Certificate | Proofs, findings: Findings) -> str:
    count, total = int(findings.verified.sum()), len(findings.verified)
    claim, eta = _claimed(claimed)
    verdict = "VERIFIED" if findings.hold(claim, eta) else "REJECTED"
    if claim == "error" and findings.error is not None:
        return (
            f"{verdict}: error at most {at_most(max(findings.error))} on every ball; "
            f"f = y on all of {count} of {total} balls"
        )
    if claim == "points" and findings.points is not None:
        return f"{verdict}: f = y at {int(findings.points.sum())} of {total} points"
    if verdict == "VERIFIED":
        return f"{verdict}: {count} of {total} balls"
    return f"{verdict}: {count} of {total} balls proved; {findings.reason}"


def _claimed(claimed: Certificate | Proofs) -> tuple[str, Fraction | None]:
    if isinstance(claimed, Proofs):
        return "balls", None
    return claimed.claim, claimed.eta


def _derived(case: Case, separation: Fraction, pair: tuple[int, int]) -> dict[str, object]:
    return {
        "rho": str(case.rho),
        "p": case.p_text,
        "decision": case.decision,
        "N": len(case.dataset.labels),
        "separation_power": str(separation),
        "separation_pair": list(pair),
        "dataset_sha256": case.dataset.sha256,
        "network_sha256": case.network.sha256,
    }


def _document(claimed: Certificate | Proofs, findings: Findings) -> dict[str, object]:
    claim, eta = _claimed(claimed)
    return {
        "verdict": "VERIFIED" if findings.hold(claim, eta) else "REJECTED",
        "claim": claim,
        "eta": None if eta is None else str(eta),
        "error_upper": None if findings.error is None else at_most(max(findings.error)),
        "points": None if findings.points is None else int(findings.points.sum()),
        "reason": findings.reason,
        "construction": claimed.construction if isinstance(claimed, Certificate) else None,
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
