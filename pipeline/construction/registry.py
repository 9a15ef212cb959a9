"""Every construction by name: how to build it and how to plan it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib import import_module
from typing import Any

from pipeline.construction import (
    auto,
    egosi2025,
    halving_lattice,
    masked_moderate,
    parallel_balls,
    thm_4_2_i_small,
    thm_4_2_ii_moderate,
    thm_4_2_ii_threshold,
    thm_4_2_iii_large,
    vardi2022,
    voting,
    yu2024,
)
from pipeline.construction.built import Built, Claim
from pipeline.data import SeparatedDataset
from pipeline.network import Plan

# Options of every construction that decide whether to build, not what.
_WHETHER_TO_BUILD = ("plan_only", "largest_build")
_LARGEST_BUILD = 20_000_000


@dataclass(frozen=True)
class Construction:
    """A construction's source and its functions; options are keyword arguments of these.

    Args:
        paper_item: the theorem it implements.
        statement: what it guarantees, in a sentence.
        build: (dataset, rho, p, *, seed, **options) -> Built.
        plan_of_dataset: (dataset, rho, p, *, seed, **options) -> Plan for this dataset, not built;
            None where only building tells.
        plan: (N, d, C, rho, **options) -> Plan from sizes alone, or None where the widths depend
            on the data.
        plan_options: the options that `plan` takes.
        norms: the norms it is proved for, None for all.
        claim: what its certificates claim.
    """

    paper_item: str
    statement: str
    build: Callable[..., Built]
    plan_of_dataset: Callable[..., Plan] | None = None
    plan: Callable[..., Plan] | None = None
    plan_options: tuple[str, ...] = ()
    norms: tuple[int | float, ...] | None = (2,)
    claim: Claim = Claim.BALLS

    @property
    def is_published(self) -> bool:
        """Whether it is of the paper or of earlier work, not of this project."""
        return not self.paper_item.startswith("beyond the paper")


CONSTRUCTIONS: dict[str, Construction] = {
    "parallel_balls": Construction(
        "beyond the paper: docs/theory.md 1",
        "f(x) = y_i on every open ball; P = O~(N d rho^2 + d), zero entries counted",
        parallel_balls.build_parallel_balls,
        parallel_balls.plan_of_dataset,
        norms=None,
    ),
    "halving_lattice": Construction(
        "beyond the paper: docs/theory.md 6",
        "f(x) = y_i on every open ball; P = O(sqrt N) for rho up to c / (m sqrt d)",
        halving_lattice.build_halving_lattice,
        halving_lattice.plan_of_dataset,
        norms=None,
    ),
    "thm_4_2_i": Construction(
        "Theorem 4.2(i)",
        "f(x) = y_i on every open ball; P = O~(sqrt N)",
        thm_4_2_i_small.build_thm_4_2_i,
        thm_4_2_i_small.plan_of_dataset,
        thm_4_2_i_small.plan_thm_4_2_i,
        ("scale",),
    ),
    "thm_4_2_ii": Construction(
        "Theorem 4.2(ii)",
        "robust memorization error at most eta (Definition 4.1); P = O~(N d^(1/4) rho^(1/2))",
        thm_4_2_ii_moderate.build_thm_4_2_ii,
        thm_4_2_ii_moderate.plan_of_dataset,
        thm_4_2_ii_moderate.plan_thm_4_2_ii,
        ("scale",),
        claim=Claim.ERROR,
    ),
    "thm_4_2_ii_threshold": Construction(
        "Theorem 4.2(ii), threshold activations (Section 4)",
        "f(x) = y_i on every open ball; P = O~(N d^(1/4) rho^(1/2))",
        thm_4_2_ii_threshold.build_thm_4_2_ii_threshold,
        thm_4_2_ii_threshold.plan_of_dataset,
        thm_4_2_ii_threshold.plan_thm_4_2_ii_threshold,
        ("scale",),
    ),
    "masked_moderate": Construction(
        "beyond the paper: docs/theory.md 5",
        "f(x) = y_i on every open ball, ReLUs only; P = O~(N d^(1/4) rho^(1/2))",
        masked_moderate.build_masked_moderate,
        masked_moderate.plan_of_dataset,
        masked_moderate.plan_masked_moderate,
        ("scale", "memorizer"),
    ),
    "thm_4_2_iii": Construction(
        "Theorem 4.2(iii)",
        "f(x) = y_i on every open ball; P = O~(N d^2 rho^4), zero entries counted",
        thm_4_2_iii_large.build_thm_4_2_iii,
        thm_4_2_iii_large.plan_of_dataset,
        thm_4_2_iii_large.plan_thm_4_2_iii,
        ("constants",),
    ),
    "yu2024": Construction(
        "Lemma D.2 (Yu et al. 2024)",
        "f(x) = y_i on every open ball, for every rho; P = O~(N d^2)",
        yu2024.build_yu2024,
        yu2024.plan_of_dataset,
        yu2024.plan_yu2024_of_sizes,
    ),
    "egosi2025": Construction(
        "Appendix D.3 (Egosi et al. 2025)",
        "f(x) = y_i on every open ball; P = O~(N k^3), k = O(log N)",
        egosi2025.build_egosi2025,
        egosi2025.plan_of_dataset,
        egosi2025.plan_egosi2025,
    ),
    "vardi2022": Construction(
        "Theorem B.4 (Vardi et al. 2022)",
        "f(x_i) = y_i at the points, nothing about balls; P = O~(sqrt N)",
        vardi2022.build_vardi2022,
        vardi2022.plan_of_dataset,
        vardi2022.plan_vardi2022,
        ("scale",),
        norms=None,
        claim=Claim.POINTS,
    ),
    "voting": Construction(
        "beyond the paper: docs/theory.md 8",
        "f(x) = y_i on every open ball, though each table of cells may fail on some",
        voting.build_voting,
        voting.plan_of_dataset,
        norms=None,
    ),
}
# Last, and given the table itself: whatever is registered above is a candidate.
CONSTRUCTIONS["auto"] = Construction(
    "docs/theory.md 9",
    "f(x) = y_i on every open ball; the fewest parameters of all constructions that apply",
    partial(auto.build_auto, CONSTRUCTIONS),
    partial(auto.plan_of_dataset, CONSTRUCTIONS),
    norms=None,
)


def construction(name: str, options: Mapping[str, Any] | None = None) -> Construction:
    """Return a construction by name, or the one its option `target` points to.

    Raises:
        ValueError: if there is none of that name, or the target cannot be used.
    """
    target = (options or {}).get("target")
    if target is not None:
        return _at_target(str(target))
    if name not in CONSTRUCTIONS:
        raise ValueError(f"construction must be one of {', '.join(CONSTRUCTIONS)}, got {name!r}")
    return CONSTRUCTIONS[name]


def _at_target(target: str) -> Construction:
    """Return the construction at "module:name": a `Construction`, or a function that builds.

    Raises:
        ValueError: if it cannot be imported or is neither.
    """
    module, _, attribute = target.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"target must be module:name of a construction, got {target!r} ({error})"
        ) from error
    if isinstance(found, Construction):
        return found
    if not callable(found):
        raise ValueError(f"target must be a function or a Construction, {target} is {found!r}")
    return Construction(target, (found.__doc__ or "").partition("\n")[0], found, norms=None)


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
        TypeError: if a construction at a target returns anything but a `Built`.
    """
    found = _proved(name, p, options)
    built = found.build(dataset, rho, p, seed=seed, **_given(options))
    if not isinstance(built, Built):
        raise TypeError(f"{name} must return a Built, got {type(built).__name__}")
    return built


