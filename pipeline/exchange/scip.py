"""SCIP as a cross-check: least and largest value of f over the closed ball, as a MIQCP.

Each unstable neuron z = max(u, 0), u in [l, h], is z >= u, z >= 0, z <= u - l (1 - a), z <= h a
with a in {0, 1} (Tjeng, Xiao and Tedrake, arXiv:1711.07356); x = x_i + mu t with t in the closed
unit ball, sum_j t_j^2 <= 1 for p = 2, linear for p = 1 and inf: SCIP's absolute tolerances must not
meet the square of a small radius.

Rigor: none. SCIP works in floats with tolerances, and so do the interval bounds l, h: its bound is
an opinion, never a verdict. The points it finds are moved into the open ball and evaluated exactly;
one that breaks the rule is a witness like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np

from pipeline.exchange.ball_case import BallCase
from pipeline.exchange.onnx_files import require_relu
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below, strictly_inside
from pipeline.verification.verdicts import BallVerdict, confirmed_witness

NORMS = (1, 2, inf)
# SCIP's points lie in the unit ball up to about 1e-6: these factors bring them inside.
_INSIDE = (1.0, 1 - 2.0**-20, 1 - 2.0**-16, 1 - 2.0**-12)
# Float bounds of neurons are widened by this share of their size.
_WIDENED = 1e-9


@dataclass(frozen=True, eq=False)
class ScipExtreme:
    """What SCIP says about the least or largest value of f on the ball.

    Args:
        sense: "minimize" or "maximize".
        status: SCIP's word, "optimal", "timelimit", ...
        bound: its bound on the extreme value (not rigorous), None without one.
        value: exact value of f at its best point, moved into the ball; None without a point.
        falsified: FALSIFIED if that point breaks the rule.
    """

    sense: str
    status: str
    bound: float | None
    value: Fraction | None
    falsified: BallVerdict | None


def scip_extremes(case: BallCase, time_limit: float = 60.0) -> tuple[ScipExtreme, ScipExtreme]:
    """Return SCIP's opinion on the least and the largest value of f over the ball.

    Args:
        case: the ball, p in {1, 2, inf}; the network with ReLUs only.
        time_limit: seconds for each of the two.

    Raises:
        ValueError: for another norm or a threshold neuron.
        ModuleNotFoundError: if PySCIPOpt is not installed.
    """
    if case.p not in NORMS:
        raise ValueError(f"the SCIP model knows the norms 1, 2 and inf, got p = {case.p}")
    require_relu(case.network, "the SCIP model")
    return _extreme(case, "minimize", time_limit), _extreme(case, "maximize", time_limit)


def _scip() -> Any:
    try:
        import pyscipopt
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "the SCIP cross-check needs PySCIPOpt: pip install 'robust-memorization[outside]'"
        ) from None
    return pyscipopt


def _extreme(case: BallCase, sense: str, time_limit: float) -> ScipExtreme:
    model = _scip().Model()
    model.hideOutput()
    model.setParam("limits/time", float(time_limit))
    # One thread, one seed: the same answer every time it is asked.
    model.setParam("lp/threads", 1)
    radius = radius_below(case.dataset, case.rho, case.p)
    unit = _unit_ball(model, case.dataset.d, case.p)
    model.setObjective(_output(model, case, unit, radius), sense)
    model.optimize()
    point = None
    if model.getNSols():
        solution = model.getBestSol()
        point = radius * np.array([solution[t] for t in unit])
    value, verdict = _evaluated(case, point, radius)
    bound = float(model.getDualbound())
    finite = abs(bound) < model.infinity()
    return ScipExtreme(sense, model.getStatus(), bound if finite else None, value, verdict)


def _unit_ball(model: Any, d: int, p: int | float) -> list[Any]:
    """Add a point of the closed unit ball and return its variables."""
    unit = [model.addVar(f"t{j}", lb=-1, ub=1) for j in range(d)]
    sums = _scip().quicksum
    if p == 2:
        model.addCons(sums(t * t for t in unit) <= 1)
    if p == 1:
        sizes = [model.addVar(f"s{j}", lb=0, ub=1) for j in range(d)]
        for t, size in zip(unit, sizes, strict=True):
            model.addCons(t <= size)
            model.addCons(-t <= size)
        model.addCons(sums(sizes) <= 1)
    return unit


def _output(model: Any, case: BallCase, unit: list[Any], radius: float) -> Any:
    """Add all neurons and return the variable of the output."""
    values, low = unit, np.full(len(unit), -1.0)
    high, depth = -low, case.network.depth
    for number, (weight, bias) in enumerate(_centred(case, radius)):
        positive, negative = np.maximum(weight, 0), np.minimum(weight, 0)
        lower = positive @ low + negative @ high + bias
        upper = positive @ high + negative @ low + bias
        slack = _WIDENED * (1 + np.abs(weight) @ np.maximum(np.abs(low), np.abs(high)))
        lower, upper = lower - slack, upper + slack
        last = number == depth - 1
        neurons = [
            _neuron(model, f"{number}_{i}", _affine(row, values, b), (lo, up), last)
            for i, (row, b, lo, up) in enumerate(zip(weight, bias, lower, upper, strict=True))
        ]
        values, low, high = neurons, np.maximum(lower, 0), np.maximum(upper, 0)
    return values[0]


def _affine(row: np.ndarray, values: list[Any], bias: float) -> Any:
    return _scip().quicksum(float(w) * v for w, v in zip(row, values, strict=True) if w) + float(
        bias
    )


def _neuron(model: Any, name: str, u: Any, bounds: tuple[float, float], last: bool) -> Any:
    """Add one neuron (or the output) with input u in the bounds and return its variable."""
    low, high = (float(b) for b in bounds)
    if last:
        out = model.addVar(f"f{name}", lb=low, ub=high)
        model.addCons(out == u)
        return out
    out = model.addVar(f"z{name}", lb=max(low, 0.0), ub=max(high, 0.0))
    if low >= 0:
        model.addCons(out == u)
    elif high > 0:
        active = model.addVar(f"a{name}", vtype="B")
        model.addCons(out >= u)
        model.addCons(out <= u - low * (1 - active))
        model.addCons(out <= high * active)
    return out


def _centred(case: BallCase, radius: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return float weights and biases in t: of the first layer mu W and W x_i + b."""
    layers = []
    for number, layer in enumerate(case.network.layers):
        weight, bias = layer.dense()
        if number == 0:
            bias = ReLUNetwork((layer,), ()).evaluate_exact(case.dataset.X[[case.index]], 1)[0]
        scale = radius if number == 0 else 1.0
        layers.append((scale * weight.nearest_float64(), bias.nearest_float64()))
    return layers


def _evaluated(
    case: BallCase, delta: np.ndarray | None, radius: float
) -> tuple[Fraction | None, BallVerdict | None]:
    """Return the exact value at the point, moved into the open ball, and a FALSIFIED if it is."""
    power, rows = case.power, np.array([case.index])
    if delta is None:
        return None, None
    for factor in _INSIDE:
        moved = np.clip(delta * factor, -radius, radius)[None, :]
        points = displaced_points(case.dataset.X, rows, moved, radius)
        if strictly_inside(case.dataset.X, rows, points, power, case.p)[0]:
            value = case.network.evaluate_exact(points, 1).fractions()[0, 0]
            verdict = confirmed_witness(
                case.network,
                case.dataset,
                case.rho,
                case.p,
                case.decision,
                case.index,
                points[0],
                "scip",
            )
            return value, verdict
    return None, None
