"""The certified network with the fewest parameters among all constructions that apply.

Nothing is claimed beyond what the winner's own construction proves: the certificate is its own, and
the independent checker decides it as ever. What would have cost more is in the notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.construction.built import Built, Claim
from pipeline.construction.candidates import Considered, candidates, considered
from pipeline.data import SeparatedDataset
from pipeline.network import Plan

if TYPE_CHECKING:
    from pipeline.construction.registry import Construction

# The note that says what was chosen.
CHOICE = "auto chose"
# Names of losers in that note; all of them follow in notes of their own.
_LOSERS_NAMED = 3


def build_auto(
    constructions: Mapping[str, Construction],
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    candidates: Sequence[str] | None = None,
    thresholds: bool = False,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` with the fewest parameters of all constructions that apply.

    Each candidate is planned for the dataset, exact hypotheses included; the cheapest is built. If
    building it fails, the next is.

    Args:
        constructions: the registry.
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio.
        p: norm of the balls.
        candidates: names of constructions to choose from, None for all that claim every open ball.
        thresholds: whether networks with threshold neurons count as candidates.
        seed: seed of everything random, the same for each candidate.

    Returns:
        The winner's network, plan and certificate; the notes name every candidate with its P or
        the reason why it does not apply.

    Raises:
        ValueError: with every reason, if no candidate applies; if a name is no candidate, or rho
            is out of range.
    """
    ranked = _ranked(constructions, dataset, rho, p, candidates, thresholds, seed)
    failed: list[Considered] = []
    for place, each in enumerate(ranked):
        if each.plan is None:
            break
        options = each.candidate.options
        try:
            built = constructions[each.candidate.name].build(dataset, rho, p, seed=seed, **options)
            _require_as_planned(built, each, rho, p)
        except (ValueError, ArithmeticError) as error:
            failed.append(replace(each, plan=None, reason=f"building it failed: {error}"))
            continue
        others = [*ranked[place + 1 :], *failed]
        return replace(built, notes=(*_notes(each, others), *built.notes))
    reasons = [*failed, *(each for each in ranked if each.plan is None)]
    raise ValueError(_reasons_text(reasons, dataset, rho, p))


def plan_of_dataset(
    constructions: Mapping[str, Construction],
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    candidates: Sequence[str] | None = None,
    thresholds: bool = False,
    seed: int = 0,
) -> Plan:
    """Return the plan of the candidate with the fewest parameters, without building.

    Arguments are those of `build_auto`.

    Raises:
        ValueError: as `build_auto`.
    """
    ranked = _ranked(constructions, dataset, rho, p, candidates, thresholds, seed)
    if ranked[0].plan is None:
        raise ValueError(_reasons_text(ranked, dataset, rho, p))
    return ranked[0].plan


def _ranked(
    constructions: Mapping[str, Construction],
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    names: Sequence[str] | None,
    thresholds: bool,
    seed: int,
) -> list[Considered]:
    """Return the candidates, cheapest first.

    Raises:
        ValueError: if rho is out of range or a name is no candidate.
    """
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    among = candidates(constructions, names)
    return considered(constructions, among, dataset, rho, p, thresholds, seed)


def _require_as_planned(built: Built, each: Considered, rho: Fraction, p: int | float) -> None:
    """Check that what was built is what was chosen, and claims every ball asked about.

    Raises:
        ArithmeticError: if it is not.
    """
    if built.plan.parameter_count() != each.cost:
        raise ArithmeticError(
            f"P = {built.plan.parameter_count():,} was built where {each.cost:,} was planned"
        )
    certificate = built.certificate
    if certificate is None or certificate.claim is not Claim.BALLS:
        raise ArithmeticError("its certificate does not claim every open ball")
    if (certificate.rho, certificate.p) != (rho, p):
        raise ArithmeticError(f"it is about rho = {certificate.rho}, p = {certificate.p}")


def _notes(winner: Considered, others: Sequence[Considered]) -> tuple[tuple[str, str], ...]:
    cheapest: dict[str, Considered] = {}
    for each in others:
        if each.plan is not None and each.candidate.name != winner.candidate.name:
            cheapest.setdefault(each.candidate.name, each)
    text = f"{winner.candidate} with P = {winner.cost:,}"
    for each in list(cheapest.values())[:_LOSERS_NAMED]:
        text += f"; {each.candidate} would cost {each.cost:,}"
    return ((CHOICE, text), *(_note(each, winner.cost) for each in others))


def _note(each: Considered, best: int) -> tuple[str, str]:
    label = f"instead of {each.candidate}"
    if each.plan is None:
        return label, f"does not apply: {each.reason}"
    return label, f"P = {each.cost:,}, {each.cost / best:.3g} times as many"


def _reasons_text(
    reasons: Sequence[Considered], dataset: SeparatedDataset, rho: Fraction, p: int | float
) -> str:
    listed = "; ".join(f"{each.candidate}: {each.reason}" for each in reasons)
    return (
        f"auto needs a construction that applies to N = {dataset.N:,}, d = {dataset.d:,}, "
        f"rho = {rho}, p = {p}; none does: {listed}"
    )
