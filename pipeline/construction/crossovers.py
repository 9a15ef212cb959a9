"""Which construction needs the fewest parameters where: counts on a grid, winners and margins.

Every construction that claims all open balls is planned for real data, in the variant (projection,
mode) with the fewest parameters; `pipeline.verification.certified_counts` builds and certifies
those small enough. Ties and losses are kept: a table in which the simple construction wins says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.construction.built import Claim
from pipeline.construction.candidates import Considered, candidates, considered
from pipeline.construction.registry import CONSTRUCTIONS
from pipeline.data import SeparatedDataset

VERIFIED, REJECTED, PLANNED, REFUSED = "verified", "rejected", "planned", "does not apply"
BOUNDED = "error bound"
VERDICTS = (VERIFIED, REJECTED, PLANNED, REFUSED, BOUNDED)


@dataclass(frozen=True)
class Counted:
    """A construction at one size and ratio, with its count or the reason why there is none.

    Args:
        construction: its name.
        variant: its name with the options that have the fewest parameters.
        N: number of points.
        d: input dimension.
        rho: robustness ratio, as a rational's text.
        verdict: "verified" (built, every ball proved by the independent checker), "error bound"
            (built, its robust memorization error proved to be small), "rejected" (built and not
            proved), "planned" (counted alone) or "does not apply".
        parameter_count: P, zeros counted; None where it does not apply.
        depth: number of affine layers, None likewise.
        seconds: spent on building and checking.
        reason: why it does not apply or was rejected, else empty.
        dataset: name of the dataset.
        first_hidden_width: width of the first hidden layer, None where it does not apply.
        claim: what the construction claims: "balls" or "error".
        nonzero_count: nonzero parameters (Appendix E), None where the network was not built.

    Raises:
        ValueError: if the verdict is unknown or does not fit claim, count and reason.
    """

    construction: str
    variant: str
    N: int
    d: int
    rho: str
    verdict: str
    parameter_count: int | None
    depth: int | None
    seconds: float = 0.0
    reason: str = ""
    dataset: str = ""
    first_hidden_width: int | None = None
    claim: str = Claim.BALLS.value
    nonzero_count: int | None = None

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict must be one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        says_else = {Claim.BALLS.value: BOUNDED, Claim.ERROR.value: VERIFIED}
        if self.verdict == says_else.get(self.claim, self.verdict):
            raise ValueError(f"{self.variant}: {self.verdict} does not fit claim {self.claim!r}")
        if (self.parameter_count is None) != (self.verdict == REFUSED):
            raise ValueError(f"{self.variant}: a count is needed exactly where it applies")
        if bool(self.reason) != (self.verdict in (REFUSED, REJECTED)):
            raise ValueError(f"{self.variant}: {self.verdict} with the reason {self.reason!r}")
        if self.nonzero_count is not None:
            if self.parameter_count is None or self.nonzero_count > self.parameter_count:
                raise ValueError(
                    f"{self.variant}: {self.nonzero_count} nonzero parameters of "
                    f"{self.parameter_count}"
                )


@dataclass(frozen=True)
class Crossover:
    """The construction with the fewest parameters at one size and ratio, and the next one.

    Args:
        N: number of points.
        d: input dimension.
        rho: robustness ratio, as a rational's text.
        winner: name of the construction with the fewest parameters.
        parameter_count: its P.
        verdict: what is known of it: "verified" or "planned".
        runner_up: the next construction, empty where no other applies.
        ratio: P of the runner-up over P of the winner, None without one.
        dataset: name of the dataset, all of whose networks were counted.
    """

    N: int
    d: int
    rho: str
    winner: str
    parameter_count: int
    verdict: str
    runner_up: str = ""
    ratio: float | None = None
    dataset: str = ""


def cheapest_variants(
    dataset: SeparatedDataset,
    rho: Fraction,
    names: Sequence[str] | None = None,
    thresholds: bool = False,
    seed: int = 0,
    claims: Sequence[Claim] = (Claim.BALLS,),
) -> list[Considered]:
    """Return each construction's variant with the fewest parameters, in the registry's order.

    Where no variant applies, the first one with its reason.

    Args:
        dataset: N points in R^d.
        rho: robustness ratio.
        names: of constructions, None for all that claim every open ball.
        thresholds: whether networks with threshold neurons count.
        seed: of random projections.
        claims: what constructions may claim.

    Raises:
        ValueError: if a name is unknown or its construction claims something else.
    """
    among = candidates(CONSTRUCTIONS, names, claims)
    found = considered(CONSTRUCTIONS, among, dataset, rho, 2, thresholds, seed)
    best: dict[str, Considered] = {}
    for each in found:
        best.setdefault(each.candidate.name, each)
    return [best[name] for name in dict.fromkeys(each.name for each in among)]


def counted(each: Considered, dataset: SeparatedDataset, rho: Fraction) -> Counted:
    """Return the row of a construction that is not built."""
    plan = each.plan
    return Counted(
        construction=each.candidate.name,
        variant=str(each.candidate),
        N=dataset.N,
        d=dataset.d,
        rho=str(rho),
        verdict=REFUSED if plan is None else PLANNED,
        parameter_count=None if plan is None else plan.parameter_count(),
        depth=None if plan is None else plan.depth,
        reason=each.reason,
        dataset=dataset.name,
        first_hidden_width=None if plan is None else plan.first_hidden_width,
        claim=CONSTRUCTIONS[each.candidate.name].claim.value,
    )


def crossovers(rows: Sequence[Counted]) -> list[Crossover]:
    """Return the winner of every dataset, N, d and rho that any construction reaches, so sorted.

    Only networks that claim every ball compete, and a rejected one counts for nothing. Equal
    counts are won by the first row.
    """
    cells: dict[tuple[str, int, int, Fraction], list[Counted]] = {}
    for row in rows:
        if row.verdict in (VERIFIED, PLANNED) and row.claim == Claim.BALLS:
            cells.setdefault((row.dataset, row.d, row.N, Fraction(row.rho)), []).append(row)
    return [_crossover(cells[key]) for key in sorted(cells)]


def published(rows: Sequence[Counted]) -> list[Counted]:
    """Return the rows whose constructions are of the paper or of earlier work."""
    return [row for row in rows if CONSTRUCTIONS[row.construction].is_published]


def _crossover(rows: Sequence[Counted]) -> Crossover:
    first, *others = sorted(rows, key=_count)
    rest = [row for row in others if row.construction != first.construction]
    return Crossover(
        N=first.N,
        d=first.d,
        rho=first.rho,
        winner=first.construction,
        parameter_count=_count(first),
        verdict=first.verdict,
        runner_up=rest[0].construction if rest else "",
        ratio=_count(rest[0]) / _count(first) if rest else None,
        dataset=first.dataset,
    )


def _count(row: Counted) -> int:
    assert row.parameter_count is not None
    return row.parameter_count
