"""What `auto` may choose from, and what each choice would cost on a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pipeline.construction.built import Claim
from pipeline.data import SeparatedDataset
from pipeline.network import Plan

if TYPE_CHECKING:
    from pipeline.construction.registry import Construction

AUTO = "auto"


@dataclass(frozen=True)
class Candidate:
    """A construction with options, and up to which sizes it is planned in seconds.

    Args:
        name: of the construction.
        options: keyword arguments of its functions; others have their defaults.
        most_points: largest N at which it is planned, None for any.
        most_dimensions: largest d at which it is planned, None for any.
        most_reach: largest rho sqrt d at which it is planned, None for any: a ball of a lattice of
            m coordinates meets about (1 + rho sqrt d)^m cells.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    most_points: int | None = None
    most_dimensions: int | None = None
    most_reach: Fraction | None = None

    def __str__(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name} ({options})" if options else self.name


@dataclass(frozen=True)
class Considered:
    """A candidate with its plan, or with the reason why it has none.

    Args:
        candidate: what was planned.
        plan: its widths on the dataset, None where it does not apply.
        reason: why it does not apply, empty where it does.

    Raises:
        ValueError: unless there is either a plan or a reason.
    """

    candidate: Candidate
    plan: Plan | None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.plan is None) == (not self.reason):
            raise ValueError(f"a plan or a reason is needed for {self.candidate}, got both or none")

    @property
    def cost(self) -> int:
        """P of the plan.

        Raises:
            ValueError: if there is no plan.
        """
        if self.plan is None:
            raise ValueError(f"{self.candidate} has no plan: {self.reason}")
        return self.plan.parameter_count()


# The options worth trying of a construction; one that is not named here is tried with its defaults.
VARIANTS: dict[str, tuple[Candidate, ...]] = {
    "parallel_balls": (
        Candidate("parallel_balls", {"projection": "pca"}),
        # Optimising rows and merging balls search in floats: about a minute at 2,000 points.
        Candidate("parallel_balls", {"projection": "pca", "merged": True}, 5_000, 512),
        Candidate("parallel_balls", {"projection": "optimised", "merged": True}, 2_500, 512),
        # Every dimension up to d is priced, each on all points.
        Candidate("parallel_balls", {"projection": "random"}, 50_000, 128),
        Candidate("parallel_balls", {"projection": "identity"}, None, 512),
    ),
    "voting": (Candidate("voting", {}, 5_000, 1_000),),
    "halving_lattice": (Candidate("halving_lattice", {}, 1_000_000, None, Fraction(1, 4)),),
    "thm_4_2_i": (
        Candidate("thm_4_2_i", {"mode": "paper"}),
        Candidate("thm_4_2_i", {"mode": "adaptive"}, 50_000),
    ),
    "thm_4_2_ii": (
        Candidate("thm_4_2_ii", {"mode": "paper"}),
        Candidate("thm_4_2_ii", {"mode": "adaptive"}, 50_000),
    ),
    "thm_4_2_ii_threshold": (
        Candidate("thm_4_2_ii_threshold", {"mode": "paper"}),
        Candidate("thm_4_2_ii_threshold", {"mode": "adaptive"}, 50_000),
    ),
    "thm_4_2_iii": (
        Candidate("thm_4_2_iii", {"mode": "paper"}),
        Candidate("thm_4_2_iii", {"mode": "adaptive"}, 50_000),
    ),
    "egosi2025": (
        Candidate("egosi2025", {"mode": "paper"}),
        Candidate("egosi2025", {"mode": "adaptive"}, 50_000),
    ),
}
# Networks with threshold neurons, which are no ReLU networks in the sense of the paper's bounds.
THRESHOLDS = ("thm_4_2_ii_threshold",)


def candidates(
    constructions: Mapping[str, Construction],
    names: Sequence[str] | None = None,
    claims: Sequence[Claim] = (Claim.BALLS,),
) -> list[Candidate]:
    """Return the candidates among the registered constructions that claim every open ball.

    Args:
        constructions: the registry.
        names: only these, None for all.
        claims: what they may claim.

    Raises:
        ValueError: if a name is unknown or its construction claims something else.
    """
    able = [
        name
        for name, each in constructions.items()
        if each.claim in claims and name != AUTO and each.plan_of_dataset is not None
    ]
    strangers = sorted(set(names or ()) - set(able))
    if strangers or (names is not None and not names):
        claimed = "every open ball" + (" or an error bound" if Claim.ERROR in claims else "")
        raise ValueError(
            f"candidates must be among the constructions that claim {claimed}, "
            f"{', '.join(able)}; got {strangers[0] if strangers else 'none'!r}"
        )
    chosen = [name for name in able if names is None or name in names]
    return [each for name in chosen for each in VARIANTS.get(name, (Candidate(name),))]


def considered(
    constructions: Mapping[str, Construction],
    among: Sequence[Candidate],
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    thresholds: bool,
    seed: int,
) -> list[Considered]:
    """Return the candidates with their plans on a dataset, the fewest parameters first.

    Equal counts keep the order given; those that do not apply come last, with their reasons.

    Args:
        constructions: the registry.
        among: the candidates.
        dataset: N points in R^d.
        rho: robustness ratio.
        p: norm of the balls.
        thresholds: whether networks with threshold neurons count.
        seed: of random projections.
    """
    found = [
        _considered(constructions[each.name], each, dataset, rho, p, thresholds, seed)
        for each in among
    ]
    apply = [each for each in found if each.plan is not None]
    return sorted(apply, key=lambda each: each.cost) + [e for e in found if e.plan is None]


def _considered(
    construction: Construction,
    candidate: Candidate,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    thresholds: bool,
    seed: int,
) -> Considered:
    for reason in _excluded(construction, candidate, dataset, rho, p, thresholds):
        return Considered(candidate, None, reason)
    assert construction.plan_of_dataset is not None
    try:
        plan = construction.plan_of_dataset(dataset, rho, p, seed=seed, **candidate.options)
    except ValueError as error:
        return Considered(candidate, None, str(error) or "ValueError")
    return Considered(candidate, plan)


def _excluded(
    construction: Construction,
    candidate: Candidate,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    thresholds: bool,
) -> Iterator[str]:
    """Yield why a candidate is not even planned."""
    if candidate.name in THRESHOLDS and not thresholds:
        yield "it has threshold neurons, which thresholds=true would admit"
    if construction.norms is not None and p not in construction.norms:
        proved = ", ".join(map(str, construction.norms))
        yield f"it is proved for p = {proved}, got p = {p} ({construction.paper_item})"
    for size, value, most in (
        ("N", dataset.N, candidate.most_points),
        ("d", dataset.d, candidate.most_dimensions),
    ):
        if most is not None and value > most:
            yield f"planning it takes too long above {size} = {most:,}, got {size} = {value:,}"
    reach = candidate.most_reach
    if reach is not None and rho * rho * dataset.d > reach * reach:
        yield f"planning it takes too long above rho sqrt d = {reach}, got rho = {rho}"
