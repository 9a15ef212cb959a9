"""Every construction by name: how to build it and how to plan it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pipeline.construction import parallel_balls, thm_4_2_iii_large
from pipeline.construction.built import Built
from pipeline.construction.parallel_balls import build_parallel_balls
from pipeline.construction.thm_4_2_iii_large import (
    Constants,
    build_thm_4_2_iii,
    plan_thm_4_2_iii,
)
from pipeline.data import SeparatedDataset
from pipeline.network import Plan


@dataclass(frozen=True)
class Construction:
    """A construction's name in tables, its source, and its two functions.

    Args:
        paper_item: the theorem it implements.
        statement: what it guarantees, in a sentence.
        build: (dataset, rho, p, options, seed) -> Built.
        plan: (N, d, C, rho, options) -> Plan from sizes alone, or None where the widths depend
            on the data.
        plan_of_dataset: (dataset, rho, p, options, seed) -> Plan for this dataset, not built.
        norms: the norms it is proved for, None for all.
    """

    paper_item: str
    statement: str
    build: Callable[[SeparatedDataset, Fraction, int | float, Mapping[str, Any], int], Built]
    plan: Callable[[int, int, int, Fraction, Mapping[str, Any]], Plan] | None
    plan_of_dataset: Callable[
        [SeparatedDataset, Fraction, int | float, Mapping[str, Any], int], Plan
    ]
    norms: tuple[int | float, ...] | None = None


def _parallel_balls(
    dataset: SeparatedDataset, rho: Fraction, p: int | float, options: Mapping[str, Any], seed: int
) -> Built:
    return build_parallel_balls(dataset, rho, p, seed=seed, **_parallel_options(options))


def _plan_parallel_balls(
    dataset: SeparatedDataset, rho: Fraction, p: int | float, options: Mapping[str, Any], seed: int
) -> Plan:
    return parallel_balls.plan_of_dataset(dataset, rho, p, seed=seed, **_parallel_options(options))


def _parallel_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": options.get("projection", "pca"),
        "m": options.get("m"),
        "weight_bits": options.get("weight_bits", 16),
    }


def _constants(options: Mapping[str, Any]) -> Constants:
    given = options.get("constants") or {}
    return Constants(**{name: Fraction(str(value)) for name, value in given.items()})


def _thm_4_2_iii(
    dataset: SeparatedDataset, rho: Fraction, p: int | float, options: Mapping[str, Any], seed: int
) -> Built:
    return build_thm_4_2_iii(dataset, rho, p, seed=seed, **_thm_options(options))


def _plan_thm_4_2_iii_on(
    dataset: SeparatedDataset, rho: Fraction, p: int | float, options: Mapping[str, Any], seed: int
) -> Plan:
    return thm_4_2_iii_large.plan_of_dataset(dataset, rho, seed=seed, **_thm_options(options))


def _thm_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "mode": options.get("mode", "paper"),
        "constants": _constants(options),
        "weight_bits": options.get("weight_bits", 16),
        "draws": options.get("draws", 32),
    }


def _plan_thm_4_2_iii(N: int, d: int, C: int, rho: Fraction, options: Mapping[str, Any]) -> Plan:
    return plan_thm_4_2_iii(N, d, C, rho, _constants(options))


CONSTRUCTIONS: dict[str, Construction] = {
    "parallel_balls": Construction(
        "beyond the paper: docs/theory.md 1",
        "f(x) = y_i on every open ball; P = O~(N d rho^2 + d), zero entries counted",
        _parallel_balls,
        None,
        _plan_parallel_balls,
    ),
    "thm_4_2_iii": Construction(
        "Theorem 4.2(iii)",
        "f(x) = y_i on every open ball; P = O~(N d^2 rho^4), zero entries counted",
        _thm_4_2_iii,
        _plan_thm_4_2_iii,
        _plan_thm_4_2_iii_on,
        norms=(2,),
    ),
}


def construction(name: str) -> Construction:
    """Return a construction by name.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in CONSTRUCTIONS:
        raise ValueError(f"construction must be one of {', '.join(CONSTRUCTIONS)}, got {name!r}")
    return CONSTRUCTIONS[name]


def build(
    name: str,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Built:
    """Return the named construction on a dataset: network, certificate, plan.

    Raises:
        ValueError: for an unknown name, or where the construction's hypotheses fail.
    """
    _require_norm(name, p)
    return construction(name).build(dataset, rho, p, options or {}, seed)


def plan(
    name: str, N: int, d: int, C: int, rho: Fraction, options: Mapping[str, Any] | None = None
) -> Plan:
    """Return the widths of the named construction from sizes alone.

    Raises:
        ValueError: for an unknown name, or where the widths depend on the data.
    """
    planner = construction(name).plan
    if planner is None:
        raise ValueError(
            f"the widths of {name} depend on the data (projected dimension, folds); build it"
        )
    return planner(N, d, C, rho, options or {})


def plan_instead(
    name: str,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    options: Mapping[str, Any],
    seed: int = 0,
) -> Plan | None:
    """Return the plan where the options ask not to build, else None.

    `plan_only` true asks for the plan, false for the network, and None for the plan where it has
    more than `largest_build` parameters.

    Raises:
        ValueError: for an unknown name, or a norm the construction has no proof for.
    """
    _require_norm(name, p)
    wanted = options.get("plan_only", False)
    if wanted is False:
        return None
    sizes = construction(name).plan_of_dataset(dataset, rho, p, options, seed)
    if wanted or sizes.parameter_count() > options.get("largest_build", 20_000_000):
        return sizes
    return None


def _require_norm(name: str, p: int | float) -> None:
    norms = construction(name).norms
    if norms is not None and p not in norms:
        raise ValueError(
            f"{name} is proved for p = {', '.join(map(str, norms))}, got p = {p} "
            f"({construction(name).paper_item})"
        )
