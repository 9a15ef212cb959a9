"""What a construction returns: network, plan, and the certificate for the independent checker."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import inf
from typing import Any

from pipeline.network import Plan, ReLUNetwork

FORMAT = "robustness-certificate 2"


class Claim(StrEnum):
    """What a certificate claims of a network.

    BALLS: f = y_i on every open ball (Definition 2.2). ERROR: the robust memorization error is at
    most eta (Definition 4.1). POINTS: f = y_i at every point, nothing about the balls.
    """

    BALLS = "balls"
    ERROR = "error"
    POINTS = "points"


_STATEMENTS = {
    Claim.BALLS: "f(x) = y_i for every i and every x with ||x - x_i||_p < rho * eps_D",
    Claim.ERROR: "P[f(x) != y_i] <= eta for every i, x uniform on ||x - x_i||_p < rho * eps_D",
    Claim.POINTS: "f(x_i) = y_i for every i",
}


@dataclass(frozen=True)
class Certificate:
    """The structure a network claims to have; docs/format.md lists the fields.

    The certificate proves nothing by itself: the checker confirms it from the actual weights and
    derives the radius from the dataset and rho.

    Args:
        construction: name of the construction.
        check: name of the check that reads the structure.
        rho: robustness ratio.
        p: norm of the balls.
        structure: the fields the checker of this construction reads.
        deviations: departures from the paper's constants or proof.
        claim: what is claimed.
        eta: the error of Claim.ERROR, None for the others.

    Raises:
        ValueError: if an error is claimed without eta or eta given with another claim.
    """

    construction: str
    check: str
    rho: Fraction
    p: int | float
    structure: dict[str, Any]
    deviations: tuple[str, ...] = ()
    claim: Claim = Claim.BALLS
    eta: Fraction | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "claim", Claim(self.claim))
        if (self.eta is not None) != (self.claim is Claim.ERROR):
            raise ValueError(f"eta belongs to the claim of an error, got {self.eta} ({self.claim})")

    def to_json(self, dataset_sha256: str, network_sha256: str) -> str:
        """Return the certificate file's text, bound to the two files it speaks about."""
        document = {
            "format": FORMAT,
            "construction": self.construction,
            "check": self.check,
            "claim": self.claim.value,
            "statement": _STATEMENTS[self.claim],
            "eta": None if self.eta is None else str(self.eta),
            "rho": str(self.rho),
            "p": "inf" if self.p == inf else str(int(self.p)),
            "dataset_sha256": dataset_sha256,
            "network_sha256": network_sha256,
            "deviations": list(self.deviations),
            "structure": self.structure,
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Built:
    """A construction's result.

    Args:
        network: the exact network.
        certificate: what the checker needs to prove its claim; None where nothing is claimed, and
            then attacks alone speak about the network.
        plan: the widths planned beforehand.
        notes: (label, text) pairs for the report: sizes chosen and why.

    Raises:
        ValueError: if the network's count, depth or width differ from the plan.
    """

    network: ReLUNetwork
    certificate: Certificate | None
    plan: Plan
    notes: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        built = (self.network.parameter_count(), self.network.depth, self.network.width)
        planned = (self.plan.parameter_count(), self.plan.depth, self.plan.width)
        if built != planned:
            raise ValueError(
                f"built (parameters, depth, width) = {built} differ from the plan's {planned}"
            )
