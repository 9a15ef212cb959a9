"""All attacks in a row: what one falsifies, the next ones leave alone; the rest is UNKNOWN."""

from __future__ import annotations

import logging
from collections.abc import Collection
from fractions import Fraction

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import parse_norm, parse_ratio
from pipeline.network import ReLUNetwork
from pipeline.verification.adversarial_points import adversarial_points_attack
from pipeline.verification.minimise import minimised_witnesses
from pipeline.verification.null_space import null_space_attack
from pipeline.verification.sampling import SamplingResult, robust_memorization_error_upper
from pipeline.verification.search import search_attack
from pipeline.verification.verdicts import (
    BallVerdict,
    Decision,
    parse_decision,
    require_matching,
    unknown,
)

ATTACKS = ("null_space", "adversarial_points", "search", "pgd", "sampling")

_log = logging.getLogger(__name__)


def falsify(
    network: ReLUNetwork,
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    decision: str | Decision = Decision.NEAREST,
    *,
    attacks: Collection[str] = ATTACKS,
    candidates: int = 3,
    boundary_points: int = 4,
    attacked_balls: int | None = None,
    search_points: int = 200,
    searched_balls: int | None = None,
    suspects: Collection[int] = (),
    settled: Collection[int] = (),
    pgd_steps: int = 100,
    pgd_restarts: int = 30,
    pgd_work: float | None = 2.0**36,
    witness_evaluations: int = 60,
    samples: int = 100,
    width: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    workers: int | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> tuple[list[BallVerdict], SamplingResult | None]:
    """Return FALSIFIED or UNKNOWN for every ball, and the sampled error bound.

    Nothing here verifies: an attack that fails proves nothing.

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        decision: `exact` or `nearest`.
        attacks: which of `ATTACKS` to run, always in that order. Sampling sees every ball.
        candidates: other-label points tried a ball by the null-space attack.
        boundary_points: random points a ball among the adversarial points.
        attacked_balls: most balls whose adversarial points are evaluated, None for all.
        search_points: exact evaluations a ball of the search without gradients.
        searched_balls: most balls searched, suspects first, None for all.
        suspects: balls in doubt.
        settled: balls that PGD leaves alone, because something else has decided them.
        pgd_steps: most gradient steps a restart.
        pgd_restarts: most restarts a ball.
        pgd_work: multiply-adds of all gradients after the first restarts, None for no limit.
        witness_evaluations: most exact evaluations spent on making a witness simpler.
        samples: samples a ball; with `width` the most of them.
        width: of the interval of L_rho at which sampling stops, None to take all samples.
        confidence: of the bound on the robust memorization error.
        seed: of everything random.
        workers: threads of the exact evaluation; the result does not depend on it.
        device: where PGD computes gradients.
        progress: whether to show a progress bar on standard error.

    Returns:
        One verdict a ball, by index, and the sampling result (None without sampling).

    Raises:
        ValueError: if an attack is unknown or an option does not fit.
    """
    require_matching(network, dataset)
    rho, p, rule = parse_ratio(rho), parse_norm(p), parse_decision(decision)
    strangers = sorted(set(attacks) - set(ATTACKS))
    if strangers:
        raise ValueError(f"attacks must be among {', '.join(ATTACKS)}, got {strangers[0]!r}")
    found: dict[int, BallVerdict] = {}
    result: SamplingResult | None = None

    def keep(attack: str, verdicts: Collection[BallVerdict]) -> None:
        before = len(found)
        for verdict in verdicts:
            found.setdefault(verdict.index, verdict)
        _log.info("%-9s  attack %s falsified %d balls", "", attack, len(found) - before)

    if "null_space" in attacks:
        keep(
            "null_space",
            null_space_attack(
                network, dataset, rho, p, rule, candidates=candidates, workers=workers
            ),
        )
    if "adversarial_points" in attacks:
        keep(
            "adversarial_points",
            adversarial_points_attack(
                network,
                dataset,
                rho,
                p,
                rule,
                boundary_points=boundary_points,
                seed=seed,
                workers=workers,
                most_balls=attacked_balls,
            ),
        )
        if attacked_balls is not None and dataset.N > attacked_balls:
            _log.info("%-9s  at points of %d balls, drawn from all", "", attacked_balls)
    if "search" in attacks:
        done = {*found, *settled}
        rest = np.array([i for i in range(dataset.N) if i not in done], dtype=np.int64)
        keep(
            "search",
            search_attack(
                network,
                dataset,
                rho,
                p,
                rule,
                points=search_points,
                most_balls=searched_balls,
                suspects=suspects,
                balls=rest,
                seed=seed,
                workers=workers,
            ),
        )
    if "pgd" in attacks:
        # torch takes a second to import and nothing else here needs it.
        from pipeline.verification.pgd import pgd_attack

        done = {*found, *settled}
        rest = np.array([i for i in range(dataset.N) if i not in done], dtype=np.int64)
        keep(
            "pgd",
            pgd_attack(
                network,
                dataset,
                rho,
                p,
                rule,
                steps=pgd_steps,
                restarts=pgd_restarts,
                work=pgd_work,
                balls=rest,
                seed=seed,
                workers=workers,
                device=device,
            ),
        )
    if "sampling" in attacks:
        result = robust_memorization_error_upper(
            network,
            dataset,
            rho,
            p,
            rule,
            samples=samples,
            width=width,
            confidence=confidence,
            seed=seed,
            workers=workers,
            progress=progress,
        )
        keep("sampling", result.witnesses)
    simpler = minimised_witnesses(
        network,
        dataset,
        rho,
        p,
        rule,
        [found.get(i) or unknown(i) for i in range(dataset.N)],
        evaluations=witness_evaluations,
        workers=workers,
    )
    return simpler, result
