r"""Theorem 4.2(ii) with error 0 and ReLUs only: stages with masks (docs/theory.md 5).

A stage names cells by folding (gadgets.folding), which is wrong only within gamma of a wall, and
there S = sum_j relu(2 gamma - dist(z'_j, Z)) is above gamma. The mask C S / gamma is then above C,
the largest label, and the stage offers nothing; elsewhere the key is that of the point's cell, and
the stage offers at most its label, which for a cell that the ball meets is 0 or the ball's own.
Active balls stay 2 gamma away from walls, where S = 0: their stage offers the label itself. The
rate is that of
Theorem 4.2(ii), P = O~(N d^(1/4) rho^(1/2)), and f = y_i on all of every open ball.

A stage remembers its keys by Lemma B.10 as it stands or, with `memorizer: compact`, by a keyed
table (docs/theory.md 7), which also gives 0 at every integer that is no key. By default mode
`paper` is literal and mode `adaptive` compact.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pipeline.construction.built import Built
from pipeline.construction.lattice import LatticeOptions
from pipeline.construction.lattice_stages import Cells, points_a_group
from pipeline.construction.lattice_variants import Variant
from pipeline.construction.stage_memorizers import MemorizerKind
from pipeline.data import SeparatedDataset
from pipeline.network import Plan

_VARIANT = Variant("masked_moderate", Cells.FOLDS, "masked_stages")


def plan_masked_moderate(
    N: int,
    d: int,
    C: int,
    rho: Fraction,
    *,
    scale: int | None = None,
    memorizer: str | None = None,
) -> Plan:
    """Return the widths for any dataset of N points in R^d of this scale (mode `paper`).

    Args:
        N: number of points, up to 10^12 and beyond.
        d: input dimension.
        C: number of classes.
        rho: robustness ratio in (1/(5 N sqrt d), 1/(5 sqrt d)].
        scale: all points lie within 2^scale eps_D of the middle of their box.
        memorizer: "literal" (Lemma B.10, the default) or "compact" (a keyed table for any n keys).

    Raises:
        ValueError: if rho is outside the theorem's range, the scale is missing, or the memorizer
            is unknown.
    """
    return _VARIANT.plan(N, d, C, rho, scale, _kind(memorizer, "paper"))


def _kind(memorizer: str | None, mode: str) -> MemorizerKind:
    """Return the kind of memorizer; None is Lemma B.10 in mode `paper`, else a keyed table.

    Raises:
        ValueError: if there is none of this name.
    """
    if memorizer is None:
        return MemorizerKind.LITERAL if mode == "paper" else MemorizerKind.COMPACT
    if memorizer not in [*MemorizerKind]:
        known = ", ".join(MemorizerKind)
        raise ValueError(f"memorizer must be one of {known} or null, got {memorizer!r}")
    return MemorizerKind(memorizer)


def mask_bits(points: int) -> int:
    """Return q with 2 gamma = 2^(1-q) at most 1/(12 n), the clearance that Lemma B.15 leaves."""
    return (24 * points - 1).bit_length()


def build_masked_moderate(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    scale: int | None = None,
    weight_bits: int = 16,
    draws: int = 32,
    memorizer: str | None = None,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` with masked stages, ReLUs only (docs/theory.md 5).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio in (1/(5 N sqrt d), 1/(5 sqrt d)].
        p: norm; the theorem is proved for p = 2 here.
        mode: "paper" takes all sizes from (N, d, C, rho, scale); "adaptive" the smallest that the
            data need.
        scale: all points lie within 2^scale eps_D of the middle of their box; the data's own by
            default.
        weight_bits: fractional bits of the projection's rows.
        draws: random projections tried before giving up.
        memorizer: "literal" (Lemma B.10) or "compact" (a keyed table); by default literal in mode
            `paper`, compact in mode `adaptive`.
        seed: seed of the first draw.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: outside the range of rho, for p != 2, for an unknown mode or memorizer, for a
            scale that is too small, or when no draw keeps the separation.
    """
    options = LatticeOptions(mode, scale, weight_bits, draws, seed)
    kind = _kind(memorizer, mode)
    found = _VARIANT.staged(dataset, rho, p, options, kind)
    bits = mask_bits(points_a_group(dataset.N, dataset.d, rho, _VARIANT.name))
    deviations: tuple[str, ...] = ("n points a group", "cells by folding instead of Lemma B.16")
    if kind is MemorizerKind.COMPACT:
        deviations += ("keyed tables instead of Lemma B.10",)
    fields = {"gamma_bits": bits, "memorizer": kind.value}
    return _VARIANT.built(dataset.d, rho, found, bits, fields=fields, deviations=deviations)


def plan_of_dataset(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    memorizer: str | None = None,
    **options: Any,
) -> Plan:
    """Return the widths `build_masked_moderate` would give, without building.

    Options and errors are those of the construction; mode `paper` looks at the scale alone.
    """
    given = LatticeOptions(**options)
    return _VARIANT.plan_of_dataset(dataset, rho, given, _kind(memorizer, given.mode))