def plan(
    name: str, N: int, d: int, C: int, rho: Fraction, options: Mapping[str, Any] | None = None
) -> Plan:
    """Return the widths of the named construction from sizes alone.

    Raises:
        ValueError: for an unknown name, or where the widths depend on the data.
    """
    found = construction(name, options)
    if found.plan is None:
        raise ValueError(
            f"the widths of {name} depend on the data (projected dimension, folds); build it"
        )
    given = {key: value for key, value in (options or {}).items() if key in found.plan_options}
    return found.plan(N, d, C, rho, **given)


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
    found = _proved(name, p, options)
    wanted = options.get("plan_only", False)
    if wanted is False:
        return None
    if found.plan_of_dataset is None:
        return found.build(dataset, rho, p, seed=seed, **_given(options)).plan if wanted else None
    sizes = found.plan_of_dataset(dataset, rho, p, seed=seed, **_given(options))
    if wanted or sizes.parameter_count() > options.get("largest_build", _LARGEST_BUILD):
        return sizes
    return None


def _given(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options that the construction itself reads."""
    skipped = (*_WHETHER_TO_BUILD, "target")
    return {key: value for key, value in (options or {}).items() if key not in skipped}


def _proved(name: str, p: int | float, options: Mapping[str, Any] | None) -> Construction:
    """Return the construction after checking that it is proved in this norm.

    Raises:
        ValueError: if it is not.
    """
    found = construction(name, options)
    if found.norms is not None and p not in found.norms:
        raise ValueError(
            f"{name} is proved for p = {', '.join(map(str, found.norms))}, got p = {p} "
            f"({found.paper_item})"
        )
    return found
