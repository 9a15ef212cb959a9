"""What is to be checked: dataset, network, what is claimed of them, and what it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path

from pipeline.verification.check.balls import Claim
from pipeline.verification.check.geometry import Cloud
from pipeline.verification.check.proofs import Proofs, is_proofs, read_proofs
from pipeline.verification.check.readers import (
    Certificate,
    Dataset,
    Network,
    rational,
    read_certificate,
    read_dataset,
    read_network,
)
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.separation import separation_power

RULES = {"exact": "f(x) = y_i", "nearest": "|f(x) - y_i| < 1/2"}
_STATEMENTS = {
    "balls": "f(x) = y_i for every i and every x with ||x - x_i||_{p} < mu = rho * eps_D",
    "error": "P[f(x) != y_i] <= {eta} for every i, x uniform on ||x - x_i||_{p} < rho * eps_D",
    "points": "f(x_i) = y_i for every i; nothing about the balls",
}
_PROVED = "{rule} for every ball listed and every x with ||x - x_i||_{p} < mu = rho * eps_D"


@dataclass(frozen=True)
class Case:
    """The files, read, with rho, p and the decision rule.

    Args:
        dataset: the balls' centres and labels.
        network: maps R^d to R.
        claimed: a certificate, proofs of balls, or None where only verdicts are re-checked.
        rho: robustness ratio.
        p: norm of the balls.
        decision: "exact" or "nearest".

    Raises:
        Rejected: if the network does not map R^d to R.
    """

    dataset: Dataset
    network: Network
    claimed: Certificate | Proofs | None
    rho: Fraction
    p: float
    decision: str

    def __post_init__(self) -> None:
        layers = self.network.layers
        if layers[0].inputs != self.dataset.points.shape[1] or layers[-1].outputs != 1:
            raise Rejected("the network does not map R^d to R")

    @property
    def p_text(self) -> str:
        """The norm as it is written in files."""
        return "inf" if self.p == inf else str(self.p)

    def claim(self, separation: Fraction) -> Claim:
        """Return the balls, given the power of eps_D."""
        power = self.rho if self.p == inf else self.rho ** int(self.p)
        return Claim(self.dataset, separation * power, self.p)


def read_case(
    dataset: Path,
    network: Path,
    claimed: Path | None,
    rho: str | None = None,
    p: str | None = None,
    decision: str | None = None,
) -> Case:
    """Return what the files say.

    Args:
        dataset: dataset.npz.
        network: network.npz.
        claimed: a certificate or proofs, told apart by their content, or None.
        rho: robustness ratio; must agree with what `claimed` says, needed without it.
        p: norm of the balls, likewise.
        decision: "exact" or "nearest", likewise.

    Raises:
        Rejected: if a file is damaged, is about other files, or disagrees with rho, p or decision.
    """
    data, net = read_dataset(dataset), read_network(network)
    if claimed is None:
        return Case(data, net, None, *_given(rho, p, decision))
    found = read_proofs(claimed) if is_proofs(claimed) else read_certificate(claimed)
    what = "proofs are" if isinstance(found, Proofs) else "certificate is"
    for name, digest, named in (
        ("dataset", data.sha256, found.dataset_sha256),
        ("network", net.sha256, found.network_sha256),
    ):
        if digest != named:
            raise Rejected(f"the {what} about another {name} (SHA-256 {named[:16]}...)")
    rule = found.decision if isinstance(found, Proofs) else "exact"
    case = Case(data, net, found, found.rho, found.p, rule)
    for name, mine, theirs in (
        ("rho", rho, str(case.rho)),
        ("p", p, case.p_text),
        ("decision", decision, rule),
    ):
        if mine is not None and mine != theirs and not (name == "rho" and _equal(mine, case.rho)):
            raise Rejected(f"the {what} about {name} = {theirs}, not {mine}")
    return case


def described(case: Case, lines: list[str]) -> tuple[Fraction, tuple[int, int]]:
    """Derive eps_D from the dataset; print the claim with everything it depends on.

    Returns:
        The power of eps_D, and a pair of points that attains it.
    """
    data, claimed, p = case.dataset, case.claimed, case.p_text
    N, d = data.points.shape
    separation, i, j = separation_power(Cloud(data.points, data.exponent), data.labels, case.p)
    power = "eps_D" if case.p in (1, inf) else f"eps_D^{p}"
    name = f"{claimed.construction!r}, " if isinstance(claimed, Certificate) else ""
    lines += [
        f"dataset     {data.name!r}  SHA-256 {data.sha256}",
        f"network     {name}{len(case.network.layers)} layers  SHA-256 {case.network.sha256}",
        f"rho = {case.rho}   p = {p}   N = {N}   d = {d}   C = {int(data.labels.max())}",
        f"separation  {power} = {separation}, attained by points {i} and {j}",
    ]
    if not isinstance(claimed, Certificate):
        lines.append(f"decision    {case.decision}: {RULES[case.decision]}")
    if claimed is not None:
        lines.append(f"claim       {_statement(case, claimed)}")
    return separation, (i, j)


def _statement(case: Case, claimed: Certificate | Proofs) -> str:
    if isinstance(claimed, Proofs):
        return _PROVED.format(rule=RULES[case.decision], p=case.p_text)
    return _STATEMENTS[claimed.claim].format(p=case.p_text, eta=claimed.eta)


def _given(rho: str | None, p: str | None, decision: str | None) -> tuple[Fraction, float, str]:
    if rho is None or p is None or decision is None:
        raise Rejected("without a certificate or proofs, rho, p and the decision must be given")
    try:
        ratio, norm = rational(rho), inf if p == "inf" else int(p)
    except ValueError as error:
        raise Rejected(str(error)) from None
    if not 0 < ratio < 1 or norm < 1 or decision not in RULES:
        raise Rejected(f"rho = {ratio}, p = {p}, decision = {decision}: out of range")
    return ratio, norm, decision


def _equal(text: str, value: Fraction) -> bool:
    try:
        return rational(text) == value
    except (ValueError, ArithmeticError):
        return False
