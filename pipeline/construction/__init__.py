"""Constructions: pure functions (dataset, rho, options, seed) -> network, certificate, plan."""

from pipeline.construction.built import Built, Certificate, Claim
from pipeline.construction.registry import (
    CONSTRUCTIONS,
    Construction,
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
    "Construction",
    "build",
    "construction",
    "plan",
    "plan_instead",
]
