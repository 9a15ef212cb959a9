"""The sizes of a network or of a plan, as the stages file them."""

from __future__ import annotations

from typing import Any

from pipeline.network import Plan, ReLUNetwork


def sizes_of_network(network: ReLUNetwork) -> dict[str, Any]:
    """Return the counts of a network that exists."""
    return {
        "planned": False,
        "parameter_count": network.parameter_count(),
        "nonzero_count": network.nonzero_count(),
        "depth": network.depth,
        "width": network.width,
        "first_hidden_width": network.first_hidden_width,
        "bit_complexity": network.bit_complexity,
    }


def sizes_of_plan(plan: Plan) -> dict[str, Any]:
    """Return the counts of a network that was not built; what needs its weights is None."""
    return {
        "planned": True,
        "parameter_count": plan.parameter_count(),
        "nonzero_count": None,
        "depth": plan.depth,
        "width": plan.width,
        "first_hidden_width": plan.first_hidden_width,
        "bit_complexity": None,
        "notes": [(f"planned {name}", str(value)) for name, value in plan.resolved.items()],
    }
