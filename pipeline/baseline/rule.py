"""How a trained network's output is read, and what is put behind it for that."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.gadgets.rounding import rounded, rounding_tolerance
from pipeline.network import ReLUNetwork

SLOPE_BITS = 3


@dataclass(frozen=True)
class Rule:
    """A decision rule as training sees it.

    Args:
        decision: `nearest` or `exact`.
        tolerance: an output nearer than this to the label is right.
    """

    decision: str
    tolerance: float

    def finished(self, network: ReLUNetwork, C: int) -> ReLUNetwork:
        """Return the network that is read by the rule: `exact` puts a rounding gadget behind it."""
        return rounded(network, C, SLOPE_BITS) if self.decision == "exact" else network

    def parameters_added(self, C: int) -> int:
        """Return how many parameters the rule costs, the gadget's 6(C - 1) + 1 for `exact`."""
        return 6 * (C - 1) + 1 if self.decision == "exact" else 0


def rule_of(decision: str) -> Rule:
    """Return the rule of that name.

    Raises:
        ValueError: if there is none.
    """
    if decision == "nearest":
        return Rule(decision, 0.5)
    if decision == "exact":
        return Rule(decision, float(rounding_tolerance(SLOPE_BITS)))
    raise ValueError(f"decision must be nearest or exact, got {decision!r}")
