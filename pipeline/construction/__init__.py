"""Constructions: pure functions (dataset, rho, options, seed) -> network, certificate, plan."""

from pipeline.construction.built import Built, Certificate, Claim
from pipeline.construction.registry import (
    CONSTRUCTIONS,
    build,
    construction,
    plan,
    plan_instead,
)

__all__ = [
    "CONSTRUCTIONS",
    "Built",
    "Certificate",
    "Claim",
    "build",
    "construction",
    "plan",
    "plan_instead",
]
