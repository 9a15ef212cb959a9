"""Rigorous float64 bounds of ReLU networks on balls: intervals, CROWN, alpha-CROWN, beta-CROWN."""

from pipeline.verification.bounds.alpha_crown import (
    SLOPE_UNITS,
    Multipliers,
    bound_with,
    default_multipliers,
    optimised,
)
from pipeline.verification.bounds.crown import (
    Claims,
    PreActivations,
    claim_bounds,
    crown_lower,
    pre_activation_bounds,
)
from pipeline.verification.bounds.regions import Regions
from pipeline.verification.bounds.relaxation import LinearBound
from pipeline.verification.bounds.rounding import Balls, RoundedNetwork, radius_above

__all__ = [
    "SLOPE_UNITS",
    "Balls",
    "Claims",
    "LinearBound",
    "Multipliers",
    "PreActivations",
    "Regions",
    "RoundedNetwork",
    "bound_with",
    "claim_bounds",
    "crown_lower",
    "default_multipliers",
    "optimised",
    "pre_activation_bounds",
    "radius_above",
]
